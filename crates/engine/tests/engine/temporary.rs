//! Temporary tables: making and dropping them, who sees them, how long they live.

use godwit_engine::{Error, SessionKey, TableKind};
use godwit_protocol::SessionId;

use crate::support::World;

#[tokio::test]
async fn columns_have_types_defaults_and_nullability() {
    let world = World::new().await;
    world
        .changes(&[
            "create temp table t (id int not null, name text default 'nobody', price decimal(10, 2), at timestamp null, ok boolean default not false)",
            "insert into t (id) values (1)",
            "insert into temp.t values (2, default, 9.99, '2024-02-29 12:00:00', null), (3, null, '1.5', null, false)",
            "insert into godwit.temp.t default values",
        ][..3])
        .await;
    assert_eq!(
        world.cells("select * from t order by id").await,
        [
            ["1", "nobody", "", "", "true"],
            ["2", "nobody", "9.99", "2024-02-29T12:00:00", ""],
            ["3", "", "1.50", "", "false"],
        ]
    );
    let error = world
        .refused("insert into godwit.temp.t default values")
        .await;
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains("'id'") && message.contains("NOT NULL")),
        "{error:?}"
    );
    let types = world
        .cells("select column_name, data_type, is_nullable from information_schema.columns where table_name = 't' order by ordinal_position")
        .await;
    assert_eq!(types[0], ["id", "Int32", "NO"]);
    assert_eq!(types[1], ["name", "Utf8", "YES"]);
    assert_eq!(types[2], ["price", "Decimal128(10, 2)", "YES"]);
}

#[tokio::test]
async fn a_query_makes_a_table_and_says_how_many_rows() {
    let world = World::new().await;
    assert_eq!(
        world
            .change("create temporary table p as select id, name from people")
            .await
            .unwrap(),
        5
    );
    assert_eq!(world.one("select count(*), max(id) from p").await, "5 4");
    assert_eq!(
        world
            .change("create or replace temp table p as select * from p where id > 2")
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        world
            .change("create temp table if not exists p as select 1 as other")
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        world.cells("select id from p order by id").await,
        [["3"], ["4"]]
    );
    assert!(matches!(
        world.refused("create temp table p as select 1 as a").await,
        Error::AlreadyExists { message } if message.contains("temp.p")
    ));
    // What was computed is kept with plain types, and takes nulls.
    world.changes(&["create temp table one as select 1 as a, arrow_cast('x', 'Dictionary(Int32, Utf8)') as d", "insert into one values (null, null)"]).await;
    assert_eq!(
        world
            .one("select count(*), count(a), count(d) from one")
            .await,
        "2 1 1"
    );
    assert_eq!(
        world
            .one("select arrow_typeof(d) from one where a = 1")
            .await,
        "Utf8"
    );
}

#[tokio::test]
async fn names_are_looked_for_in_temp_first() {
    let world = World::new().await;
    world
        .changes(&["create temp table people as select 'mine' as name"])
        .await;
    assert_eq!(world.one("select name from people").await, "mine");
    assert_eq!(
        world.one("select name from godwit.temp.people").await,
        "mine"
    );
    assert_eq!(world.one("select count(*) from files.people").await, "5");
    world.changes(&["drop table people"]).await;
    assert_eq!(world.one("select count(*) from people").await, "5");
    for sql in [
        "create temp table main.t (a int)",
        "create temp table other.temp.t (a int)",
    ] {
        assert!(
            matches!(world.refused(sql).await, Error::InvalidInput { message } if message.contains("schema temp")),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn drop_takes_only_what_is_temporary() {
    let world = World::new().await;
    world
        .changes(&[
            "create temp table a (x int)",
            "create temp table b (x int)",
            "drop table if exists nothing",
        ])
        .await;
    assert!(matches!(
        world.refused("drop table nothing").await,
        Error::NotFound { .. }
    ));
    assert!(matches!(
        world.refused("drop table a, people").await,
        Error::Unsupported { message } if message.contains("at once")
    ));
    assert!(matches!(
        world.refused("drop table if exists people").await,
        Error::ReadOnly { .. }
    ));
    assert_eq!(world.one("select count(*) from a, b").await, "0");
    world.changes(&["drop table a, temp.b"]).await;
    assert!(matches!(
        world.error("select * from a").await,
        Error::NotFound { .. }
    ));
    assert!(
        world
            .cells("show tables")
            .await
            .iter()
            .all(|row| row[1] != "temp")
    );
}

#[tokio::test]
async fn every_session_sees_its_own() {
    let world = World::new().await;
    let other = world.another_session();
    world
        .changes(&["create temp table mine as select 1 as a"])
        .await;
    world
        .change_in(&other, "create temp table theirs as select 2 as b")
        .await
        .unwrap();
    let unseen = world
        .engine
        .describe(&other, &world.permit, "select * from mine")
        .await;
    assert!(matches!(unseen, Err(Error::NotFound { .. })), "{unseen:?}");
    let unseen = world.error("select * from temp.theirs").await;
    assert!(
        matches!(&unseen, Error::NotFound { message } if !message.contains("theirs'?")),
        "{unseen:?}"
    );
    assert!(matches!(
        world.refused("drop table theirs").await,
        Error::NotFound { .. }
    ));
    let listed = |session| {
        let engine = world.engine.clone();
        let permit = world.permit.clone();
        async move {
            let tables = engine
                .tables(session, &permit, true, &|entry| entry.schema == "temp")
                .await
                .unwrap();
            tables
                .into_iter()
                .map(|table| {
                    assert_eq!(table.kind, TableKind::Temporary);
                    assert!(table.arrow_schema.is_some());
                    table.name
                })
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(listed(&world.session).await, ["mine"]);
    assert_eq!(listed(&other).await, ["theirs"]);
    let sql =
        "select table_name, table_type from information_schema.tables where table_schema = 'temp'";
    assert_eq!(world.cells(sql).await, [["mine", "LOCAL TEMPORARY"]]);
    assert!(
        world
            .cells("show tables")
            .await
            .iter()
            .any(|row| row[2] == "mine")
    );
    assert_eq!(world.cells("describe mine").await[0][0], "a");
}

#[tokio::test]
async fn they_go_with_their_session() {
    let world = World::new().await;
    let key = SessionKey::Cookie(SessionId::random());
    let sessions = world.engine.sessions();
    let open = || sessions.open(world.permit.user(), key).unwrap();
    world
        .change_in(&open(), "create temp table t as select 1 as a")
        .await
        .unwrap();
    assert!(
        world
            .engine
            .describe(&open(), &world.permit, "select * from t")
            .await
            .is_ok()
    );
    sessions.close(world.permit.user(), key);
    let gone = world
        .engine
        .describe(&open(), &world.permit, "select * from t")
        .await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_session_that_has_one_does_not_make_room() {
    let world = World::with(|config| config.sessions.max_per_user = 2).await;
    world
        .changes(&["create temp table t as select 1 as a"])
        .await;
    let blank = world.another_session();
    let third = world.another_session();
    assert_ne!(blank.id(), third.id());
    assert_eq!(world.one("select a from t").await, "1");
    let kept = world.engine.sessions().len();
    assert_eq!(kept, 2, "the blank session made room");
    world
        .change_in(&third, "create temp table t as select 2 as a")
        .await
        .unwrap();
    let key = SessionKey::Token(SessionId::random());
    assert!(matches!(
        world.engine.sessions().open(world.permit.user(), key),
        Err(Error::ResourcesExhausted { .. })
    ));
}

#[tokio::test]
async fn calls_without_a_session_have_none() {
    let world = World::new().await;
    let stateless = world
        .engine
        .sessions()
        .open(world.permit.user(), SessionKey::Stateless)
        .unwrap();
    for sql in [
        "create temp table t (a int)",
        "create temp table t as select 1 as a",
    ] {
        let refused = world.change_in(&stateless, sql).await;
        assert!(
            matches!(&refused, Err(Error::InvalidInput { message }) if message.contains("session") && message.contains("handshake")),
            "{sql}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn what_is_not_supported_is_said() {
    let world = World::new().await;
    for (sql, said) in [
        ("create temp table t (a int primary key)", "PRIMARY KEY"),
        ("create temp table t (a int, unique (a))", "UNIQUE"),
        ("create temp table t (a int check (a > 1))", "CHECK"),
        (
            "create temp table t (a int) partition by (a)",
            "more than columns",
        ),
        ("create temp table t (a int default (select 1))", "DEFAULT"),
        (
            "create temp table t (a int) as select 1",
            "both columns and a query",
        ),
        (
            "create temp table t on commit drop as select 1 as a",
            "more than columns",
        ),
        (
            "create or replace temp table if not exists t (a int)",
            "OR REPLACE",
        ),
        ("explain create temp table t as select 1 as a", "EXPLAIN"),
        ("create temp view v as select 1", "CREATE TEMP TABLE"),
    ] {
        let error = world.refused(sql).await;
        let told = matches!(&error, Error::Unsupported { message } if message.contains(said));
        assert!(
            told || matches!(error, Error::Syntax { .. }),
            "{sql}: {error:?}"
        );
    }
    for sql in [
        "create temp table t as select 1 as a, 2 as a",
        "create temp table t (a int, A int)",
        "create temp table t (a int default b)",
        "create temp table t (a int default count(*))",
        "create temp table t (a date default [1])",
        "create table temp.t as select 1 as a",
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(
                error,
                Error::InvalidInput { .. } | Error::Unsupported { .. }
            ),
            "{sql}: {error:?}"
        );
    }
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
}
