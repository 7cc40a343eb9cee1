// The modules that build.rs generates from proto/.

#[expect(unreachable_pub, reason = "generated code is public throughout")]
pub(crate) mod godwit {
    include!(concat!(env!("OUT_DIR"), "/godwit.rs"));
}

pub(crate) mod arrow_flight_protocol {
    include!(concat!(env!("OUT_DIR"), "/arrow.flight.protocol.rs"));
}

pub(crate) mod arrow_flight_protocol_sql {
    include!(concat!(env!("OUT_DIR"), "/arrow.flight.protocol.sql.rs"));
}
