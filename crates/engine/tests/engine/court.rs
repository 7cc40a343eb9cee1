//! A server with users who are not allowed everything.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use godwit_auth::{Authenticator, Directory, Identity, Intent, Permit};
use godwit_config::{Config, Mount, Secret, User};
use godwit_engine::{Engine, Error, Result, Session, SessionKey, StatementKind};
use godwit_protocol::SessionId;
use tempfile::TempDir;

use crate::support::cells;

const PASSWORD: &str = "correct horse battery";

/// A server with a member of `admin`, root, and with ada and bob, who have no roles.
pub(crate) struct Court {
    pub(crate) engine: Engine,
    pub(crate) authenticator: Authenticator,
    pub(crate) callers: HashMap<&'static str, (Identity, Arc<Session>)>,
    pub(crate) config: Config,
    _dir: TempDir,
}

impl Court {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With a changed configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("orders.csv"), "id,amount\n1,10\n").unwrap();
        let mut config = Config {
            data_dir: dir.path().join("data"),
            ..Config::default()
        };
        config.memory.limit = 1 << 30;
        let orders = Mount::new(dir.path().join("orders.csv"));
        config.mounts.insert("orders".to_owned(), orders);
        let hash = godwit_auth::hash_password(PASSWORD).unwrap();
        for (name, roles) in [
            ("root", vec!["admin".to_owned()]),
            ("ada", vec![]),
            ("bob", vec![]),
        ] {
            let password_hash = Secret::new(hash.clone());
            let user = User {
                password_hash,
                roles,
            };
            config.users.insert(name.to_owned(), user);
        }
        change(&mut config);
        fs::create_dir_all(&config.data_dir).unwrap();
        let (authenticator, _) = Authenticator::start(&config, &config.data_dir).unwrap();
        let directory = Arc::clone(authenticator.directory());
        let auditor = godwit_audit::Auditor::start(&config.audit, &config.data_dir).unwrap();
        let engine = Engine::start(&config, auditor, directory).await.unwrap();
        let mut callers = HashMap::new();
        for user in ["root", "ada", "bob"] {
            let login = BASE64_STANDARD.encode(format!("{user}:{PASSWORD}"));
            let login = format!("Basic {login}");
            let caller = authenticator
                .authenticate(Some(&login), godwit_auth::Peer::UNKNOWN)
                .await
                .unwrap();
            let key = SessionKey::Token(SessionId::random());
            let session = engine.sessions().open(user, key).unwrap();
            callers.insert(user, (caller.identity, session));
        }
        Self {
            engine,
            authenticator,
            callers,
            config,
            _dir: dir,
        }
    }

    pub(crate) fn directory(&self) -> &Arc<Directory> {
        self.authenticator.directory()
    }

    pub(crate) fn permit(&self, user: &str) -> Permit {
        let identity = &self.callers[user].0;
        self.authenticator
            .authorize(identity, Intent::Query)
            .unwrap()
    }

    /// Runs a statement; the cells of a query, row by row.
    pub(crate) async fn run(&self, user: &str, sql: &str) -> Result<Vec<Vec<String>>> {
        let (permit, session) = (self.permit(user), &self.callers[user].1);
        let statement = Box::pin(self.engine.describe(session, &permit, sql)).await?;
        if statement.kind == StatementKind::Effect {
            Box::pin(self.engine.execute(session, &permit, &statement)).await?;
            return Ok(Vec::new());
        }
        let rows = Box::pin(self.engine.query(session, &permit, &statement)).await?;
        let batches: Vec<_> = rows.try_collect().await?;
        Ok(cells(&pretty_format_batches(&batches).unwrap().to_string()))
    }

    /// Statements that succeed.
    pub(crate) async fn all(&self, user: &str, statements: &[&str]) {
        for sql in statements {
            if let Err(error) = self.run(user, sql).await {
                panic!("{user}: {sql}: {error}");
            }
        }
    }

    /// The rows of a query, cells with spaces between.
    pub(crate) async fn rows(&self, user: &str, sql: &str) -> Vec<String> {
        match self.run(user, sql).await {
            Ok(rows) => rows
                .iter()
                .map(|row| row.join(" ").trim().to_owned())
                .collect(),
            Err(error) => panic!("{user}: {sql}: {error}"),
        }
    }

    pub(crate) async fn error(&self, user: &str, sql: &str) -> Error {
        match self.run(user, sql).await {
            Ok(_) => panic!("{user}: {sql} succeeded"),
            Err(error) => error,
        }
    }

    pub(crate) async fn denied(&self, user: &str, sql: &str) {
        let error = self.error(user, sql).await;
        assert!(
            matches!(error, Error::Denied { .. }),
            "{user}: {sql}: {error:?}"
        );
    }

    /// Two tables of ada's, who may make them, and a role.
    pub(crate) async fn furnished() -> Self {
        let court = Self::new().await;
        court
            .all(
                "root",
                &[
                    "GRANT USAGE, CREATE ON SCHEMA main TO ada",
                    "CREATE ROLE readers",
                    "GRANT USAGE ON SCHEMA main TO readers",
                ],
            )
            .await;
        court
            .all(
                "ada",
                &[
                    "CREATE TABLE people (id INT, name VARCHAR, salary DOUBLE)",
                    "CREATE TABLE things (id INT)",
                    "CREATE VIEW names AS SELECT name FROM people",
                ],
            )
            .await;
        court
    }
}
