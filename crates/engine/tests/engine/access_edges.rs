//! What SQL grants, and what then holds: views of owners, renamed columns under masks and policies, revocations, events.

use godwit_audit::Event;
use godwit_engine::Error;

use super::court::Court;

#[tokio::test]
async fn a_view_reads_with_its_owners_rights_and_its_readers_policies() {
    let court = Court::furnished().await;
    let filled = [
        "INSERT INTO people VALUES (1, 'x', 10), (2, 'y', 20)",
        "GRANT SELECT ON names TO readers",
    ];
    court.all("ada", &filled).await;
    court.all("root", &["GRANT readers TO bob"]).await;
    assert_eq!(
        court.rows("bob", "SELECT name FROM names ORDER BY 1").await,
        ["x", "y"]
    );
    let hidden = court.error("bob", "SELECT name FROM people").await;
    assert!(hidden.to_string().contains("does not exist"), "{hidden}");

    let policy = ["CREATE POLICY one ON people TO readers USING (id = 1)"];
    court.all("ada", &policy).await;
    assert_eq!(court.rows("bob", "SELECT name FROM names").await, ["x"]);
    assert_eq!(court.rows("ada", "SELECT count(*) FROM names").await, ["2"]);
    assert_eq!(
        court.rows("root", "SELECT count(*) FROM names").await,
        ["2"]
    );

    court
        .all("ada", &["REVOKE SELECT ON names FROM readers"])
        .await;
    let gone = court.error("bob", "SELECT name FROM names").await;
    assert!(gone.to_string().contains("does not exist"), "{gone}");
}

#[tokio::test]
async fn a_renamed_column_does_not_come_out_from_under_its_mask() {
    let court = Court::furnished().await;
    let made = [
        "INSERT INTO people VALUES (1, 'x', 4711), (2, 'y', 4712)",
        "GRANT SELECT ON people TO readers",
        "CREATE MASK pay ON people (salary) TO readers USING (0)",
    ];
    court.all("ada", &made).await;
    court.all("root", &["GRANT readers TO bob"]).await;
    assert_eq!(
        court.rows("bob", "SELECT sum(salary) FROM people").await,
        ["0.0"]
    );
    for change in [
        "ALTER TABLE people RENAME COLUMN salary TO pay",
        "ALTER TABLE people DROP COLUMN salary",
    ] {
        let _ = court.run("ada", change).await;
        if let Ok(rows) = court.run("bob", "SELECT * FROM people").await {
            let shown = format!("{rows:?}");
            assert!(!shown.contains("471"), "{change}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_policy_whose_column_is_gone_hides_everything() {
    let court = Court::furnished().await;
    let made = [
        "INSERT INTO people VALUES (1, 'x', 1), (2, 'secret', 2)",
        "GRANT SELECT ON people TO readers",
        "CREATE POLICY one ON people TO readers USING (id = 1)",
    ];
    court.all("ada", &made).await;
    court.all("root", &["GRANT readers TO bob"]).await;
    for change in [
        "ALTER TABLE people RENAME COLUMN id TO number",
        "ALTER TABLE people DROP COLUMN number",
        "ALTER TABLE people RENAME TO persons",
    ] {
        let _ = court.run("ada", change).await;
        for table in ["people", "persons"] {
            if let Ok(rows) = court.run("bob", &format!("SELECT * FROM {table}")).await {
                assert!(!format!("{rows:?}").contains("secret"), "{change}");
            }
        }
    }
}

#[tokio::test]
async fn a_column_that_rules_and_grants_name_stays() {
    let court = Court::furnished().await;
    let made = [
        "ALTER TABLE people ADD COLUMN free INT",
        "GRANT SELECT (name, id), UPDATE (name) ON people TO readers",
        "CREATE MASK pay ON people (salary) TO readers USING (id * 0.5)",
        "CREATE POLICY own ON people TO readers USING (lower(\"name\") = current_user() OR has_role('free'))",
    ];
    court.all("ada", &made).await;
    for (change, said) in [
        (
            "RENAME COLUMN salary TO pay",
            "column 'salary' of table 'main.people' stays as it is, for mask 'pay' names it; DROP MASK pay ON main.people first",
        ),
        ("DROP COLUMN salary", "DROP MASK pay ON main.people first"),
        ("DROP COLUMN id", "DROP MASK pay ON main.people first"),
        (
            "ALTER COLUMN id TYPE BIGINT",
            "DROP MASK pay ON main.people first",
        ),
        (
            "RENAME COLUMN name TO called",
            "DROP POLICY own ON main.people first",
        ),
        (
            "DROP COLUMN free, DROP COLUMN IF EXISTS name",
            "DROP POLICY own ON main.people first",
        ),
    ] {
        for user in ["ada", "root"] {
            let sql = format!("ALTER TABLE people {change}");
            let error = court.error(user, &sql).await;
            assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
            assert!(error.to_string().contains(said), "{sql}: {error}");
        }
    }
    // Who may change the table and does not own it is not told what hides what from whom.
    let usage = ["GRANT USAGE ON SCHEMA main TO bob"];
    court.all("root", &usage).await;
    court.all("ada", &["GRANT DROP ON people TO bob"]).await;
    let error = court
        .error("bob", "ALTER TABLE people RENAME COLUMN salary TO pay")
        .await
        .to_string();
    assert!(
        error.contains("stays as it is") && !error.contains("'pay'"),
        "{error}"
    );

    court
        .all(
            "ada",
            &["DROP POLICY own ON people", "DROP MASK pay ON people"],
        )
        .await;
    for change in ["RENAME COLUMN name TO called", "DROP COLUMN name"] {
        let sql = format!("ALTER TABLE people {change}");
        let error = court.error("ada", &sql).await.to_string();
        let said = "REVOKE SELECT (name) ON main.people FROM readers first";
        assert!(error.contains(said), "{sql}: {error}");
    }
    let free = [
        "ALTER TABLE people ALTER COLUMN id TYPE BIGINT",
        "REVOKE SELECT (name), UPDATE (name) ON people FROM readers",
        "ALTER TABLE people RENAME COLUMN name TO called",
        "ALTER TABLE people DROP COLUMN salary, DROP COLUMN free",
    ];
    court.all("ada", &free).await;
}

#[tokio::test]
async fn rules_survive_the_name_of_their_table_and_go_with_the_table() {
    let court = Court::furnished().await;
    let made = [
        "INSERT INTO people VALUES (1, 'x', 4711), (2, 'y', 4712)",
        "GRANT SELECT ON people TO readers",
        "CREATE POLICY one ON people TO readers USING (id = 1)",
        "CREATE MASK pay ON people (salary) TO readers USING (0)",
        "DROP VIEW names",
        "ALTER TABLE people RENAME TO persons",
    ];
    court.all("ada", &made).await;
    court.all("root", &["GRANT readers TO bob"]).await;
    let seen = court.rows("bob", "SELECT id, name, salary FROM persons");
    assert_eq!(seen.await, ["1 x 0.0"]);
    let listed = court.rows("ada", "SELECT table_name FROM system.policies");
    assert_eq!(listed.await, ["persons"]);
    let error = court.error("root", "DROP ROLE readers").await.to_string();
    assert!(error.contains("policy 'one' is for it"), "{error}");

    court.all("ada", &["DROP TABLE persons"]).await;
    let left = "SELECT count(*) FROM system.policies, system.masks";
    assert_eq!(court.rows("root", left).await, ["0"]);
    // Nobody could drop them any more.
    court.all("root", &["DROP ROLE readers"]).await;
    assert_eq!(court.directory().current().policies().count(), 0);
    assert_eq!(court.directory().current().masks().count(), 0);
}

#[tokio::test]
async fn what_is_restored_shows_no_more_than_it_did() {
    let court = Court::furnished().await;
    let made = [
        "GRANT SELECT ON FUTURE TABLES IN SCHEMA main TO readers",
        "GRANT readers TO bob",
    ];
    court.all("root", &made).await;
    let made = [
        "CREATE TABLE pay (id INT, salary INT)",
        "INSERT INTO pay VALUES (1, 4711), (2, 4712)",
        "CREATE VIEW pays AS SELECT * FROM pay",
        "CREATE POLICY one ON pay TO readers USING (id = 1)",
        "CREATE MASK pay ON pay (salary) TO readers USING (0)",
    ];
    court.all("ada", &made).await;
    let newest = "SELECT max(snapshot_id) FROM system.snapshots";
    let then = court.rows("root", newest).await.remove(0);
    for (at, gone) in [
        "DROP TABLE pay",
        "ALTER TABLE pay ADD COLUMN more INT DEFAULT 7",
        "DROP TABLE pay",
        "CREATE OR REPLACE TABLE pay AS SELECT 3 AS other",
    ]
    .into_iter()
    .enumerate()
    {
        court.all("ada", &[gone]).await;
        if at == 3 {
            // Another thing is known by itself, and what comes back in its place by what that is.
            court
                .all(
                    "ada",
                    &["CREATE POLICY none ON pay TO readers USING (false)"],
                )
                .await;
        }
        let restored = format!("CALL restore('main.pay', {then})");
        court.all("root", &[&restored]).await;
        let seen: &[&str] = if at == 3 { &[] } else { &["1 0"] };
        for table in ["pay", "pays"] {
            let sql = format!("SELECT id, salary FROM {table}");
            assert_eq!(court.rows("bob", &sql).await, seen, "{gone}: {table}");
        }
        let all = "SELECT sum(salary) FROM pay";
        for user in ["ada", "root"] {
            assert_eq!(court.rows(user, all).await, ["9423"], "{gone}");
        }
        let past = format!("SELECT id, salary FROM pay AT (VERSION => {then})");
        if let Ok(rows) = court.run("bob", &past).await {
            assert!(!format!("{rows:?}").contains("471"), "{gone}: {rows:?}");
        }
    }
    // It goes on to be what grants, policies and masks are about.
    let listed = court.rows("ada", "SELECT name, table_name FROM system.policies");
    assert_eq!(listed.await, ["none pay"]);
    court.all("ada", &["DROP POLICY none ON pay"]).await;
    assert_eq!(court.rows("bob", "SELECT count(*) FROM pay").await, ["2"]);
}

#[tokio::test]
async fn grants_belong_to_the_table_and_not_to_its_name() {
    let court = Court::furnished().await;
    let first = [
        "INSERT INTO things VALUES (1)",
        "GRANT SELECT ON things TO readers",
    ];
    court.all("ada", &first).await;
    court.all("root", &["GRANT readers TO bob"]).await;
    assert_eq!(court.rows("bob", "SELECT id FROM things").await, ["1"]);
    court
        .all("ada", &["ALTER TABLE things RENAME TO items"])
        .await;
    assert_eq!(court.rows("bob", "SELECT id FROM items").await, ["1"]);
    let again = ["DROP TABLE items", "CREATE TABLE items AS SELECT 2 AS id"];
    court.all("ada", &again).await;
    let hidden = court.error("bob", "SELECT id FROM items").await;
    assert!(hidden.to_string().contains("does not exist"), "{hidden}");
}

#[tokio::test]
async fn what_is_granted_for_later_is_there_later() {
    let court = Court::furnished().await;
    let granted = [
        "GRANT SELECT ON FUTURE TABLES IN SCHEMA main TO readers",
        "GRANT readers TO bob",
    ];
    court.all("root", &granted).await;
    assert!(court.run("bob", "SELECT * FROM people").await.is_err());
    court
        .all("ada", &["CREATE TABLE later AS SELECT 3 AS id"])
        .await;
    assert_eq!(court.rows("bob", "SELECT id FROM later").await, ["3"]);
    court.denied("bob", "DELETE FROM later").await;
    court.denied("bob", "DROP TABLE later").await;
}

#[tokio::test]
async fn events_of_others_are_for_admins() {
    let court = Court::furnished().await;
    court.engine.auditor().record(Event::Denied {
        user: "somebody else".into(),
        query_id: None,
        what: "secret things".to_owned(),
    });
    let count = "SELECT count(*) FROM system.audit WHERE event = 'denied'";
    assert_eq!(court.rows("ada", count).await, ["0"]);
    assert_eq!(court.rows("root", count).await, ["1"]);
    let changes = "SELECT count(*) >= 3 FROM system.audit WHERE event = 'access_changed'";
    assert_eq!(court.rows("root", changes).await, ["true"]);
}
