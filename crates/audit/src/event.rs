use std::net::SocketAddr;
use std::sync::Arc;

/// Something that happened. Making one copies no text of a statement.
#[derive(Debug, Clone)]
pub enum Event {
    /// A caller proved who it is, or failed to.
    Login(Login),
    /// A statement begins to run.
    StatementStarted(Arc<Statement>),
    /// A statement has ended, or could not be planned.
    StatementEnded(Arc<Statement>, Ended),
    /// Something was refused because the caller may not have it.
    Denied {
        /// Who wanted it.
        user: Arc<str>,
        /// The statement or call in which it was refused.
        query_id: Option<Arc<str>>,
        /// What was refused.
        what: String,
    },
    /// Users, roles, grants, policies or masks were changed.
    AccessChanged {
        /// The statement that did it.
        statement: Arc<Statement>,
        /// What it did, in words.
        what: String,
    },
    /// A transaction of several statements has ended.
    TransactionEnded {
        /// Whose it was.
        user: Arc<str>,
        /// The session that it was begun in.
        session: Arc<str>,
        /// The transaction's id.
        transaction: String,
        /// How it ended.
        ended: Ended,
    },
    /// Events that were lost before this one, because they could not be written in time.
    Lost(u64),
}

/// One attempt to prove who one is.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// With what: `basic`, `bearer`, `anonymous`, `none`, `malformed`.
    pub how: String,
    /// Who the caller is or claims to be.
    pub user: Option<String>,
    /// Where it calls from.
    pub address: Option<SocketAddr>,
    /// The call that it was made with.
    pub call: String,
    /// The id of that call.
    pub query_id: Option<String>,
    /// Why it failed; `None` when it succeeded.
    pub failure: Option<&'static str>,
    /// How many more like it there were since it was noted; zero when that is not what the event tells.
    pub repeats: u64,
}

/// A statement as its events show it.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What all its events share.
    pub query_id: Arc<str>,
    /// Who runs it.
    pub user: Arc<str>,
    /// In which session, where one is known.
    pub session: Option<Arc<str>>,
    /// What it is: `query`, `change`, `definition`, `ingest`, …
    pub kind: &'static str,
    /// Its text, as it may be shown.
    pub sql: Arc<str>,
}

/// How something ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Rows that it gave or changed.
    pub rows: u64,
    /// What these took in memory, in bytes.
    pub bytes: u64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// Whether it came to its end.
    pub outcome: Outcome,
    /// `ok`, or which error it was.
    pub code: &'static str,
    /// The message of the error, where it may be shown.
    pub detail: Option<String>,
}

/// Whether something came to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    #[default]
    Finished,
    /// It was stopped, or nobody wanted it any more.
    Cancelled,
    /// It failed.
    Failed,
    /// It was undone.
    RolledBack,
    /// It was ended by KILL.
    Killed,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::Killed => "killed",
        }
    }
}
