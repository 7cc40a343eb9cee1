use std::path::{Path, PathBuf};

use rand::Rng;
use rand::distr::Alphanumeric;

use crate::data_dir::{read_private, write_private};
use crate::error::{Error, Result};

const FILE: &str = "demo-password";
const LENGTH: usize = 20;

/// The demo's password and the file that keeps it; the first start makes it. Letters and digits only, so that it can stand
/// in a URL and in quotes as it is.
pub(super) fn open(data_dir: &Path) -> Result<(PathBuf, String)> {
    let path = data_dir.join(FILE);
    let password = match read_private(&path)? {
        Some(content) => String::from_utf8(content)
            .map_err(|_| Error::data_dir(&path, "not a text"))?
            .trim_end()
            .to_owned(),
        None => {
            let password: String = rand::rng()
                .sample_iter(&Alphanumeric)
                .take(LENGTH)
                .map(char::from)
                .collect();
            write_private(&path, format!("{password}\n").as_bytes())?;
            password
        }
    };
    Ok((path, password))
}

#[cfg(test)]
mod tests {
    use super::open;

    #[test]
    fn the_password_stays() {
        let root = tempfile::tempdir().unwrap();
        let (path, first) = open(root.path()).unwrap();
        assert_eq!(first.len(), 20);
        assert_eq!(open(root.path()).unwrap(), (path, first));
    }
}
