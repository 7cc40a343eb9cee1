//! Expressions over a table's columns become expressions over the columns of one file.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{self, CastExpr, Column as ColumnExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::assemble::{Mapping, assemble, find, find_row_ids, initial};
use crate::types::is_readable;
use crate::{Column, Error};

/// Finds columns in files by their numbers, or as a mapping says.
#[derive(Debug)]
pub(super) struct AdapterFactory {
    /// The table's columns by their names in the scan.
    pub(super) columns: Arc<HashMap<String, Arc<Column>>>,
    /// The scan's name for the row ids that files hold themselves.
    pub(super) row_ids: &'static str,
    pub(super) mapping: Mapping,
}

impl PhysicalExprAdapterFactory for AdapterFactory {
    fn create(&self, _: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        Ok(Arc::new(Adapter {
            columns: Arc::clone(&self.columns),
            row_ids: self.row_ids,
            mapping: self.mapping.clone(),
            file,
        }))
    }
}

#[derive(Debug)]
struct Adapter {
    columns: Arc<HashMap<String, Arc<Column>>>,
    row_ids: &'static str,
    mapping: Mapping,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        expr.transform_up(|expr| match expr.downcast_ref::<ColumnExpr>() {
            Some(column) => Ok(Transformed::yes(self.column(column.name())?)),
            None => Ok(Transformed::no(expr)),
        })
        .data()
    }
}

impl Adapter {
    fn column(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        if let Some(column) = self.columns.get(name) {
            return self.table_column(column);
        }
        if name == self.row_ids {
            return Ok(match find_row_ids(self.file.fields()) {
                Some(at) => self.stored(at),
                None => expressions::lit(ScalarValue::Int64(None)),
            });
        }
        Ok(match self.file.index_of(name) {
            Ok(at) => self.stored(at),
            Err(_) => expressions::lit(ScalarValue::Null),
        })
    }

    fn stored(&self, at: usize) -> Arc<dyn PhysicalExpr> {
        Arc::new(ColumnExpr::new(self.file.field(at).name(), at))
    }

    fn table_column(&self, column: &Arc<Column>) -> Result<Arc<dyn PhysicalExpr>> {
        readable(column, column)?;
        let fields = self.file.fields();
        let Some(at) = find(fields, &self.mapping, column.id, column.field.name()) else {
            return Ok(expressions::lit(initial(column)?));
        };
        let stored = self.stored(at);
        let (from, to) = (fields[at].data_type(), column.field.data_type());
        if from == to {
            return Ok(stored);
        }
        // The engine sees through its own casts when it looks at a file's statistics.
        if widens(from, to) {
            return Ok(Arc::new(CastExpr::new(stored, to.clone(), None)));
        }
        Ok(Arc::new(FileColumn {
            stored,
            column: Arc::clone(column),
            mapping: self.mapping.clone(),
        }))
    }
}

/// Refuses columns of types that cannot be read.
fn readable(part: &Column, column: &Column) -> Result<()> {
    if !is_readable(&part.stored) {
        return Err(Error::unsupported(format!(
            "the column {:?} holds values of the type {}, which Godwit cannot read from Parquet files",
            column.field.name(),
            part.stored
        ))
        .into());
    }
    part.children
        .iter()
        .try_for_each(|part| readable(part, column))
}

/// Whether a plain cast keeps every value and their order.
fn widens(from: &DataType, to: &DataType) -> bool {
    let integers = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
    ];
    let naturals = [
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
    ];
    let rises = |family: &[DataType; 4]| {
        let place = |of| family.iter().position(|known| known == of);
        matches!((place(from), place(to)), (Some(from), Some(to)) if from < to)
    };
    rises(&integers)
        || rises(&naturals)
        || matches!(
            (from, to),
            (DataType::Float32, DataType::Float64)
                | (DataType::Utf8, DataType::LargeUtf8)
                | (DataType::Binary, DataType::LargeBinary)
        )
}

/// A column of a file as the column of the table that it is.
#[derive(Debug)]
struct FileColumn {
    stored: Arc<dyn PhysicalExpr>,
    column: Arc<Column>,
    mapping: Mapping,
}

impl PartialEq for FileColumn {
    fn eq(&self, other: &Self) -> bool {
        self.stored.eq(&other.stored)
            && self.column.id == other.column.id
            && self.column.field == other.column.field
            && self.mapping == other.mapping
    }
}

impl Eq for FileColumn {}

impl Hash for FileColumn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.stored.hash(state);
        self.column.id.hash(state);
    }
}

impl fmt::Display for FileColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.stored, self.column.field.name())
    }
}

impl PhysicalExpr for FileColumn {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.column.field.data_type().clone())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(self.column.field.is_nullable())
    }

    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(Arc::clone(&self.column.field))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let stored = self.stored.evaluate(batch)?.into_array(batch.num_rows())?;
        let values = assemble(&stored, &self.mapping, &self.column)?;
        Ok(ColumnarValue::Array(values))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.stored]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self {
            stored: children.pop().unwrap_or_else(|| Arc::clone(&self.stored)),
            column: Arc::clone(&self.column),
            mapping: self.mapping.clone(),
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
