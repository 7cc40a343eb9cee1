package godwit;

/** The steps of the client matrix (tests/matrix) for the two clients in Java. */
public final class Matrix {
  private Matrix() {}

  static final String QUERY = "select id, name, active from people order by id";
  static final String COUNT_ORDERS = "select count(*) from orders";

  /**
   * Runs one client.
   *
   * @param arguments `jdbc` and a URL; or `flightsql`, a port, a user, a password and a directory of Arrow files, one a type
   */
  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("jdbc")) {
      Jdbc.run(arguments[1]);
    } else {
      FlightSql.run(Integer.parseInt(arguments[1]), arguments[2], arguments[3], arguments[4]);
    }
  }

  /** A query that would run for days and gives rows from the start. */
  static String endless(String mark) {
    String numbers = "generate_series(1, 1000000)";
    return "select a.value, b.value as other from %1$s a cross join %1$s b /* %2$s */".formatted(numbers, mark);
  }
}
