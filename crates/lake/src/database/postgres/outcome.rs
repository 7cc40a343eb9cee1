use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_postgres::{Client, Error as Failure, SimpleQueryMessage};

use super::{Lease, Server, failure};
use crate::{Error, Result};

/// How long a commit whose answer was lost is asked after.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 15 });

/// How long to wait between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Commits. When the connection is lost before the answer comes, the server is asked what became of it.
pub(super) async fn commit(mut lease: Lease) -> Result<()> {
    let client = lease.client()?;
    let number = client.simple_query("SELECT pg_current_xact_id()").await;
    let number = number.map_err(|why| failure::failed(lease.server(), &why))?;
    let Some(number) = single(&number) else {
        return Err(Error::internal("a transaction without number"));
    };
    match client.batch_execute("COMMIT").await {
        Ok(()) => {
            lease.leave();
            Ok(())
        }
        Err(why) if why.code().is_some() && !failure::is_lost(&why) => {
            Err(failure::failed(lease.server(), &why))
        }
        Err(why) => {
            let why = failure::failed(lease.server(), &why);
            settled(&lease, &number, why).await
        }
    }
}

/// What became of the transaction of this number.
async fn settled(lease: &Lease, number: &str, why: Error) -> Result<()> {
    let begun = Instant::now();
    loop {
        match asked(lease.server(), lease, number).await.as_deref() {
            Some("committed") => return Ok(()),
            Some("aborted") => return Err(why),
            _ if begun.elapsed() > PATIENCE => return Err(Error::in_doubt(why)),
            _ => sleep(PAUSE).await,
        }
    }
}

/// The server's answer, `None` when there is none now.
async fn asked(server: &Server, lease: &Lease, number: &str) -> Option<String> {
    let client = server.connect(lease.runtime()).await.ok()?;
    status(&client, number).await.ok().flatten()
}

async fn status(client: &Client, number: &str) -> Result<Option<String>, Failure> {
    let number: u64 = number.parse().unwrap_or_default();
    let question = format!("SELECT pg_xact_status('{number}'::xid8)");
    Ok(single(&client.simple_query(&question).await?))
}

fn single(messages: &[SimpleQueryMessage]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}
