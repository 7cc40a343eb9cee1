//! Arrow data from clients, as DoPut and DoExchange decode it. The input is a sequence of messages, each with the lengths
//! of its header and its body in front, two bytes each.

#![no_main]

use arrow_flight::FlightData;
use libfuzzer_sys::fuzz_target;

/// The room's own files, within what they find around them there.
#[path = "../../../crates/flight/src/upload"]
mod upload {
    pub(super) mod decode;
    pub(super) mod measure;

    #[derive(Debug)]
    pub(super) enum Fault {
        #[expect(dead_code, reason = "only shown")]
        Malformed(String),
        TooLarge {
            #[expect(dead_code, reason = "only shown")]
            what: &'static str,
            size: usize,
            limit: usize,
        },
    }

    const LIMIT: usize = 1 << 20;

    pub(super) fn decode(messages: impl Iterator<Item = arrow_flight::FlightData>) {
        let mut decoder = decode::Decoder::new(LIMIT);
        for message in messages {
            let claim = measure::measure(&message);
            match decoder.decode(message) {
                Ok(decode::Decoded::Rows(batch)) => {
                    assert!(claim.is_ok(), "what cannot be measured is not decoded");
                    assert!(batch.num_rows() <= LIMIT);
                }
                Ok(_) => {}
                Err(Fault::TooLarge { size, limit, .. }) => {
                    assert!(size > limit);
                    return;
                }
                Err(Fault::Malformed(_)) => return,
            }
        }
    }
}

fn messages(mut data: &[u8]) -> impl Iterator<Item = FlightData> {
    std::iter::from_fn(move || {
        let (lengths, rest) = data.split_first_chunk::<4>()?;
        let header = usize::from(u16::from_le_bytes([lengths[0], lengths[1]])).min(rest.len());
        let (header, rest) = rest.split_at(header);
        let body = usize::from(u16::from_le_bytes([lengths[2], lengths[3]])).min(rest.len());
        let (body, rest) = rest.split_at(body);
        data = rest;
        Some(FlightData {
            data_header: header.to_vec().into(),
            data_body: body.to_vec().into(),
            ..FlightData::default()
        })
    })
}

fuzz_target!(|data: &[u8]| {
    // The decoder catches what Arrow's reader stumbles over; libFuzzer would stop at the hook.
    std::panic::set_hook(Box::new(|_| {}));
    upload::decode(messages(data));
});
