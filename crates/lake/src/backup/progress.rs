use std::fmt::Debug;

use super::{Error, Result};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The catalog is copied, for the first time or again.
    Catalog,
    /// Files of the lake are copied.
    Copy,
    /// Files of a backup are read and compared.
    Verify,
    /// Files of a backup are put back.
    Restore,
}

/// Who is told how far it has come, and says whether to go on.
pub trait Progress: Debug + Send + Sync {
    /// A step begins, with so many files of so many bytes.
    fn begin(&self, step: Step, files: u64, bytes: u64);

    /// So many more bytes are done.
    fn advance(&self, bytes: u64);

    /// Whether to give up. Asked after every few bytes.
    fn is_stopped(&self) -> bool;
}

/// Notes bytes, and ends the work where that is wished.
pub(super) fn advance(progress: &dyn Progress, bytes: usize) -> Result<()> {
    progress.advance(bytes as u64);
    go_on(progress)
}

pub(super) fn go_on(progress: &dyn Progress) -> Result<()> {
    match progress.is_stopped() {
        true => Err(Error::Stopped),
        false => Ok(()),
    }
}
