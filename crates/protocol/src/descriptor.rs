//! Flight descriptors: a command, or the path of a table.

use arrow_flight::{FlightDescriptor, flight_descriptor::DescriptorType};
use bytes::Bytes;

use crate::{
    command::Command,
    error::{Error, Result},
};

/// What a descriptor asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Descriptor {
    /// A command.
    Command(Command),
    /// The name of a table: `[table]`, `[schema, table]` or `[catalog, schema, table]`, no part empty.
    Path(Vec<String>),
}

impl Descriptor {
    /// Reads a descriptor.
    ///
    /// # Errors
    /// As [`Command::decode`]; [`Error::Malformed`] for a path that has not one to three parts, and for a descriptor
    /// that is neither a command nor a path.
    pub fn decode(descriptor: &FlightDescriptor) -> Result<Self> {
        const WHAT: &str = "flight descriptor";
        match DescriptorType::try_from(descriptor.r#type) {
            Ok(DescriptorType::Cmd) => Command::decode(&descriptor.cmd).map(Self::Command),
            Ok(DescriptorType::Path) => match descriptor.path.as_slice() {
                path @ ([_] | [_, _] | [_, _, _]) if path.iter().all(|part| !part.is_empty()) => {
                    Ok(Self::Path(path.to_vec()))
                }
                _ => Err(Error::malformed(
                    WHAT,
                    "a path has one to three parts, none of them empty: [catalog,] [schema,] table",
                )),
            },
            Ok(DescriptorType::Unknown) | Err(_) => {
                Err(Error::malformed(WHAT, "its type is neither CMD nor PATH"))
            }
        }
    }

    /// The descriptor that [`Descriptor::decode`] reads as this.
    #[must_use]
    pub fn encode(&self) -> FlightDescriptor {
        match self {
            Self::Command(command) => FlightDescriptor {
                r#type: DescriptorType::Cmd.into(),
                cmd: command.encode(),
                path: Vec::new(),
            },
            Self::Path(path) => FlightDescriptor {
                r#type: DescriptorType::Path.into(),
                cmd: Bytes::new(),
                path: path.clone(),
            },
        }
    }
}
