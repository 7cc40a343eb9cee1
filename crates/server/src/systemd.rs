//! Tells the service manager how far the server is, where one asks for it (`Type=notify` in a unit of systemd).
//!
//! Source: sd_notify(3). The manager listens on a datagram socket that the variable `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// Something that the manager is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The server accepts calls, with the configuration that is in force.
    Ready,
    /// The configuration is read again; what comes next is [`Self::Ready`], whatever became of it.
    Reloading,
    /// The server ends.
    Stopping,
}

/// Tells the manager, if there is one. That it cannot be told is no reason to stop.
pub(crate) fn notify(state: State) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(why) = send(&name, state) {
        tracing::warn!(%why, socket = %name.display(), "the service manager could not be told (NOTIFY_SOCKET)");
    }
}

fn send(name: &OsStr, state: State) -> io::Result<()> {
    let words: &[u8] = match state {
        State::Ready => b"READY=1\n",
        State::Reloading => b"RELOADING=1\n",
        State::Stopping => b"STOPPING=1\n",
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(words, &address(name)?).map(|_| ())
}

/// A path, or a name without a file where it begins with `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        _ => SocketAddr::from_pathname(Path::new(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_told_over_a_path_or_a_name() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("notify");
        let name = format!("@godwit-test-{}", path.display());
        for name in [path.as_os_str(), OsStr::new(&name)] {
            let manager = UnixDatagram::bind_addr(&address(name).unwrap()).unwrap();
            send(name, State::Ready).unwrap();
            send(name, State::Reloading).unwrap();
            send(name, State::Stopping).unwrap();
            let mut heard = [0; 64];
            for words in ["READY=1\n", "RELOADING=1\n", "STOPPING=1\n"] {
                let length = manager.recv(&mut heard).unwrap();
                assert_eq!(&heard[..length], words.as_bytes());
            }
        }
        assert!(send(OsStr::new("/no/such/socket"), State::Ready).is_err());
    }
}
