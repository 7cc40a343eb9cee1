package godwit;

import java.io.File;
import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.flight.CallOption;
import org.apache.arrow.flight.CallOptions;
import org.apache.arrow.flight.CancelFlightInfoRequest;
import org.apache.arrow.flight.CloseSessionRequest;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightEndpoint;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.GetSessionOptionsRequest;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.NoOpSessionOptionValueVisitor;
import org.apache.arrow.flight.SessionOptionValue;
import org.apache.arrow.flight.SessionOptionValueFactory;
import org.apache.arrow.flight.SetSessionOptionsRequest;
import org.apache.arrow.flight.sql.FlightSqlClient;
import org.apache.arrow.flight.sql.impl.FlightSql.CommandStatementIngest.TableDefinitionOptions;
import org.apache.arrow.flight.sql.impl.FlightSql.CommandStatementIngest.TableDefinitionOptions.TableExistsOption;
import org.apache.arrow.flight.sql.impl.FlightSql.CommandStatementIngest.TableDefinitionOptions.TableNotExistOption;
import org.apache.arrow.flight.sql.util.TableRef;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowFileReader;

/** arrow-java's Flight SQL client. */
final class FlightSql {
  private final BufferAllocator allocator = new RootAllocator();
  private final FlightClient flight;
  private final FlightSqlClient client;
  private final CallOption login;

  private FlightSql(int port, String user, String password) {
    flight = FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build();
    login = flight.authenticateBasicToken(user, password).orElseThrow();
    client = new FlightSqlClient(flight);
  }

  static void run(int port, String user, String password, String types) throws Exception {
    FlightSql own = new FlightSql(port, user, password);
    Report.check("connect", () -> own.rows(own.client.getSqlInfo(new int[] {0}, own.login)));
    Report.check("query", () -> own.query(Matrix.QUERY));
    Report.check("query schema", () ->
        own.client.getExecuteSchema(Matrix.QUERY, own.login).getSchema()
            .equals(own.client.execute(Matrix.QUERY, own.login).getSchemaOptional().orElseThrow()));
    // Its answer ends the call, since this client does not end its own side first.
    CallOption soon = CallOptions.timeout(10, TimeUnit.SECONDS);
    Report.check("query update", () -> own.client.executeUpdate("set schema = 'main'", own.login, soon));
    own.parameters(types);
    own.metadata();
    own.ingest();
    own.session();
    Report.check("cancel by stream", () -> own.cancel("java flightsql stream", true));
    Report.check("cancel by info", () -> own.cancel("java flightsql info", false));
    Report.check("close", () -> own.client.closeSession(new CloseSessionRequest(), own.login).getStatus());
    own.close();
  }

  private void close() throws Exception {
    flight.close();
    allocator.close();
  }

  private List<List<Object>> query(String sql) throws Exception {
    return rows(client.execute(sql, login));
  }

  private List<List<Object>> rows(FlightInfo info) throws Exception {
    List<List<Object>> rows = new ArrayList<>();
    for (FlightEndpoint endpoint : info.getEndpoints()) {
      try (FlightStream stream = client.getStream(endpoint.getTicket(), login)) {
        while (stream.next()) {
          for (int row = 0; row < stream.getRoot().getRowCount(); row++) {
            List<Object> values = new ArrayList<>();
            for (FieldVector column : stream.getRoot().getFieldVectors()) {
              Object value = column.getObject(row);
              values.add(value instanceof org.apache.arrow.vector.util.Text ? value.toString() : value);
            }
            rows.add(values);
          }
        }
      }
    }
    return rows;
  }

  /** Binds the only row of each file to the query in its metadata. */
  private void parameters(String types) {
    File[] files = new File(types).listFiles((directory, name) -> name.endsWith(".arrow"));
    Arrays.sort(files);
    for (File file : files) {
      String name = file.getName().substring(0, file.getName().length() - ".arrow".length());
      Report.check("parameters " + name, () -> {
        try (FileInputStream input = new FileInputStream(file);
            ArrowFileReader reader = new ArrowFileReader(input.getChannel(), allocator)) {
          reader.loadNextBatch();
          VectorSchemaRoot row = reader.getVectorSchemaRoot();
          FlightSqlClient.PreparedStatement statement =
              client.prepare(row.getSchema().getCustomMetadata().get("sql"), login);
          statement.setParameters(row);
          List<List<Object>> rows = rows(statement.execute(login));
          statement.close(login);
          return rows;
        }
      });
    }
  }

  private void metadata() {
    Report.check("metadata catalogs", () -> rows(client.getCatalogs(login)));
    Report.check("metadata schemas", () -> rows(client.getSchemas("godwit", "s%", login)));
    Report.check("metadata tables", () -> rows(client.getTables(null, "shop", "%", List.of("TABLE"), false, login)));
    Report.check("metadata with schema", () -> {
      List<Object> row = rows(client.getTables(null, null, "people", null, true, login)).get(0);
      byte[] schema = (byte[]) row.get(4);
      var channel = new org.apache.arrow.vector.ipc.ReadChannel(
          java.nio.channels.Channels.newChannel(new java.io.ByteArrayInputStream(schema)));
      return org.apache.arrow.vector.ipc.message.MessageSerializer.deserializeSchema(channel).getFields().stream()
          .map(field -> field.getName())
          .toList();
    });
    Report.check("metadata types", () -> rows(client.getTableTypes(login)));
    Report.check("metadata info", () -> rows(client.getSqlInfo(new int[0], login)).size() > 80);
    Report.check("metadata xdbc", () -> rows(client.getXdbcTypeInfo(login)).size() > 10);
    TableRef people = TableRef.of(null, null, "people");
    Report.check("metadata keys", () -> List.of(
        rows(client.getPrimaryKeys(people, login)).size(),
        rows(client.getImportedKeys(people, login)).size(),
        rows(client.getExportedKeys(people, login)).size(),
        rows(client.getCrossReference(people, people, login)).size()));
  }

  private void ingest() {
    Map<String, TableExistsOption> modes = new LinkedHashMap<>();
    modes.put("create", TableExistsOption.TABLE_EXISTS_OPTION_FAIL);
    modes.put("append", TableExistsOption.TABLE_EXISTS_OPTION_APPEND);
    modes.put("replace", TableExistsOption.TABLE_EXISTS_OPTION_REPLACE);
    modes.put("again", TableExistsOption.TABLE_EXISTS_OPTION_FAIL);
    modes.forEach((name, exists) -> {
      Report.check("ingest " + name, () -> ingest(exists));
      Report.check("ingest after " + name, () -> query("select count(*) from temp.towns"));
    });
    Report.check("ingest read back", () -> query("select * from towns order by id"));
  }

  private long ingest(TableExistsOption exists) throws Exception {
    TableDefinitionOptions definition = TableDefinitionOptions.newBuilder()
        .setIfNotExist(TableNotExistOption.TABLE_NOT_EXIST_OPTION_CREATE)
        .setIfExists(exists)
        .build();
    var options = new FlightSqlClient.ExecuteIngestOptions("towns", definition, true, null, null, Map.of());
    BigIntVector id = new BigIntVector("id", allocator);
    VarCharVector town = new VarCharVector("town", allocator);
    try (VectorSchemaRoot rows = VectorSchemaRoot.of(id, town)) {
      id.allocateNew(3);
      town.allocateNew(3);
      for (int row = 0; row < 3; row++) {
        id.set(row, row + 1);
      }
      town.set(0, "Lisboa".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      town.setNull(1);
      town.set(2, "Faro".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      rows.setRowCount(3);
      return client.executeIngest(rows, options, login);
    }
  }

  private void session() {
    Report.check("session set", () -> set(Map.of(
        "schema", SessionOptionValueFactory.makeSessionOptionValue("shop"),
        "batch_rows", SessionOptionValueFactory.makeSessionOptionValue(7L),
        "endpoints", SessionOptionValueFactory.makeSessionOptionValue(3L))));
    Report.check("session works", () -> query(Matrix.COUNT_ORDERS));
    Report.check("session get", () -> {
      var options = client.getSessionOptions(new GetSessionOptionsRequest(), login).getSessionOptions();
      return List.of(text(options.get("schema")), text(options.get("batch_rows")));
    });
    Report.check("session endpoints", () -> {
      List<List<Object>> rows = query("select n from numbers order by n");
      for (int n = 0; n < rows.size(); n++) {
        if ((Long) rows.get(n).get(0) != n) {
          throw new AssertionError("row " + n + " is " + rows.get(n));
        }
      }
      return rows.size();
    });
    Report.check("session wrong", () -> set(Map.of(
        "schema", SessionOptionValueFactory.makeSessionOptionValue("no_such_schema"),
        "no_such_option", SessionOptionValueFactory.makeSessionOptionValue("x"))));
    Report.check("session erase", () -> set(Map.of(
        "schema", SessionOptionValueFactory.makeEmptySessionOptionValue(),
        "endpoints", SessionOptionValueFactory.makeEmptySessionOptionValue())));
  }

  private Map<String, Object> set(Map<String, SessionOptionValue> options) {
    Map<String, Object> wrong = new TreeMap<>();
    client.setSessionOptions(new SetSessionOptionsRequest(options), login)
        .getErrors()
        .forEach((name, error) -> wrong.put(name, error.value));
    return wrong;
  }

  private static String text(SessionOptionValue value) {
    return value.acceptVisitor(new NoOpSessionOptionValueVisitor<String>() {
      @Override
      public String visit(String text) {
        return text;
      }

      @Override
      public String visit(long number) {
        return String.valueOf(number);
      }
    });
  }

  private String cancel(String mark, boolean byStream) throws Exception {
    FlightInfo info = client.execute(Matrix.endless(mark), login);
    try (FlightStream stream = client.getStream(info.getEndpoints().get(0).getTicket(), login)) {
      if (!stream.next()) {
        throw new AssertionError("no rows");
      }
      Report.pause("cancel");
      if (byStream) {
        stream.cancel("enough", null);
      } else {
        client.cancelFlightInfo(new CancelFlightInfoRequest(info), login);
      }
      Report.pause("cancelled");
      try {
        while (stream.next()) {
          stream.getRoot().clear();
        }
      } catch (FlightRuntimeException error) {
        return error.status().code().name();
      }
    }
    return "the end";
  }
}
