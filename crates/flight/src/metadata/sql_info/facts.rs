//! The facts, by group. `true` and `false` go to the union's bool, `i64` to its bigint, `i32` to its bitmask: which
//! member a fact belongs in is what the JDBC and ODBC drivers read, even where the specification says otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_flight::sql::SqlInfo as I;
use arrow_flight::sql::SqlSupportsConvert as C;
use arrow_flight::sql::metadata::SqlInfoDataBuilder as Builder;
use godwit_engine::FunctionNames;

use crate::FlightOptions;

pub(super) fn server(b: &mut Builder, options: &FlightOptions, transaction_timeout: Duration) {
    b.append(I::FlightSqlServerName, "Godwit");
    b.append(I::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    b.append(I::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    // Mounted files are, tables are not.
    b.append(I::FlightSqlServerReadOnly, false);
    b.append(I::FlightSqlServerSql, true);
    b.append(I::FlightSqlServerSubstrait, false);
    // Without Substrait there are no versions of it; a union of the standard's form cannot hold null.
    b.append(I::FlightSqlServerSubstraitMinVersion, "");
    b.append(I::FlightSqlServerSubstraitMaxVersion, "");
    // Transactions with savepoints.
    b.append(I::FlightSqlServerTransaction, 2_i32);
    b.append(I::FlightSqlServerCancel, true);
    b.append(I::FlightSqlServerBulkIngestion, true);
    b.append(I::FlightSqlServerIngestTransactionsSupported, true);
    let millis = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    b.append(
        I::FlightSqlServerStatementTimeout,
        millis(options.statement_idle_timeout),
    );
    b.append(
        I::FlightSqlServerTransactionTimeout,
        millis(transaction_timeout),
    );
}

pub(super) fn names(b: &mut Builder, functions: &FunctionNames, keywords: Vec<String>) {
    b.append(I::SqlDdlCatalog, false);
    b.append(I::SqlDdlSchema, true);
    b.append(I::SqlDdlTable, true);
    // Names without quotes are folded to lower case.
    b.append(I::SqlIdentifierCase, 3_i64);
    b.append(I::SqlIdentifierQuoteChar, "\"");
    // There is no value for "case-sensitive"; ODBC takes "unknown" for it.
    b.append(I::SqlQuotedIdentifierCase, 0_i64);
    b.append(I::SqlAllTablesAreSelectable, true);
    // Nulls are larger than all values: last when ascending, first when descending.
    b.append(I::SqlNullOrdering, 0_i64);
    b.append(I::SqlKeywords, keywords);
    b.append(I::SqlNumericFunctions, functions.numeric.clone());
    b.append(I::SqlStringFunctions, functions.string.clone());
    b.append(I::SqlSystemFunctions, functions.system.clone());
    b.append(I::SqlDatetimeFunctions, functions.datetime.clone());
    b.append(I::SqlSearchStringEscape, "\\");
    b.append(I::SqlExtraNameCharacters, "");
}

pub(super) fn syntax(b: &mut Builder) {
    b.append(I::SqlSupportsColumnAliasing, true);
    b.append(I::SqlNullPlusNullIsNull, true);
    b.append(I::SqlSupportsConvert, conversions());
    b.append(I::SqlSupportsTableCorrelationNames, true);
    b.append(I::SqlSupportsDifferentTableCorrelationNames, false);
    b.append(I::SqlSupportsExpressionsInOrderBy, true);
    b.append(I::SqlSupportsOrderByUnrelated, true);
    // GROUP BY columns that are not selected, and more than are selected.
    b.append(I::SqlSupportedGroupBy, 0b11_i32);
    // Only the backslash escapes in LIKE.
    b.append(I::SqlSupportsLikeEscapeClause, false);
    b.append(I::SqlSupportsNonNullableColumns, true);
    // Minimum and core, not extended.
    b.append(I::SqlSupportedGrammar, 0b011_i32);
    b.append(I::SqlAnsi92SupportedLevel, 0b001_i32);
    b.append(I::SqlSupportsIntegrityEnhancementFacility, false);
    // Limited and full: the drivers read the level as a set of bits.
    b.append(I::SqlOuterJoinsSupportLevel, 0b110_i32);
    b.append(I::SqlSchemaTerm, "schema");
    b.append(I::SqlProcedureTerm, "procedure");
    b.append(I::SqlCatalogTerm, "catalog");
    b.append(I::SqlCatalogAtStart, true);
    b.append(I::SqlSchemasSupportedActions, 0_i32);
    b.append(I::SqlCatalogsSupportedActions, 0_i32);
    b.append(I::SqlSupportedPositionedCommands, 0_i32);
    b.append(I::SqlSelectForUpdateSupported, false);
    b.append(I::SqlStoredProceduresSupported, false);
    // In comparisons, EXISTS and IN; not with ANY or ALL.
    b.append(I::SqlSupportedSubqueries, 0b0111_i32);
    b.append(I::SqlCorrelatedSubqueriesSupported, true);
    b.append(I::SqlSupportedUnions, 0b11_i32);
}

pub(super) fn limits(b: &mut Builder, options: &FlightOptions) {
    let known = |limit: u64| i64::try_from(limit).unwrap_or(0);
    // Zero stands for "no limit, or not known".
    let unlimited = [
        I::SqlMaxBinaryLiteralLength,
        I::SqlMaxCharLiteralLength,
        I::SqlMaxColumnNameLength,
        I::SqlMaxColumnsInGroupBy,
        I::SqlMaxColumnsInIndex,
        I::SqlMaxColumnsInOrderBy,
        I::SqlMaxColumnsInSelect,
        I::SqlMaxColumnsInTable,
        I::SqlMaxConnections,
        I::SqlMaxCursorNameLength,
        I::SqlMaxIndexLength,
        I::SqlDbSchemaNameLength,
        I::SqlMaxProcedureNameLength,
        I::SqlMaxCatalogNameLength,
        I::SqlMaxRowSize,
        I::SqlMaxTableNameLength,
        I::SqlMaxTablesInSelect,
        I::SqlMaxUsernameLength,
    ];
    for fact in unlimited {
        b.append(fact, 0_i64);
    }
    b.append(I::SqlMaxStatementLength, known(options.max_sql_bytes));
    b.append(I::SqlMaxStatements, known(options.max_statements as u64));
    b.append(I::SqlMaxRowSizeIncludesBlobs, true);
}

pub(super) fn transactions_and_results(b: &mut Builder) {
    // Snapshot isolation: nothing that is read changes, and no rows appear. There is no level of its own for it.
    b.append(I::SqlDefaultTransactionIsolation, 3_i64);
    b.append(I::SqlTransactionsSupported, true);
    // None, for statements that stand for themselves; read uncommitted, read committed and repeatable read, all of which
    // snapshot isolation is stronger than; not serializable.
    b.append(I::SqlSupportedTransactionsIsolationLevels, 0b01111_i32);
    // Definitions are part of their transaction as all else is.
    b.append(I::SqlDataDefinitionCausesTransactionCommit, false);
    b.append(I::SqlDataDefinitionsInTransactionsIgnored, false);
    // Results are read forward, and only read.
    b.append(I::SqlSupportedResultSetTypes, 0b010_i32);
    b.append(I::SqlSupportedConcurrenciesForResultSetUnspecified, 0_i32);
    b.append(
        I::SqlSupportedConcurrenciesForResultSetForwardOnly,
        0b010_i32,
    );
    b.append(
        I::SqlSupportedConcurrenciesForResultSetScrollSensitive,
        0_i32,
    );
    b.append(
        I::SqlSupportedConcurrenciesForResultSetScrollInsensitive,
        0_i32,
    );
    b.append(I::SqlBatchUpdatesSupported, false);
    b.append(I::SqlSavepointsSupported, true);
    b.append(I::SqlNamedParametersSupported, false);
    b.append(I::SqlLocatorsUpdateCopy, false);
    b.append(I::SqlStoredFunctionsUsingCallSyntaxSupported, false);
}

/// What CAST takes to what.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    const NUMBERS: [C; 9] = [
        C::SqlConvertBigint,
        C::SqlConvertBit,
        C::SqlConvertDecimal,
        C::SqlConvertFloat,
        C::SqlConvertInteger,
        C::SqlConvertNumeric,
        C::SqlConvertReal,
        C::SqlConvertSmallint,
        C::SqlConvertTinyint,
    ];
    const TEXTS: [C; 3] = [
        C::SqlConvertChar,
        C::SqlConvertVarchar,
        C::SqlConvertLongvarchar,
    ];
    const BYTES: [C; 3] = [
        C::SqlConvertBinary,
        C::SqlConvertVarbinary,
        C::SqlConvertLongvarbinary,
    ];
    const TIMES: [C; 3] = [C::SqlConvertDate, C::SqlConvertTime, C::SqlConvertTimestamp];
    let to = |groups: &[&[C]]| {
        groups
            .concat()
            .into_iter()
            .map(|c| c as i32)
            .collect::<Vec<_>>()
    };
    let mut conversions = BTreeMap::new();
    let mut add = |from: &[C], targets: Vec<i32>| {
        for from in from {
            conversions.insert(*from as i32, targets.clone());
        }
    };
    add(&NUMBERS, to(&[&NUMBERS, &TEXTS]));
    add(&TEXTS, to(&[&NUMBERS, &TEXTS, &BYTES, &TIMES]));
    add(&BYTES, to(&[&TEXTS, &BYTES]));
    add(
        &[C::SqlConvertDate],
        to(&[&[C::SqlConvertDate, C::SqlConvertTimestamp], &TEXTS]),
    );
    add(&[C::SqlConvertTime], to(&[&[C::SqlConvertTime], &TEXTS]));
    add(&[C::SqlConvertTimestamp], to(&[&TIMES, &TEXTS]));
    conversions
}
