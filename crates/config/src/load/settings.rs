use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::{Table, Value};

use crate::keys::{self, Found, Key};
use crate::problem::{Origin, Problem};
use crate::secret::HIDDEN;
use crate::{Check, Config, Secret};

/// How much of a wrong value a message shows.
const SHOWN: usize = 80;

/// Not a key, so that the password never stands in a file that also holds other things, or in a list of processes.
pub(crate) const PASSWORD: [&str; 2] = ["admin", "password"];

const PASSWORD_HAS_NO_KEY: &str = "unknown key; a password is only read from the environment variable \
     GODWIT_ADMIN_PASSWORD, or from the file that admin.password_file names";

/// What the layers read so far have set, and what was wrong with it.
#[derive(Debug)]
pub(crate) struct Settings {
    set: BTreeMap<Vec<String>, (Value, Origin)>,
    /// Entries that the operator named, with the place of the first mention.
    entries: BTreeMap<Vec<String>, Origin>,
    bad: BTreeSet<Vec<String>>,
    password: Option<(Secret, Origin)>,
    problems: Vec<Problem>,
    checks: Vec<Check>,
    defaults: Table,
    incomplete: bool,
}

impl Settings {
    pub(crate) fn new(checks: &[Check]) -> Self {
        Self {
            set: BTreeMap::new(),
            entries: BTreeMap::new(),
            bad: BTreeSet::new(),
            password: None,
            problems: Vec::new(),
            checks: checks.to_vec(),
            defaults: Table::try_from(Config::default()).unwrap_or_default(),
            incomplete: false,
        }
    }

    /// Takes a value for a key, or notes what is wrong with it.
    pub(crate) fn set(&mut self, path: Vec<String>, key: &Key, value: Value, origin: Origin) {
        self.mention(&path, &origin);
        match self.check(&path, key, &value) {
            Ok(()) => {
                self.bad.remove(&path);
                self.set.insert(path, (value, origin));
            }
            Err(allowed) => {
                self.problem(&path, Some(&value), origin, allowed);
                self.bad.insert(path);
            }
        }
    }

    /// Notes that an entry of `users`, `mounts` or the like exists, even if it is empty.
    pub(crate) fn mention(&mut self, path: &[String], origin: &Origin) {
        if let Some(entry) = keys::entry_of(path) {
            self.entries
                .entry(entry.to_vec())
                .or_insert_with(|| origin.clone());
        }
    }

    pub(crate) fn set_password(&mut self, password: Secret, origin: Origin) {
        self.password = Some((password, origin));
    }

    /// Notes that a whole layer could not be read, so that nothing can be said about rules between keys.
    pub(crate) fn set_incomplete(&mut self) {
        self.incomplete = true;
    }

    pub(crate) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Notes a problem with a path.
    pub(crate) fn problem(
        &mut self,
        path: &[String],
        value: Option<&Value>,
        origin: Origin,
        allowed: impl Into<String>,
    ) {
        let value = value.map(|value| show(path, value));
        self.problems.push(Problem {
            key: keys::dotted(path),
            value,
            origin,
            allowed: allowed.into(),
        });
    }

    /// Notes that a name is no key, and which one was probably meant.
    pub(crate) fn unknown(&mut self, path: &[String], value: Option<&Value>, origin: Origin) {
        let Some((name, above)) = path.split_last() else {
            return;
        };
        if path == PASSWORD {
            self.problem(path, value, origin, PASSWORD_HAS_NO_KEY);
            return;
        }
        let siblings = keys::names(above);
        let elsewhere: Vec<Vec<String>> = keys::fixed()
            .map(|(path, _)| path)
            .filter(|known| known.last() == Some(name))
            .collect();
        let meant = keys::nearest(name, siblings.iter().copied())
            .map(|sibling| [above, &[sibling.to_owned()]].concat())
            .or_else(|| elsewhere.first().cloned());
        let allowed = match meant {
            Some(meant) => format!("unknown key; did you mean {}?", keys::dotted(&meant)),
            None if siblings.is_empty() => "unknown key".to_owned(),
            None => format!("unknown key; known here: {}", siblings.join(", ")),
        };
        self.problem(path, value, origin, allowed);
    }

    /// Notes the keys that an entry must have and lacks.
    pub(crate) fn require(&mut self) {
        for (path, origin) in self.entries.clone() {
            let Found::Entry(level) = keys::find(&path) else {
                continue;
            };
            for name in &level.required {
                let key = [path.as_slice(), std::slice::from_ref(name)].concat();
                if !self.set.contains_key(&key) && !self.bad.contains(&key) {
                    self.bad.insert(key.clone());
                    self.problem(&key, None, origin.clone(), "missing; the key is required");
                }
            }
        }
    }

    /// The configuration that the good values give. Bad ones stand at their default, required ones at their example.
    pub(crate) fn config(&mut self) -> Option<Config> {
        let mut table = self.defaults.clone();
        for path in self.entries.keys() {
            place_required(&mut table, path);
        }
        for (path, (value, _)) in &self.set {
            place(&mut table, path, value.clone());
        }
        match Config::deserialize(table) {
            Ok(mut config) => {
                let password = self.password.as_ref();
                config.admin.password = password.map(|(password, _)| password.clone());
                Some(config)
            }
            Err(why) => {
                self.problem(&[], None, Origin::Default, one_line(why.message()));
                None
            }
        }
    }

    /// Whether a path was set to something wrong, so that its value in the configuration is not the operator's.
    pub(crate) fn is_bad(&self, path: &[String]) -> bool {
        self.bad.contains(path)
    }

    /// The written value of a path and where it comes from.
    pub(crate) fn written(&self, path: &[String]) -> Option<(&Value, &Origin)> {
        self.set.get(path).map(|(value, origin)| (value, origin))
    }

    /// Where the admin's password comes from.
    pub(crate) fn password_origin(&self) -> Option<&Origin> {
        self.password.as_ref().map(|(_, origin)| origin)
    }

    /// Where an entry is mentioned first.
    pub(crate) fn entry_origin(&self, path: &[String]) -> Option<&Origin> {
        self.entries.get(path)
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn check(&self, path: &[String], key: &Key, value: &Value) -> Result<(), String> {
        let must = || format!("must be {}", key.kind.allowed());
        let mut table = self.defaults.clone();
        place_required(&mut table, path);
        place(&mut table, path, value.clone());
        Config::deserialize(table).map_err(|_| must())?;
        if !key.kind.admits(value) {
            return Err(must());
        }
        let dotted = keys::dotted(path);
        for check in self.checks.iter().filter(|check| check.key == dotted) {
            (check.rule)(value.as_str().unwrap_or_default())?;
        }
        Ok(())
    }
}

/// A value as a message shows it: one line, shortened, secrets hidden.
pub(crate) fn show(path: &[String], value: &Value) -> String {
    if is_secret(path) {
        return HIDDEN.to_owned();
    }
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        value => one_line(&value.to_string()),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether a value may be a secret: also under a mistyped key, or written where it does not belong.
fn is_secret(path: &[String]) -> bool {
    let known = |name: &String| keys::names(&path[..1]).contains(&name.as_str());
    let open = |name: &String| known(name) && name != "catalog" && !name.contains("secret");
    path.first().is_some_and(|section| section == "users")
        || path.len() > 1 && path[0] == "lake" && !path.last().is_some_and(open)
        || path
            .last()
            .is_some_and(|name| name.contains("pass") && name != "password_file")
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fills the keys that the entry of this path must have with their examples.
fn place_required(table: &mut Table, path: &[String]) {
    let Some(entry) = keys::entry_of(path) else {
        return;
    };
    let Found::Entry(level) = keys::find(entry) else {
        return;
    };
    for name in &level.required {
        let path = [entry, std::slice::from_ref(name)].concat();
        if let Found::Key(key) = keys::find(&path)
            && let Some(example) = &key.example
        {
            place(table, &path, example.clone());
        }
    }
}

fn place(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            table.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let below = table
                .entry(name.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(below) = below {
                place(below, rest, value);
            }
        }
    }
}
