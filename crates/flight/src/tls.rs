use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{fmt, io};

use futures::{Stream, StreamExt, stream};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that have not finished their handshake. Beyond it the oldest is dropped, so that a flood of slow ones
/// does not keep others out.
const HANDSHAKES: usize = 1024;

/// How connections are encrypted. That can be exchanged while the server runs; open connections keep what they began with.
#[derive(Clone)]
pub struct Tls {
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Encryption with this certificate, and these rules for those of clients.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self {
            current: Arc::new(RwLock::new(http2(config))),
        }
    }

    /// Takes another configuration for all connections from now on.
    pub fn replace(&self, config: ServerConfig) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = http2(config);
    }

    fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

fn http2(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

type Handshake = io::Result<TlsStream<TcpStream>>;

/// Handshakes with all connections at the same time; each comes out when it is done. Failed ones are left out, failures to
/// accept are passed on.
pub(crate) fn handshakes<S>(
    tls: Tls,
    incoming: S,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> + Send
where
    S: Stream<Item = io::Result<TcpStream>> + Send,
{
    let state = Handshakes {
        incoming: Box::pin(incoming),
        tls,
        running: JoinSet::new(),
        order: VecDeque::new(),
    };
    stream::unfold(state, |mut state| async move {
        let next = state.next().await?;
        Some((next, state))
    })
}

struct Handshakes<S> {
    incoming: std::pin::Pin<Box<S>>,
    tls: Tls,
    running: JoinSet<Handshake>,
    /// The oldest first.
    order: VecDeque<AbortHandle>,
}

impl<S: Stream<Item = io::Result<TcpStream>>> Handshakes<S> {
    async fn next(&mut self) -> Option<Handshake> {
        loop {
            tokio::select! {
                accepted = self.incoming.next() => match accepted? {
                    Ok(connection) => self.begin(connection),
                    Err(why) => return Some(Err(why)),
                },
                Some(ended) = self.running.join_next() => match ended {
                    Ok(Ok(connection)) => return Some(Ok(connection)),
                    Ok(Err(why)) => tracing::debug!(%why, "TLS handshake failed"),
                    Err(why) => tracing::debug!(%why, "TLS handshake dropped"),
                },
            }
        }
    }

    fn begin(&mut self, connection: TcpStream) {
        self.order.retain(|handshake| !handshake.is_finished());
        while self.order.len() >= HANDSHAKES
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        let handshake = self.tls.acceptor().accept(connection);
        let task = self.running.spawn(async move {
            let done = tokio::time::timeout(HANDSHAKE, handshake).await;
            done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        });
        self.order.push_back(task);
    }
}
