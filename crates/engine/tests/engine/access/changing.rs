//! Changes of tables whose rows have policies, and whose values have masks.

use arrow::array::{Int32Array, RecordBatch, StringArray};
use futures::{StreamExt, stream};
use godwit_auth::access::Privilege as P;
use godwit_engine::{Error, IfExists, IfMissing, IngestTarget};
use std::sync::Arc;

use super::realm::{Given, Realm};

const ALL: [(P, Option<&[&str]>); 4] = [
    (P::Select, None),
    (P::Insert, None),
    (P::Update, None),
    (P::Delete, None),
];

/// Ada sees and writes rows of the north.
async fn realm() -> Realm {
    let realm = Realm::new(&["ada", "bob"]).await;
    realm
        .world
        .changes(&[
            "create table t (id int primary key, region text)",
            "insert into t values (1, 'north'), (2, 'south'), (3, 'north'), (4, null)",
        ])
        .await;
    realm.allow("ada", "main.t", &ALL).await;
    realm.allow("bob", "main.t", &ALL).await;
    realm.policy("p", "main.t", "ada", "region = 'north'").await;
    realm
}

async fn held(realm: &Realm) -> String {
    let rows = realm
        .world
        .cells("select id, region from t order by id")
        .await;
    let rows: Vec<_> = rows.iter().map(|row| row.join("")).collect();
    rows.join(" ")
}

#[tokio::test]
async fn rows_that_are_not_seen_are_not_touched() {
    for (sql, changed, left) in [
        ("update t set id = id + 10", 2, "2south 4 11north 13north"),
        (
            "update t set id = 9 where region is null",
            0,
            "1north 2south 3north 4",
        ),
        (
            "update t set id = 10 / (id - 2)",
            2,
            "-10north 2south 4 10north",
        ),
        ("delete from t", 2, "2south 4"),
        ("delete from t where id > 1", 1, "1north 2south 4"),
        (
            "merge into t using (values (2), (3)) s(i) on t.id = s.i when matched then delete",
            1,
            "1north 2south 4",
        ),
        (
            "merge into t using (values (3)) s(i) on t.id = s.i when not matched by source then delete",
            1,
            "2south 3north 4",
        ),
        (
            "insert into t select id + 10, region from t",
            2,
            "1north 2south 3north 4 11north 13north",
        ),
    ] {
        let realm = realm().await;
        let given = realm.run("ada", sql).await;
        assert_eq!(given.unwrap(), Given::Changed(changed), "{sql}");
        let mut rows: Vec<_> = left.split(' ').collect();
        let now = held(&realm).await;
        let mut got: Vec<_> = now.split(' ').collect();
        rows.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, rows, "{sql}");
    }
}

#[tokio::test]
async fn new_rows_meet_the_policies() {
    let realm = realm().await;
    for sql in [
        "insert into t values (9, 'south')",
        "insert into t values (9, null)",
        "insert into t (id) values (9)",
        "insert into t values (9, 'north'), (10, 'south')",
        "insert into t select id + 10, 'south' from t",
        "update t set region = 'south'",
        "update t set region = 'south' where id = 1",
        "merge into t using (values (1)) s(i) on t.id = s.i when matched then update set region = 'x'",
        "merge into t using (values (9)) s(i) on t.id = s.i when not matched then insert values (9, 'x')",
        "insert into t values (1, 'south') on conflict (id) do update set region = excluded.region",
    ] {
        let error = realm.refused("ada", sql).await;
        let told = error.to_string();
        assert!(matches!(error, Error::Denied { .. }), "{sql}: {error:?}");
        assert!(
            told.contains("violates the row policies of main.t"),
            "{sql}: {told}"
        );
        assert_eq!(held(&realm).await, "1north 2south 3north 4", "{sql}");
    }
    // One whom no policy is for sees nothing, and can add nothing.
    assert_eq!(realm.rows("bob", "select count(*) from t").await, ["0"]);
    let error = realm
        .refused("bob", "insert into t values (9, 'north')")
        .await;
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert_eq!(
        realm.run("bob", "delete from t").await.unwrap(),
        Given::Changed(0)
    );
    let error = realm.refused("ada", "truncate t").await;
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    realm
        .run("ada", "insert into t values (9, 'north')")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_masked_table_is_not_changed_by_what_it_shows() {
    let realm = realm().await;
    realm.mask("main.t", "region", "bob", "'hidden'").await;
    realm.policy("q", "main.t", "bob", "true").await;
    assert_eq!(
        realm.rows("bob", "select distinct region from t").await,
        ["hidden"]
    );
    for sql in [
        "update t set id = id",
        "delete from t where region = 'north'",
        "insert into t values (9, 'x') returning region",
        "insert into t values (1, 'x') on conflict do nothing",
        "merge into t using (values (1)) s(i) on t.id = s.i when matched then delete",
    ] {
        let error = realm.refused("bob", sql).await;
        assert!(matches!(error, Error::Denied { .. }), "{sql}: {error:?}");
        assert!(error.to_string().contains("masked"), "{sql}: {error}");
    }
    realm
        .run("bob", "insert into t values (9, 'x')")
        .await
        .unwrap();
}

#[tokio::test]
async fn uploads_meet_the_policies() {
    let realm = realm().await;
    let engine = &realm.world.engine;
    let upload = async |user: &str, table: &str, region: &str, if_exists| {
        let id: arrow::array::ArrayRef = Arc::new(Int32Array::from(vec![20]));
        let region: arrow::array::ArrayRef = Arc::new(StringArray::from(vec![region]));
        let batch = RecordBatch::try_from_iter([("id", id), ("region", region)]).unwrap();
        let target = IngestTarget {
            catalog: None,
            schema: Some("main".to_owned()),
            table: table.to_owned(),
            temporary: false,
            if_missing: IfMissing::Create,
            if_exists,
        };
        let caller = realm.caller(user);
        let schema = batch.schema();
        let rows = stream::iter([Ok(batch)]).boxed();
        engine
            .ingest(&caller.session, &caller.permit, target, schema, rows)
            .await
    };
    for (user, table, region, if_exists) in [
        ("ada", "t", "south", IfExists::Append),
        ("bob", "t", "north", IfExists::Append),
        ("ada", "t", "north", IfExists::Replace),
        ("ada", "new", "north", IfExists::Append),
    ] {
        let error = upload(user, table, region, if_exists).await.unwrap_err();
        assert!(
            matches!(error, Error::Denied { .. }),
            "{user} {table} {region}: {error:?}"
        );
        assert_eq!(held(&realm).await, "1north 2south 3north 4");
    }
    upload("ada", "t", "north", IfExists::Append).await.unwrap();
    assert_eq!(held(&realm).await, "1north 2south 3north 4 20north");
}
