//! A PostgreSQL server of the test's own, from Debian's packages.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const READY: Duration = Duration::from_secs(60);

/// A server that runs until it is dropped.
pub(crate) struct Postgres {
    dir: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Makes a cluster and starts its server. Fails loudly where the packages are missing.
    pub(crate) fn start() -> Self {
        let dir = TempDir::new().unwrap();
        if let Some((user, group)) = postgres_user() {
            chown(dir.path(), Some(user), Some(group)).unwrap();
        }
        let data = dir.path().join("data");
        let mut initdb = command("initdb");
        initdb.args([
            "--username=godwit",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        initdb.arg("--no-sync").arg("--pgdata").arg(&data);
        succeed(initdb.output());
        let mut this = Self {
            dir,
            port: free_port(),
            server: None,
        };
        this.resume();
        this
    }

    /// The URL of a database, which is made where it is missing.
    pub(crate) fn database(&self, name: &str) -> String {
        let exists = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        if self.sql("postgres", &exists) == "0" {
            self.sql("postgres", &format!("CREATE DATABASE {name}"));
        }
        format!(
            "postgres://godwit@127.0.0.1:{}/{name}?sslmode=disable",
            self.port
        )
    }

    /// What a statement says, by the server's own client: rows in lines, columns separated by bars.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = command("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        psql.args([
            "--set=ON_ERROR_STOP=1",
            "--username=godwit",
            "--host=127.0.0.1",
        ]);
        psql.arg(format!("--port={}", self.port));
        psql.args(["--dbname", database, "--command", sql]);
        let output = succeed(psql.output());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Stops the server at once, as a crash does.
    pub(crate) fn crash(&mut self) {
        if let Some(mut server) = self.server.take() {
            let mut stop = command("pg_ctl");
            stop.args(["--mode=immediate", "--wait", "stop", "--pgdata"]);
            succeed(stop.arg(self.data()).output());
            server.wait().unwrap();
        }
    }

    /// Starts the server again, on the same port.
    pub(crate) fn resume(&mut self) {
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(self.data());
        postgres.arg("-p").arg(self.port.to_string());
        postgres.arg("-k").arg(self.dir.path());
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        let log = fs::File::create(self.dir.path().join("log")).unwrap();
        postgres.stdout(Stdio::null()).stderr(log);
        self.server = Some(postgres.spawn().unwrap());
        let deadline = Instant::now() + READY;
        while !self.is_ready() {
            assert!(Instant::now() < deadline, "{}", self.log());
            std::thread::yield_now();
        }
    }

    fn is_ready(&self) -> bool {
        let mut ready = command("pg_isready");
        ready.arg("--host=127.0.0.1");
        ready.arg(format!("--port={}", self.port));
        // It waits for an answer itself, so that asking again and again is no busy loop.
        ready.arg("--timeout=3").stdout(Stdio::null());
        ready.status().unwrap().success()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// A program of the newest PostgreSQL that is installed, as a user that is not root: the server refuses to be that.
fn command(name: &str) -> Command {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
        .collect();
    versions.sort_by_key(|bin| version(bin));
    let bin = versions.pop().expect(
        "the tests need PostgreSQL, Debian's package postgresql: apt-get install -y --no-install-recommends postgresql",
    );
    let mut command = Command::new(bin.join(name));
    command
        .current_dir("/")
        .env_remove("PGHOST")
        .stdin(Stdio::null());
    if let Some((user, group)) = postgres_user() {
        use std::os::unix::process::CommandExt;
        command.uid(user).gid(group);
    }
    command
}

fn version(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name);
    let name = name.and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// The user and group `postgres` where we are root.
fn postgres_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let line = line.expect("the user postgres, which Debian's package postgresql makes");
    let mut fields = line.split(':').skip(2);
    let mut number = || fields.next().unwrap().parse().unwrap();
    Some((number(), number()))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn succeed(output: std::io::Result<Output>) -> Output {
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output
}
