//! Health and metrics over HTTP, on a port of their own, for those who run the server. Nobody is asked who they are, so
//! nothing is told that belongs to anybody.

mod answers;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(crate) use answers::Answers;

use crate::error::{Error, Result};

/// Connections at the same time; those beyond wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a connection may take to send a request, or be idle.
const REQUEST: Duration = Duration::from_secs(30);
/// The line and headers of a request, in bytes.
const LARGEST_REQUEST: usize = 16 << 10;
/// After a failed accept, for want of file descriptors for example, the next is not tried at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The open port.
pub(crate) struct Http {
    listener: TcpListener,
    address: SocketAddr,
}

impl Http {
    /// Opens the port.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self> {
        let failed = |why| Error::Listen { address, why };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens, with the real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for ever.
    pub(crate) async fn serve(self, answers: Answers) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answers = answers.clone();
                    tokio::spawn(async move {
                        connection(stream, answers).await;
                        drop(place);
                    });
                }
                Err(why) => {
                    tracing::debug!(%why, "no connection could be accepted (http.listen)");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, answers: Answers) {
    let service = service_fn(move |request| {
        let answers = answers.clone();
        async move { Ok::<_, Infallible>(answers.answer(&request).await) }
    });
    let served = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(LARGEST_REQUEST)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(why) = served {
        tracing::debug!(%why, "an HTTP connection broke");
    }
}
