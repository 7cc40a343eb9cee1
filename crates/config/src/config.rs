use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mounts::MountForm;
use crate::value::AddressText;
use crate::{
    Admin, Audit, Auth, Copy, Grpc, History, Http, Lake, Log, Memory, Mount, Query, Results,
    Sessions, Shutdown, Statements, Telemetry, Tickets, Tls, User, Web, Wire,
};

/// The configuration of a Godwit server.
///
/// Layers, later ones win: defaults, the TOML file, `GODWIT_*` environment variables, flags. The variable of a key is its
/// name in upper case with `_` for `.`: `GODWIT_LOG_FORMAT` sets `log.format`. Relative paths start at the working directory.
/// Durations are written `30s`, `15m`, `12h`, `7d`; sizes `64MiB` (1024 based), `1MB` (1000 based) or a number of bytes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    /// Port 0 takes a free one; the ready line names it. Off loopback TLS is required, see the section tls.
    /// Default: `127.0.0.1:8815`.
    #[schemars(with = "AddressText")]
    pub listen: SocketAddr,

    /// Directory for all that the server keeps: keys, the first user, certificates, durable tables, files that queries spill.
    /// It is created with mode 0700 and belongs to one server at a time.
    /// Default: `godwit-data`.
    pub data_dir: PathBuf,

    /// How callers prove who they are.
    pub auth: Auth,

    /// The user that exists without being listed under users.
    pub admin: Admin,

    /// Users, each a table `[users.NAME]`.
    /// Without any user and without a password for the admin, the first start makes a password and shows it once.
    /// Default: none.
    pub users: BTreeMap<String, User>,

    /// Encryption of the connection.
    pub tls: Tls,

    /// Files to query, each as `NAME = "PATH"` or as a table `[mounts.NAME]`.
    /// A path is a file, a directory, a glob or a hive-partitioned tree. In the environment: `GODWIT_MOUNTS="a=/x,b=/y"`.
    /// They can change while the server runs.
    /// Default: none.
    #[schemars(with = "BTreeMap<String, MountForm>")]
    pub mounts: BTreeMap<String, Mount>,

    /// Sessions: what a client set, prepared and still has open.
    pub sessions: Sessions,

    /// Prepared statements and cached plans.
    pub statements: Statements,

    /// Tickets: what a client fetches a result with.
    pub tickets: Tickets,

    /// How queries run.
    pub query: Query,

    /// Memory of all queries together.
    pub memory: Memory,

    /// Results that are kept on disk: of polled queries, and of those that are split over several endpoints.
    pub results: Results,

    /// Durable tables: a DuckLake, that is a catalog database and Parquet files.
    pub lake: Lake,

    /// Files that SQL may write and read: COPY … TO and COPY … FROM.
    pub copy: Copy,

    /// Messages on the connection.
    pub wire: Wire,

    /// Calls from browsers.
    pub web: Web,

    /// What the server tells about its services.
    pub grpc: Grpc,

    /// Health and metrics for those who run the server.
    pub http: Http,

    /// Traces of calls, for a collector.
    pub telemetry: Telemetry,

    /// What happens to running queries when the server stops.
    pub shutdown: Shutdown,

    /// Who did what: logins, statements, refusals and changes of rights.
    pub audit: Audit,

    /// Statements that have ended, as `system.queries` shows them.
    pub history: History,

    /// Log lines, written to standard error.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8815)),
            data_dir: PathBuf::from("godwit-data"),
            auth: Auth::default(),
            admin: Admin::default(),
            users: BTreeMap::new(),
            tls: Tls::default(),
            mounts: BTreeMap::new(),
            sessions: Sessions::default(),
            statements: Statements::default(),
            tickets: Tickets::default(),
            query: Query::default(),
            memory: Memory::default(),
            results: Results::default(),
            lake: Lake::default(),
            copy: Copy::default(),
            wire: Wire::default(),
            web: Web::default(),
            grpc: Grpc::default(),
            http: Http::default(),
            telemetry: Telemetry::default(),
            shutdown: Shutdown::default(),
            audit: Audit::default(),
            history: History::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// Where queries write what does not fit in memory: `memory.spill_dir`, else `spill` in the data directory.
    pub fn spill_dir(&self) -> PathBuf {
        match &self.memory.spill_dir {
            Some(dir) => dir.clone(),
            None => self.data_dir.join("spill"),
        }
    }
}
