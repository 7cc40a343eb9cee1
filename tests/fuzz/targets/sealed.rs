//! What the server gave out and gets back: tickets, handles, cookies, polls. Bytes of a client's own never open; a payload
//! that an older server may have sealed gives a value or an error.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use godwit_protocol::{
    Purpose, Sealer, cookie::SessionCookie, handle::PreparedHandle, poll::PollHandle, ticket::Ticket,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let sealer = Sealer::new(&[7; 32]);
    let now = UNIX_EPOCH + Duration::from_secs(1_000);
    assert!(Ticket::open(&sealer, data, now).is_err());
    assert!(PollHandle::open(&sealer, data, now).is_err());
    assert!(PreparedHandle::open(&sealer, data).is_err());
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(SessionCookie::open(&sealer, text).is_err());
        let _ = godwit_protocol::cookie::find(text);
    }

    let _ = Ticket::open(&sealer, &sealer.seal(Purpose::Ticket, data), now);
    let _ = PollHandle::open(&sealer, &sealer.seal(Purpose::Poll, data), now);
    let _ = PreparedHandle::open(&sealer, &sealer.seal(Purpose::Handle, data));
    let cookie = URL_SAFE_NO_PAD.encode(sealer.seal(Purpose::Cookie, data));
    let _ = SessionCookie::open(&sealer, &cookie);
    // What is sealed for one purpose is nothing for another.
    assert!(Ticket::open(&sealer, &sealer.seal(Purpose::Poll, data), now).is_err());
});
