use std::collections::BTreeMap;
use std::sync::Arc;

use godwit_catalog::Object;
use object_store::ObjectStore;
use object_store::path::Path as Location;

use crate::{Error, Result};

/// The S3 buckets that the configuration allows, and what of them.
#[derive(Debug)]
pub(super) struct Buckets {
    allowed: Vec<Prefix>,
    /// A store, or why there is none.
    stores: BTreeMap<String, Result<Arc<dyn ObjectStore>>>,
}

/// Whole parts of keys: `out` is no prefix of `outside/a`.
#[derive(Debug)]
struct Prefix {
    bucket: String,
    parts: Vec<String>,
}

impl Buckets {
    pub(super) fn new(config: &godwit_config::Copy) -> Self {
        let urls = config
            .allowed
            .iter()
            .filter_map(|place| place.strip_prefix("s3://"));
        let allowed: Vec<_> = urls.map(Prefix::new).collect();
        let keys = config.s3();
        let open = |prefix: &Prefix| {
            let store = godwit_lake::open_bucket(&keys, &prefix.bucket);
            let store = store.map_err(|error| Error::from_lake(&error, "copy"));
            (prefix.bucket.clone(), store)
        };
        let stores = allowed.iter().map(open).collect();
        Self { allowed, stores }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }

    /// What a URL names, if it is below an allowed prefix. Nothing is asked of the service.
    ///
    /// # Errors
    /// [`Error::Denied`] when it is elsewhere, [`Error::InvalidInput`] when it names no object.
    pub(super) fn object(&self, url: &str) -> Result<Object> {
        let rest = url.strip_prefix("s3://").unwrap_or(url);
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        check_key(url, key)?;
        let parts: Vec<_> = key.split('/').collect();
        let covers = |prefix: &Prefix| {
            let mut parts = parts.iter();
            prefix.bucket == bucket
                && prefix.parts.len() < parts.len()
                && prefix
                    .parts
                    .iter()
                    .all(|part| parts.next() == Some(&part.as_str()))
        };
        let store = self.stores.get(bucket);
        let Some(store) = store.filter(|_| self.allowed.iter().any(covers)) else {
            return Err(Error::Denied {
                message: format!(
                    "COPY: '{url}' is in no bucket and prefix that the configuration allows (copy.allowed)"
                ),
            });
        };
        let key = Location::parse(key).map_err(|why| Error::invalid(format!("'{url}': {why}")))?;
        Ok(Object {
            store: store.clone()?,
            key,
            url: url.to_owned(),
        })
    }
}

impl Prefix {
    fn new(rest: &str) -> Self {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let parts = prefix.split('/').filter(|part| !part.is_empty());
        Self {
            bucket: bucket.to_owned(),
            parts: parts.map(str::to_owned).collect(),
        }
    }
}

/// Refuses every key that a service, or something before it, could take for another one.
fn check_key(url: &str, key: &str) -> Result<()> {
    if key.is_empty() || key.ends_with('/') {
        return Err(Error::invalid(format!("'{url}' names no object")));
    }
    let lower = key.to_ascii_lowercase();
    let encoded = ["%2e", "%2f", "%5c", "%25"];
    let is_odd = key.split('/').any(|part| matches!(part, "" | "." | ".."))
        || key.contains(['\\', '?', '#'])
        || key.chars().any(char::is_control)
        || encoded.iter().any(|code| lower.contains(code));
    if is_odd {
        return Err(Error::invalid(format!(
            "'{url}': a key is taken as it is written, and has no empty part, no part '.' or '..', no '\\', '?' or '#', no \
             control character, and none of these encoded (%2e, %2f, %5c, %25)"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(allowed: &[&str]) -> Buckets {
        Buckets::new(&godwit_config::Copy {
            allowed: allowed.iter().map(|&place| place.to_owned()).collect(),
            s3_access_key_id: Some("id".to_owned()),
            s3_secret_access_key: Some(godwit_config::Secret::new("secret")),
            ..godwit_config::Copy::default()
        })
    }

    #[test]
    fn what_is_below_a_prefix_is_allowed() {
        let buckets = buckets(&["/tmp", "s3://one/out/", "s3://one/in", "s3://two"]);
        for (url, key) in [
            ("s3://one/out/a.csv", "out/a.csv"),
            ("s3://one/out/b/c/a.csv", "out/b/c/a.csv"),
            ("s3://one/in/a b=c%20d~.csv", "in/a b=c%20d~.csv"),
            ("s3://one/in/..a/b..csv", "in/..a/b..csv"),
            ("s3://two/a.csv", "a.csv"),
        ] {
            let object = buckets.object(url).unwrap();
            assert_eq!((object.key.as_ref(), object.url.as_str()), (key, url));
        }
    }

    #[test]
    fn nothing_else_is() {
        let buckets = buckets(&["s3://one/out/", "s3://two/deep/er"]);
        for url in [
            "s3://one/a.csv",
            "s3://one/outside/a.csv",
            "s3://one/out.csv",
            "s3://one/OUT/a.csv",
            "s3://one/out",
            "s3://two/deep/a.csv",
            "s3://two/deep/er",
            "s3://three/out/a.csv",
            "s3://one.evil.example/out/a.csv",
            "s3://one:9000/out/a.csv",
            "s3://user@one/out/a.csv",
            "s3://ONE/out/a.csv",
            "s3:///one/out/a.csv",
        ] {
            let why = buckets.object(url).unwrap_err();
            assert!(matches!(why, Error::Denied { .. }), "{url}: {why:?}");
        }
        for url in [
            "s3://one",
            "s3://one/",
            "s3://one/out/",
            "s3://one/out/../a.csv",
            "s3://one/out/x/../../a.csv",
            "s3://one/out/./a.csv",
            "s3://one/out//a.csv",
            "s3://one//out/a.csv",
            "s3://one/out/%2e%2e/a.csv",
            "s3://one/out/%2E%2e/a.csv",
            "s3://one/out/%252e%252e/a.csv",
            "s3://one/out%2fa.csv",
            "s3://one/out/..%5ca.csv",
            "s3://one/out/..\\..\\a.csv",
            "s3://one/out/a.csv?versionId=1",
            "s3://one/out/a.csv#b",
            "s3://one/out/a\n.csv",
        ] {
            let why = buckets.object(url).unwrap_err();
            assert!(matches!(why, Error::InvalidInput { .. }), "{url}: {why:?}");
        }
    }
}
