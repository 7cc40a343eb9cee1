//! `vector_types` shows what its caller may see, and nothing else.

use godwit_auth::access::Privilege;
use godwit_engine::Error;

use super::realm::Realm;

const SELECT: &[(Privilege, Option<&[&str]>)] = &[(Privilege::Select, None)];

async fn realm() -> Realm {
    let realm = Realm::new(&["ana", "bob", "eve"]).await;
    realm
        .world
        .changes(&[
            "create table t as select value as id, case when value <= 60 then 'x' else 'y' end as region, \
             value as wage from generate_series(1, 100)",
            "create table hidden as select 1 as a",
            "create view shown as select kind, row_count from vector_types('hidden')",
        ])
        .await;
    realm.allow("ana", "main.t", SELECT).await;
    realm.policy("p", "main.t", "ana", "region = 'x'").await;
    realm.mask("main.t", "wage", "ana", "-1").await;
    let columns: &[&str] = &["region"];
    let of_region = [(Privilege::Select, Some(columns))];
    realm.allow("bob", "main.t", &of_region).await;
    realm.policy("q", "main.t", "bob", "true").await;
    realm
}

#[tokio::test]
async fn rows_and_values_are_those_that_the_caller_sees() {
    let realm = realm().await;
    let sql = "select column_name, kind, row_count, distinct_count from vector_types('t') order by column_index";
    assert_eq!(
        realm.rows("ana", sql).await,
        [
            "id sequence 60 60",
            "region constant 60 1",
            "wage constant 60 1"
        ]
    );
    let sql = "select suggestion from vector_types('select wage, count(*) over () from main.t') order by column_index";
    assert_eq!(realm.rows("ana", sql).await, ["constant", "constant"]);
    let sql = "select column_name, kind, row_count, run_count from vector_types('t')";
    assert_eq!(realm.rows("bob", sql).await, ["region dictionary 100 2"]);
    let error = realm
        .refused("bob", "select * from vector_types('select wage from t')")
        .await;
    assert!(!matches!(error, Error::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_hidden_is_not_there() {
    let realm = realm().await;
    for (user, of) in [
        ("eve", "t"),
        ("ana", "hidden"),
        ("ana", "select * from hidden"),
        ("ana", "select 1 where exists (select a from main.hidden)"),
        ("ana", "select * from vector_types(''hidden'')"),
        ("ana", "nowhere"),
    ] {
        let error = realm
            .refused(user, &format!("select * from vector_types('{of}')"))
            .await;
        assert!(
            matches!(error, Error::NotFound { .. }),
            "{user}: {of}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_view_looks_with_the_rights_of_its_owner() {
    let realm = realm().await;
    assert!(realm.run("ana", "select * from shown").await.is_err());
    realm.allow("ana", "main.shown", SELECT).await;
    assert_eq!(
        realm.rows("ana", "select * from shown").await,
        ["constant 1"]
    );
}

#[tokio::test]
async fn what_was_planned_before_is_not_shown_when_it_is_taken_away() {
    let realm = realm().await;
    let caller = realm.caller("ana");
    let sql = "select count(*) from vector_types('t')";
    let engine = &realm.world.engine;
    let prepared = engine
        .prepare(&caller.session, &caller.permit, sql)
        .await
        .unwrap();
    realm.policy("p", "main.t", "ana", "region = 'y'").await;
    let permit = realm.permit("ana");
    let statement = engine
        .instantiate(&caller.session, &permit, prepared.id)
        .await
        .unwrap();
    let rows = engine
        .query(&caller.session, &permit, &statement)
        .await
        .unwrap();
    let rows: Vec<_> = futures::TryStreamExt::try_collect(rows).await.unwrap();
    assert!(!rows.is_empty());
    let key = realm.key("main.t").await;
    let gone = super::realm::grant("ana", godwit_auth::access::Scope::Relation(key), &[]);
    realm.put(vec![gone]).await;
    let permit = realm.permit("ana");
    let again = engine
        .instantiate(&caller.session, &permit, prepared.id)
        .await;
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
}
