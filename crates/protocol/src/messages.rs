//! Generated message types that the `arrow-flight` crate lacks, with the names and field numbers of the Arrow
//! specification. [`crate::action`] and [`crate::session`] translate them; most callers need no more than those.

pub use crate::wire::arrow_flight_protocol::*;
pub use crate::wire::arrow_flight_protocol_sql::ActionCreatePreparedStatementResult;
