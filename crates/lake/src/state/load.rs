//! Reads schemas, tables, columns and views as of a snapshot.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::Schema as ArrowSchema;

use super::default::Stored;
use super::quoted;
use crate::database::{Reading, Row, Value};
use crate::types::{self, TYPES_TAG};
use crate::{
    Column, ColumnId, Error, Key, Result, Schema, SchemaId, SnapshotId, State, Table, TableId,
    View, ViewId,
};

/// The tag of a table that holds its keys, as JSON.
pub(crate) const KEYS_TAG: &str = "godwit.keys";
/// The tag of a schema, table, view or column that is its comment.
pub(crate) const COMMENT_TAG: &str = "comment";
/// The tag of a schema, table or view that names the user whose it is.
pub(crate) const OWNER_TAG: &str = "godwit.owner";
/// The tag of a table that was made anew: the number of the one that it goes by.
pub(crate) const ORIGIN_TAG: &str = "godwit.origin";

/// What lives at the snapshot `$1`.
const LIVE: &str = "begin_snapshot <= $1 AND (end_snapshot IS NULL OR end_snapshot > $1)";

/// The state as of a snapshot that exists.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Broken`] when the catalog contradicts itself.
pub(crate) async fn load(
    reading: &mut Reading,
    snapshot: SnapshotId,
    schema_version: i64,
) -> Result<State> {
    let mut rows = Rows { reading, snapshot };
    let tags = rows.tags().await?;
    let mut schemas = rows.schemas(&tags).await?;
    let mut columns = rows.columns(&tags).await?;
    let about = rows.about_tables().await?;
    for row in rows
        .live(
            "table_id, schema_id, table_name, path, path_is_relative",
            "ducklake_table",
        )
        .await?
    {
        let Some(schema) = schemas.get_mut(&row.int(1)?) else {
            continue;
        };
        let id = row.int(0)?;
        let table = table(
            &row,
            schema,
            columns.remove(&id).unwrap_or_default(),
            tags.get(&id),
            &about,
        )?;
        schema.tables.insert(table.name.clone(), Arc::new(table));
    }
    rows.views(&mut schemas, &tags).await?;
    let schemas = schemas.into_values();
    Ok(State {
        snapshot,
        schema_version,
        schemas: schemas
            .map(|schema| (schema.name.clone(), Arc::new(schema)))
            .collect(),
    })
}

/// Columns of one table as they were at a snapshot, with their children.
///
/// # Errors
/// As [`load`].
pub(crate) async fn columns_at(
    reading: &mut Reading,
    table: TableId,
    snapshot: SnapshotId,
) -> Result<Vec<Column>> {
    let mut rows = Rows { reading, snapshot };
    let tags = rows.tags().await?;
    let columns = rows.columns_of(Some(table), &tags).await?.remove(&table.0);
    Ok(columns.unwrap_or_default())
}

type Tags = HashMap<i64, HashMap<String, String>>;

struct Rows<'a> {
    reading: &'a mut Reading,
    snapshot: SnapshotId,
}

/// What the catalog's smaller tables say about tables.
struct About {
    versions: HashMap<i64, i64>,
    last_columns: HashMap<i64, i64>,
    partitioned: HashSet<i64>,
    sorted: HashSet<i64>,
    encrypted: bool,
}

impl Rows<'_> {
    async fn at_snapshot(&mut self, sql: &str) -> Result<Vec<Row>> {
        let snapshot = Value::Int(self.snapshot.0);
        self.reading.query(sql, &[snapshot]).await
    }

    async fn live(&mut self, columns: &str, table: &str) -> Result<Vec<Row>> {
        let sql = format!("SELECT {columns} FROM {table} WHERE {LIVE}");
        self.at_snapshot(&sql).await
    }

    async fn tags(&mut self) -> Result<Tags> {
        let rows = self
            .live("object_id, \"key\", \"value\"", "ducklake_tag")
            .await?;
        let mut tags = Tags::new();
        for row in rows {
            if let Some(value) = row.opt_text(2)? {
                let of = tags.entry(row.int(0)?).or_default();
                of.insert(row.text(1)?.to_owned(), value.to_owned());
            }
        }
        Ok(tags)
    }

    async fn schemas(&mut self, tags: &Tags) -> Result<BTreeMap<i64, Schema>> {
        let rows = self
            .live(
                "schema_id, schema_name, path, path_is_relative",
                "ducklake_schema",
            )
            .await?;
        let mut schemas = BTreeMap::new();
        for row in rows {
            let id = row.int(0)?;
            let name = row.text(1)?.to_owned();
            let schema = Schema {
                id: SchemaId(id),
                path: path("", row.opt_text(2)?, row.opt_int(3)?, &name),
                name,
                tables: BTreeMap::new(),
                views: BTreeMap::new(),
                comment: tag(tags.get(&id), COMMENT_TAG),
                owner: tag(tags.get(&id), OWNER_TAG),
            };
            schemas.insert(id, schema);
        }
        Ok(schemas)
    }

    async fn views(&mut self, schemas: &mut BTreeMap<i64, Schema>, tags: &Tags) -> Result<()> {
        let rows = self
            .live(
                "view_id, schema_id, view_name, dialect, \"sql\", column_aliases",
                "ducklake_view",
            )
            .await?;
        for row in rows {
            let Some(schema) = schemas.get_mut(&row.int(1)?) else {
                continue;
            };
            let id = row.int(0)?;
            let name = row.text(2)?.to_owned();
            let aliases = row.opt_text(5)?.unwrap_or_default();
            let aliases = quoted::names(aliases).ok_or_else(|| {
                Error::broken(format!(
                    "the catalog's column names {aliases:?} of the view {name:?} are no list of names in quotes"
                ))
            })?;
            let view = View {
                id: ViewId(id),
                schema: schema.name.clone(),
                name: name.clone(),
                sql: row.text(4)?.to_owned(),
                dialect: row.opt_text(3)?.unwrap_or("duckdb").to_owned(),
                aliases,
                comment: tag(tags.get(&id), COMMENT_TAG),
                owner: tag(tags.get(&id), OWNER_TAG),
            };
            schema.views.insert(name, Arc::new(view));
        }
        Ok(())
    }

    async fn columns(&mut self, tags: &Tags) -> Result<HashMap<i64, Vec<Column>>> {
        self.columns_of(None, tags).await
    }

    async fn columns_of(
        &mut self,
        table: Option<TableId>,
        table_tags: &Tags,
    ) -> Result<HashMap<i64, Vec<Column>>> {
        let only = table.map_or_else(String::new, |table| format!(" AND table_id = {table}"));
        let tags = self
            .at_snapshot(&format!(
                "SELECT table_id, column_id, \"key\", \"value\" FROM ducklake_column_tag WHERE {LIVE}{only}"
            ))
            .await?;
        let rows = self
            .at_snapshot(&format!(
                "SELECT table_id, column_id, parent_column, column_name, column_type, initial_default, default_value, \
                 default_value_type, nulls_allowed FROM ducklake_column WHERE {LIVE}{only} \
                 ORDER BY table_id, column_order, column_id"
            ))
            .await?;
        let mut tables: HashMap<i64, Tree<'_>> = HashMap::new();
        for row in &rows {
            let tree = tables.entry(row.int(0)?).or_default();
            tree.below.entry(row.opt_int(2)?).or_default().push(row);
        }
        for row in &tags {
            if let (Some(tree), Some(value)) = (tables.get_mut(&row.int(0)?), row.opt_text(3)?) {
                tree.tags.insert((row.int(1)?, row.text(2)?), value);
            }
        }
        tables
            .into_iter()
            .map(|(table, mut tree)| {
                let tags = table_tags.get(&table).and_then(|tags| tags.get(TYPES_TAG));
                tree.types = types::read_tags(tags.map(String::as_str));
                Ok((table, tree.columns(None)?))
            })
            .collect()
    }

    async fn about_tables(&mut self) -> Result<About> {
        let versions = self
            .at_snapshot(
                "SELECT table_id, MAX(schema_version) FROM ducklake_schema_versions \
                 WHERE begin_snapshot <= $1 AND table_id IS NOT NULL GROUP BY table_id",
            )
            .await?;
        let last_columns = self
            .reading
            .query(
                "SELECT table_id, MAX(column_id) FROM ducklake_column GROUP BY table_id",
                &[],
            )
            .await?;
        let partitioned = self
            .at_snapshot(&format!(
                "SELECT DISTINCT table_id FROM ducklake_partition_info WHERE {LIVE} AND EXISTS \
                 (SELECT 1 FROM ducklake_partition_column c WHERE c.partition_id = ducklake_partition_info.partition_id)"
            ))
            .await?;
        let sorted = self
            .at_snapshot(&format!(
                "SELECT DISTINCT table_id FROM ducklake_sort_info WHERE {LIVE} AND EXISTS \
                 (SELECT 1 FROM ducklake_sort_expression e WHERE e.sort_id = ducklake_sort_info.sort_id)"
            ))
            .await?;
        let encrypted = self
            .reading
            .query(
                "SELECT \"value\" FROM ducklake_metadata WHERE \"key\" = 'encrypted' AND \"scope\" IS NULL",
                &[],
            )
            .await?;
        let ids = |rows: Vec<Row>| rows.iter().map(|row| row.int(0)).collect::<Result<_>>();
        Ok(About {
            versions: numbers(&versions)?,
            last_columns: numbers(&last_columns)?,
            partitioned: ids(partitioned)?,
            sorted: ids(sorted)?,
            encrypted: encrypted
                .iter()
                .any(|row| row.text(0).is_ok_and(|text| text == "true")),
        })
    }
}

/// A number of each table.
fn numbers(rows: &[Row]) -> Result<HashMap<i64, i64>> {
    let pairs = rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?)));
    pairs.collect()
}

/// The rows of one table's columns, by the column that they are part of.
#[derive(Default)]
struct Tree<'a> {
    below: HashMap<Option<i64>, Vec<&'a Row>>,
    tags: HashMap<(i64, &'a str), &'a str>,
    types: types::Tags,
}

impl Tree<'_> {
    fn columns(&self, parent: Option<i64>) -> Result<Vec<Column>> {
        let Some(rows) = self.below.get(&parent) else {
            return Ok(Vec::new());
        };
        rows.iter().map(|row| self.column(row)).collect()
    }

    fn column(&self, row: &Row) -> Result<Column> {
        let id = row.int(1)?;
        let stored = row.text(4)?;
        let tag = self.types.get(&id);
        let nullable = match row.opt_int(2)? {
            None => row.opt_int(8)? != Some(0),
            Some(_) => types::nested_nullable(tag),
        };
        let children = self.columns(Some(id))?;
        let name = row.text(3)?;
        let mut column = types::column_of(ColumnId(id), name, stored, nullable, tag, children);
        column.initial_default = row.opt_text(5)?.map(str::to_owned);
        let default = Stored {
            value: row.opt_text(6)?,
            kind: row.opt_text(7)?,
            data_type: stored,
        };
        column.default = default.expression()?;
        column.comment = self
            .tags
            .get(&(id, COMMENT_TAG))
            .map(|&text| text.to_owned());
        Ok(column)
    }
}

fn table(
    row: &Row,
    schema: &Schema,
    columns: Vec<Column>,
    tags: Option<&HashMap<String, String>>,
    about: &About,
) -> Result<Table> {
    let id = row.int(0)?;
    let name = row.text(2)?.to_owned();
    let keys = tags.and_then(|tags| tags.get(KEYS_TAG));
    let keys = keys.map_or(Ok(Vec::new()), |keys| {
        serde_json::from_str::<Vec<Key>>(keys).map_err(|error| {
            Error::broken(format!(
                "the catalog's tag {KEYS_TAG} of the table {name:?} cannot be read: {error}"
            ))
        })
    })?;
    let fields = columns.iter().map(|column| Arc::clone(&column.field));
    Ok(Table {
        id: TableId(id),
        schema: schema.name.clone(),
        path: path(&schema.path, row.opt_text(3)?, row.opt_int(4)?, &name),
        name,
        arrow: Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>())),
        keys,
        comment: tag(tags, COMMENT_TAG),
        owner: tag(tags, OWNER_TAG),
        origin: tag(tags, ORIGIN_TAG).and_then(|id| id.parse().ok().map(TableId)),
        last_column: ColumnId(about.last_columns.get(&id).copied().unwrap_or_default()),
        schema_version: about.versions.get(&id).copied().unwrap_or_default(),
        read_only: read_only(id, &columns, about),
        columns,
    })
}

/// Why rows cannot be added, where they cannot.
fn read_only(id: i64, columns: &[Column], about: &About) -> Option<String> {
    if about.partitioned.contains(&id) {
        return Some("it is partitioned".to_owned());
    }
    if about.sorted.contains(&id) {
        return Some("it is kept sorted".to_owned());
    }
    if about.encrypted {
        return Some("the lake's files are encrypted".to_owned());
    }
    columns.iter().find_map(unwritable)
}

fn unwritable(column: &Column) -> Option<String> {
    if !types::is_writable(&column.stored) {
        let name = column.field.name();
        return Some(format!("its column {name:?} is of type {}", column.stored));
    }
    column.children.iter().find_map(unwritable)
}

fn tag(tags: Option<&HashMap<String, String>>, key: &str) -> Option<String> {
    tags?.get(key).cloned()
}

/// A path below another, with a slash at its end. One that is not in the catalog is the name.
fn path(above: &str, path: Option<&str>, relative: Option<i64>, name: &str) -> String {
    let own = path.filter(|path| !path.is_empty()).unwrap_or(name);
    let slash = if own.ends_with('/') { "" } else { "/" };
    match relative {
        Some(0) => format!("{own}{slash}"),
        _ => format!("{above}{own}{slash}"),
    }
}
