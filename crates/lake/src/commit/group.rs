//! Commits that wait at the same time become durable together: one transaction of the catalog, one wait for the disk.
//!
//! Each is a snapshot of its own, is checked against those before it, and fails alone: it is behind a savepoint. Where the
//! database is in this process, all of this happens on one thread that is there for it.

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use futures::executor::block_on;
use tokio::sync::oneshot;

use super::memory::Memory;
use super::{Added, Made, Ready};
use crate::database::{Database, Dialect, Writing};
use crate::snapshot::cache::Cache;
use crate::{Error, Result, SnapshotId, lake};

/// How many commits become durable together at most.
const MOST: usize = 64;

/// Whoever writes commits.
#[derive(Debug)]
pub(crate) enum Committer {
    /// Each in a transaction of its own, and on the thread of its caller.
    Each(Database),
    /// A thread that ends with the lake.
    Thread(Sender<Waiting>),
}

pub(crate) struct Waiting {
    ready: Ready,
    answer: oneshot::Sender<Result<SnapshotId>>,
}

impl Committer {
    /// Starts what it needs.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the system gives no thread.
    pub(crate) fn start(database: &Database) -> Result<Self> {
        if database.dialect() == Dialect::Postgres {
            return Ok(Self::Each(database.clone()));
        }
        let (sender, receiver) = mpsc::channel();
        let group = Group {
            database: database.clone(),
            memory: Memory::default(),
        };
        thread::Builder::new()
            .name("godwit-commit".to_owned())
            .spawn(move || group.run(&receiver))
            .map_err(|why| Error::unavailable(format!("no thread for commits: {why}")))?;
        Ok(Self::Thread(sender))
    }

    /// Commits what is ready. Once begun it goes on to its end.
    pub(super) async fn commit(&self, ready: Ready) -> Result<SnapshotId> {
        let sender = match self {
            Self::Each(database) => return alone(database, &ready).await,
            Self::Thread(sender) => sender,
        };
        let (answer, answered) = oneshot::channel();
        let gone = || Error::internal("the thread that writes commits has ended");
        sender.send(Waiting { ready, answer }).map_err(|_| gone())?;
        answered.await.map_err(Error::in_doubt)?
    }
}

/// One commit in a transaction of its own.
async fn alone(database: &Database, ready: &Ready) -> Result<SnapshotId> {
    let mut writing = database.write().await?;
    let made = ready.write(&mut writing, &Memory::default(), false).await?;
    writing.commit().await?;
    ready.keep_files();
    Ok(made.snapshot)
}

struct Group {
    database: Database,
    memory: Memory,
}

impl Group {
    fn run(mut self, waiting: &Receiver<Waiting>) {
        while let Ok(first) = waiting.recv() {
            let mut group = vec![first];
            group.extend(waiting.try_iter().take(MOST - 1));
            let (ready, answers): (Vec<_>, Vec<_>) = group
                .into_iter()
                .map(|waiting| (waiting.ready, waiting.answer))
                .unzip();
            #[expect(
                clippy::disallowed_methods,
                reason = "the thread is there for nothing else, and what it waits for blocks anyway"
            )]
            let done = catch_unwind(AssertUnwindSafe(|| block_on(self.commit(&ready))));
            // Whoever hears of the end finds none of them running any more.
            drop(ready);
            let Ok(done) = done else {
                // Those who wait hear that it is in doubt, since their answers are gone; what is remembered is gone too.
                tracing::error!("a commit has panicked");
                continue;
            };
            for (answer, done) in answers.into_iter().zip(done) {
                // Whoever waited may have gone; it was committed all the same.
                let _ = answer.send(done);
            }
        }
    }

    /// What became of each.
    async fn commit(&mut self, group: &[Ready]) -> Vec<Result<SnapshotId>> {
        match self.together(group).await {
            Ok(done) => done,
            // What one of them needs may be more than there is, of space for example: the others are not to miss it.
            Err(error) if group.len() > 1 && !error.is_in_doubt() => {
                let mut done = Vec::with_capacity(group.len());
                for each in group {
                    done.push(self.one(each).await);
                }
                done
            }
            Err(error) => group.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn one(&mut self, ready: &Ready) -> Result<SnapshotId> {
        let done = self.together(std::slice::from_ref(ready)).await?;
        let done = done.into_iter().next();
        done.ok_or_else(|| Error::internal("a commit has no outcome"))?
    }

    /// Commits a group in one transaction. An error is one of all of them, and nothing was committed then.
    async fn together(&mut self, group: &[Ready]) -> Result<Vec<Result<SnapshotId>>> {
        let mut memory = std::mem::take(&mut self.memory);
        let mut writing = self.database.write_here().await?;
        memory.begin(writing.moment().await?);
        let mut done = Vec::with_capacity(group.len());
        for ready in group {
            let made = step(ready, &mut writing, &mut memory, group.len() > 1).await?;
            done.push(made);
        }
        let cache = group
            .first()
            .map(|ready| &ready.transaction.lake.inner.cache);
        let _telling = cache.map(Cache::telling);
        if done.iter().all(Result::is_err) {
            writing.rollback().await?;
        } else {
            memory.settle(&mut writing).await?;
            writing.commit().await?;
        }
        self.memory = memory;
        Ok(tell(group, done))
    }
}

/// Writes one commit of a group. An error that leaves the others as they are is in the answer.
async fn step(
    ready: &Ready,
    writing: &mut Writing,
    memory: &mut Memory,
    has_others: bool,
) -> Result<Result<Made>> {
    let is_plain = ready.is_plain();
    if !is_plain {
        memory.settle(writing).await?;
        memory.forget_tables();
    }
    if has_others {
        writing.execute("SAVEPOINT one", &[]).await?;
    }
    let mut made = ready.write(writing, memory, is_plain).await;
    let is_ended = made.is_err() && writing.is_ended().await;
    match &mut made {
        Ok(made) => {
            if has_others {
                writing.execute("RELEASE one", &[]).await?;
            }
            memory.learn(made);
        }
        Err(error) if is_ended => return Err(error.clone()),
        Err(_) if has_others => {
            writing.execute("ROLLBACK TO one", &[]).await?;
            writing.execute("RELEASE one", &[]).await?;
        }
        Err(_) => {}
    }
    Ok(made)
}

/// Keeps the files of those that are committed, and tells whoever reads what there is now.
fn tell(group: &[Ready], done: Vec<Result<Made>>) -> Vec<Result<SnapshotId>> {
    let mut told = Vec::with_capacity(group.len());
    let mut news: Option<News<'_>> = None;
    for (ready, made) in group.iter().zip(done) {
        told.push(made.map(|made| {
            ready.keep_files();
            let lake = &ready.transaction.lake.inner;
            let news = news.get_or_insert_with(|| News::of(lake));
            news.add(made)
        }));
    }
    if let Some(mut news) = news {
        news.pass();
    }
    told
}

/// What the commits of a group are for the cache: rows that several add to one table are added at once.
struct News<'a> {
    cache: &'a Cache,
    dialect: Dialect,
    added: Vec<(SnapshotId, Added)>,
}

impl<'a> News<'a> {
    fn of(lake: &'a lake::Inner) -> Self {
        Self {
            cache: &lake.cache,
            dialect: lake.database.dialect(),
            added: Vec::new(),
        }
    }

    fn add(&mut self, made: Made) -> SnapshotId {
        let goes_on = match (self.added.last(), made.added.as_slice()) {
            (Some((_, last)), [next]) => last.table.id == next.table.id,
            (Some(_), _) => false,
            (None, _) => true,
        };
        if !goes_on {
            self.pass();
        }
        self.cache.committed(made.snapshot, made.words);
        let is_one = made.added.len() == 1;
        let added = made.added.into_iter();
        self.added.extend(added.map(|added| (made.snapshot, added)));
        if !is_one {
            self.pass();
        }
        made.snapshot
    }

    fn pass(&mut self) {
        self.cache.added(&self.added, self.dialect);
        self.added.clear();
    }
}
