//! No shape of SQL shows a row or a value that policies and masks hide.

use godwit_auth::access::Privilege as P;
use godwit_engine::Error;

use super::realm::{Given, Realm};

/// Ada sees the rows of the north, and everybody's pay as zero.
pub(super) async fn realm() -> Realm {
    let realm = Realm::new(&["ada", "olga"]).await;
    realm
        .world
        .changes(&[
            "create table t (id int, region text, pay int)",
            "insert into t values (1, 'north', 1111), (2, 'south', 2222), (3, 'south', 3333)",
            "create table own (id int, region text, pay int)",
            "create view v as select id, region, pay from t",
            "create view w as select region, max(pay) as pay, count(*) as n from v group by region",
        ])
        .await;
    for name in ["main.t", "main.v", "main.w"] {
        realm.allow("ada", name, &[(P::Select, None)]).await;
    }
    let all = P::ALL.map(|privilege| (privilege, None));
    realm.allow("ada", "main.own", &all).await;
    realm.policy("p", "main.t", "ada", "region = 'north'").await;
    realm.mask("main.t", "pay", "ada", "0").await;
    realm
}

/// Queries, and what they give.
const READS: &[(&str, &[&str])] = &[
    ("select * from t", &["1 north 0"]),
    ("select * from v", &["1 north 0"]),
    ("select * from w", &["north 0 1"]),
    ("select id from t where region = 'south'", &[]),
    ("select id from t where region = 'south' or true", &["1"]),
    ("select id from t where pay = 1111", &[]),
    ("select id from t where pay = 0 and true", &["1"]),
    ("select count(*) from t", &["1"]),
    (
        "select count(*), sum(pay), min(id), max(id) from t",
        &["1 0 1 1"],
    ),
    ("select * from (select * from t) s", &["1 north 0"]),
    ("select a.id from t a, t b where a.id <= b.id", &["1"]),
    (
        "select b.id from (values (1), (2), (3)) a(i) left join t b on a.i = b.id where b.id is not null",
        &["1"],
    ),
    (
        "select a.i from (values (1), (2), (3)) a(i) where a.i in (select id from t)",
        &["1"],
    ),
    (
        "select a.i from (values (1), (2)) a(i) where not exists (select 1 from t where id = a.i)",
        &["2"],
    ),
    (
        "select (select max(pay) from t), (select count(*) from t)",
        &["0 1"],
    ),
    (
        "with s as (select * from t) select * from s union all select * from s",
        &["1 north 0", "1 north 0"],
    ),
    (
        "with recursive r as (select id from t union all select id + 1 from r where id < 3 and id in (select id from t)) select max(id) from r",
        &["2"],
    ),
    ("select id from t except select 7", &["1"]),
    ("select id from t intersect select 1", &["1"]),
    (
        "select rank() over (order by pay), count(*) over () from t",
        &["1 1"],
    ),
    (
        "select sum(pay) over (), lead(region) over (order by id) from t",
        &["0 "],
    ),
    (
        "select region from t group by region having count(*) > 0",
        &["north"],
    ),
    (
        "select distinct region from t order by region limit 5 offset 0",
        &["north"],
    ),
    ("select id from t order by pay desc limit 1", &["1"]),
    ("select id from t limit 2", &["1"]),
    (
        "select a.id, b.pay from t a join lateral (select pay from t where t.id = a.id) b on true",
        &["1 0"],
    ),
    ("select 10 / (id - 2) from t", &["-10"]),
    ("select id from t where 10 / (id - 2) < 0", &["1"]),
    (
        "select id from t where 10 / (pay - 1111) is not null",
        &["1"],
    ),
    ("select id from t order by 10 / (id - 3)", &["1"]),
    (
        "select case when region = 'south' then 1 / 0 else id end from t",
        &["1"],
    ),
    (
        "select id from t where cast(region as text) = 'north' and cast(replace(region, 'north', '5') as int) = 5",
        &["1"],
    ),
    ("select * from t as x(a, b, c)", &["1 north 0"]),
    ("select t.* from t", &["1 north 0"]),
    ("select t.pay + own.id from t left join own on true", &[""]),
    ("select string_agg(region, ',') from t", &["north"]),
    ("select array_agg(pay) from t", &["[0]"]),
    ("select approx_distinct(id) from t", &["1"]),
];

#[tokio::test]
async fn queries_show_what_is_seen() {
    let realm = realm().await;
    for (sql, rows) in READS {
        assert_eq!(realm.rows("ada", sql).await, *rows, "{sql}");
    }
}

#[tokio::test]
async fn queries_of_the_past_show_what_is_seen_now() {
    let realm = realm().await;
    realm
        .world
        .changes(&[
            "alter table t rename column pay to wage",
            "update t set wage = wage + 1",
        ])
        .await;
    realm.mask("main.t", "wage", "ada", "0").await;
    let last = realm
        .world
        .one("select max(snapshot_id) from system.snapshots")
        .await;
    let last: i64 = last.parse().unwrap();
    let mut seen = 0;
    for version in 1..=last {
        let sql = format!("select * from t at (version => {version})");
        match realm.run("ada", &sql).await {
            Ok(Given::Rows(rows)) => {
                for row in rows {
                    assert_eq!(row, ["1", "north", "0"], "{sql}");
                    seen += 1;
                }
            }
            Err(Error::NotFound { .. }) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
    assert!(seen > 2);
    let first = realm
        .world
        .one("select min(snapshot_id) from system.snapshots")
        .await;
    let sql = format!("select region, wage, id from table_changes('t', {first}, {last})");
    let rows = realm.rows("ada", &sql).await;
    assert!(rows.iter().all(|row| row == "north 0 1"), "{rows:?}");
    assert_eq!(
        rows.len(),
        3,
        "the insert, and the update with its two halves"
    );
}

#[tokio::test]
async fn what_is_gone_is_history_for_admins() {
    let realm = realm().await;
    let before = realm
        .world
        .one("select max(snapshot_id) from system.snapshots")
        .await;
    realm
        .world
        .changes(&["create or replace table t as select 5 as id, 'east' as region, 1 as pay"])
        .await;
    realm.allow("ada", "main.t", &[(P::Select, None)]).await;
    let sql = format!("select count(*) from t at (version => {before})");
    let error = realm.refused("ada", &sql).await;
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert_eq!(realm.world.one(&sql).await, "3");
}

#[tokio::test]
async fn explain_shows_nothing_of_what_is_behind() {
    let realm = realm().await;
    for explain in [
        "explain",
        "explain verbose",
        "explain analyze",
        "explain analyze verbose",
        "explain format tree",
        "explain format pgjson",
    ] {
        for query in [
            "select pay from t where id > 0",
            "select * from w",
            "select count(*) from v",
        ] {
            let sql = format!("{explain} {query}");
            let text = match realm.run("ada", &sql).await {
                Ok(Given::Rows(rows)) => rows.concat().join("\n"),
                Ok(other) => panic!("{sql}: {other:?}"),
                Err(error) => error.to_string(),
            };
            for hidden in ["north", "rows=3", "Rows=Exact(3)"] {
                assert!(!text.contains(hidden), "{sql}: {text}");
            }
            // As a word: the digits may be part of a time.
            let mut words = text.split(|c: char| !c.is_alphanumeric());
            assert!(!words.any(|word| word == "2222"), "{sql}: {text}");
        }
    }
}

#[tokio::test]
async fn rows_that_are_copied_are_those_that_are_seen() {
    let realm = realm().await;
    for sql in [
        "insert into own select * from t",
        "insert into own select a.* from t a, (values (1), (2)) b(i) where a.id = b.i",
        "merge into own using t on own.id = t.id when not matched then insert values (t.id, t.region, t.pay)",
    ] {
        realm.world.changes(&["delete from own"]).await;
        assert_eq!(
            realm.run("ada", sql).await.unwrap(),
            Given::Changed(1),
            "{sql}"
        );
        let held = realm.world.cells("select * from own").await;
        assert_eq!(held, [["1", "north", "0"]], "{sql}");
    }
    let ada = realm.caller("ada");
    for sql in [
        "create temp table mine as select * from t",
        "create temp table more as select * from w",
    ] {
        realm.run_as(&ada, sql).await.unwrap();
    }
    let rows = realm
        .run_as(&ada, "select id, region, pay from mine")
        .await
        .unwrap();
    assert_eq!(
        rows,
        Given::Rows(vec![["1", "north", "0"].map(str::to_owned).to_vec()])
    );
}

#[tokio::test]
async fn policies_know_the_caller() {
    let realm = Realm::new(&["ada", "bob", "eve"]).await;
    realm
        .world
        .changes(&[
            "create table t (who text, what text)",
            "insert into t values ('ada', 'a'), ('bob', 'b'), ('eve', 'e')",
        ])
        .await;
    for user in ["ada", "bob", "eve"] {
        realm.allow(user, "main.t", &[(P::Select, None)]).await;
        let using = "who = current_user() or has_role('admin') or session_user = 'eve'";
        realm
            .policy(&format!("own_{user}"), "main.t", user, using)
            .await;
        realm
            .mask(
                "main.t",
                "what",
                user,
                "case when has_role('read_server_files') then what end",
            )
            .await;
    }
    realm.give_role("bob", "read_server_files").await;
    let sql = "select * from t order by 1";
    assert_eq!(realm.rows("ada", sql).await, ["ada "]);
    assert_eq!(realm.rows("bob", sql).await, ["bob b"]);
    assert_eq!(realm.rows("eve", sql).await, ["ada ", "bob ", "eve "]);
}

#[tokio::test]
async fn policies_that_cannot_be_used_hide_everything_and_say_nothing() {
    for using in [
        "secret_of_mine = 'x",
        "no_such_column = 'secret'",
        "id + 'secret'",
        "exists (select 1 from own where region = 'secret')",
        "id in (select id from t)",
        "max(id) > 5",
        "cast(region || 'secret' as int) > 0",
        "1 / (id - id) = 1",
        "true) or (1 = 1",
        "true, true",
    ] {
        let realm = realm().await;
        realm.policy("p", "main.t", "ada", using).await;
        for sql in [
            "select * from t",
            "select count(*) from v",
            "insert into own select * from t",
        ] {
            let error = realm.refused("ada", sql).await;
            let told = error.to_string();
            assert!(
                matches!(error, Error::InvalidInput { .. }),
                "{using}: {error:?}"
            );
            for hidden in ["secret", "north", "id", "region"] {
                assert!(!told.contains(hidden), "{using}: {sql}: {told}");
            }
        }
    }
}
