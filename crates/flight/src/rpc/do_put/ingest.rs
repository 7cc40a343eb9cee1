//! Rows that are stored in a table.

use arrow_flight::sql::{TableDefinitionOptions, TableExistsOption, TableNotExistOption};
use arrow_flight::{FlightData, PutResult};
use bytes::Bytes;
use futures::{StreamExt, stream};
use godwit_auth::Intent;
use godwit_engine::{IfExists, IfMissing, IngestTarget, Upload};
use godwit_protocol::command::CommandStatementIngest;
use godwit_protocol::put::update_result;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::call::Call;
use crate::incoming::Incoming;
use crate::service::{Answers, answers};
use crate::{Error, Flight, Result, upload};

/// Stores the rows as the command says; how many they were.
///
/// # Errors
/// When the command asks for what does not exist or says nothing where it must; whatever is wrong with the rows or the
/// table. Nothing is stored then.
pub(super) async fn ingest(
    flight: &Flight,
    call: &Call,
    command: CommandStatementIngest,
    first: FlightData,
    messages: Incoming,
) -> Result<i64> {
    let transaction = command.transaction_id.clone();
    let target = target(command)?;
    let store = Store::new(flight, call, target, transaction.as_ref())?;
    let upload = open(flight, first, messages).await?;
    store.run(upload).await
}

/// Appends the rows to a table that exists. While they arrive the answers say how many have, not once for each message,
/// but as often as the client reads; the last answer, which is sent when the rows are stored, says how many they were.
///
/// # Errors
/// As [`ingest`]; those that show after the first row come with the answers.
pub(super) async fn append(
    flight: &Flight,
    call: &Call,
    mut path: Vec<String>,
    first: FlightData,
    messages: Incoming,
) -> Result<Answers<PutResult>> {
    let target = IngestTarget {
        table: path.pop().unwrap_or_default(),
        schema: path.pop(),
        catalog: path.pop(),
        temporary: false,
        if_missing: IfMissing::Fail,
        if_exists: IfExists::Append,
    };
    let (schema, rows) = open(flight, first, messages).await?;
    let store = Store::new(flight, call, target, None)?;
    // It holds the latest count only, so that a client may read all answers after it has sent all rows.
    let (arrived, counts) = watch::channel(0i64);
    let rows = rows.inspect(move |batch| {
        let rows = batch.as_ref().map_or(0, |batch| batch.num_rows());
        arrived.send_modify(|count| *count = count.saturating_add_unsigned(rows as u64));
    });
    // A task of its own: the answers are polled only while the client reads them. Dropping the set ends it.
    let mut task = JoinSet::new();
    task.spawn(async move { store.run((schema, rows.boxed())).await });
    let state = Some((task, counts));
    let counts = stream::unfold(state, async |state| {
        let (mut task, mut counts) = state?;
        tokio::select! {
            biased;
            Ok(()) = counts.changed() => {
                let count = *counts.borrow_and_update();
                Some((Ok(update_result(count)), Some((task, counts))))
            }
            Some(ended) = task.join_next() => {
                let ended = ended.map_err(|error| Error::Panic(error.to_string())).flatten();
                Some((ended.map(update_result), None))
            }
            else => None,
        }
    });
    Ok(answers(call.id, counts))
}

/// What is needed to store rows, owned.
struct Store {
    engine: godwit_engine::Engine,
    session: std::sync::Arc<godwit_engine::Session>,
    permit: godwit_auth::Permit,
    target: IngestTarget,
}

impl Store {
    fn new(
        flight: &Flight,
        call: &Call,
        target: IngestTarget,
        transaction: Option<&Bytes>,
    ) -> Result<Self> {
        let permit = call.permit(flight, Intent::Ingest)?;
        Ok(Self {
            engine: flight.engine.clone(),
            session: call.session_in(flight, &permit, transaction)?,
            permit,
            target,
        })
    }

    async fn run(self, (schema, rows): Upload) -> Result<i64> {
        let Self {
            engine,
            session,
            permit,
            target,
        } = self;
        let stored = engine.ingest(&session, &permit, target, schema, rows).await;
        Ok(stored?.rows)
    }
}

async fn open(flight: &Flight, first: FlightData, messages: Incoming) -> Result<Upload> {
    let upload = upload::open(first, messages, flight.options.max_request_bytes).await?;
    upload.ok_or_else(|| {
        let text = "rows are to be stored, and the client has sent no schema for them";
        Error::Invalid(text.to_owned())
    })
}

fn target(command: CommandStatementIngest) -> Result<IngestTarget> {
    let CommandStatementIngest {
        table_definition_options,
        table,
        schema,
        catalog,
        temporary,
        transaction_id: _,
        options,
    } = command;
    if let Some(name) = options.keys().min() {
        let name = name.escape_debug();
        return Err(Error::Invalid(format!(
            "ingest option \"{name}\" is unknown; this server has no options for ingest"
        )));
    }
    if table.is_empty() {
        return Err(Error::Invalid("the ingest names no table".to_owned()));
    }
    let TableDefinitionOptions {
        if_not_exist,
        if_exists,
    } = table_definition_options.unwrap_or_default();
    let if_missing = match TableNotExistOption::try_from(if_not_exist) {
        Ok(TableNotExistOption::Create) => IfMissing::Create,
        Ok(TableNotExistOption::Fail) => IfMissing::Fail,
        Ok(TableNotExistOption::Unspecified) | Err(_) => {
            return Err(unspecified("if_not_exist", if_not_exist, "CREATE, FAIL"));
        }
    };
    let if_exists = match TableExistsOption::try_from(if_exists) {
        Ok(TableExistsOption::Fail) => IfExists::Fail,
        Ok(TableExistsOption::Append) => IfExists::Append,
        Ok(TableExistsOption::Replace) => IfExists::Replace,
        Ok(TableExistsOption::Unspecified) | Err(_) => {
            return Err(unspecified("if_exists", if_exists, "FAIL, APPEND, REPLACE"));
        }
    };
    // Empty is how some clients say "not set".
    let named = |name: Option<String>| name.filter(|name| !name.is_empty());
    Ok(IngestTarget {
        catalog: named(catalog),
        schema: named(schema),
        table,
        temporary,
        if_missing,
        if_exists,
    })
}

fn unspecified(name: &str, value: i32, allowed: &str) -> Error {
    Error::Invalid(format!(
        "table_definition_options.{name} is {value}; an ingest has to say what it wants: {allowed}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(if_not_exist: i32, if_exists: i32) -> CommandStatementIngest {
        CommandStatementIngest {
            table_definition_options: Some(TableDefinitionOptions {
                if_not_exist,
                if_exists,
            }),
            table: "t".to_owned(),
            ..CommandStatementIngest::default()
        }
    }

    #[test]
    fn the_modes_of_clients() {
        use {IfExists as E, IfMissing as M};
        let modes = [
            ("create", 1, 1, M::Create, E::Fail),
            ("append", 2, 2, M::Fail, E::Append),
            ("replace", 1, 3, M::Create, E::Replace),
            ("create_append", 1, 2, M::Create, E::Append),
        ];
        for (mode, if_not_exist, if_exists, missing, exists) in modes {
            let target = target(command(if_not_exist, if_exists)).unwrap();
            assert_eq!(target.if_missing, missing, "{mode}");
            assert_eq!(target.if_exists, exists, "{mode}");
            assert_eq!(target.table, "t");
        }
    }

    #[test]
    fn where_to_store() {
        let mut asked = command(1, 1);
        asked.schema = Some(String::new());
        asked.catalog = Some("godwit".to_owned());
        asked.temporary = true;
        let target = target(asked).unwrap();
        assert_eq!(target.schema, None);
        assert_eq!(target.catalog.as_deref(), Some("godwit"));
        assert!(target.temporary);
    }

    #[test]
    fn what_is_refused() {
        let changed = |change: &dyn Fn(&mut CommandStatementIngest)| {
            let mut asked = command(1, 1);
            change(&mut asked);
            target(asked).unwrap_err().to_string()
        };
        for (if_not_exist, if_exists, says) in [
            (0, 1, "if_not_exist is 0"),
            (1, 0, "if_exists is 0"),
            (3, 1, "if_not_exist is 3"),
            (1, -1, "if_exists is -1"),
        ] {
            let error = target(command(if_not_exist, if_exists)).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(changed(&|c| c.table_definition_options = None).contains("is 0"));
        assert!(changed(&|c| c.table.clear()).contains("no table"));
        let options = [("z", "1"), ("a\n", "2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert!(changed(&|c| c.options = options.clone().into()).contains("\"a\\n\""));
    }
}
