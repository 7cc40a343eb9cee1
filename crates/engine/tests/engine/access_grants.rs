//! Grants, policies and masks by SQL: who may change them, and what there is then.

use godwit_auth::access::{Grantee, Privilege, Scope};
use godwit_engine::Error;

use crate::court::Court;

#[tokio::test]
async fn who_owns_a_table_grants_on_it() {
    let court = Court::furnished().await;
    let grant = "GRANT SELECT, INSERT ON people TO bob";
    let hidden = court.error("bob", grant).await;
    assert!(matches!(hidden, Error::NotFound { .. }), "{hidden:?}");
    court.all("root", &["GRANT readers TO bob"]).await;
    court
        .all("ada", &[grant, "GRANT SELECT ON VIEW names TO readers"])
        .await;
    let grants = court.rows("bob", "SHOW GRANTS").await;
    let wanted = [
        "bob user MEMBER role  readers",
        "readers role USAGE schema main",
        "bob user INSERT table main people",
        "bob user SELECT table main people",
        "readers role SELECT view main names",
    ];
    assert_eq!(grants, wanted);
    // Seen, and another's all the same.
    for sql in [
        "GRANT SELECT ON people TO bob",
        "REVOKE SELECT ON names FROM readers",
        "CREATE POLICY p ON people TO bob USING (true)",
        "ALTER TABLE people OWNER TO bob",
        "GRANT USAGE ON SCHEMA main TO bob",
        "GRANT SELECT ON FUTURE TABLES IN SCHEMA main TO bob",
        "GRANT SELECT ON ALL TABLES IN SCHEMA main TO bob",
    ] {
        court.denied("bob", sql).await;
    }
    court
        .all("ada", &["REVOKE ALL PRIVILEGES ON people FROM bob"])
        .await;
    let on = court.rows("ada", "SHOW GRANTS ON TABLE main.people").await;
    assert_eq!(on, Vec::<String>::new());
}

#[tokio::test]
async fn grants_add_up_and_are_taken_apart() {
    let court = Court::furnished().await;
    let bob = || Grantee::User("bob".to_owned());
    let columns = |privilege: Privilege| {
        let access = court.directory().current();
        let grants = access.grants().filter(|grant| grant.grantee == bob());
        let mut found = grants.filter_map(|grant| grant.privileges.get(&privilege).cloned());
        found.next().map(|columns| {
            let columns = columns.into_iter().flatten();
            columns.collect::<Vec<_>>().join(",")
        })
    };
    court
        .all(
            "ada",
            &[
                "GRANT SELECT (id) ON people TO bob",
                "GRANT SELECT (name), UPDATE (name) ON people TO bob",
            ],
        )
        .await;
    assert_eq!(columns(Privilege::Select).as_deref(), Some("id,name"));
    court
        .all("ada", &["REVOKE SELECT (id) ON people FROM bob"])
        .await;
    assert_eq!(columns(Privilege::Select).as_deref(), Some("name"));
    court.all("ada", &["GRANT SELECT ON people TO bob"]).await;
    assert_eq!(columns(Privilege::Select).as_deref(), Some(""), "all");
    let error = court
        .error("ada", "REVOKE SELECT (id) ON people FROM bob")
        .await;
    assert!(
        error.to_string().contains("was granted on the whole table"),
        "{error}"
    );
    court
        .all("ada", &["REVOKE SELECT, UPDATE ON people FROM bob"])
        .await;
    assert_eq!(
        court
            .directory()
            .current()
            .grants()
            .filter(|g| g.grantee == bob())
            .count(),
        0
    );
    for (sql, message) in [
        (
            "GRANT SELECT (nme) ON people TO bob",
            "table 'main.people' has no column 'nme'; did you mean 'name'?",
        ),
        (
            "GRANT INSERT ON names TO bob",
            "INSERT cannot be granted on a view, which takes SELECT, DROP",
        ),
        (
            "GRANT USAGE ON people TO bob",
            "USAGE cannot be granted on a table, which takes SELECT, INSERT, UPDATE, DELETE, DROP",
        ),
        (
            "GRANT SELECT ON system.queries TO bob",
            "schema 'system' needs no grants: it shows everyone what they may know",
        ),
    ] {
        assert_eq!(court.error("ada", sql).await.to_string(), message, "{sql}");
    }
}

/// Whether bob was granted something on a table by its name.
async fn may(court: &Court, privilege: Privilege, table: &str) -> bool {
    let sql = format!(
        "SELECT count(*) FROM system.grants WHERE grantee = 'bob' AND privilege = '{privilege}' \
         AND object_name = '{table}'"
    );
    court.rows("root", &sql).await != ["0"]
}

#[tokio::test]
async fn future_grants_are_for_what_comes() {
    let court = Court::furnished().await;
    court
        .all(
            "root",
            &[
                "GRANT USAGE ON SCHEMA main TO bob",
                "ALTER DEFAULT PRIVILEGES IN SCHEMA main GRANT SELECT ON TABLES TO bob",
            ],
        )
        .await;
    court.all("ada", &["CREATE TABLE later (id INT)"]).await;
    let seen = |table: &str| {
        let access = court.directory().current();
        let grants = access.grants();
        let future = grants.filter(|grant| matches!(grant.scope, Scope::Future { .. }));
        assert_eq!(future.count(), 1, "{table}");
    };
    seen("later");
    // A wider grant is not for what was made before it; what that had, it keeps.
    court
        .all(
            "root",
            &["GRANT INSERT ON FUTURE TABLES IN SCHEMA main TO bob"],
        )
        .await;
    seen("later");
    assert!(
        may(&court, Privilege::Select, "later").await
            && !may(&court, Privilege::Insert, "later").await
    );
    assert!(!may(&court, Privilege::Select, "people").await);
    let shown = court.rows("root", "SHOW GRANTS ON SCHEMA main").await;
    let future: Vec<_> = shown.iter().filter(|row| row.contains("future")).collect();
    assert_eq!(
        future,
        [
            "bob user INSERT future tables main",
            "bob user SELECT future tables main"
        ]
    );
    court
        .all(
            "root",
            &["REVOKE ALL ON FUTURE TABLES IN SCHEMA main FROM bob"],
        )
        .await;
    assert!(may(&court, Privilege::Select, "later").await);
    court
        .all(
            "root",
            &["GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA main TO bob"],
        )
        .await;
    assert!(
        may(&court, Privilege::Insert, "things").await
            && may(&court, Privilege::Select, "names").await
    );
    assert!(!may(&court, Privilege::Insert, "names").await, "a view");
}

#[tokio::test]
async fn policies_and_masks_are_checked_when_they_are_made() {
    let court = Court::furnished().await;
    court
        .all(
            "ada",
            &[
                "CREATE POLICY own ON people TO readers USING (name = current_user() OR has_role('readers'))",
                "CREATE POLICY small ON people TO USER bob USING (salary < 1e3)",
                "CREATE MASK pay ON people (salary) TO readers USING (CASE WHEN has_role('hr') THEN salary END)",
                "CREATE MASK who ON people (name) TO public USING (left(name, 1) || '…')",
            ],
        )
        .await;
    let shown = court.rows("ada", "SHOW POLICIES ON main.people").await;
    let wanted = [
        "own main people readers role name = current_user OR has_role('readers')",
        "small main people bob user salary < 1e3",
    ];
    assert_eq!(shown, wanted);
    assert_eq!(court.rows("bob", "SHOW POLICIES").await.len(), 1, "its own");
    assert_eq!(court.rows("root", "SHOW MASKS").await.len(), 2);
    for (sql, message) in [
        (
            "CREATE POLICY own ON people TO bob USING (true)",
            "policy 'own' on table 'main.people' exists already",
        ),
        (
            "CREATE POLICY x ON people TO bob USING (salary)",
            "the expression of policy 'x' is of type Float64; a condition is true or false",
        ),
        (
            "CREATE POLICY x ON people TO bob USING (id IN (SELECT id FROM things))",
            "the expression of policy 'x' holds a query; it may use the columns of its own table only",
        ),
        (
            "CREATE POLICY x ON people TO bob USING (max(id) > 1)",
            "the expression of policy 'x' looks at more than one row at a time",
        ),
        (
            "CREATE POLICY x ON people TO bob USING (row_number() OVER () > 1)",
            "the expression of policy 'x' looks at more than one row at a time",
        ),
        (
            "CREATE POLICY x ON people TO bob USING (random() > 0.5)",
            "the expression of policy 'x' gives another value each time",
        ),
        (
            "CREATE MASK x ON people (id) TO bob USING (make_array(1))",
            "the expression of mask 'x' is of type List(Int64), which does not become Int32, the type of column 'id'",
        ),
        (
            "CREATE MASK x ON people (nam) TO bob USING (1)",
            "table 'main.people' has no column 'nam'; did you mean 'name'?",
        ),
        (
            "CREATE MASK x ON people (salary) TO readers USING (0)",
            "mask 'pay' hides that column of table 'main.people' from the same ones already",
        ),
        (
            "DROP MASK pays ON people",
            "mask 'pays' on table 'main.people' does not exist; did you mean 'pay'?",
        ),
    ] {
        let error = court.error("ada", sql).await.to_string();
        let list = error.replace("List(non-null Int64)", "List(Int64)");
        assert_eq!(
            list.replace("List(Int64, field: 'item')", "List(Int64)"),
            message,
            "{sql}"
        );
    }
    for sql in [
        "CREATE POLICY x ON people TO bob USING (nme = 1)",
        "CREATE POLICY x ON names TO bob USING (true)",
    ] {
        court.error("ada", sql).await;
    }
    // Whoever they are for cannot go before them.
    let error = court.error("root", "DROP ROLE readers").await.to_string();
    assert!(error.contains("policy 'own' is for it"), "{error}");
    court
        .all(
            "ada",
            &[
                "DROP POLICY own ON people",
                "DROP POLICY IF EXISTS own ON people",
                "DROP MASK pay ON people",
                "DROP MASK who ON people",
            ],
        )
        .await;
    court.all("root", &["DROP ROLE readers"]).await;
    assert_eq!(court.rows("ada", "SHOW MASKS").await.len(), 0);
}
