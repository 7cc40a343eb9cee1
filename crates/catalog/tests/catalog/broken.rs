use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use godwit_catalog::Error;

use crate::support::{World, batch, ours};

fn names_file(error: &Error, file: &str) -> bool {
    matches!(error, Error::File { path, .. } if path.ends_with(file))
}

#[tokio::test]
async fn a_broken_file_is_named_and_the_others_work() {
    let world = World::new();
    world.text("t/good.csv", "x\n1\n");
    world.text("t/other.csv", "y\n1\n");
    for (name, text) in [
        ("a.parquet", "PAR1 rubbish"),
        ("b.parquet", "P"),
        ("c.arrow", "ARROW1 rubbish"),
        ("d.arrows", "\u{8}\0\0\0rubbish!"),
        ("e.avro", "rubbish"),
        ("f.ndjson", "{\"x\": "),
        ("g.csv.gz", "rubbish"),
        ("h.ndjson.zst", "rubbish"),
        ("i.parquet", ""),
        ("j.csv", "a,b\n1,2\n1,2,3\n"),
        ("k.json", "[1]"),
    ] {
        world.text(&format!("t/{name}"), text);
    }
    let open = world.mount("t", "t").open().await;
    assert_eq!(open.tables("t").await.len(), 13);
    assert_eq!(open.value("select x from t.good").await, "1");
    for name in [
        "a.parquet",
        "b.parquet",
        "c.arrow",
        "d.arrows",
        "e.avro",
        "f.ndjson",
        "g.csv.gz",
        "h.ndjson.zst",
        "i.parquet",
        "j.csv",
        "k.json",
    ] {
        let error = open.catalog.table("t", &name[..1]).await.unwrap_err();
        assert!(names_file(&error, name), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_broken_part_breaks_its_table() {
    let world = World::new();
    let part = batch(vec![("x", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    world.parquet("t/part-0.parquet", &part);
    world.text("t/part-1.parquet", "rubbish");
    world.parquet("u/good.parquet", &part);
    world.text("u/bad.parquet", "rubbish");
    let world = world.mount("t", "t").mount("u", "u");
    let open = world.open().await;
    assert!(names_file(
        &open.error("select * from files.t").await,
        "t/part-1.parquet"
    ));
    assert_eq!(open.value("select x from u.good").await, "1");
    assert!(names_file(
        &open.error("select * from u.bad").await,
        "u/bad.parquet"
    ));
    world.parquet("t/part-1.parquet", &part);
    assert_eq!(open.value("select count(*) from files.t").await, "2");
}

#[tokio::test]
async fn errors_in_the_middle_name_the_file() {
    let world = World::new();
    let rows =
        |range: std::ops::Range<usize>| -> String { range.map(|n| format!("{n}\n")).collect() };
    world.text("a.csv", &format!("n\n{}oops\n", rows(0..30_000)));
    world.text(
        "b.csv",
        &format!(
            "n,m\n{}",
            (0..30_000)
                .map(|n| format!("{n},1\n"))
                .chain(["1,2,3\n".to_owned()])
                .collect::<String>()
        ),
    );
    world.text(
        "c.ndjson",
        &format!(
            "{}{{\"n\": \"oops\"}}\n",
            (0..30_000)
                .map(|n| format!("{{\"n\":{n}}}\n"))
                .collect::<String>()
        ),
    );
    world.text(
        "d.ndjson",
        &format!(
            "{}{{\"n\": ",
            (0..30_000)
                .map(|n| format!("{{\"n\":{n}}}\n"))
                .collect::<String>()
        ),
    );
    let open = world
        .mount("a", "a.csv")
        .mount("b", "b.csv")
        .mount("c", "c.ndjson")
        .mount("d", "d.ndjson")
        .open()
        .await;
    for (table, file) in [
        ("a", "a.csv"),
        ("b", "b.csv"),
        ("c", "c.ndjson"),
        ("d", "d.ndjson"),
    ] {
        let error = open
            .error(&format!("select sum(n) from files.{table}"))
            .await;
        assert!(names_file(&error, file), "{table}: {error}");
        assert!(error.to_string().matches(file).count() == 1, "{error}");
    }
}

#[tokio::test]
async fn a_statement_s_own_errors_are_not_blamed_on_a_file() {
    let world = World::new();
    world.text("a.csv", "n,s\n0,x\n");
    let part = batch(vec![
        ("n", Arc::new(Int64Array::from(vec![0])) as ArrayRef),
        ("s", Arc::new(StringArray::from(vec!["x"]))),
    ]);
    world.parquet("p.parquet", &part);
    let open = world
        .mount("a", "a.csv")
        .mount("p", "p.parquet")
        .open()
        .await;
    for table in ["a", "p"] {
        for sql in [
            "select 1 / n from files.",
            "select cast(s as int) from files.",
            "select to_timestamp(s) from files.",
        ] {
            let sql = format!("{sql}{table}");
            let error = open.rows(&sql).await.expect_err(&sql);
            assert!(ours(&error).is_none(), "{sql}: {error}");
        }
    }
}
