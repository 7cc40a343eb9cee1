//! What is listed is what may be seen.

use godwit_auth::access::{ObjectKey, Privilege as P, Scope};
use godwit_engine::{Error, TableEntry};

use super::realm::{Realm, grant};

async fn realm() -> Realm {
    let realm = Realm::new(&["ada", "bob", "eve"]).await;
    realm
        .world
        .changes(&[
            "create table t (id int primary key, name text default 'anon', pay double)",
            "insert into t values (1, 'a', 10), (2, 'b', 20)",
            "create table payroll (id int)",
            "create view v as select id from t",
            "create schema vault",
            "create table vault.gold (kilos int)",
        ])
        .await;
    let id = ["id", "name"];
    let some = [(P::Select, Some(&id[..]))];
    realm.allow("ada", "main.t", &some).await;
    realm.allow("bob", "main.t", &[(P::Select, None)]).await;
    let people = Scope::Relation(ObjectKey::named("files.people"));
    let files = Scope::Schema(ObjectKey::named("files"));
    realm
        .put(vec![
            grant("ada", files, &[(P::Usage, None)]),
            grant("ada", people, &[(P::Select, Some(&["id", "name"]))]),
        ])
        .await;
    realm
}

#[tokio::test]
async fn information_schema_holds_what_may_be_seen() {
    let realm = realm().await;
    let tables = "select table_schema, table_name from information_schema.tables \
                  where table_schema not in ('information_schema', 'system') order by 1, 2";
    assert_eq!(realm.rows("ada", tables).await, ["files people", "main t"]);
    assert_eq!(realm.rows("bob", tables).await, ["main t"]);
    assert!(realm.rows("eve", tables).await.is_empty());
    let columns = "select table_name, column_name from information_schema.columns \
                   where table_schema in ('main', 'files') order by 1, 2";
    assert_eq!(
        realm.rows("ada", columns).await,
        ["people id", "people name", "t id", "t name"]
    );
    assert_eq!(
        realm.rows("bob", columns).await,
        ["t id", "t name", "t pay"]
    );
    let schemas = "select schema_name from information_schema.schemata order by 1";
    let open = ["system", "temp"];
    assert_eq!(realm.rows("eve", schemas).await, open);
    let seen = realm.rows("bob", schemas).await;
    assert!(
        seen.contains(&"main".to_owned()) && !seen.contains(&"vault".to_owned()),
        "{seen:?}"
    );
    for sql in [
        "show tables",
        "show schemas",
        "select * from information_schema.views",
    ] {
        let rows = realm.rows("ada", sql).await.join("\n");
        for hidden in [
            "vault",
            "gold",
            "payroll",
            "shop",
            "orders",
            "select id from t",
        ] {
            assert!(!rows.contains(hidden), "{sql}: {rows}");
        }
    }
    assert_eq!(realm.rows("ada", "describe t").await.len(), 2);
    assert_eq!(realm.rows("ada", "show columns from t").await.len(), 2);
}

#[tokio::test]
async fn a_views_text_is_for_its_owner() {
    let realm = realm().await;
    realm.allow("bob", "main.v", &[(P::Select, None)]).await;
    let sql = "select table_name, definition from information_schema.views";
    assert_eq!(realm.rows("bob", sql).await, ["v "]);
    let text = realm.world.one(sql).await;
    assert!(text.to_lowercase().contains("select id from t"), "{text}");
}

#[tokio::test]
async fn calls_about_what_there_is_tell_what_may_be_seen() {
    let realm = realm().await;
    let engine = &realm.world.engine;
    let names = async |user: &str| {
        let caller = realm.caller(user);
        let all = |entry: &TableEntry| entry.schema != "system";
        let tables = engine
            .tables(&caller.session, &caller.permit, true, &all)
            .await
            .unwrap();
        let schemas = engine
            .schemas(&caller.session, &caller.permit)
            .await
            .unwrap();
        let keys = engine
            .keys(&caller.session, &caller.permit, None, "t")
            .await
            .unwrap();
        let schemas: Vec<_> = schemas.into_iter().map(|schema| schema.schema).collect();
        let tables: Vec<_> = tables
            .into_iter()
            .map(|table| {
                let columns = table.arrow_schema.map_or(0, |schema| schema.fields().len());
                (table.name, columns, table.rows, table.is_writable)
            })
            .collect();
        (schemas, tables, keys.len())
    };
    let (schemas, tables, keys) = names("ada").await;
    assert_eq!(schemas, ["files", "main", "system", "temp"]);
    let people = ("people".to_owned(), 2, Some(5), false);
    assert_eq!(tables, [people, ("t".to_owned(), 2, Some(2), false)]);
    assert_eq!(keys, 1);
    assert_eq!(
        names("eve").await,
        (vec!["system".into(), "temp".into()], vec![], 0)
    );
    realm.policy("p", "main.t", "bob", "id = 1").await;
    let (_, tables, _) = names("bob").await;
    assert_eq!(
        tables,
        [("t".to_owned(), 3, None, false)],
        "rows that are hidden do not count"
    );
}

#[tokio::test]
async fn messages_offer_what_may_be_seen() {
    let realm = realm().await;
    for (sql, hidden) in [
        ("select * from payrol", "payroll"),
        ("select * from vault.gold", "kilos"),
        ("select * from vaul.gold", "vault"),
        ("select * from main.payrol", "payroll"),
        ("select payy from t", "pay,"),
        ("insert into payroll values (1)", "may not"),
        ("drop table payroll", "may not"),
        ("drop schema vault", "may not"),
        ("set schema = 'vault'", "may not"),
        ("select * from shop.items", "may not"),
    ] {
        let error = realm.refused("ada", sql).await;
        assert!(!matches!(error, Error::Denied { .. }), "{sql}: {error:?}");
        let told = error.to_string();
        assert!(!told.contains(hidden), "{sql}: {told}");
    }
    let near = realm
        .refused("ada", "select * from files.peopel")
        .await
        .to_string();
    assert!(near.contains("did you mean 'people'"), "{near}");
}

#[tokio::test]
async fn a_mount_is_read_by_those_who_may() {
    let realm = realm().await;
    let read = "select * from files.people where id < 2 order by id";
    assert_eq!(realm.rows("ada", read).await, ["0 Ada", "1 Bob"]);
    assert_eq!(
        realm.rows("ada", "select count(*) from people").await,
        ["5"]
    );
    let error = realm.refused("ada", "select score from people").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    assert!(!error.to_string().contains("born"), "{error}");
    let error = realm.refused("bob", read).await;
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn files_are_read_and_written_by_roles() {
    let place = tempfile::tempdir().unwrap();
    let allowed = place.path().canonicalize().unwrap();
    let inside = allowed.clone();
    let realm = Realm::with(&["ada", "reader", "writer"], move |config| {
        config
            .copy
            .allowed
            .push(inside.to_str().unwrap().to_owned());
    })
    .await;
    realm.world.changes(&["create table t (id int)"]).await;
    for user in ["ada", "reader", "writer"] {
        realm
            .allow(user, "main.t", &[(P::Select, None), (P::Insert, None)])
            .await;
    }
    let roles = [
        ("reader", "read_server_files"),
        ("writer", "write_server_files"),
    ];
    for (user, role) in roles {
        realm.give_role(user, role).await;
    }
    let file = allowed.join("t.csv");
    std::fs::write(&file, "id\n1\n").unwrap();
    let file = file.to_string_lossy();
    let from = format!("copy t from '{file}' with (format csv, header true)");
    let to = format!("copy t to '{}'", allowed.join("out.csv").display());
    let direct = format!("select * from \"__file\".\"h,csv\".\"{file}\"");
    for (user, sql, may) in [
        ("ada", &from, false),
        ("ada", &to, false),
        ("ada", &direct, false),
        ("reader", &from, true),
        ("reader", &to, false),
        ("writer", &from, false),
        ("writer", &to, true),
    ] {
        let given = realm.run(user, sql).await;
        match given {
            Ok(_) => assert!(may, "{user}: {sql}"),
            Err(Error::Denied { .. }) => assert!(!may, "{user}: {sql}"),
            Err(error) => panic!("{user}: {sql}: {error:?}"),
        }
    }
}
