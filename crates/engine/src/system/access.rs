//! `system.users`, `system.roles`, `system.grants`, `system.policies` and `system.masks`: members of `admin` see all of
//! it, others what is about themselves, their roles and what they own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::error::{DataFusionError, Result};
use godwit_auth::Directory;
use godwit_auth::access::{
    Access, Authority, BUILT_IN, Grant, Grantee, ObjectKey, Scope, StoredUser,
};
use godwit_catalog::CATALOG;
use godwit_lake::Lake;

use crate::granting::{Known, known};

/// Which of the tables.
#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    Users,
    Roles,
    Grants,
    Policies,
    Masks,
}

/// Where they are read from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) directory: Arc<Directory>,
    pub(super) lake: Lake,
}

pub(super) fn fields(about: About) -> Vec<Field> {
    let text = |name| Field::new(name, DataType::Utf8, false);
    let maybe = |name| Field::new(name, DataType::Utf8, true);
    let flag = |name| Field::new(name, DataType::Boolean, false);
    match about {
        About::Users => {
            let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            vec![
                text("name"),
                text("source"),
                flag("enabled"),
                Field::new("valid_until", time, true),
                text("roles"),
            ]
        }
        About::Roles => vec![text("name"), flag("built_in"), text("roles")],
        About::Grants => vec![
            text("grantee"),
            text("grantee_kind"),
            text("privilege"),
            text("object_kind"),
            maybe("schema_name"),
            maybe("object_name"),
            maybe("column_name"),
        ],
        About::Policies => vec![
            text("name"),
            text("schema_name"),
            text("table_name"),
            text("grantee"),
            text("grantee_kind"),
            text("expression"),
        ],
        About::Masks => vec![
            text("name"),
            text("schema_name"),
            text("table_name"),
            text("column_name"),
            text("grantee"),
            text("grantee_kind"),
            text("expression"),
        ],
    }
}

pub(super) async fn columns(
    about: About,
    source: &Source,
    caller: &Authority,
) -> Result<Vec<ArrayRef>> {
    let access = source.directory.current();
    let named = match about {
        About::Users => return Ok(users(&access, caller)),
        About::Roles => return Ok(roles(&access, caller)),
        About::Grants | About::Policies | About::Masks => {
            let newest = source.lake.latest().await;
            let newest = newest.map_err(|error| DataFusionError::External(Box::new(error)))?;
            Named {
                known: known(newest.state()),
                caller,
            }
        }
    };
    let rows = match about {
        About::Policies => named.policies(&access),
        About::Masks => named.masks(&access),
        About::Users | About::Roles | About::Grants => named.grants(&access),
    };
    let width = fields(about).len();
    let column = |at: usize| {
        let cells = rows.iter().map(|row| row.get(at).cloned().flatten());
        Arc::new(cells.collect::<StringArray>()) as ArrayRef
    };
    Ok((0..width).map(column).collect())
}

fn users(access: &Access, caller: &Authority) -> Vec<ArrayRef> {
    let configured = access.configured_users().map(|(name, _)| (name, true));
    let stored = access.users().map(|user| (user.name.as_str(), false));
    let stored = stored.filter(|(name, _)| !access.is_configured(name));
    let all: BTreeMap<&str, bool> = configured
        .chain(stored)
        .filter(|(name, _)| caller.is_admin() || *name == caller.user())
        .collect();
    let user = |name: &str| access.user(name);
    let until = |user: &StoredUser| {
        i64::try_from(user.valid_until?)
            .ok()?
            .checked_mul(1_000_000)
    };
    let roles = |name: &str| {
        let roles: std::collections::BTreeSet<_> = access.roles_of_user(name).collect();
        roles.into_iter().collect::<Vec<_>>().join(", ")
    };
    let sources = all.values().map(|configured| match configured {
        true => "configuration",
        false => "sql",
    });
    let enabled = all
        .keys()
        .map(|name| Some(user(name).is_none_or(|user| user.enabled)));
    let times = all.keys().map(|name| user(name).and_then(until));
    vec![
        Arc::new(StringArray::from_iter_values(all.keys())),
        Arc::new(StringArray::from_iter_values(sources)),
        Arc::new(enabled.collect::<BooleanArray>()),
        Arc::new(
            times
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(StringArray::from_iter_values(
            all.keys().map(|name| roles(name)),
        )),
    ]
}

fn roles(access: &Access, caller: &Authority) -> Vec<ArrayRef> {
    let stored = access.roles().map(|role| role.name.as_str());
    let all: std::collections::BTreeSet<&str> = BUILT_IN
        .into_iter()
        .chain(stored)
        .filter(|role| caller.is_admin() || caller.is_member(role))
        .collect();
    let of = |name: &str| {
        let roles = access.role(name).map(|role| &role.roles);
        let roles = roles.into_iter().flatten();
        roles.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let built_in = all.iter().map(|role| Some(BUILT_IN.contains(role)));
    vec![
        Arc::new(StringArray::from_iter_values(&all)),
        Arc::new(built_in.collect::<BooleanArray>()),
        Arc::new(StringArray::from_iter_values(
            all.iter().map(|role| of(role)),
        )),
    ]
}

type Row = Vec<Option<String>>;

/// What is granted, by the names that objects have now. What is about objects that are gone is left out.
struct Named<'a> {
    known: BTreeMap<ObjectKey, Known>,
    caller: &'a Authority,
}

impl Named<'_> {
    fn grants(&self, access: &Access) -> Vec<Row> {
        let mut rows: Vec<Row> = access
            .grants()
            .flat_map(|grant| self.grant(grant))
            .collect();
        let of_roles = access.roles().map(|role| {
            let of = Grantee::Role(role.name.clone());
            (
                of,
                role.roles.iter().map(String::as_str).collect::<Vec<_>>(),
            )
        });
        let names = access.configured_users().map(|(name, _)| name);
        let names: std::collections::BTreeSet<_> = names
            .chain(access.users().map(|u| u.name.as_str()))
            .collect();
        let of_users = names.into_iter().map(|name| {
            let of = Grantee::User(name.to_owned());
            (of, access.roles_of_user(name).collect())
        });
        for (of, roles) in of_roles.chain(of_users) {
            if !self.concerns(&of, None) {
                continue;
            }
            for role in roles {
                let [name, kind] = shown(&of);
                let text = |text: &str| Some(text.to_owned());
                let cells = [text("MEMBER"), text("role"), None, text(role), None];
                rows.push([name, kind].into_iter().chain(cells).collect());
            }
        }
        rows.sort();
        rows.dedup();
        rows
    }

    fn grant(&self, grant: &Grant) -> Vec<Row> {
        let (kind, key) = match &grant.scope {
            Scope::Catalog => ("catalog", None),
            Scope::Schema(key) => ("schema", Some(key)),
            Scope::Relation(key) => ("table", Some(key)),
            Scope::Future { schema, .. } => ("future tables", Some(schema)),
        };
        let known = match key.map(|key| self.find(key)) {
            None => None,
            Some(Some(known)) => Some(known),
            Some(None) => return Vec::new(),
        };
        let owner = known.as_ref().and_then(|known| known.owner.as_deref());
        if !self.concerns(&grant.grantee, owner) {
            return Vec::new();
        }
        let (kind, schema, name) = match known {
            Some(known) if known.name.is_some() => (known.kind, Some(known.schema), known.name),
            Some(known) => (kind, Some(known.schema), None),
            None => (kind, None, Some(CATALOG.to_owned())),
        };
        let mut rows = Vec::new();
        for (privilege, columns) in &grant.privileges {
            let columns: Vec<Option<String>> = match columns {
                None => vec![None],
                Some(columns) => columns.iter().cloned().map(Some).collect(),
            };
            for column in columns {
                let [grantee, grantee_kind] = shown(&grant.grantee);
                rows.push(vec![
                    grantee,
                    grantee_kind,
                    Some(privilege.name().to_owned()),
                    Some(kind.to_owned()),
                    schema.clone(),
                    name.clone(),
                    column,
                ]);
            }
        }
        rows
    }

    fn policies(&self, access: &Access) -> Vec<Row> {
        let rows = access.policies().filter_map(|policy| {
            let (schema, table) = self.table(&policy.table, &policy.to)?;
            let [grantee, kind] = shown(&policy.to);
            let (name, using) = (policy.name.clone(), policy.using.clone());
            Some(vec![Some(name), schema, table, grantee, kind, Some(using)])
        });
        let mut rows: Vec<Row> = rows.collect();
        rows.sort();
        rows
    }

    fn masks(&self, access: &Access) -> Vec<Row> {
        let rows = access.masks().filter_map(|mask| {
            let (schema, table) = self.table(&mask.table, &mask.to)?;
            let [grantee, kind] = shown(&mask.to);
            let (name, using) = (mask.name.clone(), mask.using.clone());
            let column = Some(mask.column.clone());
            Some(vec![
                Some(name),
                schema,
                table,
                column,
                grantee,
                kind,
                Some(using),
            ])
        });
        let mut rows: Vec<Row> = rows.collect();
        rows.sort();
        rows
    }

    /// Schema and name of a table with a rule that the caller may know of.
    fn table(&self, key: &ObjectKey, to: &Grantee) -> Option<(Option<String>, Option<String>)> {
        let known = self.find(key)?;
        let concerns = self.concerns(to, known.owner.as_deref());
        concerns.then_some((Some(known.schema), known.name))
    }

    fn find(&self, key: &ObjectKey) -> Option<Known> {
        if let Some(known) = self.known.get(key) {
            return Some(known.clone());
        }
        let name = key.name()?;
        let (schema, table) = match name.split_once('.') {
            Some((schema, table)) => (schema, Some(table.to_owned())),
            None => (name, None),
        };
        Some(Known {
            kind: if table.is_some() { "table" } else { "schema" },
            schema: schema.to_owned(),
            name: table,
            owner: None,
        })
    }

    fn concerns(&self, grantee: &Grantee, owner: Option<&str>) -> bool {
        let caller = self.caller;
        caller.is_admin() || caller.is(grantee) || owner == Some(caller.user())
    }
}

fn shown(grantee: &Grantee) -> [Option<String>; 2] {
    let (name, kind) = match grantee {
        Grantee::Role(name) => (name, "role"),
        Grantee::User(name) => (name, "user"),
    };
    [Some(name.clone()), Some(kind.to_owned())]
}
