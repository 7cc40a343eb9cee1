//! Clients that ask a Flight server the same small query again and again, GetFlightInfo and DoGet, each over a connection
//! of its own: `load ADDRESS COMMAND CLIENTS SECONDS AUTHORIZATION`.
//!
//! It speaks the harness's protocol (benches/clients/worker.py): a line of JSON when all are connected, then a line for each
//! line `go` of its standard input.

mod messages;

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use messages::{FlightData, FlightDescriptor, FlightInfo, Ticket};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn Error + Send + Sync>;

/// A connection and what it asks.
#[derive(Clone)]
struct Client {
    grpc: Grpc<Channel>,
    command: Vec<u8>,
    authorization: Option<AsciiMetadataValue>,
}

impl Client {
    async fn connect(address: &str, command: &str, authorization: &str) -> Result<Self, Failure> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .tcp_nodelay(true)
            .connect()
            .await?;
        let authorization = match authorization {
            "" => None,
            value => Some(value.parse()?),
        };
        Ok(Self {
            grpc: Grpc::new(channel).max_decoding_message_size(usize::MAX),
            command: command.as_bytes().to_vec(),
            authorization,
        })
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(value) = &self.authorization {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        request
    }

    /// Asks once; the bytes of the rows.
    async fn ask(&mut self) -> Result<usize, Failure> {
        let descriptor = FlightDescriptor {
            kind: 2,
            cmd: self.command.clone(),
        };
        let info = PathAndQuery::from_static("/arrow.flight.protocol.FlightService/GetFlightInfo");
        self.grpc.ready().await?;
        let asked = self.request(descriptor);
        let codec = ProstCodec::<FlightDescriptor, FlightInfo>::default();
        let answer = self.grpc.unary(asked, info, codec).await?.into_inner();
        let ticket = answer
            .endpoint
            .into_iter()
            .next()
            .and_then(|each| each.ticket);

        let get = PathAndQuery::from_static("/arrow.flight.protocol.FlightService/DoGet");
        self.grpc.ready().await?;
        let asked = self.request(ticket.ok_or("no endpoint")?);
        let codec = ProstCodec::<Ticket, FlightData>::default();
        let mut stream = self
            .grpc
            .server_streaming(asked, get, codec)
            .await?
            .into_inner();
        let mut size = 0;
        while let Some(data) = stream.message().await? {
            size += data.data_body.len();
        }
        Ok(size)
    }

    /// Asks until the time is over; how long each answer took.
    async fn ask_until(mut self, end: Instant) -> Result<Vec<Duration>, Failure> {
        let mut took = Vec::new();
        let mut now = Instant::now();
        while now < end {
            if self.ask().await? == 0 {
                return Err("no rows".into());
            }
            let then = std::mem::replace(&mut now, Instant::now());
            took.push(now - then);
        }
        Ok(took)
    }
}

/// One round of all clients, as the line that the harness reads.
async fn round(clients: &[Client], seconds: f64) -> Result<String, Failure> {
    let (begin, processor) = (Instant::now(), processor_seconds()?);
    let end = begin + Duration::from_secs_f64(seconds);
    let mut running: JoinSet<_> = clients
        .iter()
        .cloned()
        .map(|each| each.ask_until(end))
        .collect();
    let mut took = Vec::new();
    while let Some(done) = running.join_next().await {
        took.extend(done??);
    }
    let wall = begin.elapsed().as_secs_f64();
    let processor = processor_seconds()? - processor;
    took.sort_unstable();
    let at = |share: usize| {
        took.get(took.len() * share / 100)
            .map_or(0.0, Duration::as_secs_f64)
    };
    Ok(format!(
        r#"{{"begin": 0, "end": {wall}, "client_cpu": {processor}, "count": {}, "p50": {}, "p99": {}}}"#,
        took.len(),
        at(50),
        at(99)
    ))
}

/// The processor time of this process until now, as `proc_pid_stat(5)` has it: user and system time are the 12th and 13th
/// figures behind the name, in hundredths of a second.
fn processor_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, figures) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let mut ticks = 0;
    for figure in figures.split_ascii_whitespace().skip(11).take(2) {
        ticks += figure.parse::<u32>()?;
    }
    Ok(f64::from(ticks) / 100.0)
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

async fn work() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, command, clients, seconds, authorization] = arguments.as_slice() else {
        return Err("usage: load ADDRESS COMMAND CLIENTS SECONDS AUTHORIZATION".into());
    };
    let mut connected = Vec::new();
    for _ in 0..clients.parse()? {
        connected.push(Client::connect(address, command, authorization).await?);
    }
    let seconds = seconds.parse()?;
    say(r#"{"ready": true}"#)?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line.trim() == "go" {
            say(&round(&connected, seconds).await?)?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work())
}
