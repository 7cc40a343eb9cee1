//! Lists of names as the catalog writes them: `"a","b""c"`.

/// The names of a list; `None` when it is none.
pub(crate) fn names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = name(rest)?;
        names.push(name);
        rest = after.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
        }
    }
    Some(names)
}

/// The name in quotes that a text begins with, and what comes after it.
pub(crate) fn name(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut name = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_quotes() {
        assert_eq!(names(""), Some(vec![]));
        assert_eq!(
            names(r#""x","a,""b""""#),
            Some(vec!["x".to_owned(), r#"a,"b""#.to_owned()])
        );
        assert_eq!(names("x"), None);
    }
}
