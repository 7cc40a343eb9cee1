use godwit_config::{WireCompression, WireProfile};
use godwit_protocol::session::OptionValue;

use crate::{Error, Result};

/// One setting that clients may change.
#[derive(Debug)]
pub(crate) struct Setting {
    name: &'static str,
    /// The option of the query engine that it stands for.
    engine_key: Option<&'static str>,
    kind: Kind,
    default: &'static str,
    description: &'static str,
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Catalog,
    Schema,
    Timeout,
    TimeZone,
    BatchRows,
    Partitions,
    Endpoints,
    Flag,
    OneOf(&'static [&'static str]),
}

/// All of them, sorted by name. The defaults of those that the configuration decides are empty here.
pub(crate) const SETTINGS: &[Setting] = &[
    flag(
        "ansi_mode",
        "datafusion.execution.enable_ansi_mode",
        "false",
        "Overflow and invalid casts are errors in functions that would give null or wrap otherwise.",
    ),
    own(
        "batch_rows",
        Some("datafusion.execution.batch_size"),
        Kind::BatchRows,
        "Rows in a batch of a result: once it is set, all but the last have exactly so many, where a message holds them.",
    ),
    own(
        "catalog",
        None,
        Kind::Catalog,
        "The catalog that names start in; there is one.",
    ),
    own(
        "compression",
        None,
        Kind::OneOf(WireCompression::NAMES),
        "How the buffers of results are compressed on the wire: none, lz4 or zstd.",
    ),
    one_of(
        "default_null_ordering",
        "datafusion.sql_parser.default_null_ordering",
        &["nulls_max", "nulls_min", "nulls_first", "nulls_last"],
        "Where ORDER BY puts nulls when it does not say.",
    ),
    flag(
        "dynamic_filters",
        "datafusion.optimizer.enable_dynamic_filter_pushdown",
        "true",
        "Joins, top-k sorts and aggregates filter the scans below them while they run.",
    ),
    Setting {
        name: "endpoints",
        engine_key: None,
        kind: Kind::Endpoints,
        default: "1",
        description: "Endpoints that the result of a query is split over; with more than 1 it is kept until it is read.",
    },
    one_of(
        "explain_format",
        "datafusion.explain.format",
        &["indent", "tree", "pgjson", "graphviz"],
        "How EXPLAIN prints plans.",
    ),
    flag(
        "explain_logical_plan_only",
        "datafusion.explain.logical_plan_only",
        "false",
        "EXPLAIN prints logical plans only.",
    ),
    flag(
        "explain_physical_plan_only",
        "datafusion.explain.physical_plan_only",
        "false",
        "EXPLAIN prints physical plans only.",
    ),
    flag(
        "explain_show_schema",
        "datafusion.explain.show_schema",
        "false",
        "EXPLAIN prints the columns of every operator.",
    ),
    flag(
        "explain_show_statistics",
        "datafusion.explain.show_statistics",
        "false",
        "EXPLAIN prints the estimates of every operator.",
    ),
    flag(
        "join_reordering",
        "datafusion.optimizer.join_reordering",
        "true",
        "The optimizer swaps the sides of joins by their sizes.",
    ),
    flag(
        "parquet_pushdown_filters",
        "datafusion.execution.parquet.pushdown_filters",
        "false",
        "Filters are evaluated while Parquet files are decoded.",
    ),
    flag(
        "parquet_reorder_filters",
        "datafusion.execution.parquet.reorder_filters",
        "false",
        "Filters that are evaluated while decoding are ordered by their cost.",
    ),
    flag(
        "parse_float_as_decimal",
        "datafusion.sql_parser.parse_float_as_decimal",
        "false",
        "Numbers such as 1.5 are decimals instead of floats.",
    ),
    flag(
        "prefer_existing_sort",
        "datafusion.optimizer.prefer_existing_sort",
        "false",
        "Keep an order that is there instead of running in parallel and sorting again.",
    ),
    flag(
        "prefer_hash_join",
        "datafusion.optimizer.prefer_hash_join",
        "true",
        "Join by hashing; otherwise by sorting, which can spill to disk.",
    ),
    flag(
        "repartition_aggregations",
        "datafusion.optimizer.repartition_aggregations",
        "true",
        "Aggregate in parallel.",
    ),
    flag(
        "repartition_file_scans",
        "datafusion.optimizer.repartition_file_scans",
        "true",
        "Read one file in parallel.",
    ),
    flag(
        "repartition_joins",
        "datafusion.optimizer.repartition_joins",
        "true",
        "Join in parallel.",
    ),
    flag(
        "repartition_sorts",
        "datafusion.optimizer.repartition_sorts",
        "true",
        "Sort in parallel.",
    ),
    flag(
        "repartition_windows",
        "datafusion.optimizer.repartition_windows",
        "true",
        "Evaluate window functions in parallel.",
    ),
    own(
        "schema",
        None,
        Kind::Schema,
        "The schema that unqualified names are looked for in, after temp and before files.",
    ),
    own(
        "target_partitions",
        Some("datafusion.execution.target_partitions"),
        Kind::Partitions,
        "Parts of a query that run in parallel, at most.",
    ),
    Setting {
        name: "time_zone",
        engine_key: Some("datafusion.execution.time_zone"),
        kind: Kind::TimeZone,
        default: "UTC",
        description: "The time zone of now() and of TIMESTAMP WITH TIME ZONE.",
    },
    own(
        "timeout",
        None,
        Kind::Timeout,
        "How long a statement may take; 0s sets no limit.",
    ),
    own(
        "wire_profile",
        None,
        Kind::OneOf(WireProfile::NAMES),
        "Which types results have: compat, those that every client reads; native, those of the engine; compact, those that take few bytes.",
    ),
];

const fn own(
    name: &'static str,
    engine_key: Option<&'static str>,
    kind: Kind,
    description: &'static str,
) -> Setting {
    Setting {
        name,
        engine_key,
        kind,
        default: "",
        description,
    }
}

const fn flag(
    name: &'static str,
    key: &'static str,
    default: &'static str,
    description: &'static str,
) -> Setting {
    Setting {
        name,
        engine_key: Some(key),
        kind: Kind::Flag,
        default,
        description,
    }
}

const fn one_of(
    name: &'static str,
    key: &'static str,
    values: &'static [&'static str],
    description: &'static str,
) -> Setting {
    Setting {
        name,
        engine_key: Some(key),
        kind: Kind::OneOf(values),
        default: values[0],
        description,
    }
}

impl Setting {
    /// The setting of a name: its own, the engine's, or one that other databases use.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        let name = match name {
            "timezone" | "time.zone" => "time_zone",
            "search_path" | "current_schema" => "schema",
            "current_catalog" => "catalog",
            "statement_timeout" => "timeout",
            other => other,
        };
        SETTINGS
            .iter()
            .find(|setting| setting.name == name || setting.engine_key == Some(name))
    }

    /// As [`Self::find`].
    ///
    /// # Errors
    /// [`Error::NotFound`] that names what there is.
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        Self::find(&name.to_lowercase()).ok_or_else(|| {
            let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
            Error::not_found(format!(
                "'{name}' is no setting of a session; there are {}",
                names.join(", ")
            ))
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn engine_key(&self) -> Option<&'static str> {
        self.engine_key
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn default_text(&self) -> &'static str {
        self.default
    }

    pub(crate) fn description(&self) -> &'static str {
        self.description
    }

    /// A value as a session option carries it.
    pub(crate) fn option_value(&self, text: String) -> OptionValue {
        match self.kind {
            Kind::Flag => OptionValue::Bool(text == "true"),
            Kind::BatchRows | Kind::Partitions | Kind::Endpoints => text
                .parse()
                .map_or(OptionValue::Text(text), OptionValue::Int),
            Kind::Catalog | Kind::Schema | Kind::Timeout | Kind::TimeZone | Kind::OneOf(_) => {
                OptionValue::Text(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_sorted_and_unique() {
        assert!(SETTINGS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn nothing_of_the_whole_server_is_a_setting() {
        for setting in SETTINGS {
            let key = setting.engine_key.unwrap_or_default();
            assert!(
                !key.starts_with("datafusion.runtime") && !key.starts_with("datafusion.catalog"),
                "{key}"
            );
        }
        assert!(Setting::named("datafusion.runtime.memory_limit").is_err());
    }
}
