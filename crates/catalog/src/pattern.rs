use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// A glob, cut into the folder to start in and what must match below it.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// The folders before the first wildcard.
    pub(crate) base: PathBuf,
    whole: GlobMatcher,
    /// One matcher for each folder level that the pattern spells out, up to the first `**`.
    levels: Vec<GlobMatcher>,
    /// Whether the pattern matches at any depth below those levels.
    deep: bool,
}

impl Pattern {
    /// Whether a path holds a wildcard at all.
    pub(crate) fn has_wildcard(path: &Path) -> bool {
        path.components().any(|part| is_wild(part.as_os_str()))
    }

    /// Cuts a path in two at its first wildcard.
    pub(crate) fn parse(path: &Path) -> Result<Self, String> {
        let mut base = PathBuf::new();
        let mut parts = Vec::new();
        for component in path.components() {
            let part = component.as_os_str();
            if parts.is_empty() && !is_wild(part) {
                base.push(part);
            } else if matches!(component, Component::ParentDir | Component::CurDir) {
                return Err("a pattern cannot go up after its first wildcard".to_owned());
            } else {
                let text = part.to_str().ok_or("a pattern must be valid Unicode")?;
                parts.push(text.to_owned());
            }
        }
        let whole = matcher(&parts.join("/"))?;
        let spelled = parts.iter().take_while(|part| !part.contains("**"));
        let levels = spelled
            .map(|part| matcher(part))
            .collect::<Result<Vec<_>, _>>()?;
        let deep = levels.len() < parts.len();
        Ok(Self {
            base,
            whole,
            levels,
            deep,
        })
    }

    /// Whether this path below the base matches in full. A folder that does is taken with all that is in it.
    pub(crate) fn matches(&self, relative: &Path) -> bool {
        self.whole.is_match(relative)
    }

    /// Whether something below this folder can match.
    pub(crate) fn leads_on(&self, relative: &Path) -> bool {
        let mut depth = 0;
        for part in relative.components() {
            match self.levels.get(depth) {
                Some(level) if level.is_match(part.as_os_str()) => depth += 1,
                Some(_) => return false,
                None => return self.deep,
            }
        }
        self.deep || depth < self.levels.len()
    }
}

fn is_wild(part: &OsStr) -> bool {
    part.as_encoded_bytes()
        .iter()
        .any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'{'))
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| error.to_string())?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let pattern = Pattern::parse(Path::new(pattern)).unwrap();
        assert_eq!(pattern.base, Path::new("/data"));
        for path in yes {
            assert!(pattern.matches(Path::new(path)), "{path}");
            for folder in Path::new(path).ancestors().skip(1) {
                assert!(pattern.leads_on(folder), "{path} through {folder:?}");
            }
        }
        for path in no {
            assert!(!pattern.matches(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        check("/data/*.csv", &["a.csv"], &["a.txt", "b/a.csv"]);
        check(
            "/data/year=*/part-?.csv",
            &["year=1/part-0.csv"],
            &["year=1/x/part-0.csv", "part-0.csv"],
        );
        check("/data/{a,b}/*.csv", &["a/1.csv", "b/1.csv"], &["c/1.csv"]);
    }

    #[test]
    fn two_stars_go_down() {
        check(
            "/data/**/*.csv",
            &["a.csv", "b/a.csv", "b/c/a.csv"],
            &["a.txt"],
        );
        check("/data/x*/**", &["x1/a.csv", "x1/b/a.csv"], &["y/a.csv"]);
    }

    #[test]
    fn folders_that_cannot_match_are_not_entered() {
        let pattern = Pattern::parse(Path::new("/data/a*/b.csv")).unwrap();
        assert!(pattern.leads_on(Path::new("a1")));
        assert!(!pattern.leads_on(Path::new("b1")));
        assert!(!pattern.leads_on(Path::new("a1/c")));
    }

    #[test]
    fn bad_patterns_say_why() {
        assert!(Pattern::parse(Path::new("/data/[a")).is_err());
        assert!(Pattern::parse(Path::new("/data/*/../x")).is_err());
    }
}
