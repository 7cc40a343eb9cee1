//! From a permitted command to a stream of batches.
//!
//! Owns: the query runtime and its memory, sessions with their settings and prepared statements, the SQL dialect
//! (what is parsed, what is refused), names to tables, planning, parameters, running and cancelling. Refuses to know:
//! gRPC, wire encodings, who a user is and what was granted (a [`godwit_auth::Permit`] says so).
//!
//! In reading order: [`Engine`] and `inner`, the way of a statement; `session`, `settings` and `prepared`, what is kept
//! between two calls; `parse`, `depth` and `placeholders`, text to a tree; `check`, what is refused; `names` and
//! `provider`, what names stand for; `access`, what of that exists for the caller; `change`, `effect` and `ingest`, what writes; `kill`, what ends others; `define` and `constants`, what says what there is; `granting` and `redact`, what say
//! `duplicates`, `show`, `size` and `total`, a tree to a plan; `bind`, values for parameters; `run`, `sparing`, `operators`, `leaf`, `conform`, `fill`
//! and `query`, a plan to its rows; `shapes`, what `compact` makes of its columns; `exchange`, a query over rows that are arriving; `results` and `progress`, rows that are
//! kept and queries that nobody waits for; `admission`, who may begin; `caps`, what a statement may take; `runtime`, `running`, `history`, `figures`, `memory`, `deep`, `cache` and `recall`,
//! what it all runs on; `upkeep`, what is done unasked; `reconfigure`, what another configuration changes; `readiness`, whether all of it works; `audit` and `shown`, what is noted of it all; `metadata`, `system` and `vectors`, what is told about it; [`Error`].

mod access;
mod admission;
mod audit;
mod bind;
mod cache;
mod caps;
mod change;
mod check;
mod conform;
mod constants;
mod copy;
mod deep;
mod define;
mod depth;
mod duplicates;
mod effect;
mod engine;
mod error;
mod exchange;
mod figures;
mod fill;
mod granting;
mod history;
mod infer;
mod ingest;
mod inner;
mod kill;
mod leaf;
mod memory;
mod metadata;
mod names;
mod operators;
mod parse;
mod placeholders;
mod plan;
mod prepared;
mod progress;
mod provider;
mod query;
mod readiness;
mod reads;
mod recall;
mod reconfigure;
mod redact;
mod results;
mod returning;
mod run;
mod running;
mod runtime;
mod session;
mod settings;
mod shapes;
mod show;
mod shown;
mod size;
mod sparing;
mod statement;
mod system;
mod total;
mod transactions;
mod upkeep;
mod vectors;
mod yielding;

pub use admission::{LaneLoad, Load};
pub use check::Kill;
pub use deep::STACK as DEEP_STACK;
pub use engine::Engine;
pub use error::{Error, Result};
pub use exchange::Upload;
pub use figures::{CLASSES, Figures, KindFigures, PhaseFigures};
pub use godwit_catalog::{CATALOG, Mounts, TableEntry, TableKind};
pub use ingest::{IfExists, IfMissing, IngestTarget};
pub use metadata::{FunctionNames, KeyInfo, SchemaEntry, TableInfo};
pub use operators::is_traced;
pub use prepared::Prepared;
pub use query::{Canceller, QueryStream};
pub use readiness::{Readiness, Standing};
pub use redact::redacted;
pub use results::{Kept, KeptState};
pub use runtime::IDLE_THREAD;
pub use session::{Session, SessionKey, Sessions};
pub use shown::shown_in_log;
pub use statement::{Origin, Outcome, Statement, StatementKind};
