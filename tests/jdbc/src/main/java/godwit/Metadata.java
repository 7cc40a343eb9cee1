package godwit;

import java.sql.DatabaseMetaData;
import java.sql.SQLException;
import java.util.List;

/** The calls that database tools such as DBeaver make when they connect and when someone opens a node of their tree. */
final class Metadata {
  private Metadata() {}

  private static final List<String> FLAGS =
      List.of(
          "supportsTransactions", "supportsGroupBy", "supportsOuterJoins", "supportsFullOuterJoins", "supportsUnion",
          "supportsUnionAll", "supportsSubqueriesInComparisons", "supportsSubqueriesInExists", "supportsSubqueriesInIns",
          "supportsCorrelatedSubqueries", "supportsColumnAliasing", "supportsTableCorrelationNames",
          "supportsOrderByUnrelated", "supportsGroupByUnrelated", "supportsLikeEscapeClause", "supportsBatchUpdates",
          "supportsSavepoints", "supportsNamedParameters", "supportsMixedCaseIdentifiers",
          "supportsMixedCaseQuotedIdentifiers", "supportsSchemasInDataManipulation", "supportsSchemasInTableDefinitions",
          "supportsCatalogsInDataManipulation", "supportsCatalogsInTableDefinitions", "supportsANSI92EntryLevelSQL",
          "supportsANSI92IntermediateSQL", "supportsANSI92FullSQL", "supportsMinimumSQLGrammar", "supportsCoreSQLGrammar",
          "supportsExtendedSQLGrammar", "supportsIntegrityEnhancementFacility", "supportsPositionedDelete",
          "supportsPositionedUpdate", "supportsSelectForUpdate", "supportsStoredProcedures",
          "supportsMultipleTransactions", "supportsDataDefinitionAndDataManipulationTransactions",
          "supportsDataManipulationTransactionsOnly", "supportsExpressionsInOrderBy", "supportsConvert", "isReadOnly",
          "isCatalogAtStart", "nullPlusNonNullIsNull", "storesLowerCaseIdentifiers", "storesUpperCaseIdentifiers",
          "storesMixedCaseIdentifiers", "storesLowerCaseQuotedIdentifiers", "storesMixedCaseQuotedIdentifiers");

  private static final List<String> TEXTS_AND_NUMBERS =
      List.of(
          "getDatabaseProductName", "getDatabaseProductVersion", "getDriverName", "getIdentifierQuoteString",
          "getCatalogTerm", "getSchemaTerm", "getProcedureTerm", "getCatalogSeparator", "getSearchStringEscape",
          "getExtraNameCharacters", "getSQLKeywords", "getNumericFunctions", "getStringFunctions", "getTimeDateFunctions",
          "getSystemFunctions", "getMaxColumnNameLength", "getMaxTableNameLength", "getMaxSchemaNameLength",
          "getMaxCatalogNameLength", "getMaxConnections", "getMaxStatements", "getMaxStatementLength", "getMaxRowSize",
          "getMaxColumnsInSelect", "getMaxColumnsInTable", "getMaxColumnsInGroupBy", "getMaxColumnsInOrderBy",
          "getMaxColumnsInIndex", "getMaxTablesInSelect", "getMaxCharLiteralLength", "getMaxBinaryLiteralLength",
          "getMaxIndexLength", "getMaxCursorNameLength", "getMaxUserNameLength", "getMaxProcedureNameLength",
          "getDefaultTransactionIsolation", "doesMaxRowSizeIncludeBlobs");

  static void run(DatabaseMetaData data) {
    for (String method : FLAGS) {
      Report.check("flag " + method, () -> call(data, method));
    }
    for (String method : TEXTS_AND_NUMBERS) {
      Report.check("property " + method, () -> call(data, method));
    }
    Report.check("catalogs", () -> Rows.named(data.getCatalogs()));
    Report.check("schemas", () -> Rows.named(data.getSchemas()));
    Report.check("schemas by pattern", () -> Rows.named(data.getSchemas("godwit", "s%")));
    Report.check("table types", () -> Rows.named(data.getTableTypes()));
    Report.check("type info", () -> Rows.named(data.getTypeInfo()));
    tables(data);
    columns(data);
    keys(data);
    Report.check("isolation none", () -> data.supportsTransactionIsolationLevel(java.sql.Connection.TRANSACTION_NONE));
    Report.check("result set type", () -> data.supportsResultSetType(java.sql.ResultSet.TYPE_FORWARD_ONLY));
  }

  private static void tables(DatabaseMetaData data) {
    String[] all = null;
    Report.check("tables all", () -> Rows.named(data.getTables(null, null, "%", all)));
    Report.check("tables of shop", () -> Rows.named(data.getTables("godwit", "shop", "%", all)));
    Report.check("tables by pattern", () -> Rows.named(data.getTables(null, "files", "csv\\_%", all)));
    Report.check("tables by name", () -> Rows.named(data.getTables(null, null, "csv_plain", new String[] {"TABLE"})));
    Report.check("tables of a tool", () -> Rows.named(
        data.getTables("godwit", "files", "people", new String[] {"TABLE", "VIEW", "BASE TABLE", "FOREIGN TABLE"})));
    Report.check("tables views", () -> Rows.named(data.getTables(null, "files", "%", new String[] {"VIEW"})));
    Report.check("tables system", () -> Rows.named(data.getTables(null, "system", "%", new String[] {"SYSTEM TABLE"})));
    Report.check("tables nowhere", () -> Rows.named(data.getTables("nowhere", null, "%", all)));
  }

  private static void columns(DatabaseMetaData data) {
    Report.check("columns of people", () -> Rows.named(data.getColumns("godwit", "files", "people", "%")));
    Report.check("columns by pattern", () -> Rows.named(data.getColumns(null, "files", "peo%", "na%")));
    Report.check("columns of types", () -> Rows.named(data.getColumns(null, "types", "%", "v")).size());
    Report.check("columns of nothing", () -> Rows.named(data.getColumns(null, null, "no_such_table", "%")));
  }

  private static void keys(DatabaseMetaData data) {
    Report.check("primary keys", () -> Rows.named(data.getPrimaryKeys("godwit", "files", "people")));
    Report.check("imported keys", () -> Rows.named(data.getImportedKeys(null, "files", "people")));
    Report.check("exported keys", () -> Rows.named(data.getExportedKeys(null, null, "people")));
    Report.check("cross reference", () -> Rows.named(
        data.getCrossReference(null, null, "people", null, null, "numbers")));
    Report.check("index info", () -> Rows.named(data.getIndexInfo(null, "files", "people", false, false)));
    Report.check("procedures", () -> Rows.named(data.getProcedures(null, null, "%")));
    Report.check("functions", () -> Rows.named(data.getFunctions(null, null, "%")));
  }

  private static Object call(DatabaseMetaData data, String method) throws Exception {
    try {
      return DatabaseMetaData.class.getMethod(method).invoke(data);
    } catch (java.lang.reflect.InvocationTargetException error) {
      if (error.getCause() instanceof SQLException cause) {
        throw cause;
      }
      throw error.getCause() instanceof Exception cause ? cause : error;
    }
  }
}
