//! `godwit sql`: a person, or a script, at a Flight SQL server.
//!
//! Owns the conversation with who types: reading statements and commands, completing and colouring them, showing
//! rows in the form that was asked for, progress, Ctrl-C, importing files. Refuses to know anything of our own server
//! behind its port: it is a client, and treats ours like any other.
//!
//! In reading order: [`Options`], what the command line says, and `profile`, what the file says; `sql`, where statements
//! begin and end; `command`, the words after a backslash; `shell`, what runs both; `script` and `interactive`, where they
//! come from; `connection`, `query`, `interrupt` and `progress`, the conversation with the server; `output`, rows as text
//! and files; `describe` and `names`, what there is; `import`, files as tables; `editor`, the line that is typed.

mod command;
mod connection;
mod describe;
mod editor;
mod error;
mod import;
mod interactive;
mod interrupt;
mod names;
mod options;
mod output;
mod profile;
mod progress;
mod query;
mod rows;
mod run;
mod script;
mod shell;
mod sql;
mod terminal;

pub use error::{Error, Result, USAGE};
pub use options::{Options, Secret, Server, Source};
pub use output::Format;
pub use run::run;
