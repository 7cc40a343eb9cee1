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

#[cfg(test)]
mod tests {
    use super::*;

    fn path(parts: &[&str]) -> FlightDescriptor {
        FlightDescriptor::new_path(parts.iter().map(|&part| part.to_owned()).collect())
    }

    #[test]
    fn descriptors_survive_the_wire() {
        let path = ["godwit", "main", "a.b"].map(str::to_owned).to_vec();
        for descriptor in [
            Descriptor::Command(Command::TableTypes),
            Descriptor::Path(path[2..].to_vec()),
            Descriptor::Path(path),
        ] {
            assert_eq!(Descriptor::decode(&descriptor.encode()), Ok(descriptor));
        }
    }

    #[test]
    fn a_path_has_one_to_three_parts() {
        for parts in [[].as_slice(), &["a", "b", "c", "d"], &[""], &["a", ""]] {
            let decoded = Descriptor::decode(&path(parts));
            assert!(matches!(decoded, Err(Error::Malformed { .. })), "{parts:?}");
        }
    }

    #[test]
    fn other_descriptors_are_malformed() {
        for number in [0, 3, -1, i32::MAX] {
            let mut descriptor = FlightDescriptor::new_cmd("SELECT 1");
            descriptor.r#type = number;
            let decoded = Descriptor::decode(&descriptor);
            assert!(matches!(decoded, Err(Error::Malformed { .. })), "{number}");
        }
    }
}
