//! The answers of DoPut: the metadata of its PutResult.

use arrow_flight::{
    PutResult,
    sql::{DoPutPreparedStatementResult, DoPutUpdateResult},
};
use bytes::Bytes;
use prost::Message;

/// The answer to an update or an ingest: how many rows it affected, -1 when unknown.
#[must_use]
pub fn update_result(rows: i64) -> PutResult {
    PutResult {
        app_metadata: DoPutUpdateResult { record_count: rows }
            .encode_to_vec()
            .into(),
    }
}

/// The answer to binding parameters: the handle to use from now on. Some clients take it unconditionally, so it is
/// always sent, even when it is the old one.
#[must_use]
pub fn bind_result(handle: Bytes) -> PutResult {
    let result = DoPutPreparedStatementResult {
        prepared_statement_handle: Some(handle),
    };
    PutResult {
        app_metadata: result.encode_to_vec().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_bare_messages() {
        let update = DoPutUpdateResult::decode(update_result(-1).app_metadata).unwrap();
        assert_eq!(update.record_count, -1);
        let handle = Bytes::from_static(b"h");
        let bind = DoPutPreparedStatementResult::decode(bind_result(handle.clone()).app_metadata);
        assert_eq!(bind.unwrap().prepared_statement_handle, Some(handle));
    }
}
