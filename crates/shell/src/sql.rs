//! Where SQL begins and ends: as much of its grammar as a shell must know, and no more.

mod classify;
mod lexer;
mod split;

pub(crate) use classify::{Kind, kind};
pub(crate) use split::Splitter;
