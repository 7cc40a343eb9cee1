use std::collections::VecDeque;

use super::*;
use crate::encode::Profile;
use crate::encode::convert::convert;
use crate::encode::ipc::Writer;
use crate::encode::profile::tests::{leaves, nested};
use crate::encode::samples;

/// The bytes of the message that the writer really makes.
fn sent(batch: &RecordBatch) -> usize {
    let mut messages = VecDeque::new();
    Writer::new().batch(batch, &mut messages).unwrap();
    let message = messages.pop_back().unwrap();
    message.data_header.len() + message.data_body.len()
}

#[test]
fn a_message_is_never_larger_than_said_and_not_much_smaller() {
    for (from, to) in leaves() {
        for (data_type, _) in nested(&from, &to)
            .into_iter()
            .chain([(from.clone(), to.clone())])
        {
            let whole = samples::batch(std::slice::from_ref(&data_type), 3000);
            for part in [whole.clone(), whole.slice(1001, 500), whole.slice(17, 1)] {
                let schema = Profile::Compat.wire_schema(part.schema_ref());
                let wire = convert(&part, &schema).unwrap();
                let (sent, said) = (sent(&wire), message_bytes(&wire));
                assert!(sent <= said, "{data_type}: {sent} bytes sent, {said} said");
                let slack = 4096 + sent / 4;
                assert!(
                    said <= sent + slack,
                    "{data_type}: {sent} bytes sent, {said} said"
                );
            }
        }
    }
}

#[test]
fn views_count_with_the_values_that_their_rows_have() {
    let long = "x".repeat(100_000);
    let values = [long.as_str(), "short", "short"];
    let array = arrow::array::StringViewArray::from_iter_values(values);
    let batch = RecordBatch::try_from_iter([("c", std::sync::Arc::new(array) as _)]).unwrap();
    assert!(message_bytes(&batch.slice(0, 1)) > 100_000);
    assert!(message_bytes(&batch.slice(1, 2)) < 2_000);
}
