//! Queries that come again are not planned again, and never show what was: each way in which their meaning changes is seen.

use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use godwit_auth::access::{Privilege as P, Scope};
use godwit_engine::Error;

use crate::access::realm::{Realm, grant};
use crate::prepared::ints;
use crate::support::{World, cells};

/// How often a plan was used again, and how often a text was planned.
fn lookups(world: &World) -> (u64, u64) {
    let figures = world.engine.figures();
    (figures.text_hits, figures.text_misses)
}

impl World {
    /// The answer to a query that is planned now.
    async fn planned(&self, sql: &str) -> String {
        let (_, before) = lookups(self);
        let answer = self.one(sql).await;
        assert_eq!(lookups(self).1, before + 1, "{sql}");
        answer
    }

    /// The answer to a query that is not planned again.
    async fn known(&self, sql: &str) -> String {
        let (_, before) = lookups(self);
        let answer = self.one(sql).await;
        assert_eq!(lookups(self).1, before, "{sql}");
        answer
    }

    /// The same twice, from the first plan.
    async fn twice(&self, sql: &str) -> String {
        let first = self.planned(sql).await;
        assert_eq!(self.known(sql).await, first, "{sql}");
        first
    }
}

#[tokio::test]
async fn a_query_is_planned_once() {
    let world = World::new().await;
    world
        .changes(&["create table t (id int)", "insert into t values (1), (2)"])
        .await;
    for (sql, answer) in [
        ("select 1", "1"),
        ("select a from (values (3), (4)) v(a) limit 1", "3"),
        ("select sum(id) from t", "3"),
        ("select name from people where id = 1", "Bob"),
        ("select count(*) from people p join t on t.id = p.id", "2"),
        ("select many from shop.stock where item = 2", "5"),
    ] {
        assert_eq!(world.twice(sql).await, answer, "{sql}");
        assert_eq!(world.known(sql).await, answer, "{sql}");
    }
    // Another session of the same user with the same settings is no other.
    let other = world.another_session();
    let (_, before) = lookups(&world);
    let engine = &world.engine;
    let described = engine.describe(&other, &world.permit, "select 1").await;
    assert_eq!(described.unwrap().schema.fields().len(), 1);
    assert_eq!(lookups(&world).1, before);
}

#[tokio::test]
async fn without_room_or_when_it_is_off_everything_is_planned() {
    let world = World::with(|config| config.query.plan_cache = 0).await;
    world.planned("select 1").await;
    world.planned("select 1").await;
    let world = World::with(|config| config.query.plan_cache = 2).await;
    world.twice("select 1").await;
    world.twice("select 2").await;
    world.known("select 1").await;
    world.planned("select 3").await;
    // The one that was used least recently made room.
    world.known("select 1").await;
    world.planned("select 2").await;
}

#[tokio::test]
async fn durable_tables_are_as_they_are_now() {
    let world = World::new().await;
    world
        .changes(&["create table t (id int)", "insert into t values (1)"])
        .await;
    let sql = "select count(*), max(id) from t";
    assert_eq!(world.twice(sql).await, "1 1");
    let all = "select * from t order by id desc limit 1";
    assert_eq!(world.twice(all).await, "1");
    world.changes(&["insert into t values (7)"]).await;
    assert_eq!(world.planned(sql).await, "2 7");
    world.changes(&["create table other (id int)"]).await;
    // A commit that does not concern it, and still the plan is of the new snapshot.
    let before = world.describe(sql).await.unwrap().origin.lake;
    assert_eq!(world.known(sql).await, "2 7");
    world.changes(&["insert into other values (1)"]).await;
    assert!(world.describe(sql).await.unwrap().origin.lake > before);
    world.changes(&["alter table t add column b int"]).await;
    assert_eq!(world.planned(all).await, "7 ");
    let columns = world.describe(all).await.unwrap().schema;
    assert_eq!(columns.fields().len(), 2);
    world.changes(&["drop table t"]).await;
    assert!(matches!(world.error(sql).await, Error::NotFound { .. }));
    world
        .changes(&["create table t (id int)", "insert into t values (100)"])
        .await;
    assert_eq!(world.one(sql).await, "1 100");
    world.changes(&["create view v as select id from t"]).await;
    assert_eq!(world.twice("select id from v").await, "100");
    world
        .changes(&["create or replace view v as select id + 1 as id from t"])
        .await;
    assert_eq!(world.planned("select id from v").await, "101");
}

#[tokio::test]
async fn a_transaction_sees_its_own_rows_and_others_do_not() {
    let world = World::new().await;
    world
        .changes(&["create table t (id int)", "insert into t values (1)"])
        .await;
    let sql = "select count(*) from t";
    assert_eq!(world.twice(sql).await, "1");
    world.changes(&["begin", "insert into t values (2)"]).await;
    assert_eq!(world.one(sql).await, "2");
    let other = world.another_session();
    let engine = &world.engine;
    let elsewhere = engine.describe(&other, &world.permit, sql).await.unwrap();
    let rows = world.run(&elsewhere).await.unwrap();
    let text = pretty_format_batches(&rows).unwrap().to_string();
    assert_eq!(cells(&text), [["1"]]);
    world.changes(&["rollback"]).await;
    assert_eq!(world.one(sql).await, "1");
}

#[tokio::test]
async fn temporary_tables_are_those_of_the_session_now() {
    let world = World::new().await;
    world
        .changes(&["create table t (id int)", "insert into t values (1)"])
        .await;
    let sql = "select max(id) from t";
    assert_eq!(world.twice(sql).await, "1");
    // A temporary table of that name comes first.
    world
        .changes(&["create temp table t as select 5 as id"])
        .await;
    assert_eq!(world.planned(sql).await, "5");
    assert_eq!(world.known(sql).await, "5");
    assert_eq!(world.twice("select * from t").await, "5");
    world.changes(&["insert into t values (6)"]).await;
    assert_eq!(world.planned(sql).await, "6");
    assert_eq!(world.cells("select * from t").await, [["5"], ["6"]]);
    world.changes(&["drop table t"]).await;
    assert_eq!(world.one(sql).await, "1");
    assert_eq!(world.one("select * from t").await, "1");
}

#[tokio::test]
async fn no_rows_are_kept_that_the_session_dropped() {
    let world = World::new().await;
    let reserved = || world.engine.figures().memory_reserved;
    let before = reserved();
    world
        .changes(&["create temp table t as select value as id from generate_series(1, 100000)"])
        .await;
    assert_eq!(world.twice("select count(*) from t").await, "100000");
    assert!(reserved() > before + 100_000);
    world.changes(&["drop table t"]).await;
    assert_eq!(reserved(), before);
}

#[tokio::test]
async fn files_of_a_mount_are_those_that_are_there() {
    let world = World::new().await;
    let sql = "select count(*), max(name) from shop.items";
    assert_eq!(world.twice(sql).await, "2 nut");
    let file = world.path("shop/items.csv");
    std::fs::write(&file, "id,name\n1,nut\n2,bolt\n3,screw\n").unwrap();
    assert_eq!(world.planned(sql).await, "3 screw");
    // The same size, written later.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::write(&file, "id,name\n1,nut\n2,bolt\n3,zebra\n").unwrap();
    let written = std::fs::File::options().append(true).open(&file).unwrap();
    written.set_modified(later).unwrap();
    assert_eq!(world.planned(sql).await, "3 zebra");
    assert_eq!(world.known(sql).await, "3 zebra");
    // Another file beside it is another table, and changes nothing for this one.
    std::fs::write(world.path("shop/more.csv"), "id\n1\n").unwrap();
    assert_eq!(world.one("select count(*) from shop.more").await, "1");
    assert_eq!(world.known(sql).await, "3 zebra");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(world.error(sql).await, Error::NotFound { .. }));
    std::fs::write(&file, "id,name,weight\n1,nut,2\n").unwrap();
    assert_eq!(world.one("select * from shop.items").await, "1 nut 2");
}

#[tokio::test]
async fn settings_make_other_plans() {
    let world = World::new().await;
    let sql = "select count(*) from items";
    assert!(matches!(world.error(sql).await, Error::NotFound { .. }));
    world.execute("set schema = 'shop'").await.unwrap();
    assert_eq!(world.twice(sql).await, "2");
    world.execute("reset schema").await.unwrap();
    assert!(matches!(world.error(sql).await, Error::NotFound { .. }));
    let zone = "select cast(to_timestamp('2024-01-01T00:00:00+00:00') as varchar), \
                arrow_typeof(now())";
    let before = world.one(zone).await;
    world.execute("set timezone = 'Asia/Tokyo'").await.unwrap();
    assert_ne!(world.one(zone).await, before);
}

#[tokio::test]
async fn what_depends_on_the_moment_is_of_the_moment() {
    let world = World::new().await;
    let times = "select cast(now() as bigint)";
    let first: i64 = world.one(times).await.parse().unwrap();
    let mut later = first;
    for _ in 0..3 {
        let now: i64 = world.one(times).await.parse().unwrap();
        assert!(now > later, "{now} {later}");
        later = now;
    }
    let chance = "select random()";
    assert_ne!(world.one(chance).await, world.one(chance).await);
    let ids = "select uuid()";
    assert_ne!(world.one(ids).await, world.one(ids).await);
    // What the server tells of itself is not kept.
    let tables = "select count(*) from information_schema.tables where table_name = 'fresh'";
    assert_eq!(world.one(tables).await, "0");
    world.changes(&["create table fresh (id int)"]).await;
    assert_eq!(world.one(tables).await, "1");
    let ended = "select count(*) from system.queries where state = 'finished'";
    let before: u64 = world.one(ended).await.parse().unwrap();
    let after: u64 = world.one(ended).await.parse().unwrap();
    assert!(after > before);
    assert_eq!(world.one("select count(*) from fresh").await, "0");
    world.changes(&["insert into fresh values (1)"]).await;
    let past = "select count(*) from fresh at (version => 1)";
    assert_eq!(world.one(past).await, "0");
    assert_eq!(world.one(past).await, "0");
    assert_eq!(world.one("select count(*) from fresh").await, "1");
}

#[tokio::test]
async fn a_bound_value_is_the_one_that_was_bound() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (id int, name varchar)",
            "insert into t values (1, 'one'), (2, 'two'), (3, null)",
        ])
        .await;
    for (sql, wanted) in [
        ("select name from t where id = ?", ["one", "two", ""]),
        (
            "select name from people where id = ? and id = id",
            ["Bob", "Cleo", "Dan"],
        ),
        (
            "select case when ? > 1 then 'more' else 'one' end",
            ["one", "more", "more"],
        ),
        (
            "select cast(count(*) as varchar) from (select * from people order by id limit ?) p",
            ["1", "2", "3"],
        ),
        (
            "select cast(count(*) as varchar) from t a join people p on a.id = p.id where p.id >= ?",
            ["3", "2", "1"],
        ),
    ] {
        let prepared = world.prepare(sql).await.unwrap();
        for (value, wanted) in (1..).zip(wanted) {
            world.bind(prepared.id, vec![ints(&[value])]).unwrap();
            let rows = world.fetch(prepared.id).await.unwrap();
            assert_eq!(rows, [[wanted]], "{sql}: {value}");
        }
    }
    let prepared = world.prepare("select name from t where id = ?").await;
    let prepared = prepared.unwrap();
    world.bind(prepared.id, vec![ints(&[1])]).unwrap();
    world
        .changes(&["update t set name = 'uno' where id = 1"])
        .await;
    assert_eq!(world.fetch(prepared.id).await.unwrap(), [["uno"]]);
}

#[tokio::test]
async fn grants_policies_and_masks_hold_at_once() {
    let realm = Realm::new(&["ada", "bob"]).await;
    realm
        .world
        .changes(&[
            "create table t (id int, pay int)",
            "insert into t values (1, 10), (2, 20)",
        ])
        .await;
    let sql = "select sum(pay) from t";
    let (ada, bob) = (realm.caller("ada").session, realm.caller("bob").session);
    let ask = async |user: &str| {
        let session = if user == "ada" { &ada } else { &bob };
        let caller = crate::access::realm::Caller {
            session: Arc::clone(session),
            permit: realm.permit(user),
        };
        realm
            .run_as(&caller, sql)
            .await
            .map(|given| format!("{given:?}"))
    };
    assert!(ask("ada").await.is_err());
    realm.allow("ada", "main.t", &[(P::Select, None)]).await;
    for _ in 0..2 {
        assert!(ask("ada").await.unwrap().contains("30"));
        // Another user's plan is not for this one.
        assert!(ask("bob").await.is_err());
    }
    realm.allow("bob", "main.t", &[(P::Select, None)]).await;
    realm.policy("p", "main.t", "ada", "id = 2").await;
    assert!(ask("ada").await.unwrap().contains("20"));
    assert!(ask("ada").await.unwrap().contains("20"));
    realm.mask("main.t", "pay", "ada", "1").await;
    assert!(ask("ada").await.unwrap().contains("\"1\""));
    let scope = Scope::Relation(realm.key("main.t").await);
    realm.remove(grant("ada", scope, &[])).await;
    assert!(ask("ada").await.is_err());
}
