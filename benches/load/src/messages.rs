//! The messages of Flight that a small query needs, with the numbers of `format/Flight.proto`.

/// What is asked for: a command.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlightDescriptor {
    /// 2 for a command.
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) cmd: Vec<u8>,
}

/// Where the result is.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlightInfo {
    #[prost(message, repeated, tag = "3")]
    pub(crate) endpoint: Vec<FlightEndpoint>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlightEndpoint {
    #[prost(message, optional, tag = "1")]
    pub(crate) ticket: Option<Ticket>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ticket {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) ticket: Vec<u8>,
}

/// A message of the result: the schema, then batches.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlightData {
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) data_header: Vec<u8>,
    #[prost(bytes = "vec", tag = "1000")]
    pub(crate) data_body: Vec<u8>,
}
