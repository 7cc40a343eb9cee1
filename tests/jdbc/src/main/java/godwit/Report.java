package godwit;

import java.sql.SQLException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** Writes what a check saw as one line of JSON. */
final class Report {
  private static final java.io.BufferedReader INPUT =
      new java.io.BufferedReader(new java.io.InputStreamReader(System.in, java.nio.charset.StandardCharsets.UTF_8));

  private Report() {}

  /** Runs one check and reports its value, or what it threw. */
  static void check(String name, Callable<Object> body) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("check", name);
    try {
      line.put("value", body.call());
    } catch (SQLException error) {
      line.put("error", String.valueOf(error.getMessage()));
      line.put("class", error.getClass().getName());
      line.put("state", error.getSQLState());
      line.put("code", error.getErrorCode());
      line.put("at", List.of(error.getStackTrace()).stream().limit(12).map(String::valueOf).toList());
    } catch (Exception | LinkageError | AssertionError error) {
      line.put("error", String.valueOf(error.getMessage()));
      line.put("class", error.getClass().getName());
      line.put("at", List.of(error.getStackTrace()).stream().limit(6).map(String::valueOf).toList());
    }
    System.out.println(json(line));
  }

  /** Lets the test look at the server, which says when to go on. */
  static void pause(String name) throws java.io.IOException {
    System.out.println(json(Map.of("pause", name)));
    if (INPUT.readLine() == null) {
      throw new java.io.EOFException("the test has gone");
    }
  }

  private static String json(Object value) {
    if (value == null || value instanceof Boolean) {
      return String.valueOf(value);
    }
    if (value instanceof Integer || value instanceof Long || value instanceof Short || value instanceof Byte) {
      return value.toString();
    }
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream()
          .map(entry -> quoted(entry.getKey().toString()) + ":" + json(entry.getValue()))
          .collect(java.util.stream.Collectors.joining(",", "{", "}"));
    }
    if (value instanceof Collection<?> list) {
      return list.stream().map(Report::json).collect(java.util.stream.Collectors.joining(",", "[", "]"));
    }
    if (value instanceof byte[] bytes) {
      return quoted(java.util.HexFormat.of().formatHex(bytes));
    }
    return quoted(value.toString());
  }

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ' || c > '~') {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    return out.append('"').toString();
  }
}
