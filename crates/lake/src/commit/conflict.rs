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
    let mine = Mine::of(changes);
    if let Some(mut said) = commit.memory.said_after(base.0) {
        return said.try_for_each(|(snapshot, words)| against(&mine, snapshot, words));
    }
    let sql = "SELECT snapshot_id, changes_made FROM ducklake_snapshot_changes WHERE snapshot_id > $1 ORDER BY snapshot_id";
    let rows = commit.writing.query(sql, &[base.0.into()]).await?;
    let expected = newest.0.checked_sub(base.0);
    if expected != i64::try_from(rows.len()).ok() {
        return Err(Error::conflict(format!(
            "snapshots between {base}, which the transaction began with, and {newest} are not there any more, so nobody \
             knows what they changed; {RETRY}"
        )));
    }
    for row in &rows {
        against(&mine, row.int(0)?, row.opt_text(1)?.unwrap_or_default())?;
    }
    Ok(())
}

fn against(mine: &Mine, snapshot: i64, words: &str) -> Result<()> {
    for theirs in theirs::parse(words) {
        if let Some(what) = mine.against(&theirs) {
            return Err(Error::conflict(format!(
                "another transaction committed first: {what} by snapshot {snapshot}; {RETRY}"
            )));
        }
    }
    Ok(())
}

const RETRY: &str = "nothing of this one was kept, and it can be tried again";
