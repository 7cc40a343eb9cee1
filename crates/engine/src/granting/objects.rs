//! Names of schemas, tables and views to what grants know them by.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_auth::access::{ObjectKey, Relation, SchemaObject};
use godwit_catalog::{CATALOG, TEMP};
use godwit_lake::{Schema, State as LakeState};

use super::Asking;
use crate::check::{Names, folded};
use crate::names::{INFORMATION_SCHEMA, nearest_hint};
use crate::{Error, Result};

/// The schema of the server's own tables.
const SYSTEM: &str = "system";

/// A table or view.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) relation: Relation,
    pub(super) kind: Kind,
    /// The names of its columns; `None` for a view, whose columns are known when it is planned.
    pub(super) columns: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    View,
    /// A file, which is only read.
    Mount,
}

/// A name of what grants know by a key.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) kind: &'static str,
    pub(crate) schema: String,
    /// `None` for a schema.
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<String>,
}

/// What is in the lake no more: no number is given twice.
pub(super) struct Gone {
    /// The first number that nothing had yet.
    next: i64,
    there: BTreeMap<ObjectKey, Known>,
}

impl Gone {
    pub(super) fn has(&self, key: &ObjectKey) -> bool {
        key.id().is_some_and(|id| id < self.next) && !self.there.contains_key(key)
    }
}

/// The names of all schemas, tables and views of the lake by their keys.
pub(crate) fn known(state: &LakeState) -> BTreeMap<ObjectKey, Known> {
    let mut all = BTreeMap::new();
    for schema in state.schemas.values() {
        let mut add = |id, kind, name: Option<&String>, owner: &Option<String>| {
            let known = Known {
                kind,
                schema: schema.name.clone(),
                name: name.cloned(),
                owner: owner.clone(),
            };
            all.insert(ObjectKey::durable(id), known);
        };
        add(schema.id.0, "schema", None, &schema.owner);
        for table in schema.tables.values() {
            let id = table.known_by().0;
            add(id, "table", Some(&table.name), &table.owner);
        }
        for view in schema.views.values() {
            add(view.id.0, "view", Some(&view.name), &view.owner);
        }
    }
    all
}

impl Object {
    /// As messages call it.
    pub(super) fn shown(&self) -> String {
        let kind = match self.kind {
            Kind::Table | Kind::Mount => "table",
            Kind::View => "view",
        };
        format!("{kind} '{}.{}'", self.schema, self.name)
    }

    fn of(schema: &Schema, name: &str) -> Option<Self> {
        let (id, owner, kind, columns) = if let Some(table) = schema.tables.get(name) {
            let columns = table.columns.iter();
            let columns = columns.map(|column| column.field.name().clone());
            (
                table.known_by().0,
                &table.owner,
                Kind::Table,
                Some(columns.collect()),
            )
        } else {
            let view = schema.views.get(name)?;
            (view.id.0, &view.owner, Kind::View, None)
        };
        Some(Self {
            schema: schema.name.clone(),
            name: name.to_owned(),
            relation: Relation {
                schema: schema_object(schema),
                key: ObjectKey::durable(id),
                owner: owner.clone(),
            },
            kind,
            columns,
        })
    }
}

impl Asking<'_> {
    pub(super) fn lake(&self) -> &LakeState {
        self.lake.state()
    }

    /// A schema by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for what the caller may not know of.
    pub(super) fn schema(&self, name: &ObjectName) -> Result<(String, SchemaObject)> {
        let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let schema = match parts.as_slice() {
            [schema] => folded(schema),
            [catalog, schema] if folded(catalog) == CATALOG => folded(schema),
            _ => {
                return Err(Error::not_found(format!(
                    "'{name}' is no schema of catalog {CATALOG}"
                )));
            }
        };
        refuse_open(&schema)?;
        let state = self.lake();
        let fixed = self.inner.planner.catalog.schema_names();
        let object = |name: &str| match state.schemas.get(name) {
            Some(schema) => Some(schema_object(schema)),
            None if fixed.iter().any(|fixed| fixed == name) => Some(SchemaObject {
                key: ObjectKey::named(name),
                owner: None,
            }),
            None => None,
        };
        if let Some(found) = object(&schema).filter(|found| self.authority.uses(found)) {
            return Ok((schema, found));
        }
        let names = state.schemas.keys().chain(&fixed).map(String::as_str);
        let visible = names.filter(|name| object(name).is_some_and(|o| self.authority.uses(&o)));
        let hint = nearest_hint(&schema, visible);
        Err(Error::not_found(format!(
            "schema '{schema}' does not exist in catalog {CATALOG}{hint}"
        )))
    }

    /// A table or view by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for what the caller may not know of.
    pub(super) async fn object(&self, name: &ObjectName) -> Result<Object> {
        let reference = object_name_to_table_reference(name.clone(), true).map_err(|_| {
            Error::invalid(format!(
                "'{name}' is no table name; write table, schema.table or catalog.schema.table"
            ))
        })?;
        let lookup = self.inner.planner.lookup(&self.state, &self.seen);
        let path = match reference.schema() {
            Some(schema) => vec![schema],
            None => lookup.search_path(),
        };
        if reference.catalog().is_none_or(|catalog| catalog == CATALOG) {
            for schema in path {
                if schema == TEMP && self.seen.temporary().get(reference.table()).is_some() {
                    refuse_open(schema)?;
                }
                let found = self.lake().schemas.get(schema);
                let found = found.and_then(|schema| Object::of(schema, reference.table()));
                if let Some(found) = found.filter(|o| self.authority.sees(&o.relation)) {
                    return Ok(found);
                }
            }
        }
        self.mounted(&reference).await
    }

    /// A table that the configuration names.
    async fn mounted(&self, reference: &TableReference) -> Result<Object> {
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let lookup = self.inner.planner.lookup(&self.state, &self.seen);
        let resolved = lookup.resolve(&names).await;
        let table = resolved.get(reference)?;
        refuse_open(&table.schema)?;
        let relation = Relation {
            schema: SchemaObject {
                key: ObjectKey::named(&table.schema),
                owner: None,
            },
            key: ObjectKey::named(&format!("{}.{}", table.schema, table.name)),
            owner: None,
        };
        if !lookup.is_fixed(&table.schema) || !self.authority.sees(&relation) {
            return Err(Error::not_found(format!(
                "table '{reference}' does not exist"
            )));
        }
        let columns = table.source.schema();
        let columns = columns.fields().iter().map(|field| field.name().clone());
        Ok(Object {
            schema: table.schema.clone(),
            name: table.name.clone(),
            relation,
            kind: Kind::Mount,
            columns: Some(columns.collect()),
        })
    }

    /// The tables and views of a schema that the caller knows of.
    pub(super) async fn objects_in(&self, schema: &str) -> Vec<Object> {
        if let Some(found) = self.lake().schemas.get(schema) {
            let names = found.tables.keys().chain(found.views.keys());
            let objects = names.filter_map(|name| Object::of(found, name));
            return objects
                .filter(|object| self.authority.sees(&object.relation))
                .collect();
        }
        let mut objects = Vec::new();
        for entry in self.inner.planner.catalog.table_names(schema).await {
            let reference = TableReference::partial(schema, entry.name.as_str());
            // A file that cannot be read is no reason to leave the others out.
            if let Ok(object) = self.mounted(&reference).await {
                objects.push(object);
            }
        }
        objects
    }

    /// The names of an object's columns.
    pub(super) async fn columns(&self, object: &Object) -> Result<Vec<String>> {
        if let Some(columns) = &object.columns {
            return Ok(columns.clone());
        }
        let schema = self.schema_of(object).await?;
        Ok(schema.fields().iter().map(|f| f.name().clone()).collect())
    }

    /// The fields of an object, as whoever reads it finds them.
    pub(super) async fn schema_of(&self, object: &Object) -> Result<SchemaRef> {
        let reference = TableReference::full(CATALOG, object.schema.as_str(), object.name.as_str());
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let lookup = self.inner.planner.lookup(&self.state, &self.seen);
        let resolved = lookup.resolve(&names).await;
        Ok(resolved.get(&reference)?.source.schema())
    }

    /// A column of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(super) async fn column(&self, object: &Object, name: &str) -> Result<()> {
        let columns = self.columns(object).await?;
        if columns.iter().any(|column| column == name) {
            return Ok(());
        }
        let hint = nearest_hint(name, columns.iter().map(String::as_str));
        Err(Error::not_found(format!(
            "{} has no column '{name}'{hint}",
            object.shown()
        )))
    }

    /// # Errors
    /// When the lake does not answer.
    pub(super) async fn gone(&self) -> Result<Gone> {
        let lake = &self.inner.lake;
        let failed = |error| Error::from_lake(&error, "access");
        // In this order, so that what is made meanwhile is not taken for gone.
        let next = lake.next_number().await.map_err(failed)?;
        let newest = lake.latest().await.map_err(failed)?;
        Ok(Gone {
            next,
            there: known(newest.state()),
        })
    }

    /// What a user owns, as messages call it.
    pub(super) fn owned_by(&self, user: &str) -> Vec<String> {
        let known = known(self.lake()).into_values();
        let owned = known.filter(|known| known.owner.as_deref() == Some(user));
        owned
            .map(|known| match known.name {
                Some(name) => format!("{} '{}.{name}'", known.kind, known.schema),
                None => format!("{} '{}'", known.kind, known.schema),
            })
            .collect()
    }
}

fn schema_object(schema: &Schema) -> SchemaObject {
    SchemaObject {
        key: ObjectKey::durable(schema.id.0),
        owner: schema.owner.clone(),
    }
}

/// # Errors
/// For schemas that show everyone what is their own.
fn refuse_open(schema: &str) -> Result<()> {
    match schema {
        SYSTEM | INFORMATION_SCHEMA => Err(Error::invalid(format!(
            "schema '{schema}' needs no grants: it shows everyone what they may know"
        ))),
        TEMP => Err(Error::invalid(format!(
            "schema '{TEMP}' needs no grants: temporary tables are known to their session only"
        ))),
        _ => Ok(()),
    }
}
