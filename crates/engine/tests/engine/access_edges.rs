//! What SQL grants, and what then holds: views of owners, renamed columns under masks and policies, revocations, events.

use godwit_audit::Event;

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
