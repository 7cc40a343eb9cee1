//! `GRANT … ON` and `REVOKE … ON`.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_auth::Change;
use godwit_auth::access::{Access, Grant, Grantee, ObjectKey, Privilege, Record, RecordKey, Scope};
use godwit_catalog::CATALOG;

use super::grantees::grantee;
use super::objects::{Kind, Object};
use super::{Asking, Decide};
use crate::check::{GranteeName, Rights, Target};
use crate::{Error, Result};

/// What is granted, each with the columns that it is for, or `None` for the whole object.
type Privileges = BTreeMap<Privilege, Option<BTreeSet<String>>>;

const OF_CATALOG: [Privilege; 2] = [Privilege::Usage, Privilege::Create];
const OF_SCHEMA: [Privilege; 3] = [Privilege::Usage, Privilege::Create, Privilege::Drop];
const OF_TABLE: [Privilege; 5] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Drop,
];
const OF_VIEW: [Privilege; 2] = [Privilege::Select, Privilege::Drop];
const OF_MOUNT: [Privilege; 1] = [Privilege::Select];

/// What is granted on one object.
struct Spot {
    scope: Scope,
    privileges: Privileges,
    /// Of future grants: the tables and views that there are, with their numbers.
    there: Vec<i64>,
}

impl Asking<'_> {
    pub(super) async fn grant(
        &self,
        rights: &Rights,
        on: &Target,
        to: &[GranteeName],
    ) -> Result<Decide> {
        let (spots, to) = (self.spots(rights, on, false).await?, to.to_vec());
        Ok(Box::new(move |access| {
            let mut grants = Grants::of(access);
            for to in &to {
                let to = grantee(access, to)?;
                for spot in &spots {
                    grants.add_spot(&to, spot);
                }
            }
            Ok(grants.changes())
        }))
    }

    pub(super) async fn revoke(
        &self,
        rights: &Rights,
        on: &Target,
        from: &[GranteeName],
    ) -> Result<Decide> {
        let (spots, from) = (self.spots(rights, on, true).await?, from.to_vec());
        Ok(Box::new(move |access| {
            let mut grants = Grants::of(access);
            for from in &from {
                let from = grantee(access, from)?;
                for spot in &spots {
                    grants.remove_spot(&from, spot)?;
                }
            }
            Ok(grants.changes())
        }))
    }

    /// The objects that are meant, with what is granted on each, once it is sure that the caller may. What was granted on files
    /// `may_be_gone` with them.
    async fn spots(&self, rights: &Rights, on: &Target, may_be_gone: bool) -> Result<Vec<Spot>> {
        let mut spots = Vec::new();
        match on {
            Target::Catalog(name) if name != CATALOG => {
                return Err(Error::not_found(format!(
                    "catalog '{name}' does not exist; the only one is {CATALOG}"
                )));
            }
            Target::Catalog(_) => {
                self.need_admin("grant on the catalog")?;
                spots.push(Spot {
                    scope: Scope::Catalog,
                    privileges: taken(rights, &OF_CATALOG, "a catalog")?,
                    there: Vec::new(),
                });
            }
            Target::Schemas(names) => {
                for name in names {
                    let privileges = taken(rights, &OF_SCHEMA, "a schema")?;
                    spots.push(Spot {
                        scope: Scope::Schema(self.own_schema(name, may_be_gone)?.1),
                        privileges,
                        there: Vec::new(),
                    });
                }
            }
            Target::Relations(names) => {
                for name in names {
                    let object = match may_be_gone {
                        true => self.object_or_unmounted(name).await?,
                        false => self.object(name).await?,
                    };
                    let (allowed, what) = allowed(object.kind);
                    let privileges = taken(rights, allowed, what)?;
                    spots.push(self.spot(&object, privileges).await?);
                }
            }
            Target::AllIn(names) => {
                for name in names {
                    spots.extend(self.all_in(rights, name).await?);
                }
            }
            Target::FutureIn(names) => {
                for name in names {
                    spots.push(self.future_in(rights, name, may_be_gone).await?);
                }
            }
        }
        Ok(spots)
    }

    async fn spot(&self, object: &Object, privileges: Privileges) -> Result<Spot> {
        if !self.authority.owns_relation(&object.relation) {
            return Err(self.denied(&format!(
                "grant on {}: only its owner and members of the role 'admin' may",
                object.shown()
            )));
        }
        for column in privileges.values().flatten().flatten() {
            self.column(object, column).await?;
        }
        Ok(Spot {
            scope: Scope::Relation(object.relation.key.clone()),
            privileges,
            there: Vec::new(),
        })
    }

    /// What is granted on all tables and views that there are, as far as each takes it.
    async fn all_in(&self, rights: &Rights, schema: &ObjectName) -> Result<Vec<Spot>> {
        let (schema, _) = self.schema(schema)?;
        let wanted = taken(rights, &OF_TABLE, "a table")?;
        refuse_columns(&wanted)?;
        let mut spots = Vec::new();
        for object in self.objects_in(&schema).await {
            let (allowed, _) = allowed(object.kind);
            let mut privileges = wanted.clone();
            privileges.retain(|privilege, _| allowed.contains(privilege));
            if !privileges.is_empty() {
                spots.push(self.spot(&object, privileges).await?);
            }
        }
        Ok(spots)
    }

    async fn future_in(
        &self,
        rights: &Rights,
        schema: &ObjectName,
        may_be_gone: bool,
    ) -> Result<Spot> {
        let (name, schema) = self.own_schema(schema, may_be_gone)?;
        let privileges = taken(rights, &OF_TABLE, "a table")?;
        refuse_columns(&privileges)?;
        let since = self.inner.lake.next_number().await;
        let since = since.map_err(|error| Error::from_lake(&error, "access"))?;
        let there = self.objects_in(&name).await;
        let there = there.iter().filter_map(|object| object.relation.key.id());
        Ok(Spot {
            scope: Scope::Future { schema, since },
            privileges,
            there: there.collect(),
        })
    }

    /// A schema that the caller may grant on.
    fn own_schema(&self, name: &ObjectName, may_be_gone: bool) -> Result<(String, ObjectKey)> {
        let (name, schema) = match may_be_gone {
            true => self.schema_or_unmounted(name)?,
            false => self.schema(name)?,
        };
        if self.authority.owns_schema(&schema) {
            return Ok((name, schema.key));
        }
        Err(self.denied(&format!(
            "grant on schema '{name}': only its owner and members of the role 'admin' may"
        )))
    }
}

/// Grants while they are changed.
struct Grants<'a> {
    access: &'a Access,
    changed: BTreeMap<(Scope, Grantee), Privileges>,
}

impl<'a> Grants<'a> {
    fn of(access: &'a Access) -> Self {
        Self {
            access,
            changed: BTreeMap::new(),
        }
    }

    fn privileges(&mut self, scope: &Scope, of: &Grantee) -> &mut Privileges {
        let access = self.access;
        let entry = self.changed.entry((scope.clone(), of.clone()));
        entry.or_insert_with(|| {
            let grant = access.grant(of, scope);
            grant.map(|g| g.privileges.clone()).unwrap_or_default()
        })
    }

    fn add_spot(&mut self, to: &Grantee, spot: &Spot) {
        let Scope::Future { schema, since } = &spot.scope else {
            add(self.privileges(&spot.scope, to), &spot.privileges);
            return;
        };
        if let Some(before) = self.future(schema, to) {
            let mut all = before.privileges.clone();
            add(&mut all, &spot.privileges);
            if all == before.privileges {
                return;
            }
            // What is new is not for those that were made since: each of them keeps what it has, by a grant of its own.
            if let Scope::Future { since: old, .. } = &before.scope {
                let made = spot.there.iter().filter(|id| (old..since).contains(id));
                for id in made {
                    let scope = Scope::Relation(ObjectKey::durable(*id));
                    add(self.privileges(&scope, to), &before.privileges);
                }
            }
            self.privileges(&before.scope, to).clear();
            add(self.privileges(&spot.scope, to), &before.privileges);
        }
        add(self.privileges(&spot.scope, to), &spot.privileges);
    }

    fn remove_spot(&mut self, from: &Grantee, spot: &Spot) -> Result<()> {
        let scope = match &spot.scope {
            Scope::Future { schema, .. } => match self.future(schema, from) {
                Some(before) => before.scope.clone(),
                None => return Ok(()),
            },
            scope => scope.clone(),
        };
        remove(self.privileges(&scope, from), &spot.privileges)
    }

    /// What somebody has on what a schema gets later.
    fn future(&self, of: &ObjectKey, to: &Grantee) -> Option<&'a Grant> {
        self.access.grants().find(|grant| {
            grant.grantee == *to
                && matches!(&grant.scope, Scope::Future { schema, .. } if schema == of)
        })
    }

    fn changes(self) -> Vec<Change> {
        let (mut puts, mut removed) = (BTreeMap::new(), BTreeMap::new());
        for ((scope, grantee), privileges) in self.changed {
            let before = self.access.grant(&grantee, &scope);
            let key = RecordKey::grant(&grantee, &scope);
            if privileges.is_empty() {
                if before.is_some() {
                    removed.insert(key.clone(), Change::Remove(key));
                }
            } else if before.is_none_or(|before| before.privileges != privileges) {
                let grant = Grant {
                    grantee,
                    scope,
                    privileges,
                };
                puts.insert(key, Change::Put(Record::Grant(grant)));
            }
        }
        // Future grants of one schema have one key, whatever number they begin with.
        removed.retain(|key, _| !puts.contains_key(key));
        puts.into_values().chain(removed.into_values()).collect()
    }
}

fn add(to: &mut Privileges, more: &Privileges) {
    for (privilege, columns) in more {
        match (to.get_mut(privilege), columns) {
            (Some(None), _) => {}
            (Some(Some(have)), Some(columns)) => have.extend(columns.iter().cloned()),
            (Some(have), None) => *have = None,
            (None, columns) => {
                to.insert(*privilege, columns.clone());
            }
        }
    }
}

fn remove(from: &mut Privileges, less: &Privileges) -> Result<()> {
    for (privilege, columns) in less {
        let Some(columns) = columns else {
            from.remove(privilege);
            continue;
        };
        match from.get_mut(privilege) {
            None => {}
            Some(None) => {
                return Err(Error::invalid(format!(
                    "{privilege} was granted on the whole table; revoke that, and grant it on the columns that are to stay"
                )));
            }
            Some(Some(have)) => {
                have.retain(|column| !columns.contains(column));
                if have.is_empty() {
                    from.remove(privilege);
                }
            }
        }
    }
    Ok(())
}

fn allowed(kind: Kind) -> (&'static [Privilege], &'static str) {
    match kind {
        Kind::Table => (&OF_TABLE, "a table"),
        Kind::View => (&OF_VIEW, "a view"),
        Kind::Mount => (&OF_MOUNT, "a file"),
    }
}

/// What is granted, all of it being what an object takes.
fn taken(rights: &Rights, allowed: &[Privilege], what: &str) -> Result<Privileges> {
    let Rights::Some(list) = rights else {
        return Ok(allowed.iter().map(|privilege| (*privilege, None)).collect());
    };
    let mut privileges = Privileges::new();
    for (privilege, columns) in list {
        if !allowed.contains(privilege) {
            let names: Vec<_> = allowed.iter().map(|privilege| privilege.name()).collect();
            return Err(Error::invalid(format!(
                "{privilege} cannot be granted on {what}, which takes {}",
                names.join(", ")
            )));
        }
        let columns = columns.as_ref().map(|all| all.iter().cloned().collect());
        add(&mut privileges, &[(*privilege, columns)].into());
    }
    Ok(privileges)
}

fn refuse_columns(privileges: &Privileges) -> Result<()> {
    if privileges.values().any(Option::is_some) {
        return Err(Error::invalid(
            "columns are granted on tables by their names, not on all or future ones of a schema",
        ));
    }
    Ok(())
}
