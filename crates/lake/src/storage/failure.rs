use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use crate::Error;

/// What an error of an object store means for the lake.
pub(super) fn failed(place: &str, why: &object_store::Error) -> Error {
    if let object_store::Error::NotFound { .. } = why {
        return Error::broken(format!(
            "{place}: the catalog knows a file that is not there: {}",
            chain(why)
        ));
    }
    let message = format!("{place}: {}", chain(why));
    match cause(why) {
        Some(io) if is_full(io) => Error::full(message),
        _ => Error::unavailable(message),
    }
}

/// What an error of the file system means for the lake.
pub(super) fn failed_io(place: &str, why: &io::Error) -> Error {
    let message = format!("{place}: {why}");
    if is_full(why) {
        Error::full(message)
    } else {
        Error::unavailable(message)
    }
}

fn is_full(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

fn cause(why: &object_store::Error) -> Option<&io::Error> {
    let mut cause = why.source();
    while let Some(why) = cause {
        if let Some(io) = why.downcast_ref() {
            return Some(io);
        }
        cause = why.source();
    }
    None
}

/// An error with those causes that it does not tell itself, in one line.
pub fn chain(why: &dyn StdError) -> String {
    let mut text = why.to_string();
    let mut cause = why.source();
    while let Some(why) = cause {
        let said = why.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = why.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
