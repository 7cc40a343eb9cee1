use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_flight::sql::{
    CommandGetDbSchemas, CommandGetTables, CommandStatementQuery, CommandStatementUpdate,
    DoPutUpdateResult,
};
use arrow_flight::{FlightData, FlightDescriptor, FlightInfo, Ticket};
use futures::{TryStreamExt, stream};
use godwit_client::{Credentials, Error, Login, Result, connect, endpoint};
use prost::Message;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::client::{Client, command, get};
use crate::finding::{Finding, Outcome, said};
use crate::options::Options;
use crate::rows::Rows;

#[cfg(test)]
mod tests;

/// Schemas that hold no data of the user.
const SYSTEM: [&str; 4] = ["information_schema", "system", "pg_catalog", "sys"];

/// What every probe is given.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    pub(crate) options: Arc<Options>,
    pub(crate) login: Login,
    pub(crate) found: Found,
    endpoint: Endpoint,
    opened: Arc<Mutex<Vec<Client>>>,
    scratch: Arc<Mutex<Vec<String>>>,
}

/// What the server was seen to have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// A table that can be read.
    pub(crate) table: Option<TableName>,
    /// A schema.
    pub(crate) schema: Option<String>,
}

/// A table's name, as the metadata commands say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    /// Catalog, schema and table; those that the server does not have are absent.
    pub(crate) parts: Vec<String>,
}

impl TableName {
    /// In SQL, with quotes where a part is more than a plain word.
    pub(crate) fn sql(&self) -> String {
        let quoted = self.parts.iter().map(|part| {
            let plain = |c: char| c.is_ascii_lowercase() || c == '_';
            let word =
                part.starts_with(plain) && part.chars().all(|c| plain(c) || c.is_ascii_digit());
            if word {
                part.clone()
            } else {
                format!("\"{}\"", part.replace('"', "\"\""))
            }
        });
        quoted.collect::<Vec<_>>().join(".")
    }

    /// The table alone.
    pub(crate) fn last(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }
}

impl Lab {
    /// Connects and logs in once, and looks around.
    pub(crate) async fn open(options: Options) -> Result<Self> {
        let endpoint = endpoint(&options.target, &options.trust, options.timeout)?;
        let login = Login::new(&options.credentials)?;
        let mut lab = Self {
            options: Arc::new(options),
            login,
            found: Found::default(),
            endpoint,
            opened: Arc::default(),
            scratch: Arc::default(),
        };
        lab.log_in().await?;
        lab.look_around().await;
        Ok(lab)
    }

    pub(crate) fn limit(&self) -> Duration {
        self.options.timeout
    }

    /// Whether the session may be one that somebody else is using, and must not be closed.
    pub(crate) fn is_session_foreign(&self) -> bool {
        matches!(self.options.credentials, Credentials::Token(_))
    }

    /// A connection of its own, logged in.
    pub(crate) async fn client(&self) -> Outcome<Client> {
        let channel = self.channel().await?;
        let client = self.login.client(channel).await?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push(client.clone());
        Ok(client)
    }

    /// A connection of its own that sends this header.
    pub(crate) async fn client_with(
        &self,
        header: Option<MetadataValue<Ascii>>,
    ) -> Outcome<Client> {
        Ok(Client::new(self.channel().await?, header))
    }

    async fn channel(&self) -> Outcome<Channel> {
        let channel = connect(&self.endpoint).await;
        channel.map_err(|why| Finding::broken(format_args!("cannot connect: {why}")))
    }

    /// The connections that were opened since the last time.
    pub(crate) fn take_opened(&self) -> Vec<Client> {
        std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A name for a table; whatever is left of it at the end is removed.
    pub(crate) fn scratch(&self) -> String {
        let name = format!("conformance_{:016x}", rand::random::<u64>());
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        scratch.push(name.clone());
        name
    }

    /// Removes what a probe that failed has left, and what a server has made durable although it was told that it is
    /// temporary. The others are gone already, so that nearly every answer is an error.
    pub(crate) async fn sweep(&self) {
        let names =
            std::mem::take(&mut *self.scratch.lock().unwrap_or_else(PoisonError::into_inner));
        let (false, Ok(client)) = (names.is_empty(), self.client().await) else {
            return;
        };
        for name in names {
            let sql = format!("DROP TABLE {name}");
            let _ = tokio::time::timeout(self.limit(), update(&client, &sql)).await;
        }
    }

    /// Finds out whether the server is there, whether it has a handshake, and whether it takes the credentials.
    async fn log_in(&mut self) -> Result<()> {
        let url = self.options.target.to_string();
        let unreachable = |why: String| Error::Unreachable {
            url: url.clone(),
            why,
        };
        let limit = self.limit();
        let late = |_| unreachable(format!("no answer within {} s", limit.as_secs_f64()));
        let channel = tokio::time::timeout(limit, connect(&self.endpoint)).await;
        let channel = channel.map_err(late)?.map_err(unreachable)?;
        self.login = self.login.clone().settled(&channel, limit).await;
        let client = self
            .client()
            .await
            .map_err(|finding| unreachable(finding.reason))?;
        let descriptor = query(&self.options.sql);
        let answer = tokio::time::timeout(limit, client.info(descriptor)).await;
        match answer {
            Ok(Err(status)) if status.code() == tonic::Code::Unauthenticated => {
                Err(Error::Refused {
                    url,
                    why: said(&status),
                })
            }
            Ok(Err(status)) if status.code() == tonic::Code::Unavailable => {
                Err(unreachable(said(&status)))
            }
            Ok(_) => Ok(()),
            Err(late_by) => Err(late(late_by)),
        }
    }

    /// Looks for a table and a schema. What is not found is reported by the rows that need it.
    async fn look_around(&mut self) {
        let limit = self.limit();
        if let Some(parts) = self.options.table.clone() {
            self.found.table = Some(TableName { parts });
        } else if let Ok(Ok(table)) = tokio::time::timeout(limit, self.find_table()).await {
            self.found.table = table;
        }
        if let Ok(Ok(schema)) = tokio::time::timeout(limit, self.find_schema()).await {
            self.found.schema = schema;
        }
    }

    async fn find_table(&self) -> Outcome<Option<TableName>> {
        let client = self.client().await?;
        if let Ok(rows) = rows(&client, command(&CommandGetTables::default())).await {
            let tables = best_table(&rows);
            if tables.is_some() {
                return Ok(tables);
            }
        }
        let flights = client.list_flights("").await?.into_iter();
        let mut paths = flights.filter_map(|info| info.flight_descriptor.map(|d| d.path));
        Ok(paths
            .find(|path| !path.is_empty())
            .map(|parts| TableName { parts }))
    }

    async fn find_schema(&self) -> Outcome<Option<String>> {
        let client = self.client().await?;
        let rows = rows(&client, command(&CommandGetDbSchemas::default())).await?;
        let mut names = rows.texts("db_schema_name").into_iter().flatten();
        Ok(names.find(|name| !is_system(name)))
    }
}

/// A table of the user before one of the system.
fn best_table(rows: &Rows) -> Option<TableName> {
    let columns = ["catalog_name", "db_schema_name", "table_name"].map(|name| rows.texts(name));
    let tables = (0..rows.count()).filter_map(|row| {
        let parts = columns.iter().map(|column| column.get(row)?.clone());
        let parts: Vec<String> = parts.flatten().filter(|part| !part.is_empty()).collect();
        let named = columns[2].get(row)?.is_some();
        named.then_some(TableName { parts })
    });
    let mut tables: Vec<TableName> = tables.collect();
    tables.sort_by_key(|table| table.parts.iter().any(|part| is_system(part)));
    tables.into_iter().next()
}

fn is_system(schema: &str) -> bool {
    SYSTEM.iter().any(|name| schema.eq_ignore_ascii_case(name))
}

/// The descriptor of a SQL query.
pub(crate) fn query(sql: &str) -> FlightDescriptor {
    command(&CommandStatementQuery {
        query: sql.to_owned(),
        transaction_id: None,
    })
}

/// The ticket of the first endpoint.
pub(crate) fn ticket(info: &FlightInfo) -> Outcome<Ticket> {
    let endpoint = info.endpoint.first();
    let ticket = endpoint.and_then(|endpoint| endpoint.ticket.clone());
    ticket.ok_or_else(|| Finding::broken("the FlightInfo has no endpoint with a ticket"))
}

/// Everything that a descriptor stands for.
pub(crate) async fn rows(client: &Client, descriptor: FlightDescriptor) -> Outcome<Rows> {
    let info = client.info(descriptor).await?;
    get(client, ticket(&info)?).await
}

/// The message of a DoPut that has a descriptor and nothing else.
pub(crate) fn bare(descriptor: FlightDescriptor) -> FlightData {
    FlightData {
        flight_descriptor: Some(descriptor),
        ..FlightData::default()
    }
}

/// Runs a statement that returns no rows; how many rows it changed.
pub(crate) async fn update(client: &Client, sql: &str) -> Outcome<i64> {
    let message = bare(command(&CommandStatementUpdate {
        query: sql.to_owned(),
        transaction_id: None,
    }));
    let answers = client.put(stream::iter([message])).await?;
    let answers: Vec<_> = answers.try_collect().await?;
    let Some(answer) = answers.first() else {
        return Err(Finding::broken("no PutResult"));
    };
    Ok(DoPutUpdateResult::decode(&*answer.app_metadata)?.record_count)
}
