//! Compiles `proto/` with protox: no `protoc` is needed on the machine.

use std::{env, error::Error, fs, path::Path};

use prost::Message;

/// What clients may ask to see; the rest is nobody else's.
const DESCRIBED: [&str; 3] = [
    "arrow/flight.proto",
    "arrow/prepared.proto",
    "arrow/session.proto",
];
const FILES: [&str; 7] = [
    "arrow/prepared.proto",
    "arrow/session.proto",
    "godwit/cookie.proto",
    "godwit/format.proto",
    "godwit/handle.proto",
    "godwit/poll.proto",
    "godwit/ticket.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../../proto");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    let files = protox::compile(FILES, [root])?;
    prost_build::Config::new()
        .btree_map(["."])
        .bytes(["."])
        .compile_fds(files)?;
    let described = protox::compile(DESCRIBED, [root])?.encode_to_vec();
    let out = env::var_os("OUT_DIR").ok_or("cargo names no directory")?;
    fs::write(Path::new(&out).join("descriptors.bin"), described)?;
    Ok(())
}
