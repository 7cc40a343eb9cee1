//! First committer wins.

use super::mine::Mine;
use super::{Changes, Commit, theirs};
use crate::{Error, Result, SnapshotId};

/// Whether a commit after the one that the transaction began with excludes its changes.
///
/// # Errors
/// [`Error::Conflict`] saying what the other one did.
pub(super) async fn check(
    commit: &mut Commit<'_>,
    base: SnapshotId,
    changes: &Changes,
) -> Result<()> {
    let newest = commit.numbers.newest;
    if newest == base {
        return Ok(());
    }
    let sql = format!(
        "SELECT snapshot_id, changes_made FROM ducklake_snapshot_changes WHERE snapshot_id > {base} ORDER BY snapshot_id"
    );
    let rows = commit.writing.query(&sql, &[]).await?;
    let expected = newest.0.checked_sub(base.0);
    if expected != i64::try_from(rows.len()).ok() {
        return Err(Error::conflict(format!(
            "snapshots between {base}, which the transaction began with, and {newest} are not there any more, so nobody \
             knows what they changed; {RETRY}"
        )));
    }
    let mine = Mine::of(changes);
    for row in &rows {
        for theirs in theirs::parse(row.opt_text(1)?.unwrap_or_default()) {
            if let Some(what) = mine.against(&theirs) {
                return Err(Error::conflict(format!(
                    "another transaction committed first: {what} by snapshot {}; {RETRY}",
                    row.int(0)?
                )));
            }
        }
    }
    Ok(())
}

const RETRY: &str = "nothing of this one was kept, and it can be tried again";
