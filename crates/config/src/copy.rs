use std::path::{Component, Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Section `copy`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Copy {
    /// Where COPY … TO may write and COPY … FROM may read: absolute paths of directories and `s3://BUCKET/PREFIX`, with all
    /// that is below them.
    /// The role `read_server_files` may read any file there, the role `write_server_files` write and replace it. Without
    /// a place, COPY is refused. In the environment separated by commas.
    /// Default: `[]`.
    pub allowed: Vec<String>,

    /// URL of the S3 service of all these buckets; SQL cannot name another.
    /// Default: none, which means what the environment variable `AWS_ENDPOINT_URL` says, else Amazon's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://minio.example.com:9000")]
    pub s3_endpoint: Option<String>,

    /// Region of the buckets.
    /// Default: none, which means what the environment variable `AWS_REGION` says, else `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"eu-central-1")]
    pub s3_region: Option<String>,

    /// Access key for the buckets; it should open no more than what is allowed here.
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
}

/// Whether a text is an absolute path without `.` and `..`, or a bucket with or without a prefix.
pub(crate) fn is_place(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix("s3://") {
        return is_prefix(rest);
    }
    let path = Path::new(text);
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    path.is_absolute() && path.components().all(plain)
}

/// Whether a text is a bucket, perhaps with a prefix whose parts mean nothing but themselves.
fn is_prefix(rest: &str) -> bool {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.contains(['\\', '?', '#', '%'])
            && !part.chars().any(char::is_control)
    };
    let parts = prefix.strip_suffix('/').unwrap_or(prefix);
    (3..=63).contains(&bucket.len())
        && bucket.chars().all(named)
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket.ends_with(|c: char| c.is_ascii_alphanumeric())
        && (prefix.is_empty() || parts.split('/').all(plain))
}

#[cfg(test)]
mod tests {
    use super::is_place;

    #[test]
    fn places_are_absolute() {
        for good in ["/", "/data/out", "/data/out/"] {
            assert!(is_place(good), "{good}");
        }
        for bad in ["", "data", "./data", "/data/../etc", "file:///data"] {
            assert!(!is_place(bad), "{bad}");
        }
    }

    #[test]
    fn buckets_have_plain_prefixes() {
        for good in [
            "s3://bucket",
            "s3://bucket/",
            "s3://my.bucket-1/out/2026/",
            "s3://bucket/k=a b",
        ] {
            assert!(is_place(good), "{good}");
        }
        for bad in [
            "s3://",
            "s3:///out",
            "s3://b",
            "s3://Bucket",
            "s3://user@bucket/out",
            "s3://bucket:9000/out",
            "s3://-bucket",
            "s3://bucket/../out",
            "s3://bucket/./out",
            "s3://bucket//",
            "s3://bucket/a//b",
            "s3://bucket/a%2fb",
            "s3://bucket/a?b",
            "s3://bucket/a#b",
            "s3://bucket/a\\b",
            "S3://bucket",
            "gs://bucket/out",
            "https://bucket/out",
        ] {
            assert!(!is_place(bad), "{bad}");
        }
    }
}
