package godwit;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Calendar;
import java.util.List;
import java.util.TimeZone;

/** Prepared statements, with every setter. */
final class Setters {
  private Setters() {}

  private static final Calendar UTC = Calendar.getInstance(TimeZone.getTimeZone("UTC"));

  /** Gives the first parameter of a statement its value. */
  private interface Setter {
    void set(PreparedStatement statement) throws Exception;
  }

  static void run(Connection connection) {
    one(connection, "setInt", "select name from people where id = ?", s -> s.setInt(1, 2));
    one(connection, "setLong", "select name from people where id = ?", s -> s.setLong(1, 2L));
    one(connection, "setShort", "select name from people where id = ?", s -> s.setShort(1, (short) 2));
    one(connection, "setByte", "select name from people where id = ?", s -> s.setByte(1, (byte) 2));
    one(connection, "setString", "select id from people where name = ?", s -> s.setString(1, "Ada"));
    one(connection, "setBoolean", "select min(id) from people where active = ?", s -> s.setBoolean(1, false));
    one(connection, "setDouble", "select id from people where score = ?", s -> s.setDouble(1, 8.25));
    one(connection, "setFloat", "select id from people where score = ?", s -> s.setFloat(1, 8.25f));
    one(connection, "setFloat of float", "select v from types.t_float where v = ?", s -> s.setFloat(1, 1.5f));
    one(connection, "setBigDecimal", "select cast(? as decimal(10, 2))", s -> s.setBigDecimal(1, new BigDecimal("12.34")));
    one(connection, "setDate", "select id from people where born = ?", s -> s.setDate(1, new Date(date()), UTC));
    one(connection, "setTime", "select count(*) from types.t_time32_ms where v = ?", s -> s.setTime(1, time(), UTC));
    one(connection, "setTimestamp", "select count(*) from types.t_timestamp_ms where v = ?",
        s -> s.setTimestamp(1, moment(), UTC));
    one(connection, "setBytes", "select encode(cast(? as bytea), 'hex')", s -> s.setBytes(1, new byte[] {0, -1}));
    one(connection, "setBytes of column", "select count(*) from types.t_fixed_size_binary where cast(v as bytea) = ?",
        s -> s.setBytes(1, "abcd".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    one(connection, "setNull", "select count(*) from people where id = ?", s -> s.setNull(1, Types.BIGINT));
    one(connection, "setNull of unknown", "select ? is null", s -> s.setNull(1, Types.NULL));
    one(connection, "setObject integer", "select name from people where id = ?", s -> s.setObject(1, 2));
    one(connection, "setObject string", "select id from people where name = ?", s -> s.setObject(1, "Ada"));
    one(connection, "setObject null", "select count(*) from people where name = ?", s -> s.setObject(1, null));
    one(connection, "unknown as text", "select ?", s -> s.setString(1, "text"));
    one(connection, "limit", "select id from people order by id limit ?", s -> s.setLong(1, 2));
    one(connection, "dollar", "select name from people where id = $1", s -> s.setLong(1, 2));
    one(connection, "cast", "select cast(? as int) + 1", s -> s.setInt(1, 41));
    Report.check("missing value", () -> oneRow(connection, "select id from people where id = ?", s -> { }));
    Report.check("two parameters", () -> twoParameters(connection));
    Report.check("again and again", () -> again(connection));
    Report.check("parameter metadata", () -> parameters(connection));
    Report.check("metadata before execution", () -> before(connection));
    Report.check("prepared update", () -> update(connection));
  }

  private static void one(Connection connection, String name, String sql, Setter setter) {
    Report.check("setter " + name, () -> oneRow(connection, sql, setter));
  }

  private static List<List<Object>> oneRow(Connection connection, String sql, Setter setter) throws Exception {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      setter.set(statement);
      try (ResultSet rows = statement.executeQuery()) {
        return Rows.of(rows);
      }
    }
  }

  private static List<List<Object>> twoParameters(Connection connection) throws Exception {
    String sql = "select id from people where id > ? and name like ? order by id";
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setLong(1, 1);
      statement.setString(2, "%e%");
      return Rows.of(statement.executeQuery());
    }
  }

  private static List<Object> again(Connection connection) throws Exception {
    List<Object> seen = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement("select name from people where id = ?")) {
      for (long id : new long[] {1, 2, 5, 1}) {
        statement.setLong(1, id);
        try (ResultSet rows = statement.executeQuery()) {
          while (rows.next()) {
            seen.add(rows.getString("name"));
          }
        }
      }
    }
    return seen;
  }

  private static List<Object> parameters(Connection connection) throws Exception {
    String sql = "select * from people where id = ? and name = ? and born > ? limit ?";
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      ParameterMetaData metadata = statement.getParameterMetaData();
      List<Object> types = new ArrayList<>();
      for (int number = 1; number <= metadata.getParameterCount(); number++) {
        types.add(metadata.getParameterType(number));
      }
      return types;
    }
  }

  private static int before(Connection connection) throws Exception {
    try (PreparedStatement statement = connection.prepareStatement("select id, name from people where id = ?")) {
      return statement.getMetaData().getColumnCount();
    }
  }

  private static int update(Connection connection) throws Exception {
    try (PreparedStatement statement = connection.prepareStatement("reset schema")) {
      return statement.executeUpdate();
    }
  }

  private static long date() {
    return java.time.LocalDate.of(1906, 12, 9).toEpochDay() * 86_400_000L;
  }

  private static Time time() {
    return new Time(((23 * 60L + 59) * 60 + 58) * 1000);
  }

  private static Timestamp moment() {
    return Timestamp.from(java.time.Instant.parse("2026-11-21T04:05:06Z"));
  }
}
