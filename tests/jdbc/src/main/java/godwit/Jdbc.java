package godwit;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** What test_jdbc.py does not look at: writing, sessions, cancelling, closing, and DBeaver's first calls. */
final class Jdbc {
  private Jdbc() {}

  static void run(String url) throws Exception {
    Connection connection = DriverManager.getConnection(url);
    Report.check("connect", () -> connection.getMetaData().getDatabaseProductName());
    Report.check("query", () -> Rows.of(connection, Matrix.QUERY));
    Report.check("parameters", () -> parameters(connection));
    dbeaver(connection);
    Report.check("ingest create", () -> update(connection, "create temp table towns (id bigint, town varchar)"));
    Report.check("ingest batch", () -> batch(connection));
    Report.check("ingest read back", () -> Rows.of(connection, "select * from temp.towns order by id"));
    Report.check("ingest drop", () -> update(connection, "drop table temp.towns"));
    Report.check("session set", () -> update(connection, "set schema = 'shop'"));
    Report.check("session works", () -> Rows.of(connection, Matrix.COUNT_ORDERS));
    Report.check("session by catalog", () -> {
      connection.setCatalog("godwit");
      return connection.getCatalog();
    });
    Report.check("session by schema", () -> {
      connection.setSchema("shop");
      return connection.getSchema();
    });
    Report.check("cancel by statement", () -> cancel(connection, "jdbc cancel", true));
    Report.check("cancel by closing", () -> cancel(connection, "jdbc close", false));
    connection.close();
    Report.check("close", () -> Rows.of(connection, "select 1"));
  }

  private static List<List<Object>> parameters(Connection connection) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement("select name from people where id = ?")) {
      statement.setLong(1, 2);
      try (ResultSet rows = statement.executeQuery()) {
        return Rows.of(rows);
      }
    }
  }

  private static int update(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return statement.executeUpdate(sql);
    }
  }

  private static List<Integer> batch(Connection connection) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement("insert into temp.towns values (?, ?)")) {
      String[] towns = {"Lisboa", null, "Faro"};
      for (int id = 1; id <= towns.length; id++) {
        statement.setLong(1, id);
        statement.setString(2, towns[id - 1]);
        statement.addBatch();
      }
      List<Integer> counts = new ArrayList<>();
      for (int count : statement.executeBatch()) {
        counts.add(count);
      }
      return counts;
    }
  }

  private static boolean cancel(Connection connection, String mark, boolean byStatement) throws Exception {
    Statement statement = connection.createStatement();
    ResultSet rows = statement.executeQuery(Matrix.endless(mark));
    if (!rows.next()) {
      throw new AssertionError("no rows");
    }
    Report.pause("cancel");
    if (byStatement) {
      statement.cancel();
    } else {
      rows.close();
    }
    Report.pause("cancelled");
    statement.close();
    return true;
  }

  /** What DBeaver asks when it connects, when its tree is opened down to a table's columns, and when its editor runs. */
  private static void dbeaver(Connection connection) throws SQLException {
    var data = connection.getMetaData();
    Report.check("dbeaver product", () -> List.of(
        data.getDatabaseProductName(), data.getDatabaseProductVersion().matches("\\d+\\.\\d+.*"),
        data.getDriverName().isEmpty(), data.getDriverVersion().isEmpty(), data.getJDBCMajorVersion() > 0));
    Report.check("dbeaver names", () -> List.of(
        data.getIdentifierQuoteString(), data.getCatalogTerm(), data.getSchemaTerm(), data.getSearchStringEscape(),
        data.getCatalogSeparator(), data.supportsMixedCaseQuotedIdentifiers(), data.storesLowerCaseIdentifiers()));
    Report.check("dbeaver words", () -> List.of(
        !data.getSQLKeywords().isEmpty(), !data.getNumericFunctions().isEmpty(), !data.getStringFunctions().isEmpty(),
        !data.getTimeDateFunctions().isEmpty(), data.getSystemFunctions() != null));
    Report.check("dbeaver types", () -> Rows.named(data.getTypeInfo()).size());
    Report.check("dbeaver catalogs", () -> Rows.named(data.getCatalogs()).size());
    Report.check("dbeaver schemas", () -> Rows.named(data.getSchemas("godwit", null)).size() > 4);
    Report.check("dbeaver table types", () -> Rows.named(data.getTableTypes()).size() > 1);
    Report.check("dbeaver tables", () -> names(data.getTables("godwit", "shop", "%", null), "TABLE_NAME"));
    Report.check("dbeaver columns", () -> names(data.getColumns("godwit", "shop", "orders", "%"), "COLUMN_NAME"));
    Report.check("dbeaver keys", () -> List.of(
        Rows.named(data.getPrimaryKeys("godwit", "shop", "orders")).size(),
        Rows.named(data.getImportedKeys("godwit", "shop", "orders")).size(),
        Rows.named(data.getExportedKeys("godwit", "shop", "orders")).size(),
        Rows.named(data.getIndexInfo("godwit", "shop", "orders", false, true)).size()));
    Report.check("dbeaver routines", () -> List.of(
        Rows.named(data.getProcedures("godwit", "shop", "%")).size(),
        Rows.named(data.getFunctions("godwit", "shop", "%")).size()));
    Report.check("dbeaver read only", connection::isReadOnly);
    Report.check("dbeaver auto commit", connection::getAutoCommit);
    Report.check("dbeaver editor", () -> {
      try (Statement statement = connection.createStatement()) {
        statement.setMaxRows(200);
        statement.setFetchSize(200);
        boolean rows = statement.execute("SELECT x.* FROM godwit.shop.orders x");
        try (ResultSet found = statement.getResultSet()) {
          return List.of(rows, Rows.of(found).size(), found.getMetaData().getColumnCount() > 1);
        }
      }
    });
  }

  private static List<Object> names(ResultSet rows, String column) throws SQLException {
    List<Object> names = new ArrayList<>();
    Rows.named(rows).forEach(row -> names.add(row.get(column)));
    return names;
  }
}
