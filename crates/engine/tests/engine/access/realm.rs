//! A server with users who may do different things.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_auth::access::{
    Grant, Grantee, Mask, ObjectKey, Policy, Privilege, Record, Scope, StoredUser,
};
use godwit_auth::{Authenticator, Change, Identity, Intent, Permit, Store, Stored};
use godwit_config::{AuthMode, Config, Secret, User};
use godwit_engine::{Error, Result, Session, SessionKey, StatementKind};
use godwit_lake::Lake;
use godwit_protocol::SessionId;
use tempfile::TempDir;

use crate::support::{World, cells};

const PASSWORD: &str = "correct horse battery";

/// An engine, and users beside the one of [`World`], who is an admin.
pub(crate) struct Realm {
    pub(crate) world: World,
    authenticator: Authenticator,
    identities: BTreeMap<&'static str, Identity>,
    lake: Lake,
    _secrets: TempDir,
}

/// One of them with a session.
pub(crate) struct Caller {
    pub(crate) session: Arc<Session>,
    pub(crate) permit: Permit,
}

/// What a statement gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    Rows(Vec<Vec<String>>),
    Changed(i64),
}

impl Realm {
    pub(crate) async fn new(users: &[&'static str]) -> Self {
        Self::with(users, |_| {}).await
    }

    pub(crate) async fn with(users: &[&'static str], change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        let world = World::with(|of_world| {
            change(of_world);
            config = of_world.clone();
        })
        .await;
        config.auth.mode = AuthMode::Password;
        let hash = godwit_auth::hash_password(PASSWORD).unwrap();
        for user in users {
            let user_of = User {
                password_hash: Secret::new(hash.clone()),
                roles: Vec::new(),
            };
            config.users.insert((*user).to_owned(), user_of);
        }
        // Who makes what there is, and owns it.
        let maker = User {
            password_hash: Secret::new(hash),
            roles: vec!["admin".to_owned()],
        };
        config
            .users
            .insert(godwit_auth::ANONYMOUS.to_owned(), maker);
        let secrets = tempfile::tempdir().unwrap();
        let (authenticator, _) = Authenticator::start(&config, secrets.path()).unwrap();
        let directory = authenticator.directory();
        directory.attach(Arc::new(Memory::default())).await.unwrap();
        let mut identities = BTreeMap::new();
        for user in users {
            let header = BASE64_STANDARD.encode(format!("{user}:{PASSWORD}"));
            let header = format!("Basic {header}");
            let known = authenticator
                .authenticate(Some(&header), godwit_auth::Peer::UNKNOWN)
                .await
                .unwrap();
            identities.insert(*user, known.identity);
        }
        let env = Arc::new(RuntimeEnv::default());
        let lake = Lake::open(&config, &config.data_dir, env).await.unwrap();
        Self {
            world,
            authenticator,
            identities,
            lake,
            _secrets: secrets,
        }
    }

    /// What the user may do now, in a new session.
    pub(crate) fn caller(&self, user: &str) -> Caller {
        let key = SessionKey::Token(SessionId::random());
        Caller {
            session: self.world.engine.sessions().open(user, key).unwrap(),
            permit: self.permit(user),
        }
    }

    pub(crate) fn permit(&self, user: &str) -> Permit {
        let identity = &self.identities[user];
        self.authenticator
            .authorize(identity, Intent::Query)
            .unwrap()
    }

    /// Runs a statement for a user in a session of its own.
    pub(crate) async fn run(&self, user: &str, sql: &str) -> Result<Given> {
        self.run_as(&self.caller(user), sql).await
    }

    pub(crate) async fn run_as(&self, caller: &Caller, sql: &str) -> Result<Given> {
        let Caller { session, permit } = caller;
        let engine = &self.world.engine;
        let statement = engine.describe(session, permit, sql).await?;
        match statement.kind {
            StatementKind::Query => {
                let stream = engine.query(session, permit, &statement).await?;
                let batches: Vec<_> = futures::TryStreamExt::try_collect(stream).await?;
                let text = pretty_format_batches(&batches).unwrap().to_string();
                Ok(Given::Rows(cells(&text)))
            }
            StatementKind::Effect => {
                let outcome = engine.execute(session, permit, &statement).await?;
                Ok(Given::Changed(outcome.rows))
            }
        }
    }

    /// The rows of a query that must succeed, each as one text.
    pub(crate) async fn rows(&self, user: &str, sql: &str) -> Vec<String> {
        match self.run(user, sql).await {
            Ok(Given::Rows(rows)) => rows.iter().map(|row| row.join(" ")).collect(),
            other => panic!("{user}: {sql}: {other:?}"),
        }
    }

    pub(crate) async fn refused(&self, user: &str, sql: &str) -> Error {
        match self.run(user, sql).await {
            Ok(given) => panic!("{user}: {sql}: {given:?}"),
            Err(error) => error,
        }
    }

    /// The key of a schema, table or view of the lake.
    pub(crate) async fn key(&self, name: &str) -> ObjectKey {
        let latest = self.lake.latest().await.unwrap();
        let state = latest.state();
        let id = match name.split_once('.') {
            None => state.schemas[name].id.0,
            Some((schema, name)) => match state.table(schema, name) {
                Some(table) => table.id.0,
                None => state.view(schema, name).unwrap().id.0,
            },
        };
        ObjectKey::durable(id)
    }

    pub(crate) async fn put(&self, records: Vec<Record>) {
        let changes = || records.iter().cloned().map(Change::Put).collect();
        let changed = self
            .authenticator
            .directory()
            .change(|_| Ok::<_, godwit_auth::Error>(changes()))
            .await;
        changed.unwrap();
    }

    pub(crate) async fn remove(&self, record: Record) {
        let change = || vec![Change::Remove(record.key())];
        let changed = self
            .authenticator
            .directory()
            .change(|_| Ok::<_, godwit_auth::Error>(change()))
            .await;
        changed.unwrap();
    }

    /// Makes a user a member of a role.
    pub(crate) async fn give_role(&self, user: &str, role: &str) {
        let stored = StoredUser {
            name: user.to_owned(),
            password_hash: None,
            previous_hash: None,
            previous_until: None,
            enabled: true,
            valid_until: None,
            roles: [role.to_owned()].into(),
        };
        self.put(vec![Record::User(stored)]).await;
    }

    /// Usage of schema `main` for a user.
    pub(crate) async fn usage(&self, user: &str) -> Record {
        let schema = Scope::Schema(self.key("main").await);
        grant(user, schema, &[(Privilege::Usage, None)])
    }

    /// Something on a table of the lake for a user, with usage of its schema.
    pub(crate) async fn allow(
        &self,
        user: &str,
        table: &str,
        what: &[(Privilege, Option<&[&str]>)],
    ) {
        let scope = Scope::Relation(self.key(table).await);
        let usage = self.usage(user).await;
        self.put(vec![usage, grant(user, scope, what)]).await;
    }

    pub(crate) async fn policy(&self, name: &str, table: &str, user: &str, using: &str) {
        let policy = Policy {
            name: name.to_owned(),
            table: self.key(table).await,
            to: Grantee::User(user.to_owned()),
            using: using.to_owned(),
        };
        self.put(vec![Record::Policy(policy)]).await;
    }

    /// One mask a user: another takes its place.
    pub(crate) async fn mask(&self, table: &str, column: &str, user: &str, using: &str) {
        let mask = Mask {
            name: format!("of_{user}"),
            table: self.key(table).await,
            column: column.to_owned(),
            to: Grantee::User(user.to_owned()),
            using: using.to_owned(),
        };
        self.put(vec![Record::Mask(mask)]).await;
    }
}

pub(crate) fn grant(user: &str, scope: Scope, what: &[(Privilege, Option<&[&str]>)]) -> Record {
    let columns = |columns: &[&str]| columns.iter().map(|c| (*c).to_owned()).collect();
    Record::Grant(Grant {
        grantee: Grantee::User(user.to_owned()),
        scope,
        privileges: what
            .iter()
            .map(|(privilege, of)| (*privilege, of.map(columns)))
            .collect(),
    })
}

/// Records in memory.
#[derive(Debug, Default)]
struct Memory(Mutex<(u64, BTreeMap<String, String>)>);

#[async_trait]
impl Store for Memory {
    async fn load(&self, known: Option<u64>) -> godwit_auth::Result<Option<Stored>> {
        let kept = self.0.lock().unwrap();
        let stored = || Stored {
            version: kept.0,
            records: kept.1.clone().into_iter().collect(),
        };
        Ok((known != Some(kept.0)).then(stored))
    }

    async fn change(
        &self,
        expected: u64,
        put: Vec<(String, String)>,
        removed: Vec<String>,
    ) -> godwit_auth::Result<Option<u64>> {
        let mut kept = self.0.lock().unwrap();
        if kept.0 != expected {
            return Ok(None);
        }
        kept.1.extend(put);
        kept.1.retain(|key, _| !removed.contains(key));
        kept.0 += 1;
        Ok(Some(kept.0))
    }
}
