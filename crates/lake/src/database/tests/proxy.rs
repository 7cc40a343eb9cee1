//! Stands between a client and PostgreSQL, and cuts the line around a commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// When the line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The server never sees the commit.
    BeforeCommit,
    /// The server commits, and its answer does not arrive.
    AfterCommit,
    /// The same, and nothing goes through afterwards.
    ForGood,
}

/// A server's second address.
pub(super) struct Proxy {
    port: u16,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    cut: Mutex<Option<Cut>>,
    dead: AtomicBool,
}

impl Proxy {
    pub(super) async fn start(url: &str) -> Self {
        let server: u16 = port(url).parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(Line::default());
        let this = Self {
            port,
            line: Arc::clone(&line),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !line.dead.load(Ordering::SeqCst) {
                    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::spawn(relay(client, server, Arc::clone(&line)));
                }
            }
        });
        this
    }

    /// The same database, by way of the proxy.
    pub(super) fn url(&self, url: &str) -> String {
        url.replace(port(url), &self.port.to_string())
    }

    /// What happens at the next commit.
    pub(super) fn cut(&self, cut: Cut) {
        *self.line.cut.lock().unwrap() = Some(cut);
    }
}

fn port(url: &str) -> &str {
    let rest = url.split_once("127.0.0.1:").unwrap().1;
    rest.split('/').next().unwrap()
}

async fn relay(client: TcpStream, server: TcpStream, line: Arc<Line>) {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(forward(from_server, to_client));
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
        let sent = &bytes[..read];
        let commits = sent.windows(6).any(|text| text == b"COMMIT");
        let cut = line.cut.lock().unwrap().filter(|_| commits);
        line.dead
            .fetch_or(cut == Some(Cut::ForGood), Ordering::SeqCst);
        if cut.is_some() {
            answers.abort();
        }
        if cut != Some(Cut::BeforeCommit) && to_server.write_all(sent).await.is_err() {
            break;
        }
        if cut.is_some() {
            break;
        }
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}
