//! Two transactions that begin with the same snapshot: the first to commit wins where both cannot be.

use arrow::datatypes::DataType;
use godwit_lake::{Definition, Error, Lake, TableId, Transaction};

use crate::rows::{Row, column, delete, insert, row, rows, table, update, with_table};
use crate::support::Place;

async fn lake(place: &Place, keyed: bool) -> (Lake, TableId) {
    let lake = place.open().await.unwrap();
    let mut new = table("t");
    if keyed {
        new.keys = vec![("pk".to_owned(), true, vec!["k".to_owned()])];
    }
    let t = with_table(&lake, new).await;
    let transaction = lake.begin().await.unwrap();
    let all: Vec<Row> = (0..30).map(|k| row(k, "old")).collect();
    insert(&transaction, t, &all).await;
    insert(&transaction, t, &[row(100, "small")]).await;
    transaction.commit().await.unwrap();
    (lake, t)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Insert,
    Delete,
    DeleteSmall,
    Update,
    Add,
    Rename,
    Drop,
    Create,
}

const ALL: [Change; 8] = [
    Change::Insert,
    Change::Delete,
    Change::DeleteSmall,
    Change::Update,
    Change::Add,
    Change::Rename,
    Change::Drop,
    Change::Create,
];

async fn change(transaction: &Transaction, t: TableId, change: Change) {
    let define = |definition| transaction.define(definition).unwrap();
    match change {
        Change::Insert => insert(transaction, t, &[row(200, "new")]).await,
        Change::Delete => drop(delete(transaction, t, |k| k < 20).await),
        Change::DeleteSmall => drop(delete(transaction, t, |k| k == 100).await),
        Change::Update => drop(update(transaction, t, "new", |k| k == 25).await),
        Change::Add => define(Definition::AddColumn {
            table: t,
            column: column("z", DataType::Int32, true),
        }),
        Change::Rename => define(Definition::RenameTable {
            table: t,
            to: "u".to_owned(),
        }),
        Change::Drop => define(Definition::DropTable { table: t }),
        Change::Create => drop(transaction.create_table(table("U")).unwrap()),
    }
}

/// Whether the second one must lose.
fn excludes(first: Change, second: Change, keyed: bool) -> bool {
    use Change as C;
    let deletes = |change| matches!(change, C::Delete | C::DeleteSmall | C::Update);
    let rows = |change| deletes(change) || change == C::Insert;
    match (first, second) {
        (C::Create | C::Rename, C::Create) | (C::Create, C::Rename) => true,
        (C::Create, _) | (_, C::Create) => false,
        (first, second) if rows(first) && rows(second) => {
            keyed || (deletes(first) && deletes(second))
        }
        // What was committed before a table was altered or dropped stays as it is.
        (first, _) if rows(first) => false,
        _ => true,
    }
}

#[tokio::test]
async fn the_first_committer_wins() {
    for keyed in [false, true] {
        for first in ALL {
            for second in ALL {
                let place = Place::new();
                let (lake, t) = lake(&place, keyed).await;
                let (one, two) = (lake.begin().await.unwrap(), lake.begin().await.unwrap());
                change(&one, t, first).await;
                change(&two, t, second).await;
                one.commit().await.unwrap();
                let newest = lake.latest().await.unwrap().id();
                let outcome = two.commit().await;
                let what = format!("{first:?}, then {second:?}, keyed: {keyed}: {outcome:?}");
                if excludes(first, second, keyed) {
                    assert!(matches!(outcome, Err(Error::Conflict { .. })), "{what}");
                    assert_eq!(lake.latest().await.unwrap().id(), newest, "{what}");
                } else {
                    assert_eq!(outcome.unwrap().0, newest.0 + 1, "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_others_add_meanwhile_is_there_too() {
    let place = Place::new();
    let (lake, t) = lake(&place, false).await;
    let (one, two) = (lake.begin().await.unwrap(), lake.begin().await.unwrap());
    insert(&one, t, &[row(200, "one")]).await;
    let all: Vec<Row> = (300..350).map(|k| row(k, "two")).collect();
    insert(&two, t, &all).await;
    delete(&two, t, |k| k < 30 || k == 100).await;
    one.commit().await.unwrap();
    assert_eq!(rows(&two.snapshot(), "t").await, all);
    two.commit().await.unwrap();
    let mut expected = vec![row(200, "one")];
    expected.extend(all);
    assert_eq!(rows(&lake.latest().await.unwrap(), "t").await, expected);
}

#[tokio::test]
async fn of_many_at_once_each_is_kept() {
    let place = Place::new();
    let (lake, t) = lake(&place, false).await;
    let tasks = (0..8).map(|task| {
        let lake = lake.clone();
        tokio::spawn(async move {
            for at in 0..10 {
                let transaction = lake.begin().await.unwrap();
                insert(&transaction, t, &[row(1000 + task * 10 + at, "x")]).await;
                transaction.commit().await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let seen = rows(&lake.latest().await.unwrap(), "t").await;
    assert_eq!(seen.iter().filter(|row| row.k >= 1000).count(), 80);
}

#[tokio::test]
async fn rows_of_a_loser_are_added_again() {
    let place = Place::new();
    let (lake, t) = lake(&place, true).await;
    let many: Vec<Row> = (1000..1500).map(|k| row(k, "lost")).collect();
    let lose = async |winner: Change| {
        let loser = lake.begin().await.unwrap();
        insert(&loser, t, &many).await;
        let other = lake.begin().await.unwrap();
        change(&other, t, winner).await;
        other.commit().await.unwrap();
        loser.commit_or_keep().await.unwrap_err()
    };
    let (error, left) = lose(Change::Insert).await;
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    let again = lake.begin().await.unwrap();
    let before = left.unwrap().stage(&again).await.unwrap().unwrap();
    assert_eq!(before.content().rows(), 32);
    again.commit().await.unwrap();
    let now = rows(&lake.latest().await.unwrap(), "t").await;
    assert_eq!(now.len(), 532);

    // Nor when rows were deleted too.
    let loser = lake.begin().await.unwrap();
    delete(&loser, t, |k| k == 1).await;
    insert(&loser, t, &[row(2000, "x")]).await;
    let other = lake.begin().await.unwrap();
    delete(&other, t, |k| k == 1).await;
    other.commit().await.unwrap();
    let (_, left) = loser.commit_or_keep().await.unwrap_err();
    assert!(left.is_none());

    // Of a table that has other columns now they are nothing to begin with.
    let (_, left) = lose(Change::Add).await;
    let again = lake.begin().await.unwrap();
    assert!(left.unwrap().stage(&again).await.unwrap().is_none());
}
