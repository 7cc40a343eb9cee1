//! Lookups in files that are asked again and again: from what was decoded, and by the plan of the last time, with the
//! answers of the first.

use crate::prepared::{ints, text};
use crate::support::{World, write_people};

/// More often than it takes to keep what is read.
const TIMES: usize = 7;

#[tokio::test]
async fn prepared_lookups_answer_by_their_values() {
    let world = World::new().await;
    let prepared = world
        .prepare("select name, id from people where id = $1 or name = $2")
        .await
        .unwrap();
    let ask = async |id: i64, name: &str| {
        world
            .bind(prepared.id, vec![ints(&[id]), text(&[name])])
            .unwrap();
        world.fetch(prepared.id).await.unwrap()
    };
    for _ in 0..TIMES {
        assert_eq!(ask(1, "nobody").await, [["Bob", "1"]]);
    }
    for _ in 0..TIMES {
        assert_eq!(ask(3, "nobody").await, [["Dan", "3"]]);
        assert_eq!(ask(3, "Ada").await, [["Ada", "0"], ["Dan", "3"]]);
        assert!(ask(99, "nobody").await.is_empty());
    }
    for _ in 0..TIMES {
        assert_eq!(ask(1, "nobody").await, [["Bob", "1"]]);
    }
}

#[tokio::test]
async fn several_bound_rows_are_looked_up_each() {
    let world = World::new().await;
    let prepared = world
        .prepare("select name from people where id = $1")
        .await
        .unwrap();
    for _ in 0..TIMES {
        world.bind(prepared.id, vec![ints(&[2, 0, 2])]).unwrap();
        let found = world.fetch(prepared.id).await.unwrap();
        assert_eq!(found, [["Cleo"], ["Ada"], ["Cleo"]]);
    }
}

#[tokio::test]
async fn lookups_see_what_the_files_are() {
    let world = World::new().await;
    let sql = "select id, name from people where id >= 3";
    for _ in 0..TIMES {
        assert_eq!(world.cells(sql).await, [["3", "Dan"], ["4", ""]]);
    }
    write_people(&world.path("people.parquet"), 2..6);
    for _ in 0..TIMES {
        let found = world.cells(sql).await;
        assert_eq!(found, [["3", "Dan"], ["4", ""], ["5", "Ada"]]);
    }
    world.execute("set batch_rows = 2").await.unwrap();
    for _ in 0..TIMES {
        assert_eq!(world.rows(sql).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn nothing_is_kept_where_there_is_no_room() {
    let world = World::with(|config| config.memory.kept_columns = 0).await;
    let sql = "select name from people where id = 1";
    for _ in 0..TIMES {
        assert_eq!(world.one(sql).await, "Bob");
    }
}
