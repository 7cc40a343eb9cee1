//! What the operating system says about this process. On systems without `/proc` it says nothing.

use std::fs;

/// Ticks of a second in `/proc`, the same on every machine that Linux runs on today.
const TICKS: f64 = 100.0;
/// Where the fields of `/proc/self/stat` are, counted from the one behind the name of the program.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const THREADS: usize = 17;
const START_TIME: usize = 19;

/// What is known about the process.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Process {
    /// Processor time so far, in seconds.
    pub(super) cpu: Option<f64>,
    pub(super) threads: Option<u64>,
    /// When it started, in seconds since 1970.
    pub(super) started: Option<f64>,
    /// Bytes.
    pub(super) resident: Option<u64>,
    /// Bytes.
    pub(super) virtual_memory: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
}

impl Process {
    pub(super) fn read() -> Self {
        let text = |name: &str| fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
        let (stat, status) = (text("self/stat"), text("self/status"));
        let fields = Fields::of(&stat);
        let cpu = fields.number(USER_TIME).zip(fields.number(SYSTEM_TIME));
        let boot = line(&text("stat"), "btime").and_then(|words| words.trim().parse::<f64>().ok());
        let started = fields.number(START_TIME).zip(boot);
        let most_files = line(&text("self/limits"), "Max open files")
            .and_then(|words| words.split_whitespace().next()?.parse().ok());
        Self {
            cpu: cpu.map(|(user, system)| (user + system) / TICKS),
            threads: fields.number(THREADS).map(|threads| threads as u64),
            started: started.map(|(ticks, boot)| boot + ticks / TICKS),
            resident: resident(&status),
            virtual_memory: line(&status, "VmSize:").and_then(kilobytes),
            // The directory that is being read is one of them.
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| (files.count() as u64).saturating_sub(1)),
            most_files,
        }
    }
}

/// The memory that the process holds, in bytes.
pub(crate) fn resident_memory() -> Option<u64> {
    resident(&fs::read_to_string("/proc/self/status").ok()?)
}

fn resident(status: &str) -> Option<u64> {
    line(status, "VmRSS:").and_then(kilobytes)
}

struct Fields<'a>(Vec<&'a str>);

impl<'a> Fields<'a> {
    /// The fields behind the name of the program, which may hold spaces and brackets.
    fn of(stat: &'a str) -> Self {
        let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
        Self(behind.split_whitespace().collect())
    }

    fn number(&self, at: usize) -> Option<f64> {
        self.0.get(at)?.parse().ok()
    }
}

/// What stands behind the first words of a line.
fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(start))
}

fn kilobytes(words: &str) -> Option<u64> {
    let number = words.split_whitespace().next()?.parse::<u64>().ok()?;
    number.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there() {
        let process = Process::read();
        assert!(process.resident > Some(1 << 20), "{process:?}");
        assert!(process.virtual_memory > process.resident, "{process:?}");
        assert!(process.open_files >= Some(3), "{process:?}");
        assert!(process.most_files >= process.open_files, "{process:?}");
        assert!(process.threads >= Some(1), "{process:?}");
        assert!(process.cpu >= Some(0.0), "{process:?}");
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - process.started.unwrap();
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }

    #[test]
    fn a_program_may_have_any_name() {
        let fields = Fields::of("1 (a ) b) S 4 5");
        assert_eq!((fields.number(1), fields.number(2)), (Some(4.0), Some(5.0)));
        assert_eq!(fields.number(9), None);
    }
}
