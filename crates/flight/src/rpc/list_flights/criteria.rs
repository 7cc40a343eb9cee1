//! Which tables a ListFlights is about.

use godwit_engine::TableEntry;
use serde::Deserialize;

use crate::metadata::like::Pattern;
use crate::metadata::{in_catalog, table_types};
use crate::{Error, Result};

/// What the criteria ask for. They are empty for all tables; or a LIKE pattern on a table's name, or on its schema and
/// name with a dot between; or a JSON object, as
/// `{"catalog": "godwit", "schema": "fil%", "table": "%", "types": ["TABLE"]}`, each key of which may be left out.
#[derive(Debug, Default)]
pub(super) struct Filter {
    either: Option<Pattern>,
    catalog: Option<String>,
    schema: Option<Pattern>,
    table: Option<Pattern>,
    types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    catalog: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    #[serde(default)]
    types: Vec<String>,
}

impl Filter {
    /// # Errors
    /// INVALID_ARGUMENT for what is no text, and for an object that is no JSON or has a key that is not known.
    pub(super) fn read(expression: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(expression).map_err(|_| {
            let text = "the criteria are no UTF-8 text; they are a LIKE pattern or a JSON object";
            Error::Invalid(text.to_owned())
        })?;
        if text.is_empty() {
            return Ok(Self::default());
        }
        if !text.trim_start().starts_with('{') {
            return Ok(Self {
                either: Some(Pattern::parse(text)),
                ..Self::default()
            });
        }
        let written: Written = serde_json::from_str(text)
            .map_err(|error| Error::Invalid(format!("the criteria cannot be read: {error}")))?;
        Ok(Self {
            either: None,
            catalog: written.catalog,
            schema: written.schema.as_deref().map(Pattern::parse),
            table: written.table.as_deref().map(Pattern::parse),
            types: written.types,
        })
    }

    /// Whether a table passes, its catalog aside.
    pub(super) fn admits(&self, table: &TableEntry) -> bool {
        let matches = |pattern: &Option<Pattern>, name: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(name))
        };
        let either = self.either.as_ref().is_none_or(|pattern| {
            let qualified = format!("{}.{}", table.schema, table.name);
            pattern.matches(&table.name) || pattern.matches(&qualified)
        });
        either
            && matches(&self.schema, &table.schema)
            && matches(&self.table, &table.name)
            && table_types::is_wanted(table.kind, &self.types)
    }

    /// Whether tables of a catalog pass.
    pub(super) fn admits_catalog(&self, catalog: &str) -> bool {
        in_catalog(self.catalog.as_deref(), catalog)
    }
}

#[cfg(test)]
mod tests {
    use godwit_engine::TableKind;

    use super::*;

    fn admitted(criteria: &str) -> Vec<&'static str> {
        let filter = Filter::read(criteria.as_bytes()).unwrap();
        let tables = [
            ("files", "people", TableKind::Table),
            ("files", "{odd}", TableKind::Table),
            ("lake", "orders", TableKind::View),
            ("system", "queries", TableKind::SystemTable),
        ];
        let entry = |(schema, name, kind): (&str, &str, _)| TableEntry {
            schema: schema.to_owned(),
            name: name.to_owned(),
            kind,
        };
        let tables = tables.into_iter();
        let admitted = tables.filter(|table| filter.admits(&entry(*table)));
        admitted.map(|(_, name, _)| name).collect()
    }

    #[test]
    fn patterns_and_filters() {
        let all = ["people", "{odd}", "orders", "queries"];
        for criteria in ["", "%", "{}", " {\"table\": \"%\"} ", r#"{"schema": null}"#] {
            assert_eq!(admitted(criteria), all, "{criteria}");
        }
        for (criteria, names) in [
            ("peo%", vec!["people"]),
            ("files.%", vec!["people", "{odd}"]),
            (r"\{odd}", vec!["{odd}"]),
            (r#"{"schema": "files"}"#, vec!["people", "{odd}"]),
            (r#"{"schema": "l%", "table": "o%"}"#, vec!["orders"]),
            (
                r#"{"types": ["view", "BASE TABLE"]}"#,
                vec!["people", "{odd}", "orders"],
            ),
            (r#"{"types": ["SYNONYM"]}"#, vec![]),
            (r#"{"types": []}"#, all.to_vec()),
            (r#"{"table": "files.people"}"#, vec![]),
        ] {
            assert_eq!(admitted(criteria), names, "{criteria}");
        }
    }

    #[test]
    fn catalogs_are_names() {
        let filter = |criteria: &str| Filter::read(criteria.as_bytes()).unwrap();
        assert!(filter("{}").admits_catalog("godwit"));
        assert!(filter(r#"{"catalog": "godwit"}"#).admits_catalog("godwit"));
        assert!(!filter(r#"{"catalog": "god%"}"#).admits_catalog("godwit"));
        assert!(!filter(r#"{"catalog": ""}"#).admits_catalog("godwit"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (criteria, named) in [
            (r#"{"tables": "a"}"#, "tables"),
            (r#"{"table": 1}"#, "string"),
            (r#"{"types": "TABLE"}"#, "sequence"),
            (r#"{"table": "a""#, "EOF"),
            (r#"{"table": "a"} b"#, "trailing"),
        ] {
            let Err(Error::Invalid(text)) = Filter::read(criteria.as_bytes()) else {
                panic!("{criteria}");
            };
            assert!(text.contains(named), "{text}");
        }
        assert!(Filter::read(b"\xff").is_err());
    }
}
