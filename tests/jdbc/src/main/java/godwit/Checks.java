package godwit;

import java.sql.Connection;
import java.sql.DriverManager;

/** Uses the JDBC driver in every way that tools do, and says what it saw, one JSON line a check. */
public final class Checks {
  private Checks() {}

  /**
   * Runs all checks.
   *
   * @param arguments the URL, then the names of types tables, separated by commas; or the URL and one query
   */
  public static void main(String[] arguments) throws Exception {
    String url = arguments[0];
    if (arguments[1].startsWith("select")) {
      try (Connection connection = DriverManager.getConnection(url)) {
        Report.check("query", () -> Rows.of(connection, arguments[1]));
      }
      return;
    }
    try (Connection connection = DriverManager.getConnection(url)) {
      Queries.run(connection);
      Types.run(connection, arguments[1].split(","));
      Setters.run(connection);
      Metadata.run(connection.getMetaData());
    }
    Queries.connections(url);
  }
}
