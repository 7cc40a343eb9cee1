use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, Decimal64Array, DictionaryArray, Float16Array,
    Int64Array, RecordBatch, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int8Type, Schema};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{Any, ProstMessageExt};
use arrow_flight::{
    Action, FlightData, FlightDescriptor, FlightInfo, Result as ActionResult, Ticket,
};
use arrow_ipc::writer::FileWriter;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use godwit_audit::Auditor;
use godwit_auth::{Authenticator, hash_password};
use godwit_config::{Config, Mount, Secret, User};
use godwit_engine::Engine;
use godwit_flight::{Flight, FlightOptions, serve};
use godwit_protocol::Sealer;
use prost::Message;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

pub(crate) const GRACE: Duration = Duration::from_millis(300);

/// A server on a free port, with two users and a few tables, gone when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: JoinHandle<godwit_flight::Result<()>>,
    dir: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}, |_| {}).await
    }

    pub(crate) async fn start_with(
        configure: impl FnOnce(&mut Config),
        change: impl FnOnce(&mut FlightOptions),
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = config(dir.path());
        configure(&mut config);
        let (authenticator, _) = Authenticator::start(&config, &config.data_dir).unwrap();
        let auditor = Auditor::start(&config.audit, &config.data_dir).unwrap();
        let directory = Arc::clone(authenticator.directory());
        let engine = Engine::start(&config, auditor, directory).await.unwrap();
        let sealer = Sealer::new(&authenticator.mac_key());
        let mut options = FlightOptions::from(&config);
        change(&mut options);
        let flight = Flight::new(engine.clone(), Arc::new(authenticator), sealer, options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // A dropped sender stops the server too.
            let _ = stopped.await;
        };
        let serving = tokio::spawn(serve(flight, listener, None, GRACE, shutdown));
        Self {
            address,
            engine,
            stop: Some(stop),
            serving,
            dir,
        }
    }

    /// A client that sends these credentials with every call.
    pub(crate) async fn client(&self, authorization: Option<&str>) -> Client {
        let channel = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        let channel = channel.connect().await.unwrap();
        let flight = FlightServiceClient::new(channel.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Client {
            channel,
            flight,
            headers: authorization
                .map(|value| ("authorization".to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
        }
    }

    /// A client that logged in as alice and has a session by its token.
    pub(crate) async fn alice(&self) -> Client {
        let mut client = self.client(Some(&basic("alice"))).await;
        let token = client.handshake().await.unwrap();
        self.client(Some(&token)).await
    }

    /// Writes or replaces the file of the table `files.changing`.
    pub(crate) fn write_changing(&self, csv: &str) {
        std::fs::write(self.dir.path().join("changing.csv"), csv).unwrap();
    }
}

/// The header of a user whose password is the name twice.
pub(crate) fn basic(user: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{user}{user}"))
    )
}

/// Hashed once: a password's hash takes its time on purpose.
static USERS: LazyLock<BTreeMap<String, User>> = LazyLock::new(|| {
    let user = |name: &str| {
        let password_hash = Secret::new(hash_password(&format!("{name}{name}")).unwrap());
        (
            name.to_owned(),
            User {
                password_hash,
                roles: vec!["admin".to_owned()],
            },
        )
    };
    [user("alice"), user("bob")].into()
});

fn config(dir: &Path) -> Config {
    let mut config = Config {
        data_dir: dir.join("data"),
        ..Config::default()
    };
    std::fs::create_dir(&config.data_dir).unwrap();
    config.users.clone_from(&USERS);
    std::fs::write(
        dir.join("people.csv"),
        "id,name\n1,Ada\n2,Grace\n3,Edsger\n",
    )
    .unwrap();
    std::fs::write(dir.join("changing.csv"), "id\n1\n").unwrap();
    write_types(&dir.join("types.arrow"));
    for (name, file) in [
        ("people", "people.csv"),
        ("changing", "changing.csv"),
        ("types", "types.arrow"),
        ("broken", "missing.parquet"),
    ] {
        config
            .mounts
            .insert(name.to_owned(), Mount::new(dir.join(file)));
    }
    config
}

fn write_types(path: &Path) {
    let batch = typed_batch();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = FileWriter::try_new(file, batch.schema_ref()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

/// Columns whose types are not sent as they are, and one that may not be null.
pub(crate) fn typed_batch() -> RecordBatch {
    let texts =
        StringViewArray::from_iter([Some("a"), None, Some("a longer text than fits a view")]);
    let dictionary: DictionaryArray<Int8Type> = [Some("x"), None, Some("x")].into_iter().collect();
    let halves = cast(&Int64Array::from(vec![1, 2, 3]), &DataType::Float16).unwrap();
    let halves: &Float16Array = halves.as_primitive();
    let decimals = Decimal64Array::from(vec![Some(125), None, Some(-3)]);
    let decimals = decimals.with_precision_and_scale(10, 2).unwrap();
    let bytes = BinaryViewArray::from_iter_values([b"1".as_slice(), b"", b"333"]);
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])), false),
        ("text", Arc::new(texts), true),
        ("word", Arc::new(dictionary), true),
        ("half", Arc::new(halves.clone()), true),
        ("price", Arc::new(decimals), true),
        ("bytes", Arc::new(bytes), true),
    ];
    let fields = columns.iter();
    let fields =
        fields.map(|(name, column, null)| Field::new(*name, column.data_type().clone(), *null));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(_, column, _)| column).collect();
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// One connection, with the headers that go with each of its calls.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) channel: Channel,
    pub(crate) flight: FlightServiceClient<Channel>,
    pub(crate) headers: HashMap<String, String>,
}

impl Client {
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in &self.headers {
            let name: tonic::metadata::AsciiMetadataKey = name.parse().unwrap();
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    /// The `authorization` header of the answer to a handshake without any message.
    pub(crate) async fn handshake(&mut self) -> Result<String, Status> {
        let request = self.request(futures::stream::empty());
        let response = self.flight.handshake(request).await?;
        let token = response.metadata().get("authorization").cloned();
        let messages: Vec<_> = response.into_inner().try_collect().await?;
        assert_eq!(messages.len(), 0);
        Ok(token.unwrap().to_str().unwrap().to_owned())
    }

    pub(crate) async fn info(
        &mut self,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Status> {
        self.info_response(descriptor)
            .await
            .map(Response::into_inner)
    }

    pub(crate) async fn info_response(
        &mut self,
        descriptor: FlightDescriptor,
    ) -> Result<Response<FlightInfo>, Status> {
        let request = self.request(descriptor);
        self.flight.get_flight_info(request).await
    }

    pub(crate) async fn sql_info(&mut self, sql: &str) -> Result<FlightInfo, Status> {
        self.info(statement(sql)).await
    }

    /// The schema of the stream, and its rows.
    pub(crate) async fn get(
        &mut self,
        ticket: Ticket,
    ) -> Result<(Schema, Vec<RecordBatch>), Status> {
        let request = self.request(ticket);
        let messages = self.flight.do_get(request).await?.into_inner();
        let messages: Vec<FlightData> = messages.try_collect().await?;
        assert!(
            messages
                .iter()
                .all(|message| message.flight_descriptor.is_none())
        );
        let schema = Schema::try_from(&messages[0]).unwrap();
        let messages = futures::stream::iter(messages.into_iter().map(Ok::<_, FlightError>));
        let batches = FlightRecordBatchStream::new_from_flight_data(messages);
        Ok((schema, batches.try_collect().await.unwrap()))
    }

    /// All rows of a query in one batch.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<RecordBatch, Status> {
        let info = self.sql_info(sql).await?;
        let (schema, batches) = self.get(ticket(&info)).await?;
        Ok(arrow::compute::concat_batches(&Arc::new(schema), &batches).unwrap())
    }

    /// The one number that a query gives.
    pub(crate) async fn number(&mut self, sql: &str) -> Result<i64, Status> {
        let rows = self.query(sql).await?;
        let column = cast(rows.column(0), &DataType::Int64).unwrap();
        let column: &Int64Array = column.as_primitive();
        assert_eq!(column.len(), 1);
        Ok(column.value(0))
    }

    pub(crate) async fn action(
        &mut self,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<Vec<ActionResult>, Status> {
        let request = self.request(Action::new(kind, body));
        let results = self.flight.do_action(request).await?.into_inner();
        results.try_collect().await
    }
}

pub(crate) fn command(message: &impl ProstMessageExt) -> FlightDescriptor {
    FlightDescriptor::new_cmd(packed(message))
}

pub(crate) fn packed(message: &impl ProstMessageExt) -> Vec<u8> {
    message.as_any().encode_to_vec()
}

pub(crate) fn statement(sql: &str) -> FlightDescriptor {
    command(&arrow_flight::sql::CommandStatementQuery {
        query: sql.to_owned(),
        transaction_id: None,
    })
}

pub(crate) fn path(parts: &[&str]) -> FlightDescriptor {
    FlightDescriptor::new_path(parts.iter().map(|part| (*part).to_owned()).collect())
}

/// The ticket of the only endpoint, which has no location.
pub(crate) fn ticket(info: &FlightInfo) -> Ticket {
    let [endpoint] = info.endpoint.as_slice() else {
        panic!("{} endpoints", info.endpoint.len());
    };
    assert!(endpoint.location.is_empty());
    endpoint.ticket.clone().unwrap()
}

/// The message that is packed in a result.
pub(crate) fn unpack<M: ProstMessageExt>(result: &ActionResult) -> M {
    let any = Any::decode(result.body.clone()).unwrap();
    any.unpack().unwrap().unwrap()
}

/// That a call failed with this code, a text that holds `says`, and the id of the query at the end.
#[track_caller]
pub(crate) fn assert_fails<T>(result: Result<T, Status>, code: tonic::Code, says: &str) {
    let Err(status) = result else {
        panic!("no error, where {code:?} was expected");
    };
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(says), "{status}");
    assert!(status.message().contains("[query "), "{status}");
    let headers = status.metadata();
    assert!(headers.get("authorization").is_none() && headers.get("set-cookie").is_none());
}
