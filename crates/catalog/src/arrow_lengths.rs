//! Lengths that an Arrow IPC file says about itself, held against the size of the file.
//!
//! Readers allocate what the file claims before they read it, and an allocation that fails ends the process. So a file
//! with an impossible length is refused before any reader sees it. Layouts: Arrow columnar format, sections
//! "Encapsulated message format", "IPC Streaming Format" and "IPC File Format".

use std::io::{Read, Seek, SeekFrom};

use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::{Block, root_as_footer, root_as_message};

/// Length of the footer and the magic bytes, at the end of a file in the file format.
const TRAILER: u64 = 10;
const MAGIC: &[u8] = b"ARROW1";
/// Stands before the length of a message, except in files from before Arrow 0.15.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Checks the blocks of a file in the file format. The position of the file afterwards is not defined.
///
/// # Errors
/// When a length does not fit into the file, or there is no footer.
pub(crate) fn check_blocks(file: &mut (impl Read + Seek)) -> Result<(), ArrowError> {
    let size = file.seek(SeekFrom::End(0))?;
    let footer_end = size
        .checked_sub(TRAILER)
        .ok_or_else(|| impossible("it is too short to have a footer"))?;
    file.seek(SeekFrom::Start(footer_end))?;
    let length = read_length(file)?;
    let mut magic = [0; 6];
    file.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(impossible("it does not end with a footer"));
    }
    let footer_start = footer_end
        .checked_sub(u64::from(length))
        .ok_or_else(|| impossible("its footer is longer than the file"))?;
    file.seek(SeekFrom::Start(footer_start))?;
    let footer = read(file, length)?;
    let footer = root_as_footer(&footer)
        .map_err(|error| ArrowError::ParseError(format!("its footer cannot be read: {error}")))?;
    let blocks = footer.recordBatches().into_iter().flatten();
    let mut blocks = blocks.chain(footer.dictionaries().into_iter().flatten());
    if blocks.all(|block| fits(block, size)) {
        Ok(())
    } else {
        Err(impossible(
            "its footer names a block that is not in the file",
        ))
    }
}

/// Checks the messages of a file in the stream format. The position of the file afterwards is not defined.
///
/// # Errors
/// When a length does not fit into the file, or a message cannot be read.
pub(crate) fn check_messages(file: &mut (impl Read + Seek)) -> Result<(), ArrowError> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut at = 0;
    file.rewind()?;
    while size - at >= 4 {
        let mut start = [0; 4];
        file.read_exact(&mut start)?;
        at += 4;
        let length = if start == CONTINUATION {
            at += 4;
            read_length(file)?
        } else {
            u32::from_le_bytes(start)
        };
        if length == 0 {
            return Ok(());
        }
        let body_at = at + u64::from(length);
        if body_at > size {
            return Err(impossible("a message is longer than the file"));
        }
        let message = read(file, length)?;
        let message = root_as_message(&message).map_err(|error| {
            ArrowError::ParseError(format!("a message cannot be read: {error}"))
        })?;
        at = u64::try_from(message.bodyLength())
            .ok()
            .and_then(|body| body_at.checked_add(body))
            .filter(|end| *end <= size)
            .ok_or_else(|| impossible("the body of a message is longer than the file"))?;
        file.seek(SeekFrom::Start(at))?;
    }
    Ok(())
}

fn fits(block: &Block, size: u64) -> bool {
    let part = |value: i64| u64::try_from(value).ok();
    let end = part(block.offset())
        .zip(part(block.bodyLength()))
        .zip(part(i64::from(block.metaDataLength())))
        .and_then(|((offset, body), metadata)| offset.checked_add(body)?.checked_add(metadata));
    block.metaDataLength() >= 8 && end.is_some_and(|end| end <= size)
}

fn read_length(file: &mut impl Read) -> Result<u32, ArrowError> {
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    Ok(u32::from_le_bytes(length))
}

/// Bytes that are known to be in the file.
fn read(file: &mut impl Read, length: u32) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::new();
    file.by_ref()
        .take(u64::from(length))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn impossible(what: &str) -> ArrowError {
    ArrowError::ParseError(format!("not an Arrow IPC file: {what}"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, RecordBatch};
    use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};

    use super::*;

    fn batch() -> RecordBatch {
        let column = Arc::new(Int64Array::from_iter_values(0..100)) as _;
        RecordBatch::try_from_iter([("a", column)]).unwrap()
    }

    fn file_format() -> Vec<u8> {
        let mut writer = FileWriter::try_new(Vec::new(), &batch().schema()).unwrap();
        writer.write(&batch()).unwrap();
        writer.into_inner().unwrap()
    }

    fn stream_format() -> Vec<u8> {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch().schema()).unwrap();
        writer.write(&batch()).unwrap();
        writer.into_inner().unwrap()
    }

    fn on_disk(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn whole_files_pass() {
        check_blocks(&mut on_disk(&file_format())).unwrap();
        check_messages(&mut on_disk(&stream_format())).unwrap();
    }

    #[test]
    fn a_cut_anywhere_is_refused_or_leaves_whole_messages() {
        let whole = file_format();
        for length in 0..whole.len() {
            assert!(
                check_blocks(&mut on_disk(&whole[..length])).is_err(),
                "{length}"
            );
        }
        let whole = stream_format();
        let passed = (0..whole.len())
            .filter(|length| check_messages(&mut on_disk(&whole[..*length])).is_ok());
        // Nothing, or the schema, or the schema and the batch, each with less than a length after it.
        assert!(passed.count() <= 12 + 8);
    }

    #[test]
    fn lengths_of_gigabytes_are_refused() {
        let mut stream = stream_format();
        stream[4..8].copy_from_slice(&0x7fff_fff0_u32.to_le_bytes());
        assert!(check_messages(&mut on_disk(&stream)).is_err());
        let mut file = file_format();
        let end = file.len() - 10;
        file[end..end + 4].copy_from_slice(&0x7fff_fff0_u32.to_le_bytes());
        assert!(check_blocks(&mut on_disk(&file)).is_err());
    }
}
