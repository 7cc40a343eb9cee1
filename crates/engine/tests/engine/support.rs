//! An engine over small files in a temporary directory.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema};
use arrow::util::pretty::pretty_format_batches;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use datafusion::parquet::arrow::ArrowWriter;
use futures::TryStreamExt;
use godwit_audit::Auditor;
use godwit_auth::{Authenticator, Intent, Peer, Permit};
use godwit_config::{AuthMode, Config, Mount, User};
use godwit_engine::{Engine, Error, Result, Session, SessionKey, Statement};
use godwit_protocol::SessionId;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) session: Arc<Session>,
    pub(crate) permit: Permit,
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// An engine with a changed configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_people(&dir.path().join("people.parquet"), 0..5);
        fs::write(
            dir.path().join("orders.csv"),
            "id,person,amount,day\n1,1,10.5,2024-01-01\n2,1,20,2024-01-02\n3,3,,2024-02-01\n",
        )
        .unwrap();
        fs::create_dir(dir.path().join("shop")).unwrap();
        fs::write(
            dir.path().join("shop/items.csv"),
            "id,name\n1,nut\n2,bolt\n",
        )
        .unwrap();
        fs::write(dir.path().join("shop/stock.csv"), "item,many\n1,100\n2,5\n").unwrap();
        let mut config = Config {
            data_dir: dir.path().join("data"),
            ..Config::default()
        };
        config.auth.mode = AuthMode::Off;
        config.memory.limit = 1 << 30;
        for (name, file) in [("people", "people.parquet"), ("orders", "orders.csv")] {
            config
                .mounts
                .insert(name.to_owned(), Mount::new(dir.path().join(file)));
        }
        config
            .mounts
            .insert("shop".to_owned(), Mount::new(dir.path().join("shop")));
        change(&mut config);
        fs::create_dir_all(&config.data_dir).unwrap();
        let auditor = Auditor::start(&config.audit, &config.data_dir).unwrap();
        let (authenticator, _) = Authenticator::start(&config, &config.data_dir).unwrap();
        let directory = Arc::clone(authenticator.directory());
        let engine = Engine::start(&config, auditor, directory).await.unwrap();
        let permit = permit_for(&config, None).await;
        let key = SessionKey::Token(SessionId::random());
        let session = engine.sessions().open(permit.user(), key).unwrap();
        Self {
            engine,
            session,
            permit,
            dir,
        }
    }

    pub(crate) async fn describe(&self, sql: &str) -> Result<Statement> {
        self.engine.describe(&self.session, &self.permit, sql).await
    }

    /// All rows of a query, and whether each batch has the schema that was described.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let statement = self.describe(sql).await?;
        self.run(&statement).await
    }

    pub(crate) async fn run(&self, statement: &Statement) -> Result<Vec<RecordBatch>> {
        let stream = self
            .engine
            .query(&self.session, &self.permit, statement)
            .await?;
        assert_eq!(stream.schema(), statement.schema, "{}", statement.sql);
        let batches: Vec<RecordBatch> = stream.try_collect().await?;
        for batch in &batches {
            assert_eq!(batch.schema(), statement.schema, "{}", statement.sql);
        }
        Ok(batches)
    }

    /// The result as a table of text.
    pub(crate) async fn table(&self, sql: &str) -> String {
        match self.rows(sql).await {
            Ok(batches) => pretty_format_batches(&batches).unwrap().to_string(),
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// The cells of a result, row by row, without frame.
    pub(crate) async fn cells(&self, sql: &str) -> Vec<Vec<String>> {
        cells(&self.table(sql).await)
    }

    pub(crate) async fn one(&self, sql: &str) -> String {
        let cells = self.cells(sql).await;
        assert_eq!(cells.len(), 1, "{sql}: {cells:?}");
        cells[0].join(" ")
    }

    /// The error of a statement that must fail.
    pub(crate) async fn error(&self, sql: &str) -> Error {
        match self.rows(sql).await {
            Ok(batches) => panic!("{sql} gave {} batches", batches.len()),
            Err(error) => error,
        }
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        assert_eq!(self.change(sql).await?, 0);
        Ok(())
    }

    /// Runs an effect; how many rows it changed.
    pub(crate) async fn change(&self, sql: &str) -> Result<i64> {
        self.change_in(&self.session, sql).await
    }

    /// The same in another session of the user.
    pub(crate) async fn change_in(&self, session: &Arc<Session>, sql: &str) -> Result<i64> {
        let statement = self.engine.describe(session, &self.permit, sql).await?;
        let outcome = self.engine.execute(session, &self.permit, &statement);
        Ok(outcome.await?.rows)
    }

    /// Runs effects that must succeed.
    pub(crate) async fn changes(&self, statements: &[&str]) {
        for sql in statements {
            if let Err(error) = self.change(sql).await {
                panic!("{sql}: {error}");
            }
        }
    }

    /// The error of an effect that must fail.
    pub(crate) async fn refused(&self, sql: &str) -> Error {
        match self.change(sql).await {
            Ok(rows) => panic!("{sql} changed {rows} rows"),
            Err(error) => error,
        }
    }

    /// Another session of the same user.
    pub(crate) fn another_session(&self) -> Arc<Session> {
        let key = SessionKey::Token(SessionId::random());
        self.engine
            .sessions()
            .open(self.permit.user(), key)
            .unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }
}

pub(crate) fn cells(table: &str) -> Vec<Vec<String>> {
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(1);
    rows.map(|line| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// A permit: of the anonymous user, or of one who logs in with a password.
pub(crate) async fn permit_for(config: &Config, user: Option<&str>) -> Permit {
    let mut config = config.clone();
    let auth_dir = tempfile::tempdir().unwrap();
    let header = user.map(|user| {
        config.auth.mode = AuthMode::Password;
        let password_hash = godwit_auth::hash_password("correct horse battery").unwrap();
        let password_hash = godwit_config::Secret::new(password_hash);
        config.users.insert(
            user.to_owned(),
            User {
                password_hash,
                roles: vec!["admin".to_owned()],
            },
        );
        format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{user}:correct horse battery"))
        )
    });
    let (authenticator, _) = Authenticator::start(&config, auth_dir.path()).unwrap();
    let caller = authenticator
        .authenticate(header.as_deref(), Peer::default())
        .await
        .unwrap();
    authenticator
        .authorize(&caller.identity, Intent::Query)
        .unwrap()
}

pub(crate) fn people_schema() -> Arc<Schema> {
    let address = Fields::from(vec![
        Field::new("street", DataType::Utf8, true),
        Field::new("number", DataType::Int32, false),
    ]);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
        Field::new("big", DataType::Int64, false),
        Field::new("born", DataType::Date32, true),
        Field::new(
            "seen",
            DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into())),
            true,
        ),
        Field::new(
            "tags",
            DataType::List(Arc::new(Field::new("element", DataType::Int32, true))),
            true,
        ),
        Field::new("address", DataType::Struct(address), true),
    ]))
}

pub(crate) fn write_people(path: &Path, ids: std::ops::Range<i32>) {
    let schema = people_schema();
    let ids: Vec<i32> = ids.collect();
    let names = ["Ada", "Bob", "Cleo", "Dan", "Eve"];
    let DataType::Struct(address) = schema.field(7).data_type().clone() else {
        panic!("address is a struct");
    };
    let tags = ids
        .iter()
        .map(|id| (id % 2 == 0).then(|| vec![Some(*id), None, Some(id + 1)]));
    let tags = ListArray::from_iter_primitive::<Int32Type, _, _>(tags);
    let (_, offsets, values, nulls) = tags.into_parts();
    let item = Arc::new(Field::new("element", DataType::Int32, true));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(ids.clone())),
        Arc::new(
            ids.iter()
                .map(|id| (id % 5 != 4).then(|| names[usize::try_from(*id).unwrap() % 5]))
                .collect::<StringArray>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| (id % 3 != 2).then(|| f64::from(*id) * 1.5))
                .collect::<Float64Array>(),
        ),
        Arc::new(Int64Array::from_iter_values(
            ids.iter().map(|id| i64::from(*id) << 33),
        )),
        Arc::new(Date32Array::from_iter_values(
            ids.iter().map(|id| 10_000 + id),
        )),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(
                ids.iter().map(|id| i64::from(*id) * 1_000_000),
            )
            .with_timezone("UTC"),
        ),
        Arc::new(ListArray::new(item, offsets, values, nulls)),
        Arc::new(StructArray::new(
            address,
            vec![
                Arc::new(StringArray::from_iter_values(
                    ids.iter().map(|id| format!("street {id}")),
                )) as ArrayRef,
                Arc::new(Int32Array::from(ids)),
            ],
            None,
        )),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
