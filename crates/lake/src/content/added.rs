//! Rows that a commit of this process has added to those that the catalog keeps: they need not be read again.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow::compute::{concat, concat_batches};

use super::inlined::Mark;
use super::load::{Loaded, version_of};
use crate::commit::Added;
use crate::database::Dialect;
use crate::scan::assemble::assemble;
use crate::{Content, Error, Inlined, Part, Result, Rows, SnapshotId, Table, text, types};

impl Loaded {
    /// The same with rows after its last ones, each addition with its snapshot: what would be loaded then. `None` where that is
    /// not certain.
    pub(crate) fn with_added(
        &self,
        added: &[(SnapshotId, Added)],
        dialect: Dialect,
    ) -> Result<Option<Self>> {
        let Some((_, Added { table, name, .. })) = added.first() else {
            return Ok(None);
        };
        let are_alike = |(_, other): &(_, Added)| {
            other.name == *name && other.table.schema_version == table.schema_version
        };
        if dialect != Dialect::Sqlite || !added.iter().all(are_alike) {
            return Ok(None);
        }
        let Some(Growing { at, mut mark, rows }) = self.growing(name) else {
            return Ok(None);
        };
        let (mut batches, mut row_ids) = (vec![rows.batch.clone()], Vec::new());
        row_ids.extend(rows.row_ids.clone().map(|ids| Arc::new(ids) as ArrayRef));
        for (snapshot, added) in added {
            batches.push(stored(&added.table, &added.batch, dialect)?);
            for row_id in added.row_ids.values() {
                mark.add(*row_id, snapshot.0);
            }
            row_ids.push(Arc::new(added.row_ids.clone()));
        }
        let row_ids: Vec<&dyn Array> = row_ids.iter().map(AsRef::as_ref).collect();
        let row_ids = concat(&row_ids).map_err(Error::internal)?;
        let inlined = Inlined {
            batch: concat_batches(&table.arrow, &batches).map_err(Error::internal)?,
            row_ids: Some(Int64Array::from(row_ids.to_data())),
            table: Some(name.clone()),
        };
        let mut parts = self.content.parts.clone();
        let mut marks = self.marks.clone();
        let Some((part, place)) = parts.get_mut(at).zip(marks.get_mut(at)) else {
            return Ok(None);
        };
        *part = Part {
            rows: Rows::Inlined(Arc::new(inlined)),
            deleted: None,
        };
        *place = mark.value();
        Ok(Some(Self {
            version: version_of(table, &marks),
            content: Arc::new(Content { parts }),
            deletes: self.deletes.clone(),
            growing: Some((at, mark)),
            marks,
        }))
    }

    /// The last part, when it holds the rows of this table of the catalog.
    fn growing(&self, name: &str) -> Option<Growing<'_>> {
        let (at, mark) = self.growing.as_ref()?;
        match &self.content.parts.get(*at)?.rows {
            Rows::Inlined(rows) if rows.table.as_deref() == Some(name) => Some(Growing {
                at: *at,
                mark: mark.clone(),
                rows,
            }),
            Rows::Inlined(_) | Rows::File(_) => None,
        }
    }
}

/// A part that rows are added to.
struct Growing<'a> {
    at: usize,
    mark: Mark,
    rows: &'a Inlined,
}

/// Rows as they come back from the catalog.
fn stored(table: &Table, batch: &RecordBatch, dialect: Dialect) -> Result<RecordBatch> {
    let columns = table.columns.iter().zip(batch.columns());
    let columns = columns.map(|(column, array)| {
        let sql_type = text::sql_type(&column.stored, dialect);
        let array = types::to_file(array, column)?;
        let texts = (0..array.len()).map(|row| text::write_inlined(&array, row, &sql_type));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
        let read = text::read_inlined(&texts, &sql_type, &types::text_type(column)?)?;
        assemble(&read, &None, column).map_err(Error::internal)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(Arc::clone(&table.arrow), columns).map_err(Error::internal)
}
