use std::path::PathBuf;

use godwit_config::{Config, Problems, Sources, load};
use tempfile::TempDir;

/// A hash of the right form.
pub(crate) const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSeeZoFTx5oXZPk";

/// Layers that a test puts together.
#[derive(Default)]
pub(crate) struct Layers {
    sources: Sources,
    dir: Option<TempDir>,
}

impl Layers {
    pub(crate) fn file(mut self, toml: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("godwit.toml");
        std::fs::write(&path, toml).unwrap();
        self.sources.file = Some(path);
        self.dir = Some(dir);
        self
    }

    pub(crate) fn missing_file(mut self) -> Self {
        self.sources.file = Some(PathBuf::from("no/such/godwit.toml"));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn flag(mut self, key: &str, value: &str) -> Self {
        let spelling = format!("--{}", key.replace(['.', '_'], "-"));
        self.sources
            .flags
            .push((key.to_owned(), value.to_owned(), spelling));
        self
    }

    pub(crate) fn load(&self) -> Result<Config, Problems> {
        load(&self.sources)
    }

    pub(crate) fn config(&self) -> Config {
        self.load().unwrap()
    }

    /// The problems, one a line, with the directory of the file left out.
    pub(crate) fn problems(&self) -> Vec<String> {
        let text = self.load().unwrap_err().to_string();
        let dir = self
            .dir
            .as_ref()
            .map(|dir| format!("{}/", dir.path().display()));
        text.lines()
            .map(|line| match &dir {
                Some(dir) => line.replace(dir, ""),
                None => line.to_owned(),
            })
            .collect()
    }
}
