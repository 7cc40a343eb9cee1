package godwit;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Every column type, read as an object and as text. */
final class Types {
  private Types() {}

  static void run(Connection connection, String[] tables) {
    for (String table : tables) {
      Report.check("type " + table, () -> values(connection, table));
    }
  }

  private static Map<String, Object> values(Connection connection, String table) throws Exception {
    List<Object> values = new ArrayList<>();
    Map<String, Object> seen = new LinkedHashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("select v from types." + table + " order by row")) {
      seen.put("sql", rows.getMetaData().getColumnTypeName(1));
      while (rows.next()) {
        Object value = object(rows);
        if (value != null && !seen.containsKey("java")) {
          seen.put("java", value.getClass().getSimpleName());
        }
        values.add(rows.wasNull() ? null : plain(value));
      }
    }
    seen.put("values", values);
    return seen;
  }

  /** The driver has no object for a time with a zone, which tools read as a timestamp. */
  private static Object object(ResultSet rows) throws Exception {
    boolean zoned = rows.getMetaData().getColumnType(1) == java.sql.Types.TIMESTAMP_WITH_TIMEZONE;
    return zoned ? rows.getTimestamp(1) : rows.getObject(1);
  }

  private static Object plain(Object value) throws Exception {
    if (value instanceof java.sql.Array array) {
      List<Object> elements = new ArrayList<>();
      for (Object element : (Object[]) array.getArray()) {
        elements.add(plain(element));
      }
      return elements;
    }
    return value instanceof byte[] || value == null ? value : value.toString();
  }
}
