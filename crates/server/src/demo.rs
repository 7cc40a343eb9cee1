//! `godwit demo`: TPC-H data, a server on it, and what to paste to query it.

mod generate;
mod manifest;
mod password;
mod progress;
mod snippets;
mod tables;

use std::env;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use godwit_config::{AuthMode, Config, Mount, MountKind, Origin, Problem, Problems};

use crate::address::{local, url};
use crate::data_dir::DataDir;
use crate::error::Result;
use crate::terminal::note;
use crate::tls::Encryption;
use crate::{serve, telemetry};
use manifest::Scale;
use snippets::{Credentials, Trust};

/// The data directory where the operator names none.
const DATA_DIR: &str = "godwit-demo";
/// Name of the mount, and so of the schema.
const SCHEMA: &str = "tpch";

/// Makes the data if it is missing, and serves it until a signal comes.
pub(crate) fn run(mut config: Config, scale: &str) -> Result<()> {
    let scale = Scale::parse(scale)?;
    if config.data_dir == Config::default().data_dir {
        config.data_dir = PathBuf::from(DATA_DIR);
    }
    if let Some(taken) = config.mounts.get(SCHEMA) {
        return Err(Problems(vec![taken_name(taken)]).into());
    }
    telemetry::start(&config.log, config.audit.redact_literals);
    let data_dir = DataDir::open(&config.data_dir)?;
    let tables = generate::ensure(data_dir.path(), scale)?;
    if tables.made {
        restart();
    }
    let mut mount = Mount::new(tables.dir);
    mount.kind = MountKind::Schema;
    config.mounts.insert(SCHEMA.to_owned(), mount);
    let credentials = credentials(&mut config, &data_dir)?;
    serve::serve(&config, &data_dir, None, |address, encryption| {
        note(welcome(address, encryption, &credentials));
    })
}

/// Runs this program anew in the same process: the generator keeps 300 MB of text for as long as its program runs. Returns
/// only where that cannot be done, which is no reason not to serve.
fn restart() {
    if let Ok(program) = env::current_exe() {
        let why = Command::new(program).args(env::args_os().skip(1)).exec();
        tracing::debug!(%why, "serving with the generator's memory");
    }
}

/// Where the operator configures no way to log in, the demo keeps a password of its own that every start can show.
fn credentials(config: &mut Config, data_dir: &DataDir) -> Result<Credentials> {
    let admin = &mut config.admin;
    if config.auth.mode == AuthMode::Off {
        return Ok(Credentials::None);
    }
    let configured = admin.password.is_some() || admin.password_file.is_some();
    if !configured && config.users.is_empty() {
        let (path, password) = password::open(data_dir.path())?;
        admin.password_file = Some(path);
        let user = admin.user.get_or_insert_with(|| "admin".to_owned()).clone();
        return Ok(Credentials::Known { user, password });
    }
    let user = match (&admin.user, configured) {
        (Some(user), _) => user.clone(),
        (None, true) => "admin".to_owned(),
        (None, false) => config.users.keys().next().cloned().unwrap_or_default(),
    };
    Ok(Credentials::Configured { user })
}

fn welcome(
    address: SocketAddr,
    encryption: Option<&Encryption>,
    credentials: &Credentials,
) -> String {
    let trust = match encryption {
        None => Trust::Plain,
        Some(Encryption {
            self_signed: Some(path),
            ..
        }) => Trust::SelfSigned(path.clone()),
        Some(_) => Trust::System,
    };
    let address = local(address);
    snippets::Snippets {
        url: &url(address, encryption.is_some()),
        host: &address.to_string(),
        credentials,
        trust: &trust,
    }
    .to_string()
}

fn taken_name(mount: &Mount) -> Problem {
    Problem {
        key: format!("mounts.{SCHEMA}.path"),
        value: Some(format!("{:?}", mount.path)),
        origin: Origin::Default,
        allowed: "the demo needs this name for its own data; choose another".to_owned(),
    }
}
