//! The lake's database as the place of users and grants.

use async_trait::async_trait;
use godwit_auth::{Error, Result, Store, Stored};
use godwit_lake::Lake;

/// Records beside the lake.
#[derive(Debug)]
pub(super) struct Records(pub(super) Lake);

#[async_trait]
impl Store for Records {
    async fn load(&self, known: Option<u64>) -> Result<Option<Stored>> {
        let found = self.0.records(known).await.map_err(unavailable)?;
        Ok(found.map(|(version, records)| Stored { version, records }))
    }

    async fn change(
        &self,
        expected: u64,
        put: Vec<(String, String)>,
        removed: Vec<String>,
    ) -> Result<Option<u64>> {
        let changed = self.0.change_records(expected, put, removed).await;
        changed.map_err(unavailable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn unavailable(error: godwit_lake::Error) -> Error {
    Error::Unavailable {
        why: error.to_string(),
    }
}
