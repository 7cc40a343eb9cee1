use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

/// What waits to be sent, in order: copies, and pieces that are kept.
#[derive(Debug, Default)]
pub(super) struct Queue {
    parts: VecDeque<Part>,
    /// All copies, the first first.
    copied: Vec<u8>,
    /// How much of the copies was sent.
    sent: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Part {
    /// So many of the bytes that were copied.
    Copied(usize),
    Kept(Bytes),
}

impl Queue {
    /// How many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// In how many parts they are.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// How many bytes can be copied without that memory is asked for.
    pub(super) fn capacity(&self) -> usize {
        self.copied.capacity()
    }

    /// How many bytes were copied since none waited.
    pub(super) fn copied(&self) -> usize {
        self.copied.len()
    }

    /// Makes room for so many bytes to be copied since none waited.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.copied
            .reserve_exact(bytes.saturating_sub(self.copied.len()));
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.copied.extend_from_slice(bytes);
        self.bytes += bytes.len();
        match self.parts.back_mut() {
            Some(Part::Copied(before)) => *before += bytes.len(),
            Some(Part::Kept(_)) | None => self.parts.push_back(Part::Copied(bytes.len())),
        }
    }

    pub(super) fn keep(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.parts.push_back(Part::Kept(bytes));
    }

    /// Shows the first parts, as many as there is room for; says how many.
    pub(super) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut copied = self.copied.get(self.sent..).unwrap_or_default();
        let mut filled = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = match part {
                Part::Kept(bytes) => IoSlice::new(bytes),
                Part::Copied(length) => {
                    let (part, rest) = copied.split_at_checked(*length).unwrap_or((copied, &[]));
                    copied = rest;
                    IoSlice::new(part)
                }
            };
            filled += 1;
        }
        filled
    }

    /// The first bytes, so many, were sent.
    pub(super) fn advance(&mut self, bytes: usize) {
        let mut left = bytes.min(self.bytes);
        self.bytes -= left;
        while let Some(part) = self.parts.pop_front() {
            let length = match &part {
                Part::Copied(length) => *length,
                Part::Kept(bytes) => bytes.len(),
            };
            let sent = length.min(left);
            left -= sent;
            if let Part::Copied(_) = part {
                self.sent += sent;
            }
            if sent < length {
                self.parts.push_front(match part {
                    Part::Copied(length) => Part::Copied(length - sent),
                    Part::Kept(bytes) => Part::Kept(bytes.slice(sent..)),
                });
                break;
            }
        }
        if self.parts.is_empty() {
            self.copied.clear();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests;
