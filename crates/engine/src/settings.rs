//! The settings that a session can change: a short list, each with its bounds.
//!
//! Whatever is not on it cannot be changed by a client, least of all what concerns the whole server
//! (`datafusion.runtime.*`) or its catalog.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::SessionState;
use datafusion::execution::registry::FunctionRegistry;
use godwit_catalog::{CATALOG, DEFAULT_SCHEMA};
use godwit_config::{Config, WireCompression, WireProfile};
use godwit_protocol::session::OptionValue;

use crate::caps::Caps;
use crate::names::INFORMATION_SCHEMA;
use crate::{Error, Result};

mod list;
mod value;

pub(crate) use list::{SETTINGS, Setting};

/// The bounds and defaults that the configuration gives to settings.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    caps: Arc<Caps>,
    batch_rows: usize,
    target_partitions: usize,
    wire_profile: WireProfile,
    compression: WireCompression,
}

/// What one session has changed.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    bounds: Bounds,
    changed: BTreeMap<&'static str, String>,
}

impl Bounds {
    pub(crate) fn new(config: &Config, caps: Arc<Caps>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            caps,
            batch_rows: config.query.batch_rows,
            target_partitions: config.query.target_partitions.unwrap_or(cores),
            wire_profile: config.wire.profile,
            compression: config.wire.compression,
        }
    }

    /// Limits that can change while the server runs.
    pub(crate) fn caps(&self) -> &Arc<Caps> {
        &self.caps
    }

    /// `query.timeout`
    fn timeout(&self) -> Option<Duration> {
        self.caps.now().timeout
    }

    pub(crate) fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    pub(crate) fn target_partitions(&self) -> usize {
        self.target_partitions
    }
}

impl Settings {
    /// A session that has changed nothing.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            changed: BTreeMap::new(),
        }
    }

    /// The value in force, as text.
    pub(crate) fn get(&self, setting: &Setting) -> String {
        self.changed
            .get(setting.name())
            .cloned()
            .unwrap_or_else(|| self.default_of(setting))
    }

    /// The value that RESET gives back, as text.
    pub(crate) fn default_of(&self, setting: &Setting) -> String {
        match setting.name() {
            "catalog" => CATALOG.to_owned(),
            "schema" => DEFAULT_SCHEMA.to_owned(),
            "timeout" => value::duration_text(self.bounds.timeout().unwrap_or_default()),
            "batch_rows" => self.bounds.batch_rows.to_string(),
            "target_partitions" => self.bounds.target_partitions.to_string(),
            "wire_profile" => self.bounds.wire_profile.name().to_owned(),
            "compression" => self.bounds.compression.name().to_owned(),
            _ => setting.default_text().to_owned(),
        }
    }

    /// Checks and takes a new value. `schemas` are those that there are.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the value is out of bounds or names a schema that does not exist.
    pub(crate) fn set(
        &mut self,
        setting: &'static Setting,
        text: &str,
        schemas: &[String],
    ) -> Result<()> {
        let value = self.checked(setting, text, schemas)?;
        self.changed.insert(setting.name(), value);
        Ok(())
    }

    /// The value as it would be kept, or why it cannot be.
    pub(crate) fn checked(
        &self,
        setting: &Setting,
        text: &str,
        schemas: &[String],
    ) -> Result<String> {
        if setting.name() == "schema" {
            let known = schemas.iter().any(|name| name == text) || text == INFORMATION_SCHEMA;
            return if known {
                Ok(text.to_owned())
            } else {
                Err(Error::invalid(format!(
                    "schema '{text}' does not exist in catalog {CATALOG}"
                )))
            };
        }
        value::check(setting, text, &self.bounds)
    }

    pub(crate) fn reset(&mut self, setting: &Setting) {
        self.changed.remove(setting.name());
    }

    pub(crate) fn reset_all(&mut self) {
        self.changed.clear();
    }

    /// Whether every setting has its default.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.changed.is_empty()
    }

    /// Whether the same settings were changed to the same values; one that was set to its default was changed too.
    pub(crate) fn has_changes_of(&self, other: &Self) -> bool {
        self.changed == other.changed
    }

    /// Whether every setting has the value that it has in another session.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        SETTINGS
            .iter()
            .all(|setting| self.get(setting) == other.get(setting))
    }

    /// The session's schema.
    pub(crate) fn schema(&self) -> &str {
        self.changed
            .get("schema")
            .map_or(DEFAULT_SCHEMA, String::as_str)
    }

    /// How long a statement may take, as far as the session says.
    pub(crate) fn own_timeout(&self) -> Option<Duration> {
        let text = self.changed.get("timeout")?;
        let timeout = humantime::parse_duration(text).ok()?;
        (!timeout.is_zero()).then_some(timeout)
    }

    /// Limits that can change while the server runs.
    pub(crate) fn caps(&self) -> &Arc<Caps> {
        self.bounds.caps()
    }

    /// The most rows that the session wants in a batch, where it said so.
    pub(crate) fn wanted_batch_rows(&self) -> Option<usize> {
        self.changed.get("batch_rows")?.parse().ok()
    }

    /// How many endpoints the result of a query is split over.
    pub(crate) fn endpoints(&self) -> u32 {
        let text = self.changed.get("endpoints");
        text.and_then(|text| text.parse().ok()).unwrap_or(1)
    }

    /// Which types the session wants in its results.
    pub(crate) fn wire_profile(&self) -> WireProfile {
        let wanted = self.changed.get("wire_profile");
        wanted
            .and_then(|name| WireProfile::named(name))
            .unwrap_or(self.bounds.wire_profile)
    }

    /// How the session wants its results compressed.
    pub(crate) fn compression(&self) -> WireCompression {
        let wanted = self.changed.get("compression");
        wanted
            .and_then(|name| WireCompression::named(name))
            .unwrap_or(self.bounds.compression)
    }

    /// All settings as session options.
    pub(crate) fn options(&self) -> BTreeMap<String, OptionValue> {
        SETTINGS
            .iter()
            .map(|setting| {
                (
                    setting.name().to_owned(),
                    setting.option_value(self.get(setting)),
                )
            })
            .collect()
    }

    /// The session state with these settings, from the one that all sessions start with.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine does not take a value that was checked.
    pub(crate) fn apply(&self, base: &SessionState) -> Result<SessionState> {
        let mut state = base.clone();
        let translate = |error| Error::from_datafusion(&error, "settings");
        let options = state.config_mut().options_mut();
        options.catalog.default_schema = self.schema().to_owned();
        for setting in SETTINGS {
            if let (Some(key), Some(value)) =
                (setting.engine_key(), self.changed.get(setting.name()))
            {
                options.set(key, value).map_err(translate)?;
            }
        }
        // Functions such as now() keep the options they were made with.
        let options = state.config().options();
        let updated: Vec<_> = state
            .scalar_functions()
            .values()
            .filter_map(|function| {
                function
                    .inner()
                    .with_updated_config(options)
                    .map(std::sync::Arc::new)
            })
            .collect();
        for function in updated {
            state.register_udf(function).map_err(translate)?;
        }
        Ok(state)
    }
}
