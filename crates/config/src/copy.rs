use std::path::{Component, Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `copy`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Copy {
    /// Where COPY … TO may write and COPY … FROM may read: absolute paths of directories, with all that is below them.
    /// Any user may then read and replace any file there. Without one, COPY is refused. In the environment separated by
    /// commas.
    /// Default: `[]`.
    pub allowed: Vec<String>,
}

/// Whether a text is an absolute path without `.` and `..`.
pub(crate) fn is_place(text: &str) -> bool {
    let path = Path::new(text);
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    path.is_absolute() && path.components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::is_place;

    #[test]
    fn places_are_absolute() {
        for good in ["/", "/data/out", "/data/out/"] {
            assert!(is_place(good), "{good}");
        }
        for bad in ["", "data", "./data", "/data/../etc", "s3://bucket"] {
            assert!(!is_place(bad), "{bad}");
        }
    }
}
