//! The server's own tables tell a caller of itself, and an admin of everybody.

use godwit_auth::access::{ObjectKey, Privilege as P, Scope};

use super::realm::{Realm, grant};

#[tokio::test]
async fn sessions_and_queries_are_the_callers_own() {
    let realm = Realm::new(&["ada", "bob"]).await;
    let (ada, _bob) = (realm.caller("ada"), realm.caller("bob"));
    let users = "select distinct user_name from system.sessions";
    assert_eq!(realm.rows("ada", users).await, ["ada"]);
    let own = "select count(*), max(sql) from system.queries where ended is null";
    let given = realm.run_as(&ada, own).await.unwrap();
    let own = super::realm::Given::Rows(vec![vec!["1".to_owned(), own.to_owned()]]);
    assert_eq!(given, own);
    let all = realm.world.cells(&format!("{users} order by 1")).await;
    let all: Vec<_> = all.concat();
    assert!(
        all.contains(&"ada".to_owned()) && all.contains(&"bob".to_owned()),
        "{all:?}"
    );
}

#[tokio::test]
async fn snapshots_tell_of_tables_to_admins() {
    let realm = Realm::new(&["ada"]).await;
    realm.world.changes(&["create table vault (id int)"]).await;
    let told = "select count(*), count(changes) from system.snapshots";
    let rows = realm.rows("ada", told).await;
    assert!(
        rows[0].ends_with(" 0") && !rows[0].starts_with("0 "),
        "{rows:?}"
    );
    let text = realm
        .world
        .table("select changes from system.snapshots")
        .await;
    assert!(text.contains("vault"), "{text}");
}

#[tokio::test]
async fn mounts_are_those_that_may_be_seen() {
    let realm = Realm::new(&["ada", "bob"]).await;
    let files = Scope::Schema(ObjectKey::named("files"));
    let people = Scope::Relation(ObjectKey::named("files.people"));
    let shop = Scope::Schema(ObjectKey::named("shop"));
    realm
        .put(vec![
            grant("ada", files, &[(P::Usage, None)]),
            grant("ada", people, &[(P::Select, None)]),
            grant("bob", shop, &[(P::Usage, None)]),
        ])
        .await;
    let all = "select name, kind, schema, path, tables from system.mounts order by name";
    assert_eq!(realm.rows("ada", all).await, ["people table files  "]);
    assert_eq!(realm.rows("bob", all).await, ["shop schema shop  "]);
    let rows = realm.world.cells(all).await;
    assert_eq!(rows.len(), 3);
    assert!(rows[0][3].starts_with('/'), "{rows:?}");
}
