//! Random changes against a list in memory: what a transaction sees, what is committed, and every snapshot since.

use godwit_lake::{At, Lake, Savepoint, SnapshotId, TableId, Transaction};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::rows::{Row, delete, insert, row, rows, table, update, with_table};
use crate::support::Place;

#[derive(Debug, Clone)]
enum Step {
    /// So many new rows.
    Insert(usize),
    /// Of the rows whose `k` is this remainder.
    Update(i64, i64),
    Delete(i64, i64),
    Truncate,
    Savepoint,
    /// To one of those that there are.
    RollbackTo(usize),
    Commit,
    Rollback,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let part = (1..9_i64).prop_flat_map(|by| (0..by, Just(by)));
    prop_oneof![
        3 => (1..6_usize).prop_map(Step::Insert),
        2 => (15..60_usize).prop_map(Step::Insert),
        4 => part.clone().prop_map(|(rest, by)| Step::Update(rest, by)),
        4 => part.prop_map(|(rest, by)| Step::Delete(rest, by)),
        1 => Just(Step::Truncate),
        2 => Just(Step::Savepoint),
        2 => (0..4_usize).prop_map(Step::RollbackTo),
        4 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
    ]
}

struct World {
    place: Place,
    lake: Lake,
    table: TableId,
    next: i64,
    transaction: Transaction,
    /// What the transaction has to see.
    staged: Vec<Row>,
    marks: Vec<(Savepoint, Vec<Row>)>,
    committed: Vec<Row>,
    history: Vec<(SnapshotId, Vec<Row>)>,
}

impl World {
    async fn new() -> Self {
        let place = Place::new();
        let lake = place.open().await.unwrap();
        let table = with_table(&lake, table("t")).await;
        let transaction = lake.begin().await.unwrap();
        Self {
            place,
            lake,
            table,
            next: 0,
            transaction,
            staged: Vec::new(),
            marks: Vec::new(),
            committed: Vec::new(),
            history: Vec::new(),
        }
    }

    async fn take(&mut self, step: &Step) {
        let (transaction, table) = (&self.transaction, self.table);
        match *step {
            Step::Insert(count) => {
                let from = self.next;
                self.next += count as i64;
                let new: Vec<Row> = (from..self.next).map(|k| row(k, "new")).collect();
                insert(transaction, table, &new).await;
                self.staged.extend(new);
            }
            Step::Update(rest, by) => {
                let v = format!("{rest} of {by}");
                update(transaction, table, &v, |k| k % by == rest).await;
                let hit = self.staged.iter_mut().filter(|row| row.k % by == rest);
                hit.for_each(|row| row.v = Some(v.clone()));
            }
            Step::Delete(rest, by) => {
                let deleted = delete(transaction, table, |k| k % by == rest).await;
                let before = self.staged.len();
                self.staged.retain(|row| row.k % by != rest);
                assert_eq!(deleted, (before - self.staged.len()) as u64);
            }
            Step::Truncate => {
                let mut writer = transaction.write(table).await.unwrap();
                assert_eq!(writer.truncate(), self.staged.len() as u64);
                writer.finish().await.unwrap();
                self.staged.clear();
            }
            Step::Savepoint => self
                .marks
                .push((transaction.savepoint(), self.staged.clone())),
            Step::RollbackTo(at) => {
                if at < self.marks.len() {
                    self.marks.truncate(at + 1);
                    let (mark, then) = &self.marks[at];
                    transaction.rollback_to(mark);
                    self.staged.clone_from(then);
                }
            }
            Step::Commit => {
                let snapshot = transaction.clone().commit().await.unwrap();
                self.committed.clone_from(&self.staged);
                self.history.push((snapshot, self.committed.clone()));
                self.begin().await;
            }
            Step::Rollback => {
                transaction.clone().rollback().await;
                self.begin().await;
            }
            Step::Reopen => {
                self.lake = self.place.open().await.unwrap();
                self.begin().await;
            }
        }
    }

    async fn begin(&mut self) {
        self.transaction = self.lake.begin().await.unwrap();
        self.staged.clone_from(&self.committed);
        self.marks.clear();
    }

    async fn check(&self) {
        let mut expected = self.staged.clone();
        expected.sort();
        assert_eq!(rows(&self.transaction.snapshot(), "t").await, expected);
        let mut expected = self.committed.clone();
        expected.sort();
        assert_eq!(
            rows(&self.lake.latest().await.unwrap(), "t").await,
            expected
        );
    }

    async fn check_history(&self) {
        let lake = self.place.open().await.unwrap();
        for (snapshot, then) in &self.history {
            let snapshot = lake.at(At::Version(*snapshot)).await.unwrap();
            let mut then = then.clone();
            then.sort();
            assert_eq!(rows(&snapshot, "t").await, then, "{:?}", snapshot.id());
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 32, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_list_does_the_same(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.take(step).await;
                world.check().await;
            }
            world.check_history().await;
        });
    }
}
