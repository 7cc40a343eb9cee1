//! How durations, sizes and counts are written in a configuration. Each file holds one kind: the text form, its `serde`
//! module and the type that describes it in the schema.

mod address;
pub(crate) mod count;
pub(crate) mod duration;
mod kind;
pub(crate) mod memory_size;
pub(crate) mod optional_duration;
pub(crate) mod optional_size;
pub(crate) mod size;

pub(crate) use address::AddressText;
pub(crate) use count::CountText;
pub(crate) use duration::DurationText;
pub(crate) use kind::Kind;
pub(crate) use memory_size::MemoryText;
pub(crate) use size::SizeText;
