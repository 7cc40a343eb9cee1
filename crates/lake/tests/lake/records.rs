//! Records beside the lake, and whose tables are.

use arrow::datatypes::{DataType, Field};
use godwit_lake::{Definition, Lake, NewColumn, NewTable, Owned, Scope};

use crate::postgres::Postgres;
use crate::support::Place;

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn table(name: &str) -> NewTable {
    let column = |name| NewColumn {
        field: Field::new(name, DataType::Int64, true),
        default: None,
        initial: None,
    };
    NewTable {
        schema: "main".to_owned(),
        name: name.to_owned(),
        columns: vec![column("id"), column("more")],
        keys: Vec::new(),
        replace: true,
    }
}

/// What two servers on one catalog see of records.
async fn check_records(lake: &Lake, other: &Lake) {
    assert_eq!(lake.records(None).await.unwrap(), Some((0, Vec::new())));
    assert_eq!(lake.records(Some(0)).await.unwrap(), None);
    let before = lake.latest().await.unwrap().id();
    let puts = vec![pair("a", "1"), pair("b", "it's \"2\"")];
    let first = lake.change_records(0, puts, Vec::new()).await.unwrap();
    assert_eq!(first, Some(1));
    let removed = vec!["a".to_owned(), "never there".to_owned()];
    let second = other.change_records(1, vec![pair("b", "3"), pair("c", "ö")], removed);
    assert_eq!(second.await.unwrap(), Some(2));
    // Whoever decided by what was there before changes nothing.
    let late = lake.change_records(1, vec![pair("d", "4")], vec!["b".to_owned()]);
    assert_eq!(late.await.unwrap(), None);
    let now = vec![pair("b", "3"), pair("c", "ö")];
    assert_eq!(lake.records(Some(1)).await.unwrap(), Some((2, now)));
    assert_eq!(lake.records(Some(2)).await.unwrap(), None);
    assert_eq!(lake.latest().await.unwrap().id(), before, "no snapshot");
}

async fn check_race(lake: &Lake, other: &Lake) {
    let expected = lake.records(None).await.unwrap().unwrap().0;
    let change = |lake: &Lake, key: &str| {
        let lake = lake.clone();
        let puts = vec![pair(key, "x")];
        async move { lake.change_records(expected, puts, Vec::new()).await }
    };
    let (one, two) = tokio::join!(change(lake, "one"), change(other, "two"));
    let won = [one.unwrap(), two.unwrap()];
    assert!(
        won == [Some(expected + 1), None] || won == [None, Some(expected + 1)],
        "{won:?}"
    );
}

#[tokio::test]
async fn records_are_at_one_version() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let other = place.open().await.unwrap();
    check_records(&lake, &other).await;
    check_race(&lake, &other).await;
    drop((lake, other));
    let again = place.open().await.unwrap();
    assert_eq!(again.records(None).await.unwrap().unwrap().0, 3);
}

#[tokio::test]
async fn records_in_postgres_are_the_same() {
    let postgres = Postgres::start();
    let place = Place::at(&postgres.database("records"));
    let lake = place.open().await.unwrap();
    let other = place.open().await.unwrap();
    check_race(&lake, &other).await;
    postgres.sql(
        "records",
        "DROP TABLE godwit_records, godwit_records_version",
    );
    check_records(&lake, &other).await;
    check_race(&lake, &other).await;
    let kept = "SELECT value FROM godwit_records WHERE key = 'b'";
    assert_eq!(postgres.sql("records", kept), "3");
}

#[tokio::test]
async fn who_makes_something_owns_it() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let ada = lake.begin().await.unwrap().owned_by("ada");
    let name = "s".to_owned();
    ada.define(Definition::CreateSchema { name }).unwrap();
    ada.create_table(table("t")).unwrap();
    ada.define(view("v", "SELECT 1")).unwrap();
    ada.commit().await.unwrap();
    let owner = |wanted: &str| {
        let (lake, wanted) = (place.open(), wanted.to_owned());
        async move {
            let latest = lake.await.unwrap().latest().await.unwrap();
            let state = latest.state();
            let schema = &state.schemas["s"];
            let table = state.table("main", "t").unwrap();
            let view = state.view("main", "v").unwrap();
            let owners = [&schema.owner, &table.owner, &view.owner];
            let owners = owners.map(|owner| owner.as_deref().unwrap_or("-").to_owned());
            assert_eq!(owners.join(" "), wanted);
        }
    };
    owner("ada ada ada").await;

    let bob = lake.begin().await.unwrap().owned_by("bob");
    bob.create_table(table("t")).unwrap();
    bob.commit().await.unwrap();
    owner("ada bob ada").await;

    let giving = lake.begin().await.unwrap().owned_by("ada");
    let id = giving.snapshot().state().table("main", "t").unwrap().id;
    let given = [
        Owned::Schema("s".to_owned()),
        Owned::Table(id),
        Owned::View("main".to_owned(), "v".to_owned()),
    ];
    for of in given {
        let owner = "eve".to_owned();
        giving.define(Definition::SetOwner { of, owner }).unwrap();
    }
    giving.commit().await.unwrap();
    owner("eve eve eve").await;
}

#[tokio::test]
async fn what_is_restored_is_whose_it_was() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let ada = lake.begin().await.unwrap().owned_by("ada");
    ada.create_table(table("t")).unwrap();
    ada.define(view("v", "SELECT 1")).unwrap();
    ada.commit().await.unwrap();
    let then = lake.latest().await.unwrap();
    let bob = lake.begin().await.unwrap().owned_by("bob");
    let id = bob.snapshot().state().table("main", "t").unwrap().id;
    bob.define(Definition::DropTable { table: id }).unwrap();
    bob.define(view("v", "SELECT 2")).unwrap();
    bob.commit().await.unwrap();

    let eve = lake.begin().await.unwrap().owned_by("eve");
    eve.restore(&then, &Scope::All).await.unwrap();
    eve.commit().await.unwrap();
    let latest = lake.latest().await.unwrap();
    let table = latest.state().table("main", "t").unwrap();
    assert_eq!(table.owner.as_deref(), Some("ada"), "as it was");
    assert_ne!(table.id, id);
    assert_eq!(table.known_by(), id, "what is kept of it is about this one");
    let view = latest.state().view("main", "v").unwrap();
    assert_eq!(view.owner.as_deref(), Some("bob"), "as it is");

    let again = lake.begin().await.unwrap();
    let table = table.id;
    again.define(Definition::DropTable { table }).unwrap();
    again.commit().await.unwrap();
    let again = lake.begin().await.unwrap();
    let scope = Scope::Table("main".to_owned(), "t".to_owned());
    again.restore(&latest, &scope).await.unwrap();
    again.commit().await.unwrap();
    let latest = place.open().await.unwrap().latest().await.unwrap();
    let table = latest.state().table("main", "t").unwrap();
    assert_eq!(table.known_by(), id, "nor does that change the next time");
}

fn view(name: &str, sql: &str) -> Definition {
    Definition::CreateView {
        schema: "main".to_owned(),
        name: name.to_owned(),
        sql: sql.to_owned(),
        aliases: Vec::new(),
        replace: true,
    }
}
