//! Compiles `proto/` with protox: no `protoc` is needed on the machine.

use std::{error::Error, path::Path};

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
    Ok(())
}
