use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Statement};

use super::{Problem, Server};
use crate::{Error, Result};

/// How many reads run at the same time. One connection more is for writing.
const READERS: usize = 8;

/// How many prepared statements a connection keeps before it forgets them all.
const STATEMENTS: usize = 256;

/// Connections that nobody uses right now, and how many there may be.
#[derive(Debug)]
pub(super) struct Pool {
    server: Server,
    idle: Mutex<Vec<Connection>>,
    readers: Arc<Semaphore>,
    writer: Arc<Semaphore>,
    /// Where the connections are looked after: it lives as long as the lake.
    runtime: Handle,
}

struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
}

/// The right to one connection. It goes back without a transaction.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    permit: Option<OwnedSemaphorePermit>,
    was_idle: bool,
    in_transaction: bool,
}

impl Pool {
    pub(super) fn new(server: Server) -> Arc<Self> {
        Arc::new(Self {
            server,
            idle: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS)),
            writer: Arc::new(Semaphore::new(1)),
            runtime: Handle::current(),
        })
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    pub(super) async fn read(self: &Arc<Self>) -> Result<Lease> {
        self.lease(&self.readers).await
    }

    pub(super) async fn write(self: &Arc<Self>) -> Result<Lease> {
        self.lease(&self.writer).await
    }

    async fn lease(self: &Arc<Self>, permits: &Arc<Semaphore>) -> Result<Lease> {
        let permit = Arc::clone(permits).acquire_owned().await;
        let permit = permit.map_err(Error::internal)?;
        let idle = self.take();
        let was_idle = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection {
                client: self.server.connect(&self.runtime).await?,
                statements: HashMap::new(),
            },
        };
        Ok(Lease {
            pool: Arc::clone(self),
            connection: Some(connection),
            permit: Some(permit),
            was_idle,
            in_transaction: false,
        })
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.client.is_closed());
        idle.pop()
    }

    fn give(&self, connection: Connection) {
        if !connection.client.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }
}

impl Lease {
    pub(super) fn server(&self) -> &Server {
        &self.pool.server
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.pool.runtime
    }

    /// Whether the connection has been used before, so that it may have been lost since.
    pub(super) fn was_idle(&self) -> bool {
        self.was_idle
    }

    /// A transaction is about to begin.
    pub(super) fn enter(&mut self) {
        self.in_transaction = true;
    }

    /// The transaction is over.
    pub(super) fn leave(&mut self) {
        self.in_transaction = false;
    }

    pub(super) fn client(&self) -> Result<&Client> {
        let connection = self.connection.as_ref();
        let connection = connection.ok_or_else(|| Error::internal("a lease without connection"));
        Ok(&connection?.client)
    }

    pub(super) async fn prepare(&mut self, sql: &str) -> Result<Statement, Problem> {
        let Some(Connection { client, statements }) = &mut self.connection else {
            let why = Error::internal("a lease without connection");
            return Err(Problem::Ours(why));
        };
        if let Some(statement) = statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = client.prepare(sql).await?;
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The connection is gone, even if it does not know yet.
    pub(super) fn lose(&mut self) {
        self.connection = None;
    }

    /// Forgets the prepared statements: a table may have changed under them.
    pub(super) fn forget(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.statements.clear();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !self.in_transaction {
            return self.pool.give(connection);
        }
        let (pool, permit) = (Arc::clone(&self.pool), self.permit.take());
        self.pool.runtime.spawn(async move {
            // A connection that cannot even roll back is closed, which does.
            if connection.client.batch_execute("ROLLBACK").await.is_ok() {
                pool.give(connection);
            }
            drop(permit);
        });
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
