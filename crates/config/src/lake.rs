use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::value::{DurationText, SizeText, duration, optional_duration, size};

/// Section `lake`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lake {
    /// Database that holds the catalog, as `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; it is never shown.
    /// `?sslmode=` is `disable`, `prefer` or `require`; a certificate is checked against those that the system trusts.
    /// Default: none, which means the SQLite file `lake/catalog.sqlite` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"postgres://godwit@db.example.com/lake?sslmode=require")]
    pub catalog: Option<Secret>,

    /// Where the Parquet files are: an absolute path of a directory, or `s3://BUCKET/PREFIX`.
    /// A lake stays where it was made: the catalog knows the place too.
    /// Default: none, which means `lake/data` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"s3://lake-bucket/godwit")]
    pub data: Option<String>,

    /// URL of the S3 service.
    /// Default: none, which means what the environment variable `AWS_ENDPOINT_URL` says, else Amazon's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://minio.example.com:9000")]
    pub s3_endpoint: Option<String>,

    /// Region of the bucket.
    /// Default: none, which means what the environment variable `AWS_REGION` says, else `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"eu-central-1")]
    pub s3_region: Option<String>,

    /// Access key for the bucket.
    /// Default: none, which means what the environment variable `AWS_ACCESS_KEY_ID` says, else the role of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"AKIAIOSFODNN7EXAMPLE")]
    pub s3_access_key_id: Option<String>,

    /// Secret of the access key; it is never shown.
    /// Default: none, which means what the environment variable `AWS_SECRET_ACCESS_KEY` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", example = &"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    pub s3_secret_access_key: Option<Secret>,

    /// Whether the S3 service may be spoken to without TLS.
    /// Default: `false`.
    pub s3_allow_http: bool,

    /// Inserts of at most so many rows are kept in the catalog as rows until they are flushed to a file. 0 means never.
    /// Default: `10`.
    #[schemars(range(max = 100_000))]
    pub inline_rows: u64,

    /// How large a Parquet file becomes before the next one is begun, and what compaction aims at.
    /// Default: `128MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1MiB", "x-maximum" = "16GiB"))]
    pub target_file_bytes: u64,

    /// How Parquet files are compressed.
    /// Default: `zstd`.
    pub compression: LakeCompression,

    /// How long snapshots are kept for time travel, counted from their commit; the newest one always is.
    /// `0s` keeps them for ever.
    /// Default: `0s`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "3650d"))]
    pub snapshot_retention: Option<Duration>,

    /// How many snapshots are kept for time travel, the newest ones; older ones go even when `lake.snapshot_retention` would
    /// keep them. 0 keeps them all.
    /// Default: `0`.
    #[schemars(range(max = 1_000_000_000))]
    pub max_snapshots: u64,

    /// How old a file must be that no snapshot knows before it is removed: it may belong to a transaction that has not
    /// committed yet, of this server or of DuckDB.
    /// Default: `1h`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "365d"))]
    pub orphan_grace: Duration,

    /// How often small files are joined, old snapshots dropped and files removed that nobody needs.
    /// `0s` means only when asked for, by `CALL`.
    /// Default: `5m`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "365d"))]
    pub maintenance_interval: Option<Duration>,

    /// From how many small files of a table on maintenance joins them without being asked. Each round rewrites a row only
    /// when the file that it is in can become about so many times larger.
    /// Default: `8`.
    #[schemars(range(min = 2, max = 10_000))]
    pub compact_files: usize,

    /// From how many rows of a table in the catalog on maintenance moves them to a file without being asked.
    /// Default: `1000`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub flush_rows: u64,

    /// How many bytes of memory keep which files and deleted rows tables have, for the tables that were used last, besides
    /// those in use.
    /// Default: `256MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1MiB", "x-maximum" = "1TiB"))]
    pub cache_bytes: u64,

    /// How many versions of the definitions of all tables and views are kept in memory: the newest, and some that are looked
    /// back at.
    /// Default: `8`.
    #[schemars(range(min = 1, max = 10_000))]
    pub cached_definitions: usize,

    /// How many commits that changed a table `table_changes` may look at in one query.
    /// Default: `1000`.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_feed_commits: usize,

    /// How long a transaction lives without a call; then it is rolled back.
    /// Default: `5m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "7d"))]
    pub transaction_idle_timeout: Duration,

    /// How many transactions may be open at the same time, those of all users together.
    /// Default: `1000`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_transactions: usize,

    /// How many savepoints a transaction may have at the same time.
    /// Default: `1000`.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_savepoints: usize,

    /// How often a statement outside a transaction is tried again when another commit came first.
    /// Default: `10`.
    #[schemars(range(max = 1000))]
    pub commit_retries: u32,
}

/// How Parquet files are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LakeCompression {
    /// Zstandard: the smallest files.
    #[default]
    Zstd,
    /// Snappy: less work, larger files.
    Snappy,
    /// LZ4: the least work, larger files.
    Lz4,
    /// Not at all.
    None,
}

impl Default for Lake {
    fn default() -> Self {
        Self {
            catalog: None,
            data: None,
            s3_endpoint: None,
            s3_region: None,
            s3_access_key_id: None,
            s3_secret_access_key: None,
            s3_allow_http: false,
            inline_rows: 10,
            target_file_bytes: 128 << 20,
            compression: LakeCompression::default(),
            snapshot_retention: None,
            max_snapshots: 0,
            orphan_grace: Duration::from_hours(1),
            maintenance_interval: Some(Duration::from_mins(5)),
            compact_files: 8,
            flush_rows: 1000,
            cache_bytes: 256 << 20,
            cached_definitions: 8,
            max_feed_commits: 1000,
            transaction_idle_timeout: Duration::from_mins(5),
            max_transactions: 1000,
            max_savepoints: 1000,
            commit_retries: 10,
        }
    }
}

/// Whether a text names a PostgreSQL database.
pub(crate) fn is_catalog(url: &str) -> bool {
    let rest = ["postgres://", "postgresql://"]
        .into_iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let modes = ["disable", "prefer", "require"];
    let mut options = url
        .split_once('?')
        .map_or("", |(_, options)| options)
        .split('&');
    rest.is_some_and(|rest| !rest.is_empty())
        && options.all(|option| {
            option
                .strip_prefix("sslmode=")
                .is_none_or(|mode| modes.contains(&mode))
        })
}

/// Whether a text is a place for files.
pub(crate) fn is_data(place: &str) -> bool {
    match place.strip_prefix("s3://") {
        Some(rest) => {
            let bucket = rest.split('/').next().unwrap_or_default();
            !bucket.is_empty() && !rest.contains(['?', '#', '@']) && !rest.contains("//")
        }
        None => std::path::Path::new(place).is_absolute(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_catalog, is_data};

    #[test]
    fn catalogs_are_postgresql() {
        for good in [
            "postgres://u:p@h:5432/d",
            "postgresql://h/d?sslmode=require&application_name=x",
            "postgres:///d?host=/run/postgresql",
        ] {
            assert!(is_catalog(good), "{good}");
        }
        for bad in [
            "",
            "postgres://",
            "mysql://h/d",
            "/a/file",
            "postgres://h/d?sslmode=allow",
        ] {
            assert!(!is_catalog(bad), "{bad}");
        }
    }

    #[test]
    fn data_is_a_directory_or_a_bucket() {
        for good in [
            "/data/lake",
            "s3://bucket",
            "s3://bucket/",
            "s3://bucket/a/b/",
        ] {
            assert!(is_data(good), "{good}");
        }
        for bad in [
            "",
            "data",
            "./data",
            "s3://",
            "s3:///a",
            "gs://b/a",
            "s3://b//a",
            "s3://b/a?x",
        ] {
            assert!(!is_data(bad), "{bad}");
        }
    }
}
