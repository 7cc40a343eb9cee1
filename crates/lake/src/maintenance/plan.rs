//! Which parts of a content are worth being joined.

use crate::{Content, Part, Rows};

/// Which parts are looked at, and from when on they are worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Everything that can be joined.
    All,
    /// Rows that are in the catalog, and nothing else.
    Flush,
    /// So many small files of a table at least, or so many rows in the catalog: reading a table reads all that it has there.
    Worth { files: usize, rows: u64 },
}

/// Parts that become one file, or a few where they turn out larger.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Their places in the content, in order.
    pub(super) parts: Vec<usize>,
}

/// The groups of a content, for files of so many bytes.
pub(super) fn groups(content: &Content, target_bytes: u64, aim: Aim) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut bytes = 0;
    for (place, part) in content.parts.iter().enumerate() {
        let Some(size) = size(part, target_bytes).filter(|_| aim != Aim::Flush || !is_file(part))
        else {
            continue;
        };
        if bytes + size > target_bytes && !open.is_empty() {
            groups.push(std::mem::take(&mut open));
            bytes = 0;
        }
        open.push(place);
        bytes += size;
    }
    groups.push(open);
    let is_worth_it = |parts: &Vec<usize>| {
        let parts = || parts.iter().filter_map(|&place| content.parts.get(place));
        let files = parts().filter(|part| is_file(part)).count();
        let rows: u64 = parts()
            .filter(|part| !is_file(part))
            .map(Part::live_rows)
            .sum();
        let rewritten = parts().any(|part| is_file(part) && is_mostly_deleted(part));
        rewritten
            || match aim {
                Aim::All | Aim::Flush => files > 1 || rows > 0,
                Aim::Worth {
                    files: from,
                    rows: from_rows,
                } => files >= from || rows >= from_rows,
            }
    };
    groups.retain(is_worth_it);
    groups.into_iter().map(|parts| Group { parts }).collect()
}

/// How many bytes a part adds to a file, roughly; `None` for one that is better left where it is.
fn size(part: &Part, target_bytes: u64) -> Option<u64> {
    match &part.rows {
        Rows::Inlined(_) => Some(0),
        Rows::File(file) => {
            let live = part.live_rows();
            let is_small = file.bytes <= target_bytes / 2;
            let bytes = u128::from(file.bytes) * u128::from(live) / u128::from(file.rows.max(1));
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            (is_small || is_mostly_deleted(part)).then_some(bytes)
        }
    }
}

fn is_file(part: &Part) -> bool {
    matches!(part.rows, Rows::File(_))
}

fn is_mostly_deleted(part: &Part) -> bool {
    part.live_rows() * 2 <= part.rows()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{DataFile, Deleted};

    fn file(bytes: u64, deleted: u64) -> Part {
        let file = DataFile {
            id: None,
            path: String::new(),
            rows: 10,
            bytes,
            footer_bytes: None,
            row_id_start: None,
            embeds_row_ids: false,
            begin: None,
            only_until: None,
            mapping: None,
            stats: Arc::default(),
        };
        Part {
            rows: Rows::File(Arc::new(file)),
            deleted: (deleted > 0).then(|| Arc::new(Deleted::of(10, 0..deleted))),
        }
    }

    const WORTH: Aim = Aim::Worth {
        files: 8,
        rows: 1000,
    };

    fn places(parts: Vec<Part>, aim: Aim) -> Vec<Vec<usize>> {
        let groups = groups(&Content { parts }, 100, aim);
        groups.into_iter().map(|group| group.parts).collect()
    }

    #[test]
    fn small_files_are_joined_up_to_the_target() {
        let parts = vec![
            file(40, 0),
            file(90, 0),
            file(40, 0),
            file(30, 0),
            file(5, 0),
        ];
        assert_eq!(places(parts.clone(), Aim::All), [vec![0, 2], vec![3, 4]]);
        assert!(places(parts.clone(), WORTH).is_empty());
        assert!(places(parts, Aim::Flush).is_empty());
        assert_eq!(places(vec![file(1, 0); 8], WORTH), [Vec::from_iter(0..8)]);
        assert!(places(vec![file(1, 0)], Aim::All).is_empty());
    }

    #[test]
    fn files_of_deleted_rows_are_rewritten() {
        assert_eq!(places(vec![file(90, 5), file(90, 4)], WORTH), [vec![0]]);
        assert!(places(vec![file(90, 5)], Aim::Flush).is_empty());
    }
}
