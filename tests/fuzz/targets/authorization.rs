//! The authorization header.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../crates/auth/src/credentials.rs"]
#[expect(dead_code, reason = "the room that owns it uses more of it")]
mod credentials;

use credentials::Credentials;

fuzz_target!(|data: &[u8]| {
    let Ok(header) = std::str::from_utf8(data) else {
        return;
    };
    match Credentials::decode(header) {
        Some(Credentials::Basic(basic)) => {
            assert!(!basic.user().contains(':'));
            let _ = basic.password();
        }
        Some(Credentials::Bearer(token)) => assert!(header.contains(token)),
        None => {}
    }
});
