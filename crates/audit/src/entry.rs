use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::event::{Ended, Event, Login, Statement};

/// How much is kept of a text that is no statement, in bytes.
const LONGEST: usize = 2048;

/// An event as a line of a file holds it: one JSON object. What an event does not have is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened, in microseconds since 1970; RFC 3339 in UTC in the file.
    #[serde(with = "time")]
    pub time: i64,
    /// What happened: `login`, `statement_start`, `statement_end`, `denied`, `access_changed`, `transaction_end`, `lost`.
    pub event: String,
    /// Who did it, or claimed to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Address and port of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With what a caller proved who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// What the events of one statement share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// What kind of statement or call it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Rows that it gave or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// What these took in memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// `finished`, `failed`, `cancelled`, `rolled back`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// `ok`, or which error it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The message of an error, what was refused, or what was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Entry {
    /// The entry of an event that happened at this time, in microseconds since 1970.
    pub(crate) fn of(time: i64, event: Event) -> Self {
        let entry = match event {
            Event::Login(login) => Self::login(login),
            Event::StatementStarted(statement) => Self {
                event: "statement_start".to_owned(),
                ..Self::statement(&statement)
            },
            Event::StatementEnded(statement, ended) => Self {
                event: "statement_end".to_owned(),
                ..Self::statement(&statement).ended(ended)
            },
            Event::Denied {
                user,
                query_id,
                what,
            } => Self {
                event: "denied".to_owned(),
                user: Some(cut(&user)),
                query_id: query_id.map(|id| id.to_string()),
                detail: Some(cut(&what)),
                ..Self::default()
            },
            Event::AccessChanged { statement, what } => Self {
                event: "access_changed".to_owned(),
                detail: Some(cut(&what)),
                ..Self::statement(&statement)
            },
            Event::TransactionEnded {
                user,
                session,
                transaction,
                ended,
            } => Self {
                event: "transaction_end".to_owned(),
                user: Some(cut(&user)),
                session_id: Some(session.to_string()),
                query_id: Some(transaction),
                ..Self::default().ended(ended)
            },
            Event::Lost(lost) => Self {
                event: "lost".to_owned(),
                detail: Some(format!(
                    "{lost} events before this one could not be written"
                )),
                ..Self::default()
            },
        };
        Self { time, ..entry }
    }

    fn login(login: Login) -> Self {
        let outcome = if login.failure.is_none() {
            "finished"
        } else {
            "failed"
        };
        Self {
            event: "login".to_owned(),
            user: login.user.as_deref().map(cut),
            address: login.address.map(|address| address.to_string()),
            how: Some(login.how),
            query_id: login.query_id,
            kind: Some(login.call),
            outcome: Some(outcome.to_owned()),
            code: Some(login.failure.unwrap_or("ok").to_owned()),
            detail: (login.repeats > 0)
                .then(|| format!("{} more like the one that was noted", login.repeats)),
            ..Self::default()
        }
    }

    fn statement(statement: &Statement) -> Self {
        Self {
            user: Some(cut(&statement.user)),
            query_id: Some(statement.query_id.to_string()),
            session_id: statement.session.as_ref().map(ToString::to_string),
            kind: Some(statement.kind.to_owned()),
            sql: Some(statement.sql.to_string()),
            ..Self::default()
        }
    }

    fn ended(self, ended: Ended) -> Self {
        Self {
            rows: Some(ended.rows),
            bytes: Some(ended.bytes),
            milliseconds: Some(ended.milliseconds),
            outcome: Some(ended.outcome.name().to_owned()),
            code: Some(ended.code.to_owned()),
            detail: ended.detail.as_deref().map(cut),
            ..self
        }
    }
}

fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(LONGEST)])
}

/// RFC 3339 with microseconds, in UTC.
mod time {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{DateTime, SecondsFormat, Utc};

    pub(super) fn serialize<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        let time = DateTime::<Utc>::from_timestamp_micros(*time).unwrap_or_default();
        serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
        Ok(time.timestamp_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    #[test]
    fn a_line_comes_back_as_it_was() {
        let statement = Statement {
            query_id: "ab".into(),
            user: "ada \"quoted\"\n".into(),
            session: Some("s".into()),
            kind: "query",
            sql: "select 'line\nbreak', '\u{7f}'".into(),
        };
        let ended = Ended {
            rows: 3,
            outcome: Outcome::Failed,
            code: "not_found",
            detail: Some("é".repeat(LONGEST)),
            ..Ended::default()
        };
        let entry = Entry::of(
            1_700_000_000_123_456,
            Event::StatementEnded(statement.into(), ended),
        );
        let line = serde_json::to_string(&entry).unwrap();
        assert!(!line.contains('\n'), "{line}");
        assert!(
            line.starts_with(r#"{"time":"2023-11-14T22:13:20.123456Z","event":"statement_end""#)
        );
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
        assert!(entry.detail.unwrap().len() < LONGEST + 8);
    }
}
