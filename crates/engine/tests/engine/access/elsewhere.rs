//! Policies and masks hold for rows of files as for those of the lake, and where a client's own rows meet them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::util::pretty::pretty_format_batches;
use futures::{StreamExt, TryStreamExt, stream};
use godwit_auth::access::{Grantee, Mask, ObjectKey, Policy, Privilege as P, Record, Scope};
use godwit_engine::{Error, Result};

use super::bypass;
use super::realm::{Given, Realm, grant};
use crate::support::cells;

/// Ada sees the orders of one person, with no amounts, and the stock that is low.
async fn realm_of_files() -> Realm {
    let realm = Realm::new(&["ada", "eve"]).await;
    realm
        .world
        .changes(&[
            "create view totals as select id, person, amount from files.orders",
            "create table own (id bigint, amount double)",
        ])
        .await;
    let named = ObjectKey::named;
    let to = || Grantee::User("ada".to_owned());
    let mut records = Vec::new();
    for schema in ["files", "shop"] {
        let schema = Scope::Schema(named(schema));
        records.push(grant("ada", schema, &[(P::Usage, None)]));
    }
    for table in ["files.orders", "files.people", "shop.stock"] {
        let table = Scope::Relation(named(table));
        records.push(grant("ada", table, &[(P::Select, None)]));
    }
    for (table, using) in [
        ("files.orders", "person = 1 and has_role('public')"),
        ("shop.stock", "many < 10"),
    ] {
        records.push(Record::Policy(Policy {
            name: "p".to_owned(),
            table: named(table),
            to: to(),
            using: using.to_owned(),
        }));
    }
    records.push(Record::Mask(Mask {
        name: "m".to_owned(),
        table: named("files.orders"),
        column: "amount".to_owned(),
        to: to(),
        using: "-1".to_owned(),
    }));
    realm.put(records).await;
    realm
        .allow("ada", "main.totals", &[(P::Select, None)])
        .await;
    let all = P::ALL.map(|privilege| (privilege, None));
    realm.allow("ada", "main.own", &all).await;
    realm
}

#[tokio::test]
async fn rows_and_values_of_files_are_hidden_from_every_shape() {
    let realm = realm_of_files().await;
    let shapes: &[(&str, &[&str])] = &[
        (
            "select id, amount from orders order by id",
            &["1 -1.0", "2 -1.0"],
        ),
        (
            "select id, amount from godwit.files.orders order by id",
            &["1 -1.0", "2 -1.0"],
        ),
        ("select count(*) from files.orders", &["2"]),
        (
            "select count(*), max(id), sum(amount) from orders",
            &["2 2 -2.0"],
        ),
        ("select id from orders where amount > 0", &[]),
        ("select id from orders where person = 3 or id = 3", &[]),
        (
            "select id from orders where 1 / (person - 3) is not null order by 1",
            &["1", "2"],
        ),
        (
            "select id from orders order by 1 / (id - 3), id limit 3",
            &["2", "1"],
        ),
        (
            "select * from totals order by id",
            &["1 1 -1.0", "2 1 -1.0"],
        ),
        (
            "select o.id from people p join orders o on p.id = o.person order by 1",
            &["1", "2"],
        ),
        (
            "select p.id from people p where p.id not in (select person from orders) and p.id < 4 order by 1",
            &["0", "2", "3"],
        ),
        (
            "with w as (select * from orders) select a.id from w a join w b on a.id > b.id",
            &["2"],
        ),
        (
            "select (select count(*) from orders where day > '2024-01-31')",
            &["0"],
        ),
        (
            "select person, sum(amount) from orders group by person having count(*) > 1",
            &["1 -2.0"],
        ),
        (
            "select id from orders union all select 7 order by 1",
            &["1", "2", "7"],
        ),
        ("select 3 intersect select id from orders", &[]),
        (
            "select id, sum(amount) over (order by id) from orders order by id",
            &["1 -1.0", "2 -2.0"],
        ),
        (
            "select a.i from (values (1), (2), (3)) a(i) left join orders o on o.id = a.i where o.id is null",
            &["3"],
        ),
        ("select item, many from shop.stock", &["2 5"]),
    ];
    for (sql, rows) in shapes {
        assert_eq!(realm.rows("ada", sql).await, *rows, "{sql}");
    }
    let everything = realm.world.one("select count(*), sum(amount) from orders");
    assert_eq!(everything.await, "3 30.5");
    for sql in [
        "explain verbose select id from orders where amount > 0",
        "explain analyze select id from totals",
    ] {
        let text = realm.rows("ada", sql).await.join("\n");
        for hidden in ["person = 1", "person@", "orders.csv", "public"] {
            assert!(!text.contains(hidden), "{sql}: {text}");
        }
    }
    let past = realm.refused("ada", "select * from files.orders at (version => 1)");
    assert!(matches!(past.await, Error::Unsupported { .. }));
    for sql in ["select * from files.orders", "select * from shop.items"] {
        for user in ["eve", "ada"] {
            if user == "eve" || sql.contains("items") {
                let error = realm.refused(user, sql).await;
                assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn copies_of_files_hold_what_is_seen() {
    let realm = realm_of_files().await;
    let inserted = realm.run("ada", "insert into own select id, amount from orders");
    assert_eq!(inserted.await.unwrap(), Given::Changed(2));
    let held = realm.world.cells("select * from own order by id").await;
    assert_eq!(held, [["1", "-1.0"], ["2", "-1.0"]]);
    let ada = realm.caller("ada");
    let made = "create temp table mine as select id, amount from totals";
    realm.run_as(&ada, made).await.unwrap();
    let counted = "select count(*), max(amount) from mine";
    let rows = realm.run_as(&ada, counted).await.unwrap();
    assert_eq!(rows, Given::Rows(vec![vec!["2".into(), "-1.0".into()]]));
}

/// The rows of a query over three rows of the user's own: an id, and what might be a pay.
async fn exchange(realm: &Realm, user: &str, sql: &str) -> Result<Vec<String>> {
    let caller = realm.caller(user);
    let numbers = |numbers: [i32; 3]| Arc::new(Int32Array::from(numbers.to_vec())) as ArrayRef;
    let columns = [
        ("id", numbers([1, 2, 3])),
        ("pay", numbers([1111, 2222, 0])),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let upload = (batch.schema(), stream::iter([Ok(batch)]).boxed());
    let upload = async move { Ok(Some(upload)) };
    let (engine, session, permit) = (&realm.world.engine, &caller.session, &caller.permit);
    let statement = engine.exchange(session, permit, sql, upload).await?;
    let rows = engine.query(session, permit, &statement).await?;
    let rows: Vec<_> = rows.try_collect().await?;
    let cells = cells(&pretty_format_batches(&rows).unwrap().to_string());
    Ok(cells.iter().map(|row| row.join(" ")).collect())
}

#[tokio::test]
async fn an_exchange_shows_what_a_query_shows() {
    let realm = bypass::realm().await;
    let shapes: &[(&str, &[&str])] = &[
        ("select * from t", &["1 north 0"]),
        ("select count(*) from input", &["3"]),
        (
            "select i.id, t.pay from input i left join t on t.id = i.id order by 1",
            &["1 0", "2 ", "3 "],
        ),
        (
            "select i.id from input i where i.id in (select id from t)",
            &["1"],
        ),
        (
            "select i.id from input i where not exists (select 1 from v where v.id = i.id) order by 1",
            &["2", "3"],
        ),
        ("select i.id from input i join t on i.pay = t.pay", &["3"]),
        ("select i.id from input i join w on i.pay = w.pay", &["3"]),
        (
            "select i.id from input i, t where 10 / (t.id - 2) < i.id order by 1",
            &["1", "2", "3"],
        ),
        (
            "select i.id from input i, t where 1 / (t.pay - i.pay) is not null and i.pay > 0 order by 1",
            &["1", "2"],
        ),
        (
            "select id from input union all select id from t order by 1",
            &["1", "1", "2", "3"],
        ),
        (
            "select id from input except select id from t order by 1",
            &["2", "3"],
        ),
        (
            "with s as (select max(pay) as most from t) select id from input, s where pay > most order by 1",
            &["1", "2"],
        ),
    ];
    for (sql, rows) in shapes {
        let given = exchange(&realm, "ada", sql).await;
        assert_eq!(given.unwrap(), *rows, "{sql}");
    }
    for explain in ["explain verbose", "explain analyze"] {
        let sql = format!("{explain} select i.id from input i join t on t.id = i.id");
        match exchange(&realm, "ada", &sql).await {
            Ok(text) => assert!(!text.join("\n").contains("north"), "{text:?}"),
            Err(error) => assert!(!error.to_string().contains("north"), "{error}"),
        }
    }
    for sql in [
        "select * from input join t using (id)",
        "select * from input, v",
    ] {
        let error = exchange(&realm, "olga", sql).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
        assert!(!error.to_string().contains("did you mean"), "{error}");
    }
}
