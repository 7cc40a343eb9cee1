use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures::TryFutureExt;
use godwit_client::{Client, Credentials, Login, Target, Trust, connect, endpoint};
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::error::said;
use crate::options::{Secret, Server};
use crate::terminal;
use crate::{Error, Result};

/// The server that is meant where none is named.
const DEFAULT_URL: &str = "grpc://127.0.0.1:8815";

/// Longest time for saying goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long a connection may be silent before its other end is asked for a sign of life: by TCP, since some servers hang up
/// on clients that ask by HTTP/2.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Bytes that may be under way for one stream, and for a connection: results are larger than calls.
const WINDOWS: (u32, u32) = (4 << 20, 16 << 20);

/// One session with a server: the calls carry its cookie, or the token of its login.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// What it was made from; with the answers of the person asked.
    pub(crate) server: Server,
    target: Target,
    /// Whether the session may be one that somebody else is using, and must not be closed.
    foreign: bool,
}

impl Connection {
    /// Connects and logs in. Where a password is missing, or the server wants to know who this is, and somebody types, they
    /// are asked.
    ///
    /// # Errors
    /// [`Error::Usage`] for what cannot be meant, [`Error::Connect`] for all else.
    pub(crate) async fn open(mut server: Server, limit: Duration) -> Result<Self> {
        let url = server.url.get_or_insert_with(|| DEFAULT_URL.to_owned());
        let target = Target::parse(url)?;
        if server.token.is_none() && server.user.is_some() && server.password.is_none() {
            ask_password(&mut server)?;
        }
        match Self::attempt(&server, &target, limit).await {
            Err(Attempt::Refused(why)) => {
                let anonymous = server.user.is_none() && server.token.is_none();
                if !anonymous || !terminal::is_typed() {
                    return Err(refused(&target, &why));
                }
                server.user = terminal::ask(&format!("User for {target}: "));
                if server.user.is_none() {
                    return Err(refused(&target, &why));
                }
                ask_password(&mut server)?;
                Self::attempt(&server, &target, limit)
                    .await
                    .map_err(|failure| failure.into_error(&target))
            }
            done => done.map_err(|failure| failure.into_error(&target)),
        }
    }

    /// As whom and where.
    pub(crate) fn name(&self) -> String {
        match &self.server.user {
            Some(user) => format!("{user} at {}", self.target),
            None => self.target.to_string(),
        }
    }

    /// Ends the session, since a user may have only so many. Servers without sessions say so.
    pub(crate) async fn close(&self) {
        if !self.foreign {
            let closed = self.client.action("CloseSession", Bytes::new());
            let _ = timeout(GOODBYE, closed).await;
        }
    }

    async fn attempt(server: &Server, target: &Target, limit: Duration) -> Result<Self, Attempt> {
        let trust = trust(server)?;
        let (stream, connection) = WINDOWS;
        let endpoint = endpoint(target, &trust, limit)?
            .tcp_keepalive(Some(KEEPALIVE))
            .initial_stream_window_size(stream)
            .initial_connection_window_size(connection);
        let late = |_| Attempt::Unreachable(format!("no answer within {} s", limit.as_secs_f64()));
        let channel = timeout(limit, connect(&endpoint)).await.map_err(late)?;
        let channel = channel.map_err(Attempt::Unreachable)?;
        let credentials = credentials(server);
        let login = Login::new(&credentials)?.settled(&channel, limit).await;
        let client = timeout(limit, login.client(channel))
            .await
            .map_err(late)??;
        timeout(limit, probe(&client)).await.map_err(late)??;
        Ok(Self {
            client,
            server: server.clone(),
            target: target.clone(),
            foreign: server.token.is_some(),
        })
    }
}

/// Asks something cheap that any server answers in some way, to see whether it is one and takes the credentials.
async fn probe(client: &Client) -> Result<(), Status> {
    let asked = client.list_actions().map_ok(|_| ());
    match asked.await {
        Err(status) if status.code() == Code::Unauthenticated => Err(status),
        Err(status) if status.code() == Code::Unavailable => Err(status),
        _ => Ok(()),
    }
}

enum Attempt {
    Refused(String),
    Unreachable(String),
    Wrong(Error),
}

impl Attempt {
    fn into_error(self, target: &Target) -> Error {
        match self {
            Self::Refused(why) => refused(target, &why),
            Self::Unreachable(why) => Error::Connect(format!("cannot reach {target}: {why}")),
            Self::Wrong(error) => error,
        }
    }
}

impl From<Status> for Attempt {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Self::Refused(said(&status)),
            _ => Self::Unreachable(said(&status)),
        }
    }
}

impl From<godwit_client::Error> for Attempt {
    fn from(error: godwit_client::Error) -> Self {
        Self::Wrong(error.into())
    }
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

fn refused(target: &Target, why: &str) -> Error {
    Error::Connect(format!("{target} refuses these credentials: {why}"))
}

fn ask_password(server: &mut Server) -> Result<()> {
    let user = server.user.as_deref().unwrap_or_default();
    let password = terminal::ask_hidden(&format!("Password of {user}: "));
    let password = password.ok_or_else(|| {
        Error::Usage(format!(
            "there is no password for {user:?}, and nobody to ask; GODWIT_PASSWORD or a profile gives it"
        ))
    })?;
    server.password = Some(Secret(password));
    Ok(())
}

fn credentials(server: &Server) -> Credentials {
    match (&server.token, &server.user, &server.password) {
        (Some(token), _, _) => Credentials::Token(token.0.clone()),
        (None, Some(user), Some(password)) => Credentials::Password {
            user: user.clone(),
            password: password.0.clone(),
        },
        _ => Credentials::None,
    }
}

fn trust(server: &Server) -> Result<Trust> {
    match &server.tls_ca {
        _ if server.insecure => Ok(Trust::Anyone),
        None => Ok(Trust::System),
        Some(path) => fs::read(path)
            .map(Trust::Authorities)
            .map_err(|error| Error::Usage(format!("{}: {error}", path.display()))),
    }
}
