use crate::{Copy, Lake, Secret};

/// What a section says about the S3 service that its files are in: its keys `s3_…`, which are the same in every section.
#[derive(Debug, Clone, Default)]
pub struct S3 {
    /// URL of the service; without one the environment's, else Amazon's.
    pub endpoint: Option<String>,
    /// Region of the buckets; without one the environment's.
    pub region: Option<String>,
    /// Access key; without one the environment's, else the role of the machine.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<Secret>,
    /// Whether the service may be spoken to without TLS.
    pub allow_http: bool,
}

impl Lake {
    /// The keys `lake.s3_…`.
    pub fn s3(&self) -> S3 {
        S3 {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            access_key_id: self.s3_access_key_id.clone(),
            secret_access_key: self.s3_secret_access_key.clone(),
            allow_http: self.s3_allow_http,
        }
    }
}

impl Copy {
    /// The keys `copy.s3_…`.
    pub fn s3(&self) -> S3 {
        S3 {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            access_key_id: self.s3_access_key_id.clone(),
            secret_access_key: self.s3_secret_access_key.clone(),
            allow_http: self.s3_allow_http,
        }
    }
}
