//! The server's own tables that show a caller what is its own, and an admin what is everybody's: settings, sessions,
//! prepared statements, transactions, locks, queries, the audit log, users and grants, and the history of the lake.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session as EngineSession, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use godwit_auth::Directory;
use godwit_catalog::Catalog;
use godwit_config::{Config, Listed, listing};
use godwit_lake::Lake;

use crate::audit::Watch;
use crate::granting::Asker;
use crate::running::Running;
use crate::session::{Caller, Session, SessionKey, Sessions};

mod access;
mod audit;
mod locks;
mod queries;
mod settings;
mod snapshots;
mod statements;
mod transactions;

use access::{About, Source};

/// Adds the tables to the schema `system`.
pub(crate) fn register(
    config: &Config,
    catalog: &Catalog,
    lake: &Lake,
    sessions: &Arc<Sessions>,
    running: &Arc<Running>,
    directory: &Arc<Directory>,
) {
    let access = |about| {
        let source = Source {
            directory: Arc::clone(directory),
            lake: lake.clone(),
        };
        Content::Access(about, source)
    };
    let tables = [
        ("sessions", Content::Sessions(Arc::downgrade(sessions))),
        (
            "statements",
            Content::Statements(Arc::downgrade(sessions), running.watch().clone()),
        ),
        (
            "transactions",
            Content::Transactions(Arc::downgrade(sessions)),
        ),
        ("locks", Content::Locks(Arc::downgrade(sessions))),
        ("snapshots", Content::Snapshots(lake.clone())),
        ("users", access(About::Users)),
        ("roles", access(About::Roles)),
        ("grants", access(About::Grants)),
        ("policies", access(About::Policies)),
        ("masks", access(About::Masks)),
    ];
    for (name, content) in tables {
        add(catalog, name, content);
    }
    show_settings(config, catalog);
    catalog.register_system_table("queries", Arc::new(queries::QueriesTable::new(running)));
    let auditor = running.watch().auditor.clone();
    catalog.register_system_table("audit", Arc::new(audit::AuditTable::new(auditor)));
}

/// Shows a configuration in `system.settings`, in place of the one before.
pub(crate) fn show_settings(config: &Config, catalog: &Catalog) {
    add(catalog, "settings", Content::Settings(listing(config)));
}

fn add(catalog: &Catalog, name: &str, content: Content) {
    let schema = content.schema();
    catalog.register_system_table(name, Arc::new(SystemTable { content, schema }));
}

/// A table whose rows are made for the caller at every scan.
struct SystemTable {
    content: Content,
    schema: SchemaRef,
}

/// What the rows are about. Weak, because the catalog lives in what they point to.
enum Content {
    Settings(Vec<Listed>),
    Sessions(Weak<Sessions>),
    Statements(Weak<Sessions>, Watch),
    Transactions(Weak<Sessions>),
    Locks(Weak<Sessions>),
    Snapshots(Lake),
    Access(About, Source),
}

impl Content {
    fn schema(&self) -> SchemaRef {
        let text = |name| Field::new(name, DataType::Utf8, false);
        Arc::new(Schema::new(match self {
            Self::Settings(_) => settings::fields(),
            Self::Statements(..) => statements::fields(),
            Self::Transactions(_) => transactions::fields(),
            Self::Sessions(_) => vec![
                text("id"),
                text("user_name"),
                text("kind"),
                Field::new("current", DataType::Boolean, false),
                Field::new("prepared_statements", DataType::UInt64, false),
                Field::new("transactions", DataType::UInt64, false),
                Field::new("idle_seconds", DataType::Float64, false),
            ],
            Self::Locks(_) => locks::fields(),
            Self::Snapshots(_) => snapshots::fields(),
            Self::Access(about, _) => access::fields(*about),
        }))
    }

    async fn columns(&self, caller: &Caller) -> Result<Vec<ArrayRef>> {
        Ok(match self {
            Self::Settings(keys) => settings::columns(caller, keys),
            Self::Statements(sessions, watch) => {
                let own = sessions.upgrade();
                let own = own.map(|all| all.of_user(shown_user(caller)));
                statements::columns(&own.unwrap_or_default(), watch)
            }
            Self::Transactions(sessions) => {
                let own = sessions.upgrade();
                let own = own.map(|all| all.transactions().of_user(shown_user(caller)));
                transactions::columns(&own.unwrap_or_default())
            }
            Self::Locks(sessions) => {
                let own = sessions.upgrade();
                let own = own.map(|all| all.transactions().locks().of_user(shown_user(caller)));
                locks::columns(&own.unwrap_or_default())
            }
            Self::Sessions(sessions) => sessions_of(caller, sessions.upgrade().as_deref()),
            Self::Snapshots(lake) => snapshots::columns(lake, caller.authority.is_admin()).await?,
            Self::Access(about, source) => {
                access::columns(*about, source, &caller.authority).await?
            }
        })
    }
}

fn sessions_of(caller: &Caller, sessions: Option<&Sessions>) -> Vec<ArrayRef> {
    let now = Instant::now();
    let own = sessions
        .map(|sessions| sessions.of_user(shown_user(caller)))
        .unwrap_or_default();
    let kind = |key: &SessionKey| match key {
        SessionKey::Token(_) => "token",
        SessionKey::Cookie(_) => "cookie",
        SessionKey::Stateless => "stateless",
    };
    let idle = own.iter().map(|(_, session)| {
        now.saturating_duration_since(session.last_used())
            .as_secs_f64()
    });
    vec![
        Arc::new(StringArray::from_iter_values(
            own.iter().map(|(_, session)| session.id().to_string()),
        )),
        Arc::new(StringArray::from_iter_values(
            own.iter().map(|(_, session)| session.user()),
        )),
        Arc::new(StringArray::from_iter_values(
            own.iter().map(|(key, _)| kind(key)),
        )),
        Arc::new(BooleanArray::from_iter(
            own.iter()
                .map(|(_, session)| Some(session.id() == caller.session)),
        )),
        Arc::new(UInt64Array::from_iter_values(
            own.iter()
                .map(|(_, session)| session.statements().len() as u64),
        )),
        Arc::new(UInt64Array::from_iter_values(
            own.iter().map(|(_, session)| open_in(session)),
        )),
        Arc::new(Float64Array::from_iter_values(idle)),
    ]
}

/// Whose sessions and queries a caller sees: an admin everybody's, others their own.
fn shown_user(caller: &Caller) -> Option<&str> {
    (!caller.authority.is_admin()).then_some(caller.user.as_str())
}

/// How many transactions are open in a session.
fn open_in(session: &Session) -> u64 {
    session.shared().transactions.count(session.id()) as u64
}

/// Who scans a table.
fn caller_of(state: &dyn EngineSession) -> Result<Arc<Caller>> {
    let asker = state.config_options().extensions.get::<Asker>();
    asker
        .map(|Asker(caller)| Arc::clone(caller))
        .ok_or_else(|| {
            DataFusionError::Internal("a system table was scanned outside of a session".to_owned())
        })
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn EngineSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let caller = caller_of(state)?;
        let columns = self.content.columns(&caller).await?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        let source = MemorySourceConfig::try_new_exec(
            &[vec![batch]],
            Arc::clone(&self.schema),
            projection.cloned(),
        )?;
        Ok(source)
    }
}

impl fmt::Debug for SystemTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemTable")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
