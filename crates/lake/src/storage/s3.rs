use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

use super::Place;
use crate::{Error, Result};

/// How long a request is tried again before its error is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one request may take; a part of a file is a few megabytes.
const REQUEST: &str = "60s";

/// A bucket: what the environment says in the usual `AWS_*` variables, the configuration's keys before it.
pub(super) fn open(
    config: &godwit_config::Lake,
    url: &str,
) -> Result<(Place, Arc<dyn ObjectStore>, Path, String)> {
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let wrong = |why: &dyn std::fmt::Display| Error::unavailable(format!("lake.data {url}: {why}"));
    let base = Path::parse(prefix).map_err(|why| wrong(&why))?;
    let retry = RetryConfig {
        retry_timeout: PATIENCE,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST);
    if config.s3_allow_http {
        builder = builder.with_allow_http(true);
    }
    if let Some(endpoint) = &config.s3_endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    if let Some(region) = &config.s3_region {
        builder = builder.with_region(region);
    }
    if let (Some(id), Some(secret)) = (&config.s3_access_key_id, &config.s3_secret_access_key) {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret.expose());
    }
    let store = builder.build().map_err(|why| wrong(&why))?;
    let data_path = format!("s3://{bucket}/{base}");
    let data_path = format!("{}/", data_path.trim_end_matches('/'));
    let place = Place::S3 {
        bucket: bucket.to_owned(),
    };
    Ok((place, Arc::new(store), base, data_path))
}
