use ::bytes::{Buf, Bytes};
use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, bytes, decode_key, skip_field},
};

/// The values of the length-delimited field `tag` of a message, in order, without decoding the rest of it.
///
/// Decoding a whole message can need a hundred times its size in memory when it repeats a tiny submessage; this needs
/// none. The iteration ends after the first error.
pub(crate) fn fields(message: Bytes, tag: u32) -> Fields {
    Fields { rest: message, tag }
}

pub(crate) struct Fields {
    rest: Bytes,
    tag: u32,
}

impl Iterator for Fields {
    type Item = Result<Bytes, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.rest.has_remaining() {
            match self.step() {
                Ok(None) => {}
                Ok(Some(value)) => return Some(Ok(value)),
                Err(error) => {
                    self.rest.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl Fields {
    fn step(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let (tag, wire_type) = decode_key(&mut self.rest)?;
        if tag != self.tag || wire_type != WireType::LengthDelimited {
            skip_field(wire_type, tag, &mut self.rest, DecodeContext::default())?;
            return Ok(None);
        }
        let mut value = Bytes::new();
        bytes::merge(
            wire_type,
            &mut value,
            &mut self.rest,
            DecodeContext::default(),
        )?;
        Ok(Some(value))
    }
}
