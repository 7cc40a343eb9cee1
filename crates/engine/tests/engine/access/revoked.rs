//! What is taken away is gone at once: from plans, prepared statements, tickets and kept results.

use futures::TryStreamExt;
use godwit_auth::Permit;
use godwit_auth::access::{Privilege as P, Scope};
use godwit_engine::Error;

use super::realm::{Given, Realm, grant};

async fn realm() -> Realm {
    let realm = Realm::new(&["ada", "bob"]).await;
    realm
        .world
        .changes(&["create table t (id int)", "insert into t values (1), (2)"])
        .await;
    realm.allow("ada", "main.t", &[(P::Select, None)]).await;
    realm
}

async fn revoke(realm: &Realm) {
    let scope = Scope::Relation(realm.key("main.t").await);
    realm.remove(grant("ada", scope, &[])).await;
}

#[tokio::test]
async fn a_ticket_is_planned_again_when_grants_change() {
    let realm = realm().await;
    let engine = &realm.world.engine;
    let mut ada = realm.caller("ada");
    let sql = "select id from t";
    let statement = engine
        .describe(&ada.session, &ada.permit, sql)
        .await
        .unwrap();
    let (id, origin) = (statement.id, statement.origin);
    let resume = async |permit: &Permit| {
        engine
            .resume(&ada.session, permit, id, (sql, None), origin)
            .await
    };
    resume(&ada.permit).await.unwrap();
    revoke(&realm).await;
    let now = realm.permit("ada");
    let error = resume(&now).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    let error = engine.query(&ada.session, &now, &statement).await.err();
    assert!(matches!(error, Some(Error::Conflict { .. })), "{error:?}");
    let error = engine.keep(&ada.session, &now, &statement, 1).err();
    assert!(matches!(error, Some(Error::Conflict { .. })), "{error:?}");
    realm.allow("ada", "main.t", &[(P::Select, None)]).await;
    ada.permit = realm.permit("ada");
    let again = engine
        .resume(&ada.session, &ada.permit, id, (sql, None), origin)
        .await;
    let rows = engine
        .query(&ada.session, &ada.permit, &again.unwrap())
        .await
        .unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    assert_eq!(
        rows.iter()
            .map(arrow::array::RecordBatch::num_rows)
            .sum::<usize>(),
        2
    );
}

#[tokio::test]
async fn a_prepared_statement_is_planned_again_when_grants_change() {
    let realm = realm().await;
    let engine = &realm.world.engine;
    let ada = realm.caller("ada");
    let prepared = engine
        .prepare(&ada.session, &ada.permit, "select id from t")
        .await
        .unwrap();
    engine
        .instantiate(&ada.session, &ada.permit, prepared.id)
        .await
        .unwrap();
    revoke(&realm).await;
    let now = realm.permit("ada");
    let error = engine
        .instantiate(&ada.session, &now, prepared.id)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_prepared_change_is_refused_when_grants_change() {
    let realm = realm().await;
    let engine = &realm.world.engine;
    realm
        .allow("ada", "main.t", &[(P::Select, None), (P::Delete, None)])
        .await;
    let ada = realm.caller("ada");
    let sql = "delete from t where id = 1";
    let prepared = engine
        .prepare(&ada.session, &ada.permit, sql)
        .await
        .unwrap();
    let described = engine
        .describe(&ada.session, &ada.permit, sql)
        .await
        .unwrap();
    realm.allow("ada", "main.t", &[(P::Select, None)]).await;
    let now = realm.permit("ada");
    for error in [
        engine
            .execute_prepared(&ada.session, &now, prepared.id)
            .await
            .err(),
        engine.execute(&ada.session, &now, &described).await.err(),
    ] {
        assert!(matches!(error, Some(Error::Denied { .. })), "{error:?}");
    }
    assert_eq!(realm.world.one("select count(*) from t").await, "2");
}

#[tokio::test]
async fn what_is_another_users_is_refused() {
    let realm = realm().await;
    let engine = &realm.world.engine;
    realm.allow("bob", "main.t", &[(P::Select, None)]).await;
    let (ada, bob) = (realm.caller("ada"), realm.caller("bob"));
    let sql = "select id from t";
    let statement = engine
        .describe(&ada.session, &ada.permit, sql)
        .await
        .unwrap();
    let prepared = engine
        .prepare(&ada.session, &ada.permit, sql)
        .await
        .unwrap();
    let kept = engine
        .keep(&ada.session, &ada.permit, &statement, 1)
        .unwrap();
    let (id, origin) = (statement.id, statement.origin);
    let open = engine.begin_transaction(&ada.session, &ada.permit).unwrap();
    let denied = [
        engine
            .query(&bob.session, &bob.permit, &statement)
            .await
            .err(),
        engine
            .query(&ada.session, &bob.permit, &statement)
            .await
            .err(),
        engine
            .resume(&bob.session, &bob.permit, id, (sql, None), origin)
            .await
            .err(),
        engine.kept(&bob.permit, kept.id()).err(),
        engine.read_kept(&bob.permit, kept.id(), 0).err(),
        engine.cancel_kept(&bob.permit, kept.id()).err(),
        engine.within(&bob.session, &bob.permit, Some(open)).err(),
        engine
            .prepared(&ada.session, &bob.permit, prepared.id)
            .err(),
    ];
    for (at, error) in denied.into_iter().enumerate() {
        assert!(
            matches!(error, Some(Error::Denied { .. })),
            "{at}: {error:?}"
        );
    }
    let other = engine
        .prepared(&bob.session, &bob.permit, prepared.id)
        .err();
    assert!(matches!(other, Some(Error::NotFound { .. })), "{other:?}");
}

#[tokio::test]
async fn a_session_that_serves_no_call_may_do_nothing() {
    let realm = realm().await;
    let given = realm.run("ada", "select count(*) from t").await.unwrap();
    assert_eq!(given, Given::Rows(vec![vec!["2".to_owned()]]));
    let hidden = realm.refused("bob", "select count(*) from t").await;
    assert!(matches!(hidden, Error::NotFound { .. }), "{hidden:?}");
}
