use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;

fn schema() -> SchemaObject {
    SchemaObject {
        key: ObjectKey::durable(1),
        owner: None,
    }
}

fn table(id: i64) -> Relation {
    Relation {
        schema: schema(),
        key: ObjectKey::durable(id),
        owner: Some("olga".to_owned()),
    }
}

fn role(name: &str, inherits: &[&str]) -> Record {
    Record::Role(Role {
        name: name.to_owned(),
        roles: inherits.iter().map(|role| (*role).to_owned()).collect(),
    })
}

fn user(name: &str, roles: &[&str]) -> Record {
    Record::User(StoredUser {
        name: name.to_owned(),
        password_hash: None,
        previous_hash: None,
        previous_until: None,
        enabled: true,
        valid_until: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    })
}

fn grant(to: &str, scope: Scope, what: &[(Privilege, Option<&[&str]>)]) -> Record {
    let columns = |columns: &[&str]| columns.iter().map(|c| (*c).to_owned()).collect();
    Record::Grant(Grant {
        grantee: Grantee::Role(to.to_owned()),
        scope,
        privileges: what
            .iter()
            .map(|(privilege, of)| (*privilege, of.map(columns)))
            .collect(),
    })
}

fn access(records: impl IntoIterator<Item = Record>) -> Arc<Access> {
    let configured = BTreeMap::from([("root".to_owned(), [ADMIN.to_owned()].into())]);
    Arc::new(Access::configured(configured).with(1, records))
}

fn usage(to: &str) -> Record {
    grant(to, Scope::Schema(schema().key), &[(Privilege::Usage, None)])
}

#[test]
fn nothing_is_allowed_by_default() {
    let access = access([user("ada", &[])]);
    let ada = access.authority("ada", &[]);
    assert!(!ada.uses(&schema()) && !ada.makes_in(&schema()) && !ada.makes_schemas());
    assert!(!ada.sees(&table(7)) && !ada.reads_files() && !ada.writes_files());
    for privilege in Privilege::ALL {
        assert_eq!(ada.columns(privilege, &table(7)), Columns::None);
    }
    assert_eq!(ada.roles().collect::<Vec<_>>(), [PUBLIC]);
}

#[test]
fn admin_and_the_owner_need_no_grants() {
    let access = access([user("olga", &[]), usage("public")]);
    let root = access.authority("root", &[]);
    assert!(root.is_admin() && root.may(Privilege::Delete, &table(7)) && root.makes_schemas());
    let olga = access.authority("olga", &[]);
    assert!(!olga.is_admin() && olga.may(Privilege::Drop, &table(7)));
    let other = Relation {
        owner: None,
        ..table(7)
    };
    assert!(!olga.may(Privilege::Select, &other));
}

#[test]
fn a_table_needs_usage_of_its_schema() {
    let select = grant(
        "r",
        Scope::Relation(table(7).key),
        &[(Privilege::Select, None)],
    );
    let without = access([role("r", &[]), user("ada", &["r"]), select.clone()]);
    assert!(!without.authority("ada", &[]).sees(&table(7)));
    let with = access([role("r", &[]), user("ada", &["r"]), select, usage("r")]);
    let ada = with.authority("ada", &[]);
    assert!(ada.sees(&table(7)) && ada.may(Privilege::Select, &table(7)));
    assert!(!ada.may(Privilege::Insert, &table(7)) && !ada.sees(&table(8)));
}

#[test]
fn roles_inherit_in_circles_too() {
    let records = [
        role("a", &["b"]),
        role("b", &["c"]),
        role("c", &["a", "gone"]),
        user("ada", &["a", "no such role"]),
        usage("c"),
    ];
    let access = access(records);
    let ada = access.authority("ada", &[]);
    assert_eq!(ada.roles().collect::<Vec<_>>(), ["a", "b", "c", PUBLIC]);
    assert!(ada.uses(&schema()) && access.inherits("a", "c") && !access.inherits("a", ADMIN));
    let carried = access.authority("eve", &["b".into(), "admin of theirs".into()]);
    assert!(carried.uses(&schema()) && !carried.is_admin());
}

#[test]
fn columns_add_up() {
    let on = || Scope::Relation(table(7).key);
    let records = [
        role("a", &[]),
        role("b", &[]),
        user("ada", &["a", "b"]),
        usage("public"),
        grant("a", on(), &[(Privilege::Select, Some(&["id"]))]),
        grant(
            "b",
            on(),
            &[
                (Privilege::Select, Some(&["name"])),
                (Privilege::Insert, None),
            ],
        ),
    ];
    let ada = access(records).authority("ada", &[]);
    let read = ada.columns(Privilege::Select, &table(7));
    assert!(read.has("id") && read.has("name") && !read.has("salary") && !read.is_none());
    assert!(!ada.may(Privilege::Select, &table(7)) && ada.may(Privilege::Insert, &table(7)));
}

#[test]
fn future_grants_are_about_what_comes_later() {
    let scope = Scope::Future {
        schema: schema().key,
        since: 10,
    };
    let records = [
        role("r", &[]),
        user("ada", &["r"]),
        usage("r"),
        grant("r", scope, &[(Privilege::Select, None)]),
    ];
    let ada = access(records).authority("ada", &[]);
    assert!(!ada.sees(&table(9)) && ada.may(Privilege::Select, &table(10)));
    let elsewhere = Relation {
        schema: SchemaObject {
            key: ObjectKey::durable(2),
            owner: Some("ada".to_owned()),
        },
        ..table(11)
    };
    assert!(!ada.sees(&elsewhere));
}

#[test]
fn a_table_with_policies_shows_nothing_without_one_of_yours() {
    let policy = |name: &str, to: &str| {
        Record::Policy(Policy {
            name: name.to_owned(),
            table: table(7).key,
            to: Grantee::Role(to.to_owned()),
            using: format!("region = '{to}'"),
        })
    };
    let mask = |name: &str, to: &str| {
        Record::Mask(Mask {
            name: name.to_owned(),
            table: table(7).key,
            column: "salary".to_owned(),
            to: Grantee::Role(to.to_owned()),
            using: "null".to_owned(),
        })
    };
    let access = access([
        role("north", &[]),
        role("south", &[]),
        user("ada", &["north", "south"]),
        user("bob", &[]),
        policy("n", "north"),
        policy("s", "south"),
        mask("x", "south"),
        mask("y", "public"),
    ]);
    let ada = access.authority("ada", &[]).restriction(&table(7));
    let names: Vec<_> = ada
        .policies
        .iter()
        .flatten()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(names, ["n", "s"]);
    assert_eq!(ada.masks.len(), 1, "one mask a column, the first by name");
    assert_eq!(ada.masks[0].name, "x");
    let bob = access.authority("bob", &[]).restriction(&table(7));
    assert_eq!(bob.policies, Some(Vec::new()));
    assert_eq!(bob.masks[0].name, "y");
    assert!(
        access
            .authority("olga", &[])
            .restriction(&table(7))
            .is_none()
    );
    assert!(
        access
            .authority("root", &[])
            .restriction(&table(7))
            .is_none()
    );
    assert!(
        access
            .authority("bob", &[])
            .restriction(&table(8))
            .is_none()
    );
}

#[test]
fn revocation_is_about_tokens_issued_before() {
    let revoked = |revoked| {
        Record::Revocation(Revocation {
            revoked,
            before: 100,
            until: 200,
        })
    };
    let access = access([
        revoked(Revoked::User("ada".to_owned())),
        revoked(Revoked::Token("t".to_owned())),
    ]);
    assert!(access.is_revoked("ada", None, 99) && !access.is_revoked("ada", None, 100));
    assert!(access.is_revoked("bob", Some("t"), 99) && !access.is_revoked("bob", Some("u"), 99));
}

#[test]
fn records_keep_what_they_say() {
    let scope = Scope::Future {
        schema: ObjectKey::named("files"),
        since: 3,
    };
    let records = [
        user("ada", &["r"]),
        role("r", &["s"]),
        grant(
            "r",
            scope,
            &[(Privilege::Select, Some(&["a"])), (Privilege::Drop, None)],
        ),
        grant("r", Scope::Catalog, &[(Privilege::Usage, None)]),
    ];
    for record in records {
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            serde_json::from_str::<Record>(&text).unwrap(),
            record,
            "{text}"
        );
    }
}
