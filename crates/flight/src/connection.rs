use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::CertificateDer;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::figures::Open;
use crate::pieces::Pieces;

/// A connection of a client, encrypted or not. What goes over it is counted.
pub(crate) struct Connection {
    transport: Transport,
    open: Open,
    pieces: Pieces,
}

enum Transport {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// Who is at the other end, as far as the connection tells.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// The addresses.
    pub(crate) tcp: TcpConnectInfo,
    /// The certificates that the client sent and proved to have the key of, its own first.
    pub(crate) certificates: Option<Arc<[CertificateDer<'static>]>>,
    /// The pieces of answers that are on their way to it.
    pub(crate) pieces: Pieces,
}

impl Connection {
    pub(crate) fn plain(stream: TcpStream, open: Open) -> Self {
        Self::new(Transport::Plain(stream), open)
    }

    pub(crate) fn encrypted(stream: TlsStream<TcpStream>, open: Open) -> Self {
        Self::new(Transport::Encrypted(Box::new(stream)), open)
    }

    fn new(transport: Transport, open: Open) -> Self {
        Self {
            transport,
            open,
            pieces: Pieces::default(),
        }
    }

    /// The pieces of answers that are on their way over it.
    pub(crate) fn pieces(&self) -> Pieces {
        self.pieces.clone()
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        match &self.transport {
            Transport::Plain(tcp) => Peer {
                tcp: tcp.connect_info(),
                certificates: None,
                pieces: self.pieces(),
            },
            Transport::Encrypted(stream) => {
                let (tcp, session) = stream.get_ref();
                Peer {
                    tcp: tcp.connect_info(),
                    certificates: session.peer_certificates().map(Arc::from),
                    pieces: self.pieces(),
                }
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Transport::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        this.open.received(buffer.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Encrypted(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        this.count(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Transport::Encrypted(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        this.count(polled)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl Connection {
    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.open.sent(*bytes);
        }
        written
    }
}
