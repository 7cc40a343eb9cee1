package godwit;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads result sets. */
final class Rows {
  private Rows() {}

  /** All rows of a query. */
  static List<List<Object>> of(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      return of(rows);
    }
  }

  /** All rows, each a list of values. */
  static List<List<Object>> of(ResultSet rows) throws SQLException {
    int columns = rows.getMetaData().getColumnCount();
    List<List<Object>> all = new ArrayList<>();
    while (rows.next()) {
      List<Object> row = new ArrayList<>();
      for (int column = 1; column <= columns; column++) {
        row.add(rows.getObject(column));
      }
      all.add(row);
    }
    return all;
  }

  /** All rows, each with the names of its columns, nulls left out. */
  static List<Map<String, Object>> named(ResultSet rows) throws SQLException {
    try (rows) {
      int columns = rows.getMetaData().getColumnCount();
      List<Map<String, Object>> all = new ArrayList<>();
      while (rows.next()) {
        Map<String, Object> row = new LinkedHashMap<>();
        for (int column = 1; column <= columns; column++) {
          Object value = rows.getObject(column);
          if (value != null) {
            row.put(rows.getMetaData().getColumnLabel(column), value);
          }
        }
        all.add(row);
      }
      return all;
    }
  }
}
