//! Sealing: bytes that the server hands out and recognizes when they come back.
//!
//! Sealed bytes are a version byte, the payload in the clear, and HMAC-SHA256 over the purpose, the version and the
//! payload. They prove origin; they hide nothing, so no payload may hold a secret.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};

const VERSION: u8 = 1;
const MAC_LEN: usize = 32;

/// Seals and opens with one secret key.
#[derive(Clone)]
pub struct Sealer {
    // Holds the key schedule, so that the key itself need not be kept.
    mac: Hmac<Sha256>,
}

/// What sealed bytes are for. It is part of what the MAC covers, so a handle never passes as a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A Flight ticket.
    Ticket,
    /// A prepared statement handle.
    Handle,
    /// A session cookie.
    Cookie,
    /// The handle of a query that is polled.
    Poll,
}

impl Sealer {
    /// A sealer with this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC pads the key to a block of 64 bytes, and so does this; the constructor for a full block cannot fail.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self {
            mac: Hmac::new(&block.into()),
        }
    }

    /// Seals `payload`.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, payload: &[u8]) -> Bytes {
        let mut sealed = BytesMut::with_capacity(1 + payload.len() + MAC_LEN);
        sealed.put_u8(VERSION);
        sealed.put_slice(payload);
        let mac = self.mac_of(purpose, &sealed);
        sealed.put_slice(&mac);
        sealed.freeze()
    }

    /// The payload of what [`Sealer::seal`] made for the same purpose with the same key.
    ///
    /// # Errors
    /// [`Error::Forged`] for anything else; the comparison takes the same time wherever the bytes differ.
    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Result<Bytes> {
        let forged = Error::Forged {
            what: purpose.what(),
        };
        let Some((signed, mac)) = sealed.split_last_chunk::<MAC_LEN>() else {
            return Err(forged);
        };
        let genuine: bool = self.mac_of(purpose, signed).ct_eq(mac).into();
        match signed {
            [VERSION, payload @ ..] if genuine => Ok(Bytes::copy_from_slice(payload)),
            _ => Err(forged),
        }
    }

    fn mac_of(&self, purpose: Purpose, signed: &[u8]) -> [u8; MAC_LEN] {
        let mut mac = self.mac.clone();
        mac.update(&[purpose.tag()]);
        mac.update(signed);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Purpose {
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Handle => "prepared statement handle",
            Self::Cookie => "session cookie",
            Self::Poll => "poll handle",
        }
    }

    const fn tag(self) -> u8 {
        match self {
            Self::Ticket => b'T',
            Self::Handle => b'H',
            Self::Cookie => b'C',
            Self::Poll => b'P',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSES: [Purpose; 4] = [
        Purpose::Ticket,
        Purpose::Handle,
        Purpose::Cookie,
        Purpose::Poll,
    ];

    fn sealer() -> Sealer {
        Sealer::new(&[7; 32])
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only() {
        for payload in [b"".as_slice(), b"x", &[0xff; 1000]] {
            for made_for in PURPOSES {
                let sealed = sealer().seal(made_for, payload);
                for opened_for in PURPOSES {
                    let opened = sealer().open(opened_for, &sealed);
                    assert_eq!(opened.is_ok(), made_for == opened_for);
                }
                assert_eq!(sealer().open(made_for, &sealed).unwrap(), payload);
            }
        }
    }

    #[test]
    fn any_change_is_noticed() {
        let sealed = sealer().seal(Purpose::Ticket, b"payload");
        let forged = Err(Error::Forged { what: "ticket" });
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sealer().open(Purpose::Ticket, &changed), forged);
        }
        for len in 0..sealed.len() {
            assert_eq!(sealer().open(Purpose::Ticket, &sealed[..len]), forged);
            assert_eq!(sealer().open(Purpose::Ticket, &sealed[len + 1..]), forged);
        }
        let longer = [&sealed, b"x".as_slice()].concat();
        assert_eq!(sealer().open(Purpose::Ticket, &longer), forged);
        assert_eq!(Sealer::new(&[8; 32]).open(Purpose::Ticket, &sealed), forged);
    }

    #[test]
    fn another_version_is_refused_even_when_genuine() {
        let signed = [VERSION + 1, b'x'];
        let mac = sealer().mac_of(Purpose::Ticket, &signed);
        let sealed = [signed.as_slice(), &mac].concat();
        let opened = sealer().open(Purpose::Ticket, &sealed);
        assert_eq!(opened, Err(Error::Forged { what: "ticket" }));
    }

    #[test]
    fn the_code_is_hmac_sha256_with_the_key() {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&[7; 32]).unwrap();
        mac.update(b"H\x01payload");
        let sealed = sealer().seal(Purpose::Handle, b"payload");
        assert_eq!(sealed[8..], mac.finalize().into_bytes()[..]);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", sealer()), "Sealer(…)");
    }
}
