use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use super::size::{self, Written};

/// Describes a number of bytes, or `auto`.
pub(crate) struct MemoryText;

impl JsonSchema for MemoryText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Memory".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "x-kind": "size-or-auto", "pattern": "^(auto|[0-9]+ *([KMGTkmgt]?[Bb]|[KMGTkmgt][Ii][Bb])?)$" })
    }
}

/// What is taken for the machine's memory where the system does not say.
const UNKNOWN_MACHINE: u64 = 8 << 30;

/// 60 % of the memory that this process can have. Read once, so that it is the same number everywhere.
pub(crate) fn auto() -> u64 {
    static AUTO: OnceLock<u64> = OnceLock::new();
    *AUTO.get_or_init(|| available(Path::new("/")) / 10 * 6)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
pub(crate) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *bytes == auto() {
        serializer.serialize_str("auto")
    } else {
        size::serialize(bytes, serializer)
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Text(text) if text == "auto" => Some(auto()),
        written => written.bytes(),
    }
    .ok_or_else(|| D::Error::custom("not a size"))
}

/// The machine's memory, or the lowest limit that a control group around this process sets.
fn available(root: &Path) -> u64 {
    let machine = machine(root).unwrap_or(UNKNOWN_MACHINE);
    limits(root).into_iter().fold(machine, u64::min)
}

fn machine(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Limits of the process's own control group and of those above it (version 2), and of the container (version 1).
fn limits(root: &Path) -> Vec<u64> {
    let groups = root.join("sys/fs/cgroup");
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let mut files = vec![groups.join("memory/memory.limit_in_bytes")];
    for group in Path::new(path.unwrap_or_default()).ancestors() {
        files.push(groups.join(group).join("memory.max"));
    }
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::available;

    #[test]
    fn the_lowest_limit_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(available(root.path()), 8 << 30);
        write(
            "proc/meminfo",
            "MemTotal:       16777216 kB\nMemFree: 1 kB\n",
        );
        assert_eq!(available(root.path()), 16 << 30);
        write("proc/self/cgroup", "0::/system.slice/godwit.service\n");
        write(
            "sys/fs/cgroup/system.slice/godwit.service/memory.max",
            "max\n",
        );
        assert_eq!(available(root.path()), 16 << 30);
        write("sys/fs/cgroup/system.slice/memory.max", "4294967296\n");
        assert_eq!(available(root.path()), 4 << 30);
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
        assert_eq!(available(root.path()), 2 << 30);
    }
}
