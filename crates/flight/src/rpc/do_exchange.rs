use crate::Error;

/// DoExchange is not served.
pub(crate) fn refusal() -> Error {
    Error::not_served("DoExchange is not served; use GetFlightInfo and DoGet, or DoPut")
}
