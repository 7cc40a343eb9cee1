//! The table of probes. Each is one function that takes a [`Lab`] and comes to a finding.

use futures::future::BoxFuture;

use crate::finding::Outcome;
use crate::lab::Lab;

mod actions;
mod cancel;
mod exchange;
mod flights;
mod get;
mod handshake;
mod logins;
mod metadata;
mod put;
mod schemas;
mod sessions;
mod sql_info;
mod streams;
mod transactions;
mod upload;

/// One row of the card.
pub(crate) struct Probe {
    pub(crate) id: &'static str,
    pub(crate) group: &'static str,
    pub(crate) what: &'static str,
    pub(crate) ask: fn(Lab) -> BoxFuture<'static, Outcome>,
}

macro_rules! probes {
    ($($group:literal { $($id:literal, $what:literal, $ask:path;)* })*) => {
        &[$($(Probe {
            id: $id,
            group: $group,
            what: $what,
            ask: |lab| Box::pin($ask(lab)),
        },)*)*]
    };
}

/// Every probe, in the order of the card.
pub(crate) fn all() -> &'static [Probe] {
    PROBES
}

static PROBES: &[Probe] = probes! {
    "Handshake" {
        "handshake-empty", "Handshake without a message", handshake::without_message;
        "handshake-message", "Handshake with a message", handshake::with_message;
        "handshake-padded", "Basic, padded base64 (JDBC, C++, Rust)", handshake::padded;
        "handshake-unpadded", "Basic, unpadded base64 (ADBC)", handshake::unpadded;
        "handshake-token", "token in an initial header", handshake::token;
        "handshake-bearer", "Handshake with a bearer token (JDBC, ODBC)", handshake::bearer;
        "basic-each-call", "Basic on each call, no handshake", handshake::each_call;
    }
    "Flights" {
        "list-flights", "ListFlights", flights::list;
        "get-flight-info", "GetFlightInfo, CommandStatementQuery", flights::statement;
        "get-flight-info-path", "GetFlightInfo, PATH of a table", flights::path;
        "get-flight-info-text", "GetFlightInfo, SQL text as CMD", flights::text;
        "get-flight-info-substrait", "GetFlightInfo, CommandStatementSubstraitPlan", flights::substrait;
        "poll-flight-info", "PollFlightInfo", flights::poll;
        "get-schema", "GetSchema", flights::schema;
    }
    "DoGet" {
        "do-get", "DoGet, ticket of a FlightInfo", get::ticket;
        "do-get-twice", "DoGet, the same ticket twice", get::twice;
        "do-get-text", "DoGet, SQL text as ticket", get::text;
    }
    "DoPut and DoExchange" {
        "do-put-update", "DoPut, CommandStatementUpdate", put::update;
        "do-put-bind", "DoPut, parameters of a prepared query", put::bind;
        "do-put-prepared", "DoPut, CommandPreparedStatementUpdate", put::prepared;
        "do-put-prepared-rows", "DoPut, prepared update with rows of parameters", put::prepared_rows;
        "do-put-ingest", "DoPut, CommandStatementIngest, temporary", upload::ingest;
        "do-put-ingest-durable", "DoPut, CommandStatementIngest, durable", upload::ingest_durable;
        "do-put-path", "DoPut, rows to the PATH of a table", upload::path;
        "do-exchange", "DoExchange, SQL over the uploaded stream `input`", exchange::sql;
    }
    "Actions" {
        "list-actions", "ListActions", actions::list;
        "create-prepared", "CreatePreparedStatement", actions::create;
        "create-prepared-question", "CreatePreparedStatement, parameter `?`", actions::question_mark;
        "create-prepared-dollar", "CreatePreparedStatement, parameter `$1`", actions::dollar;
        "create-prepared-is-update", "CreatePreparedStatement, is_update", actions::is_update;
        "close-prepared", "ClosePreparedStatement", actions::close;
        "create-substrait", "CreatePreparedSubstraitPlan", actions::substrait;
        "cancel-flight-info", "CancelFlightInfo", cancel::flight_info;
        "cancel-query", "CancelQuery", cancel::query;
        "renew-endpoint", "RenewFlightEndpoint", cancel::renew;
        "set-session-options", "SetSessionOptions", sessions::set;
        "get-session-options", "GetSessionOptions", sessions::get;
        "close-session", "CloseSession", sessions::close;
        "begin-transaction", "BeginTransaction", transactions::begin;
        "end-transaction", "EndTransaction", transactions::end;
        "begin-savepoint", "BeginSavepoint", transactions::begin_savepoint;
        "end-savepoint", "EndSavepoint", transactions::end_savepoint;
        "rollback", "EndTransaction takes back what its statements did", transactions::rollback;
    }
    "Metadata commands" {
        "get-catalogs", "CommandGetCatalogs", metadata::catalogs;
        "get-db-schemas", "CommandGetDbSchemas", metadata::db_schemas;
        "get-tables", "CommandGetTables", metadata::tables;
        "get-tables-schema", "CommandGetTables with schemas", metadata::tables_with_schema;
        "get-table-types", "CommandGetTableTypes", metadata::table_types;
        "get-primary-keys", "CommandGetPrimaryKeys", metadata::primary_keys;
        "get-exported-keys", "CommandGetExportedKeys", metadata::exported_keys;
        "get-imported-keys", "CommandGetImportedKeys", metadata::imported_keys;
        "get-cross-reference", "CommandGetCrossReference", metadata::cross_reference;
        "get-sql-info-all", "CommandGetSqlInfo, all", sql_info::all;
        "get-sql-info-one", "CommandGetSqlInfo, one", sql_info::one;
        "get-xdbc-type-info", "CommandGetXdbcTypeInfo", metadata::xdbc_type_info;
    }
    "What clients depend on" {
        "schema-equal", "FlightInfo.schema is that of the stream, nullability too", schemas::equal;
        "schema-metadata", "so it is for metadata commands", schemas::of_metadata;
        "one-endpoint", "one endpoint without a location", streams::one_endpoint;
        "classic-types", "classic types only", schemas::classic;
        "small-messages", "messages under 4 MiB", streams::small_messages;
        "empty-result", "an empty result has its schema", streams::empty;
        "sql-info-complete", "SqlInfo is complete and typed as drivers read it", sql_info::complete;
        "table-schema", "table_schema is an encapsulated message", metadata::encapsulated;
        "keys-empty", "tables without keys: empty sets, no errors", metadata::keys_are_empty;
        "early-answer", "an update is answered before the client ends its stream", streams::early_answer;
        "wrong-password", "a wrong password is UNAUTHENTICATED", logins::wrong_password;
        "wrong-token", "a wrong token is UNAUTHENTICATED", logins::wrong_token;
        "no-credentials", "no credentials are UNAUTHENTICATED", logins::no_credentials;
        "unknown-command", "an unknown command is no INTERNAL error", streams::unknown_command;
        "unknown-action", "an unknown action is no INTERNAL error", streams::unknown_action;
        "wrong-sql", "wrong SQL is no INTERNAL error", streams::wrong_sql;
        "dropped-stream", "a dropped stream leaves the server alive", streams::dropped;
    }
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn every_probe_has_a_name_of_its_own_under_one_heading() {
        let ids: BTreeSet<_> = all().iter().map(|probe| probe.id).collect();
        let texts: BTreeSet<_> = all().iter().map(|probe| probe.what).collect();
        assert_eq!((ids.len(), texts.len()), (all().len(), all().len()));
        let headings: BTreeSet<_> = all().iter().map(|probe| probe.group).collect();
        let runs = all().chunk_by(|a, b| a.group == b.group).count();
        assert_eq!(headings.len(), runs);
    }
}
