use godwit_audit::{Event, Outcome};

use super::{Ended, Open};

impl Open {
    /// Has it noted how the transaction ended; of a commit that failed, with which error.
    pub(super) fn note(&self, how: &Ended, code: Option<&'static str>) {
        let (outcome, detail) = match how {
            Ended::Committed => (Outcome::Finished, None),
            Ended::RolledBack => (Outcome::RolledBack, None),
            Ended::Failed(_) => (Outcome::Failed, None),
            Ended::Expired(_) => (
                Outcome::RolledBack,
                Some("nobody used it (lake.transaction_idle_timeout)"),
            ),
            Ended::Closed => (Outcome::RolledBack, Some("its session has ended")),
        };
        let ended = godwit_audit::Ended {
            milliseconds: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome,
            code: code.unwrap_or("ok"),
            detail: detail.map(str::to_owned),
            ..godwit_audit::Ended::default()
        };
        self.auditor.record(Event::TransactionEnded {
            user: self.user.as_str().into(),
            session: self.session.to_string().into(),
            transaction: self.id.to_string(),
            ended,
        });
    }
}
