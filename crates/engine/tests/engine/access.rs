//! Who may do what: that what is not granted is refused, what is hidden is not there, and nothing goes round a policy.

#[path = "access/anatomy.rs"]
mod anatomy;
#[path = "access/any.rs"]
mod any;
#[path = "access/bypass.rs"]
mod bypass;
#[path = "access/changing.rs"]
mod changing;
#[path = "access/elsewhere.rs"]
mod elsewhere;
#[path = "access/listing.rs"]
mod listing;
#[path = "access/matrix.rs"]
mod matrix;
#[path = "access/own_tables.rs"]
mod own_tables;
#[path = "access/realm.rs"]
pub(crate) mod realm;
#[path = "access/revoked.rs"]
mod revoked;
