//! Where SQL begins and ends: as much of its grammar as a shell must know, and no more.

mod classify;
mod keywords;
mod lexer;
mod split;

pub(crate) use classify::{Kind, changes_names, has_secret, kind};
pub(crate) use keywords::KEYWORDS;
pub(crate) use lexer::{Token, TokenKind, tokens};
pub(crate) use split::Splitter;
