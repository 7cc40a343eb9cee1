use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::*;

fn taken(sql: &str) -> Result<Option<Access>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let limits = Limits {
        max_bytes: 1 << 20,
        max_depth: 50,
    };
    access_of(&tokens.unwrap(), limits)
}

fn shown(sql: &str) -> String {
    match taken(sql) {
        Ok(Some(access)) => format!("{access:?}"),
        Ok(None) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn other_statements_are_left_alone() {
    for sql in [
        "",
        "SELECT 1",
        "CREATE TABLE role (id int)",
        "CREATE OR REPLACE TABLE user AS SELECT 1",
        "ALTER TABLE t RENAME TO owner",
        "DROP TABLE role",
        "SHOW GRANTS",
        "\"grant\"",
    ] {
        assert_eq!(shown(sql), "none", "{sql}");
    }
}

#[test]
fn passwords_are_never_shown() {
    for sql in [
        "CREATE USER ada PASSWORD 'geheim'",
        "CREATE USER 'geheim'",
        "CREATE USER ada PASSWORD geheim 'geheim'",
        "ALTER USER ada 'geheim'",
        "ALTER USER ada PASSWORD 'geheim' 'geheim'",
        "REVOKE TOKEN E'geheim'",
        "GRANT 'geheim'",
    ] {
        let shown = shown(sql).replace("found geheim at", "");
        assert!(!shown.contains("geheim"), "{shown}");
    }
}

#[test]
fn rights_are_what_is_written() {
    let Ok(Some(Access::Grant { rights, on, to })) =
        taken("grant select (a, \"B\"), insert on table x.t, u to role r, user Ada, \"Z\";")
    else {
        panic!("no grant")
    };
    let columns = vec!["a".to_owned(), "B".to_owned()];
    let wanted = vec![
        (Privilege::Select, Some(columns)),
        (Privilege::Insert, None),
    ];
    assert_eq!(rights, Rights::Some(wanted));
    let Target::Relations(names) = on else {
        panic!("{on:?}")
    };
    assert_eq!(names.len(), 2);
    let names = ["r", "ada", "Z"].map(str::to_owned);
    let [r, ada, z] = names;
    let wanted = [
        GranteeName::Role(r),
        GranteeName::User(ada),
        GranteeName::Any(z),
    ];
    assert_eq!(to, wanted);
}

#[test]
fn what_is_not_meant_says_what_is() {
    for (sql, message) in [
        (
            "GRANT SELECT, FLY ON t TO r",
            "SQL syntax: expected one of USAGE, CREATE, SELECT, INSERT, UPDATE, DELETE, DROP, found FLY at line 1, column 15; \
             write GRANT role TO {user | role}, or GRANT privilege [(columns)] ON object TO {user | role}",
        ),
        (
            "CREATE MASK m ON t TO r USING (1)",
            "SQL syntax: expected ( and a column, found TO at line 1, column 20; write CREATE MASK name ON table (column) TO \
             {role | user} USING (expression)",
        ),
        (
            "DROP USER",
            "SQL syntax: expected the name of a user, the statement ends; write DROP USER [IF EXISTS] name",
        ),
        (
            "GRANT r TO u WITH ADMIN OPTION",
            "GRANT … WITH (owners and admin grant, nobody else) is not supported; write GRANT role TO {user | role}, or \
             GRANT privilege [(columns)] ON object TO {user | role}",
        ),
    ] {
        assert_eq!(shown(sql), message);
    }
}

#[test]
fn expressions_end_where_they_are_closed() {
    let sql = "CREATE POLICY p ON s.t TO r USING ((a = 1) OR f(b) IN (1, 2))";
    let Ok(Some(Access::CreateRule(rule))) = taken(sql) else {
        panic!("{}", shown(sql))
    };
    assert_eq!(rule.using.to_string(), "(a = 1) OR f(b) IN (1, 2)");
    for wrong in [
        "USING (a = 1",
        "USING a = 1",
        "USING (a = 1) b",
        "USING (a b)",
        "USING ()",
    ] {
        let sql = format!("CREATE POLICY p ON s.t TO r {wrong}");
        assert!(taken(&sql).is_err(), "{sql}");
    }
}
