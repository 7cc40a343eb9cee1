//! One run of a statement, as it is shown and kept: while it runs and when it has ended.

use std::time::Duration;

use godwit_audit::{Ended, Outcome, Statement};
use serde::{Deserialize, Serialize};

use crate::running::{Live, Phase};

/// How much of an error's message is kept, in bytes.
const LONGEST: usize = 2048;

/// What is known about a run at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) query_id: String,
    pub(crate) user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    pub(crate) kind: String,
    pub(crate) sql: String,
    /// `queued`, `planning`, `running`, `finished`, `failed`, `cancelled` or `killed`.
    pub(crate) state: String,
    /// In microseconds since 1970, as all times are.
    pub(crate) started: i64,
    /// How long it waited, in microseconds, as all durations are.
    pub(crate) queued: u64,
    pub(crate) planning: u64,
    pub(crate) executing: u64,
    pub(crate) sending: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peak_memory: Option<u64>,
    pub(crate) spilled: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<i64>,
}

/// A run that has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub(crate) known: Known,
    pub(crate) ended: i64,
    /// `ok`, or which error it was.
    pub(crate) code: String,
    /// The message of the error, where it may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// How it ran, of one that took long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
}

impl Known {
    /// What is known about a run now.
    pub(crate) fn of(statement: &Statement, live: &Live) -> Self {
        let times = live.times();
        let state = match live.phase() {
            Phase::Queued => "queued",
            Phase::Planning => "planning",
            Phase::Executing | Phase::Sending => "running",
        };
        Self {
            query_id: statement.query_id.to_string(),
            user: statement.user.to_string(),
            session: statement.session.as_deref().map(str::to_owned),
            kind: statement.kind.to_owned(),
            sql: statement.sql.to_string(),
            state: state.to_owned(),
            started: live.time,
            queued: micros(times.queued),
            planning: micros(times.planning),
            executing: micros(times.executing),
            sending: micros(times.sending),
            rows: live.rows(),
            bytes: live.bytes(),
            peak_memory: live.peak_memory(),
            spilled: live.spilled(),
            snapshot: live.snapshot,
        }
    }
}

impl Entry {
    /// What is known about a run that ends now.
    pub(crate) fn ending(
        statement: &Statement,
        live: &Live,
        ended: &Ended,
        plan: Option<String>,
    ) -> Self {
        let state = match ended.outcome {
            Outcome::Finished => "finished",
            Outcome::Failed => "failed",
            Outcome::Cancelled | Outcome::RolledBack => "cancelled",
            Outcome::Killed => "killed",
        };
        let killed = live.killer().filter(|_| ended.outcome == Outcome::Killed);
        let killed = killed.map(|killer| killer.message().to_owned());
        let mut error = killed.or_else(|| ended.detail.clone());
        if let Some(error) = &mut error {
            error.truncate(error.floor_char_boundary(LONGEST));
        }
        let known = Known::of(statement, live);
        // After its parts, which are not to be more than the whole.
        let time = i64::try_from(live.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        Self {
            known: Known {
                state: state.to_owned(),
                ..known
            },
            ended: live.time.saturating_add(time),
            code: ended.code.to_owned(),
            error,
            plan,
        }
    }

    pub(crate) fn ended_at(&self) -> i64 {
        self.ended
    }

    /// What it takes in memory, in bytes, or a little less.
    pub(crate) fn size(&self) -> u64 {
        let known = &self.known;
        let texts = [&known.query_id, &known.user, &known.sql].map(String::len);
        let texts = texts.iter().sum::<usize>();
        let more = [&known.session, &self.error, &self.plan];
        let more = more.map(|text| text.as_ref().map_or(0, String::len));
        (size_of::<Self>() + texts + more.iter().sum::<usize>()) as u64
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
