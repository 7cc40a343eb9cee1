use godwit_engine::Error;

use crate::support::World;

/// Clauses that `datafusion-sql` 55.2 drops without a word, found by reading it.
const IGNORED: &[(&str, &str)] = &[
    (
        "select * from people tablesample (10 percent)",
        "TABLESAMPLE",
    ),
    (
        "select * from people tablesample bernoulli (10)",
        "TABLESAMPLE",
    ),
    (
        "select * from (select * from people) tablesample (1 rows)",
        "TABLESAMPLE",
    ),
    (
        "select id from people where id in (select id from people tablesample (1 rows))",
        "TABLESAMPLE",
    ),
    (
        "select * from people |> tablesample (1 rows)",
        "TABLESAMPLE",
    ),
    (
        "select * from people for system_time as of '2024-01-01'",
        "version",
    ),
    ("select * from people version as of 1", "version"),
    (
        "select * from people timestamp as of '2024-01-01'",
        "version",
    ),
    ("select * into copied from people", "SELECT INTO"),
    ("select * from people for update", "FOR UPDATE"),
    ("select * from people for share", "FOR UPDATE"),
    ("select * from people for json auto", "FOR JSON"),
    (
        "select id, count(*) from people group by id with rollup",
        "WITH ROLLUP",
    ),
    (
        "select id, count(*) from people group by id with totals",
        "WITH ROLLUP",
    ),
    (
        "select id, count(*) from people group by all with cube",
        "WITH ROLLUP",
    ),
    (
        "select id from people start with id = 1 connect by prior id = id",
        "CONNECT BY",
    ),
    ("select * from people with (nolock)", "table hint"),
    (
        "select * from generate_series(1, 3) with ordinality",
        "WITH ORDINALITY",
    ),
    ("select * from nowhere.generate_series(1, 3)", "schema"),
    ("select upper(distinct name) from people", "single rows"),
    (
        "select abs(id) filter (where id > 1) from people",
        "single rows",
    ),
    (
        "select abs(id) over (order by id) from people",
        "single rows",
    ),
    ("select abs(id) over () from people", "single rows"),
    (
        "select sum(id) over (w order by id) from people window w as (partition by name)",
        "extends a named one",
    ),
    (
        "select id from people window w as (order by id) qualify sum(id) over w > 1",
        "named window",
    ),
    (
        "select id from people window w as (order by id) order by sum(id) over w",
        "named window",
    ),
    ("select quantile(0.5)(id) from people", "two lists"),
    (
        "with recursive t(n) as (select 1 union all select n + 1 from t limit 5) select * from t",
        "WITH RECURSIVE",
    ),
    (
        "with recursive t(n) as (select 1 union all select n + 1 from t order by 1) select * from t",
        "WITH RECURSIVE",
    ),
    (
        "select * from people |> aggregate count(*) as c desc group by name",
        "AGGREGATE",
    ),
    ("select * from (select 1) as t(a int)", "column type"),
];

#[tokio::test]
async fn what_the_planner_would_ignore_is_refused() {
    let world = World::new().await;
    for (sql, named) in IGNORED {
        for sql in [(*sql).to_owned(), format!("explain {sql}")] {
            let error = world.error(&sql).await;
            let told = matches!(&error, Error::Unsupported { message } if message.contains(named));
            // What the parser of this dialect does not know cannot be ignored either.
            assert!(
                told || matches!(error, Error::Syntax { .. }),
                "{sql}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn most_of_them_get_past_the_parser() {
    let world = World::new().await;
    let mut parsed = 0;
    for (sql, _) in IGNORED {
        parsed += usize::from(!matches!(world.error(sql).await, Error::Syntax { .. }));
    }
    assert!(
        parsed * 4 > IGNORED.len() * 3,
        "{parsed} of {}",
        IGNORED.len()
    );
}

#[tokio::test]
async fn what_looks_like_them_is_not_refused() {
    let world = World::new().await;
    for sql in [
        "select id, sum(id) over w from people window w as (order by id)",
        "select id from people where id in (select max(id) over w from people window w as (order by id))",
        "select count(distinct name) filter (where id > 1) from people",
        "select string_agg(name, ',' order by name) from people",
        "select first_value(name) ignore nulls over (order by id) from people",
        "with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select * from t order by n limit 3",
        "select name, count(*) from people group by rollup (name)",
        "select name, count(*) from people group by all",
        "select * from (select id from people) t(a)",
        "select id from people |> where id > 1 |> select id + 1 as x |> limit 2",
        "from people select id",
    ] {
        if let Err(error) = world.rows(sql).await {
            panic!("{sql}: {error}");
        }
    }
}

#[tokio::test]
async fn writes_name_the_table_and_why_not() {
    let world = World::new().await;
    for sql in [
        "insert into people values (1)",
        "insert into files.people select * from people",
        "insert into people default values",
        "delete from people",
        "delete from people where id in (select id from people)",
        "update people set id = 1",
        "truncate table people",
        "merge into people using orders on people.id = orders.id when matched then delete",
        "explain delete from people",
        "explain analyze insert into people select * from people",
        "with gone as (delete from people returning *) select * from gone",
    ] {
        let error = world.error(sql).await;
        if sql.contains("returning") && matches!(error, Error::Syntax { .. }) {
            continue;
        }
        assert!(
            matches!(&error, Error::ReadOnly { message } if message.contains("files.people") && message.contains("read-only")),
            "{sql}: {error:?}"
        );
    }
    assert!(matches!(
        world.error("delete from system.settings").await,
        Error::ReadOnly { .. }
    ));
    assert!(matches!(
        world.error("delete from nowhere").await,
        Error::NotFound { .. }
    ));
    assert_eq!(world.one("select count(*) from people").await, "5");
}

#[tokio::test]
async fn definitions_and_the_like_say_what_there_is_instead() {
    let world = World::new().await;
    for (sql, said) in [
        (
            "create external table t stored as csv location '/etc/passwd'",
            "mounts",
        ),
        ("create index i on people (id)", "tables, schemas and views"),
        ("create sequence s", "tables, schemas and views"),
        ("explain copy people to '/tmp/stolen.csv'", "EXPLAIN"),
        ("prepare p as select 1", "prepare"),
        ("execute p", "prepare"),
        ("deallocate p", "prepare"),
        ("begin immediate", "transactions"),
        ("commit and chain", "CHAIN"),
        ("create function f(int) returns int return $1", "functions"),
        ("vacuum people", "VACUUM"),
    ] {
        let error = world.error(sql).await;
        assert!(
            matches!(&error, Error::Unsupported { message } if message.contains(said)),
            "{sql}: {error:?}"
        );
    }
    assert!(!std::path::Path::new("/tmp/stolen.csv").exists());
}

#[tokio::test]
async fn one_statement_a_call() {
    let world = World::new().await;
    assert!(
        matches!(world.error("select 1; select 2").await, Error::InvalidInput { message } if message.contains("one statement"))
    );
    assert!(matches!(world.error("").await, Error::InvalidInput { .. }));
    assert!(matches!(
        world.error(" ; -- nothing\n").await,
        Error::InvalidInput { .. }
    ));
    assert_eq!(world.one("select 1;").await, "1");
    assert!(matches!(world.error("selct 1").await, Error::Syntax { .. }));
    assert!(matches!(
        world.error("select 'open").await,
        Error::Syntax { .. }
    ));
    assert!(matches!(
        world.error("select :name").await,
        Error::InvalidInput { .. }
    ));
}

#[tokio::test]
async fn files_are_not_tables_by_their_path() {
    let world = World::new().await;
    let path = world.path("orders.csv");
    let sql = format!("select * from '{}'", path.display());
    assert!(matches!(
        world.error(&sql).await,
        Error::NotFound { .. } | Error::InvalidInput { .. }
    ));
}
