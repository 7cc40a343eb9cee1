use std::sync::Arc;
use std::time::Duration;

use godwit_config::S3;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

use super::Place;
use crate::{Error, Result};

/// How long a request is tried again before its error is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one request may take; a part of a file is a few megabytes.
const REQUEST: &str = "60s";

/// The data path of a lake.
pub(super) fn open(
    config: &godwit_config::Lake,
    url: &str,
) -> Result<(Place, Arc<dyn ObjectStore>, Path, String)> {
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let wrong = |why: &dyn std::fmt::Display| Error::unavailable(format!("lake.data {url}: {why}"));
    let base = Path::parse(prefix).map_err(|why| wrong(&why))?;
    let store = build(&config.s3(), bucket).map_err(|why| wrong(&why))?;
    let data_path = format!("s3://{bucket}/{base}");
    let data_path = format!("{}/", data_path.trim_end_matches('/'));
    let place = Place::S3 {
        bucket: bucket.to_owned(),
    };
    Ok((place, Arc::new(store), base, data_path))
}

/// A bucket whose files are no lake's. Nothing is asked of the service yet.
///
/// # Errors
/// [`Error::Unavailable`] when the keys make no sense together.
pub fn open_bucket(keys: &S3, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let store = build(keys, bucket);
    let store = store.map_err(|why| Error::unavailable(format!("s3://{bucket}: {why}")))?;
    Ok(Arc::new(store))
}

/// What the environment says in the usual `AWS_*` variables, the configuration's keys before it.
fn build(keys: &S3, bucket: &str) -> object_store::Result<AmazonS3> {
    let retry = RetryConfig {
        retry_timeout: PATIENCE,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST);
    if keys.allow_http {
        builder = builder.with_allow_http(true);
    }
    if let Some(endpoint) = &keys.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    if let Some(region) = &keys.region {
        builder = builder.with_region(region);
    }
    if let (Some(id), Some(secret)) = (&keys.access_key_id, &keys.secret_access_key) {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret.expose());
    }
    builder.build()
}
