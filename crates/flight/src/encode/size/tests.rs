use std::collections::VecDeque;

use godwit_config::WireCompression;

use super::*;
use crate::encode::WireSchema;
use crate::encode::convert::convert;
use crate::encode::ipc::Writer;
use crate::encode::profile::tests::{leaves, nested};
use crate::encode::samples;

/// The bytes of the message that the writer really makes.
fn sent(batch: &RecordBatch, compression: WireCompression) -> usize {
    let mut messages = VecDeque::new();
    let mut writer = Writer::new(batch.schema_ref(), compression, false).unwrap();
    writer.batch(batch, &mut messages).unwrap();
    let message = messages.pop_back().unwrap();
    message.header.len() + message.body_bytes()
}

fn check(part: &RecordBatch, profile: Profile) {
    let schema = WireSchema::new(part.schema_ref(), profile);
    let wire = convert(part, &schema).unwrap();
    let said = message_bytes(&wire, profile);
    let plain = sent(&wire, WireCompression::None);
    let what = format!("{} in {profile:?}", part.column(0).data_type());
    assert!(plain <= said, "{what}: {plain} bytes sent, {said} said");
    let slack = 4096 + plain / 4;
    assert!(
        said <= plain + slack,
        "{what}: {plain} bytes sent, {said} said"
    );
    for compression in [WireCompression::Lz4, WireCompression::Zstd] {
        let sent = sent(&wire, compression);
        assert!(
            sent <= said,
            "{what}, {compression:?}: {sent} bytes sent, {said} said"
        );
    }
}

#[test]
fn what_does_not_compress_is_not_larger_than_said() {
    let noise = (0..100_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23));
    let noise = arrow::array::UInt64Array::from_iter_values(noise);
    let batch = RecordBatch::try_from_iter([("c", std::sync::Arc::new(noise) as _)]).unwrap();
    check(&batch, Profile::Compat);
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
                for profile in [Profile::Compat, Profile::Native, Profile::Compact] {
                    check(&part, profile);
                }
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
    for profile in [Profile::Compat, Profile::Native, Profile::Compact] {
        assert!(message_bytes(&batch.slice(0, 1), profile) > 100_000);
        assert!(message_bytes(&batch.slice(1, 2), profile) < 2_000);
    }
}
