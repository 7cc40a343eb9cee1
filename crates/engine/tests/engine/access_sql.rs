//! Users and roles by SQL: who may change them, and what there is then.

use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use godwit_auth::Authenticator;
use godwit_engine::{Engine, Error};

use crate::court::Court;
use crate::support::cells;

#[tokio::test]
async fn only_admins_make_roles_and_users() {
    let court = Court::new().await;
    for sql in [
        "CREATE ROLE r",
        "CREATE USER eve PASSWORD 'long enough'",
        "ALTER USER bob DISABLE",
        "ALTER USER ada VALID UNTIL 'infinity'",
        "DROP USER bob",
        "DROP ROLE admin",
        "GRANT admin TO ada",
        "REVOKE admin FROM root",
        "GRANT USAGE ON CATALOG godwit TO ada",
        "REVOKE TOKEN 'x'",
        "REVOKE TOKENS OF bob",
    ] {
        court.denied("ada", sql).await;
    }
    let rows = court.rows("ada", "SHOW USERS").await;
    assert_eq!(rows, ["ada configuration true"]);
    court.all("ada", &["REVOKE TOKENS OF current_user"]).await;
    assert!(court.directory().current().is_revoked("ada", None, 1));
}

#[tokio::test]
async fn roles_have_roles_and_no_circles() {
    let court = Court::new().await;
    court
        .all(
            "root",
            &[
                "CREATE ROLE a",
                "CREATE ROLE IF NOT EXISTS a",
                "CREATE ROLE b",
                "CREATE ROLE c",
                "GRANT a TO b",
                "GRANT b TO c",
                "GRANT c TO ada",
            ],
        )
        .await;
    let ada = court.permit("ada");
    let roles: Vec<_> = ada.authority().roles().collect();
    assert_eq!(roles, ["a", "b", "c", "public"]);
    for (sql, message) in [
        (
            "GRANT c TO a",
            "role 'c' has the role 'a' itself; roles that have each other are one",
        ),
        (
            "GRANT a TO a",
            "role 'a' has the role 'a' itself; roles that have each other are one",
        ),
        ("CREATE ROLE a", "role 'a' exists already"),
        ("CREATE ROLE ada", "user 'ada' exists already"),
        (
            "DROP ROLE public",
            "role 'public' is always there and cannot be dropped",
        ),
        (
            "GRANT public TO ada",
            "everyone has the role 'public' anyway",
        ),
        (
            "GRANT admins TO ada",
            "role 'admins' does not exist; did you mean 'admin'?",
        ),
        (
            "GRANT a TO adaa",
            "there is no role and no user 'adaa'; did you mean 'ada'?; CREATE ROLE and CREATE USER make one",
        ),
        (
            "REVOKE admin FROM root",
            "user 'root' has the role 'admin' by the configuration (users.root.roles, or admin.user); take it away there",
        ),
    ] {
        assert_eq!(court.error("root", sql).await.to_string(), message, "{sql}");
    }
    let grants = court.rows("ada", "SHOW GRANTS FOR ada").await;
    assert_eq!(grants, ["ada user MEMBER role  c"]);
    court.all("root", &["DROP ROLE b"]).await;
    let ada = court.permit("ada");
    assert_eq!(ada.authority().roles().collect::<Vec<_>>(), ["c", "public"]);
    court
        .all("root", &["REVOKE c FROM ada", "DROP ROLE IF EXISTS b"])
        .await;
    assert!(
        court.directory().current().user("ada").is_none(),
        "nothing is left to be kept"
    );
}

#[tokio::test]
async fn users_are_made_changed_and_dropped() {
    let court = Court::furnished().await;
    court
        .all(
            "root",
            &[
                "CREATE USER eve PASSWORD 'it''s a secret' VALID UNTIL '2040-01-01 00:00:00' DISABLED",
                "CREATE USER IF NOT EXISTS eve",
                "GRANT readers TO eve",
            ],
        )
        .await;
    let shown = court.rows("root", "SHOW USERS").await;
    assert_eq!(shown[2], "eve sql false 2040-01-01T00:00:00Z readers");
    let hash = |name: &str| {
        court
            .directory()
            .current()
            .user(name)
            .unwrap()
            .password_hash
            .clone()
    };
    let before = hash("eve").unwrap();
    assert!(before.starts_with("$argon2id$"), "{before}");
    court
        .all("root", &["ALTER USER eve ENABLE VALID UNTIL 'infinity'"])
        .await;
    assert_eq!(hash("eve").unwrap(), before);
    court
        .all("root", &["ALTER USER eve PASSWORD 'another secret'"])
        .await;
    assert_ne!(hash("eve").unwrap(), before);
    let shown = court.rows("root", "SHOW USERS").await;
    assert_eq!(
        shown[2].split_whitespace().collect::<Vec<_>>(),
        ["eve", "sql", "true", "readers"]
    );
    for (sql, message) in [
        ("CREATE USER eve", "user 'eve' exists already"),
        ("CREATE USER readers", "role 'readers' exists already"),
        (
            "CREATE USER x PASSWORD 'short'",
            "the password has 5 characters; it is to have 8 at least, and 1024 bytes at most",
        ),
        (
            "ALTER USER ada PASSWORD 'long enough'",
            "user 'ada' is one of the configuration (users.ada, or admin.user), where the password is too; change it there",
        ),
        (
            "ALTER USER evee ENABLE",
            "user 'evee' does not exist; did you mean 'eve'?",
        ),
        (
            "DROP USER root",
            "you would drop yourself; let another member of 'admin' do it",
        ),
        ("DROP USER x", "user 'x' does not exist"),
    ] {
        assert_eq!(court.error("root", sql).await.to_string(), message, "{sql}");
    }
    for name in [
        "\"a:b\"",
        "\"a/b\"",
        "\" a\"",
        "\"\"",
        "current_user",
        "\"a\u{7}\"",
    ] {
        let error = court.error("root", &format!("CREATE USER {name}")).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{name}: {error:?}"
        );
    }
    court
        .all("root", &["ALTER TABLE main.things OWNER TO eve"])
        .await;
    let error = court.error("root", "DROP USER eve").await.to_string();
    assert_eq!(
        error,
        "user 'eve' owns table 'main.things'; drop it, or give it to another user (ALTER … OWNER TO)"
    );
    court
        .all(
            "root",
            &[
                "ALTER TABLE things OWNER TO current_user",
                "ALTER VIEW names OWNER TO bob",
                "DROP USER eve",
                "DROP USER IF EXISTS eve",
            ],
        )
        .await;
    let access = court.directory().current();
    assert!(access.user("eve").is_none() && access.is_revoked("eve", None, 1));
}

#[tokio::test]
async fn a_password_is_in_no_text_that_is_shown() {
    let court = Court::new().await;
    let (permit, session) = (court.permit("root"), &court.callers["root"].1);
    let sql = "CREATE USER eve PASSWORD 'geheimnis' ENABLED";
    let statement = court.engine.describe(session, &permit, sql).await.unwrap();
    assert_eq!(&*statement.sql, "CREATE USER eve PASSWORD '***' ENABLED");
    let prepared = court.engine.prepare(session, &permit, sql).await.unwrap();
    assert_eq!(&*prepared.sql, "CREATE USER eve PASSWORD '***' ENABLED");
    assert!(!format!("{statement:?} {prepared:?}").contains("geheimnis"));
    // Neither has changed anything.
    assert!(court.directory().current().user("eve").is_none());
    let done = court.engine.execute_prepared(session, &permit, prepared.id);
    done.await.unwrap();
    assert!(court.directory().current().user("eve").is_some());
    let again = court.engine.execute(session, &permit, &statement).await;
    assert_eq!(again.unwrap_err().to_string(), "user 'eve' exists already");
    for sql in [
        "SELECT * FROM system.users",
        "SHOW GRANTS",
        "SELECT * FROM system.roles",
    ] {
        let rows = court.rows("root", sql).await.join("\n");
        assert!(!rows.contains("argon2"), "{rows}");
    }
}

#[tokio::test]
async fn transactions_have_no_part_in_it() {
    let court = Court::furnished().await;
    court.all("ada", &["BEGIN"]).await;
    for sql in [
        "GRANT SELECT ON people TO bob",
        "ALTER TABLE people OWNER TO bob",
    ] {
        let error = court.error("ada", sql).await;
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("in a transaction"), "{error}");
    }
    court
        .all("ada", &["ROLLBACK", "GRANT SELECT ON people TO bob"])
        .await;
}

#[tokio::test]
async fn functions_know_who_asks() {
    let court = Court::furnished().await;
    court.all("root", &["GRANT readers TO bob"]).await;
    let sql = "SELECT current_user(), current_user, session_user(), has_role('readers'), has_role(NULL), \
               has_role('public')";
    assert_eq!(court.rows("bob", sql).await, ["bob bob bob true  true"]);
    assert_eq!(court.rows("ada", sql).await, ["ada ada ada false  true"]);
    let over = "SELECT has_role(r) FROM (VALUES ('readers'), ('admin'), (NULL)) t(r)";
    assert_eq!(court.rows("bob", over).await, ["true", "false", ""]);
    // A prepared statement is asked again each time.
    let (permit, session) = (court.permit("bob"), &court.callers["bob"].1);
    let sql = "SELECT has_role('readers')";
    let prepared = court.engine.prepare(session, &permit, sql).await.unwrap();
    court.all("root", &["REVOKE readers FROM bob"]).await;
    let permit = court.permit("bob");
    let statement = court.engine.instantiate(session, &permit, prepared.id);
    let statement = statement.await.unwrap();
    let rows = court
        .engine
        .query(session, &permit, &statement)
        .await
        .unwrap();
    let batches: Vec<_> = rows.try_collect().await.unwrap();
    let shown = pretty_format_batches(&batches).unwrap().to_string();
    assert_eq!(cells(&shown), [["false"]]);
}

#[tokio::test]
async fn what_was_changed_is_there_after_a_restart() {
    let court = Court::furnished().await;
    court
        .all(
            "root",
            &[
                "GRANT SELECT ON files.orders TO readers",
                "GRANT USAGE ON SCHEMA files TO readers",
            ],
        )
        .await;
    let kept = court.directory().current();
    court.engine.shutdown(std::time::Duration::ZERO).await;
    let (authenticator, _) = Authenticator::start(&court.config, &court.config.data_dir).unwrap();
    let directory = Arc::clone(authenticator.directory());
    let auditor = court.engine.auditor().clone();
    let _engine = Engine::start(&court.config, auditor, Arc::clone(&directory))
        .await
        .unwrap();
    let again = directory.current();
    assert_eq!(again.version(), kept.version());
    assert!(again.has_role("readers"));
    assert_eq!(again.grants().count(), kept.grants().count());
}
