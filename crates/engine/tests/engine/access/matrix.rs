//! Every statement for every kind of user: done, refused by name, or about a thing that is not there.

use godwit_auth::access::{Privilege as P, Scope};
use godwit_engine::Error;

use super::realm::{Realm, grant};

/// A privilege on some columns, or on all.
type Right = (P, Option<&'static [&'static str]>);

/// Users with what they were granted: on schema `main`, and on table `main.t (id, name, pay)`.
const USERS: [(&str, &[P], &[Right]); 17] = [
    ("nobody", &[], &[]),
    ("outside", &[], &[(P::Select, None)]),
    ("inside", &[P::Usage], &[]),
    ("reads", &[P::Usage], &[(P::Select, None)]),
    ("reads_id", &[P::Usage], &[(P::Select, Some(&["id"]))]),
    (
        "reads_two",
        &[P::Usage],
        &[(P::Select, Some(&["id", "name"]))],
    ),
    ("inserts", &[P::Usage], &[(P::Insert, None)]),
    ("inserts_id", &[P::Usage], &[(P::Insert, Some(&["id"]))]),
    (
        "feeds",
        &[P::Usage],
        &[(P::Insert, None), (P::Select, None)],
    ),
    (
        "updates",
        &[P::Usage],
        &[(P::Update, Some(&["name"])), (P::Select, None)],
    ),
    ("updates_blind", &[P::Usage], &[(P::Update, None)]),
    (
        "deletes",
        &[P::Usage],
        &[(P::Delete, None), (P::Select, None)],
    ),
    ("deletes_blind", &[P::Usage], &[(P::Delete, None)]),
    ("drops", &[P::Usage], &[(P::Drop, None)]),
    ("makes", &[P::Usage, P::Create], &[]),
    ("makes_outside", &[P::Create], &[(P::Select, None)]),
    (
        "all",
        &[P::Usage, P::Create, P::Drop],
        &[
            (P::Select, None),
            (P::Insert, None),
            (P::Update, None),
            (P::Delete, None),
            (P::Drop, None),
        ],
    ),
];

/// What a statement needs.
#[derive(Clone, Copy)]
enum Need {
    /// The table to be there, and this on these columns, on all when there are none.
    Of(P, &'static [&'static str]),
    /// Usage of schema `files`, which nobody here has.
    Files,
    /// This in schema `main`.
    In(P),
    /// What only an admin may.
    Admin,
}

use Need::{Admin, Files, In, Of};

const ALL: &[&str] = &["id", "name", "pay"];

const STATEMENTS: &[(&str, &[Need])] = &[
    ("select * from t", &[Of(P::Select, &[])]),
    ("select id from main.t", &[Of(P::Select, &["id"])]),
    ("select id from godwit.main.t", &[Of(P::Select, &["id"])]),
    ("select name from t", &[Of(P::Select, &["name"])]),
    ("select id from t where pay > 1", &[Of(P::Select, &["pay"])]),
    ("select id from t order by pay", &[Of(P::Select, &["pay"])]),
    (
        "select id from t group by id having max(pay) > 1",
        &[Of(P::Select, &["pay"])],
    ),
    ("select count(*) from t", &[Of(P::Select, &[])]),
    (
        "select 1 where exists (select 1 from t)",
        &[Of(P::Select, &[])],
    ),
    (
        "select (select max(pay) from t)",
        &[Of(P::Select, &["pay"])],
    ),
    (
        "select 1 where 1 in (select id from t)",
        &[Of(P::Select, &["id"])],
    ),
    (
        "with w as (select id from t) select * from w",
        &[Of(P::Select, &["id"])],
    ),
    (
        "with w as (select pay from t) select * from w",
        &[Of(P::Select, &["pay"])],
    ),
    ("select id from t union select 1", &[Of(P::Select, &["id"])]),
    (
        "select a.id from t a join t b on a.id = b.id",
        &[Of(P::Select, &["id"])],
    ),
    (
        "select a.id from t a join t b using (name)",
        &[Of(P::Select, &["name"])],
    ),
    (
        "select row_number() over (order by pay) from t",
        &[Of(P::Select, &["pay"])],
    ),
    ("explain select id from t", &[Of(P::Select, &["id"])]),
    (
        "explain verbose select pay from t",
        &[Of(P::Select, &["pay"])],
    ),
    (
        "explain analyze select id from t",
        &[Of(P::Select, &["id"])],
    ),
    ("describe t", &[Of(P::Select, &[])]),
    ("insert into t values (9, 'x', 1)", &[Of(P::Insert, ALL)]),
    ("insert into t (id) values (9)", &[Of(P::Insert, &["id"])]),
    (
        "insert into t (id, name) values (9, 'x')",
        &[Of(P::Insert, &["id", "name"])],
    ),
    (
        "insert into t select * from t",
        &[Of(P::Insert, ALL), Of(P::Select, ALL)],
    ),
    (
        "insert into t (id) values (9) returning id",
        &[Of(P::Insert, &["id"]), Of(P::Select, ALL)],
    ),
    (
        "update t set name = 'x'",
        &[Of(P::Update, &["name"]), Of(P::Select, ALL)],
    ),
    (
        "update t set pay = 1 where id = 1",
        &[Of(P::Update, &["pay"]), Of(P::Select, ALL)],
    ),
    (
        "update t set name = 'x', pay = 1",
        &[Of(P::Update, &["name", "pay"]), Of(P::Select, ALL)],
    ),
    ("delete from t", &[Of(P::Delete, &[])]),
    (
        "delete from t where id = 1",
        &[Of(P::Delete, &[]), Of(P::Select, ALL)],
    ),
    (
        "delete from t returning id",
        &[Of(P::Delete, &[]), Of(P::Select, ALL)],
    ),
    ("truncate t", &[Of(P::Delete, &[])]),
    (
        "merge into t using (values (1)) s(i) on t.id = s.i when matched then update set name = 'x'",
        &[Of(P::Update, &["name"]), Of(P::Select, ALL)],
    ),
    (
        "merge into t using (values (1)) s(i) on t.id = s.i when matched then delete",
        &[Of(P::Delete, &[]), Of(P::Select, ALL)],
    ),
    (
        "merge into t using (values (1)) s(i) on t.id = s.i when not matched then insert (id) values (s.i)",
        &[Of(P::Insert, &["id"]), Of(P::Select, ALL)],
    ),
    ("drop table t", &[Of(P::Drop, &[])]),
    ("alter table t add column x int", &[Of(P::Drop, &[])]),
    ("alter table t drop column pay", &[Of(P::Drop, &[])]),
    ("alter table t rename to u", &[Of(P::Drop, &[])]),
    ("comment on table t is 'x'", &[Of(P::Drop, &[])]),
    ("comment on column t.id is 'x'", &[Of(P::Drop, &[])]),
    ("create table n (x int)", &[In(P::Create)]),
    ("create view n as select 1 as x", &[In(P::Create)]),
    (
        "create table n as select id from t",
        &[In(P::Create), Of(P::Select, &["id"])],
    ),
    (
        "create view n as select pay from t",
        &[In(P::Create), Of(P::Select, &["pay"])],
    ),
    ("comment on schema main is 'x'", &[In(P::Drop)]),
    ("create schema n", &[Admin]),
    ("call compact()", &[Admin]),
    ("copy (select 1) to '/nowhere/x.csv'", &[Admin]),
    ("create temp table n as select 1 as x", &[]),
    ("select count(*) from information_schema.tables", &[]),
    ("show tables", &[]),
    ("select 1", &[]),
    ("set schema = 'files'", &[Files]),
];

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Done,
    Denied,
    Missing,
}

/// What a user should get, by what the issue says and not by how it is done.
fn expected(schema: &[P], table: &[Right], needs: &[Need]) -> Vec<Answer> {
    let uses = schema.contains(&P::Usage);
    let sees = uses && !table.is_empty();
    let mut answers = Vec::new();
    for need in needs {
        answers.push(match *need {
            Admin => Answer::Denied,
            In(_) if schema.is_empty() => Answer::Missing,
            In(privilege) if schema.contains(&privilege) => Answer::Done,
            In(_) => Answer::Denied,
            Of(..) if !sees => Answer::Missing,
            Of(privilege, columns) => of(table, privilege, columns),
            Files => Answer::Missing,
        });
    }
    answers.retain(|answer| *answer != Answer::Done);
    answers
}

fn of(table: &[Right], privilege: P, columns: &[&str]) -> Answer {
    match table.iter().find(|(granted, _)| *granted == privilege) {
        None => Answer::Denied,
        Some((_, None)) => Answer::Done,
        Some((_, Some(granted))) if columns.iter().all(|column| granted.contains(column)) => {
            Answer::Done
        }
        // A column that may not be read is not there; one that may not be written is refused.
        Some(_) if privilege == P::Select && columns != ALL => Answer::Missing,
        Some(_) => Answer::Denied,
    }
}

#[tokio::test]
async fn every_statement_for_every_user() {
    let realm = Realm::new(&USERS.map(|(user, ..)| user)).await;
    realm
        .world
        .changes(&["create table t (id int, name text, pay double)"])
        .await;
    let main = Scope::Schema(realm.key("main").await);
    let t = Scope::Relation(realm.key("main.t").await);
    for (user, schema, table) in USERS {
        let schema: Vec<_> = schema.iter().map(|privilege| (*privilege, None)).collect();
        let records = vec![
            grant(user, main.clone(), &schema),
            grant(user, t.clone(), table),
        ];
        realm.put(records).await;
    }
    let mut wrong = Vec::new();
    let mut cases = 0;
    for (user, schema, table) in USERS {
        let caller = realm.caller(user);
        for (sql, needs) in STATEMENTS {
            cases += 1;
            let described = realm
                .world
                .engine
                .describe(&caller.session, &caller.permit, sql)
                .await;
            let got = match &described {
                Ok(_) => Answer::Done,
                Err(Error::Denied { .. }) => Answer::Denied,
                Err(Error::NotFound { .. } | Error::InvalidInput { .. }) => Answer::Missing,
                Err(error) => panic!("{user}: {sql}: {error:?}"),
            };
            let wanted = expected(schema, table, needs);
            let fits = if wanted.is_empty() {
                got == Answer::Done
            } else {
                wanted.contains(&got)
            };
            if !fits {
                wrong.push(format!(
                    "{user}: {sql}: {got:?}, not {wanted:?}: {described:?}"
                ));
            }
            if let Err(Error::NotFound { message } | Error::InvalidInput { message }) = &described
                && message.contains("pay")
                && !sql.contains("pay")
            {
                wrong.push(format!("{user}: {sql}: tells of a column: {message}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 900, "{cases}");
}

#[tokio::test]
async fn an_admin_may_do_everything() {
    let realm = Realm::new(&["root", "heir"]).await;
    realm
        .world
        .changes(&["create table t (id int, name text, pay double)"])
        .await;
    realm.give_role("root", "admin").await;
    let root = realm.caller("root");
    for (sql, _) in STATEMENTS {
        let engine = &realm.world.engine;
        let described = engine.describe(&root.session, &root.permit, sql).await;
        let is_place = sql.starts_with("copy");
        assert!(described.is_ok() || is_place, "{sql}: {described:?}");
    }
    let error = realm.refused("heir", "select 1 from t").await;
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn refusals_name_privilege_and_object() {
    let realm = Realm::new(&["ada"]).await;
    realm
        .world
        .changes(&["create table t (id int)", "create table secret (id int)"])
        .await;
    realm.allow("ada", "main.t", &[(P::Select, None)]).await;
    let message = |error: Error| error.to_string();
    let told = message(realm.refused("ada", "update t set id = 1").await);
    assert_eq!(told, "user \"ada\" may not UPDATE main.t");
    let told = message(realm.refused("ada", "create table u (x int)").await);
    assert_eq!(told, "user \"ada\" may not CREATE in schema main");
    let hidden = message(realm.refused("ada", "select * from secret").await);
    let nothing = message(realm.refused("ada", "select * from secred").await);
    assert_eq!(hidden.replace("secret", "secred"), nothing);
    let near = message(realm.refused("ada", "select * from secre").await);
    assert!(!near.contains("did you mean"), "{near}");
}
