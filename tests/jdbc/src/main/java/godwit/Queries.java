package godwit;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Statements without parameters, and connections. */
final class Queries {
  private Queries() {}

  static void run(Connection connection) {
    Report.check("query", () -> Rows.of(connection, "select id, name, active from people order by id"));
    Report.check("query empty", () -> Rows.of(connection, "select id from people where id > 100"));
    Report.check("query many", () -> count(connection, "select * from numbers"));
    Report.check("query explain", () -> !Rows.of(connection, "explain select 1").isEmpty());
    Report.check("query show tables", () -> !Rows.of(connection, "show tables").isEmpty());
    Report.check("result metadata", () -> resultMetadata(connection));
    Report.check("execute query", () -> execute(connection, "select 1"));
    Report.check("execute set", () -> execute(connection, "set schema = 'shop'"));
    Report.check("after set", () -> Rows.of(connection, "select count(*) from orders"));
    Report.check("execute update reset", () -> update(connection, "reset schema"));
    Report.check("after reset", () -> Rows.of(connection, "select count(*) from orders"));
    Report.check("execute update set", () -> update(connection, "set datafusion.execution.batch_size = 1000"));
    Report.check("two statements at once", () -> interleaved(connection));
    Report.check("max rows", () -> maxRows(connection));
    Report.check("error syntax", () -> Rows.of(connection, "selec 1"));
    Report.check("error no table", () -> Rows.of(connection, "select * from no_such_table"));
    Report.check("error while reading", () -> Rows.of(connection, "select 1 / (value - 5) from range(10)"));
    Report.check("error update of a mount", () -> update(connection, "delete from people"));
    Report.check("error create table", () -> update(connection, "create table files.t (a int)"));
    Report.check("after errors", () -> Rows.of(connection, "select 1"));
    Report.check("valid", () -> connection.isValid(5));
    Report.check("catalog", connection::getCatalog);
    Report.check("auto commit", connection::getAutoCommit);
  }

  /** Other ways to connect than the one of the URL. */
  static void connections(String url) {
    String base = url.substring(0, url.indexOf("&user="));
    Report.check("connect with catalog", () -> connect(url + "&catalog=godwit", "select 1"));
    Report.check("connect with no such catalog", () -> connect(url + "&catalog=nowhere", "select 1"));
    Report.check("connect with a wrong password", () -> connect(base + "&user=admin&password=wrong", "select 1"));
    Report.check("connect without a user", () -> connect(base, "select 1"));
    Report.check("connect with a wrong token", () -> connect(base + "&token=abc", "select 1"));
    Report.check("connect with unknown keys", () -> connect(url + "&tenant=x&schema=shop", "select 1"));
  }

  private static List<List<Object>> connect(String url, String sql) throws Exception {
    Connection connection = DriverManager.getConnection(url);
    try {
      return Rows.of(connection, sql);
    } finally {
      close(connection);
    }
  }

  /** With a catalog in the URL the driver closes its session a second time, after its channel, and complains. */
  private static void close(Connection connection) throws SQLException {
    try {
      connection.close();
    } catch (SQLException error) {
      if (!"Channel shutdown invoked".equals(error.getMessage())) {
        throw error;
      }
    }
  }

  private static long count(Connection connection, String sql) throws Exception {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      long count = 0;
      long sum = 0;
      while (rows.next()) {
        count++;
        sum += rows.getLong("n");
      }
      return sum == count * (count - 1) / 2 ? count : -1;
    }
  }

  private static Map<String, Object> execute(Connection connection, String sql) throws Exception {
    try (Statement statement = connection.createStatement()) {
      boolean hasRows = statement.execute(sql);
      return Map.of("rows", hasRows, "count", statement.getUpdateCount());
    }
  }

  private static int update(Connection connection, String sql) throws Exception {
    try (Statement statement = connection.createStatement()) {
      return statement.executeUpdate(sql);
    }
  }

  private static List<Object> interleaved(Connection connection) throws Exception {
    List<Object> seen = new ArrayList<>();
    try (Statement one = connection.createStatement();
        Statement other = connection.createStatement();
        ResultSet numbers = one.executeQuery("select n from numbers order by n");
        ResultSet people = other.executeQuery("select id from people order by id")) {
      while (people.next() && numbers.next()) {
        seen.add(numbers.getLong(1) + people.getLong(1));
      }
    }
    return seen;
  }

  private static int maxRows(Connection connection) throws Exception {
    try (Statement statement = connection.createStatement()) {
      statement.setMaxRows(3);
      try (ResultSet rows = statement.executeQuery("select n from numbers")) {
        return Rows.of(rows).size();
      }
    }
  }

  private static List<Object> resultMetadata(Connection connection) throws Exception {
    List<Object> columns = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("select id, name as label, score, born, active from people")) {
      ResultSetMetaData metadata = rows.getMetaData();
      for (int column = 1; column <= metadata.getColumnCount(); column++) {
        columns.add(List.of(metadata.getColumnLabel(column), metadata.getColumnTypeName(column)));
      }
    }
    return columns;
  }
}
