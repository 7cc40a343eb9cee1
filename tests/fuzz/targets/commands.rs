//! What a client asks for: descriptors, commands, actions, session options. Any bytes give a value or an error.

#![no_main]

use arrow_flight::FlightDescriptor;
use godwit_protocol::action::{Action, TYPES};
use godwit_protocol::{Command, Descriptor, StatementId, TransactionId, session};
use libfuzzer_sys::fuzz_target;
use prost::Message;

fuzz_target!(|data: &[u8]| {
    let _ = Command::decode(data);
    let _ = session::decode_set(data);
    let _ = StatementId::decode(data);
    let _ = TransactionId::decode(data);
    if let Ok(descriptor) = FlightDescriptor::decode(data) {
        let _ = Descriptor::decode(&descriptor);
    }
    for (name, _) in TYPES {
        let action = arrow_flight::Action::new(name, data.to_vec());
        let _ = Action::decode(&action);
    }
});
