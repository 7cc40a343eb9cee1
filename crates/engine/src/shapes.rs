//! What becomes of the columns of a query in the wire profile `compact`.
//!
//! The schema of a result is told before it runs, and again when the same statement is prepared or asked for its schema. So
//! the shapes are no guess at rows that nobody has seen yet, but facts of the plan (`origin`: what is constant, and which
//! column of a table a column comes from) and of the first rows of those tables on the statement's snapshot (`sample`), which
//! are read once for each plan, in one partition. The same text on the same snapshot has the same shapes; whether the rows
//! keep to them only decides how small they get.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::{LogicalPlan, TableScan};
use godwit_auth::Permit;
use godwit_protocol::{Shape, Shapes, StatementId};

use crate::deep::with_deep_stack;
use crate::engine::check_owner;
use crate::plan::Plan;
use crate::session::Session;
use crate::statement::Body;
use crate::vectors::Column;
use crate::{Engine, Result, Statement};

mod origin;
mod sample;

use origin::{Origin, origin};
use sample::sample;

/// A result with fewer rows gains nothing, and so does a column of a table with fewer.
const FEWEST_ROWS: usize = 64;

/// Of so many rows of a table one value may be distinct for a column to be sent as a dictionary.
const ROWS_A_VALUE: usize = 10;

/// Bytes of the key of a dictionary on the wire.
const KEY_BYTES: u64 = 2;

impl Engine {
    /// The shapes of a query's columns; plain ones for an effect. Reads the first rows of its tables, the first time that
    /// its plan is asked for.
    ///
    /// # Errors
    /// [`crate::Error::DeadlineExceeded`] when that takes longer than a statement may; [`crate::Error::Denied`] when the
    /// statement is another user's.
    pub async fn shapes(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        statement: &Statement,
    ) -> Result<Shapes> {
        self.admit(session, permit)?;
        check_owner(statement, permit)?;
        self.shapes_of(statement.body()).await
    }

    /// The same of a prepared statement, with values for its parameters or without.
    ///
    /// # Errors
    /// As [`Self::shapes`] and [`Self::prepared`].
    pub async fn prepared_shapes(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<Shapes> {
        let session = self.admit(session, permit)?;
        let entry = session.statements().get(id)?;
        self.shapes_of(&entry.body).await
    }

    async fn shapes_of(&self, body: &Body) -> Result<Shapes> {
        let Body::Query(plan) = body else {
            return Ok(Shapes::default());
        };
        if let Some(known) = plan.shapes.get() {
            return Ok(known.clone());
        }
        let (timeout, plan) = (plan.state.timeout(), Arc::clone(plan));
        let look = async move {
            let shapes = plan.shapes.get_or_init(|| shapes(&plan)).await;
            Ok(shapes.clone())
        };
        self.inner.runtime.run("shapes", timeout, look).await
    }
}

async fn shapes(plan: &Plan) -> Shapes {
    let is_small = plan.rows.is_some_and(|rows| rows < FEWEST_ROWS as u64);
    // What a client uploads can be read once.
    if is_small || plan.reads_input() {
        return Shapes::default();
    }
    let fields = plan.schema.fields();
    let origins = with_deep_stack(|| origins(&plan.logical, fields));
    let mut samples = BTreeMap::new();
    for (address, (scan, columns)) in wanted(plan, &origins) {
        let sampled = sample(plan.state.session(), scan, &columns).await;
        match sampled {
            Ok(sampled) => drop(samples.insert(address, sampled)),
            // Whoever runs the query is told.
            Err(error) => {
                tracing::debug!(table = %scan.table_name, %error, "a table has no first rows")
            }
        }
    }
    let shapes = fields.iter().zip(&origins).map(|(field, origin)| {
        let sampled = |scan: &TableScan, column: &usize| samples.get(&address(scan))?.get(column);
        match origin {
            Origin::Unknown => Shape::Plain,
            Origin::Constant => Shape::Runs,
            Origin::Few => dictionary_if(width(field).is_none_or(|width| width > KEY_BYTES)),
            Origin::Column(scan, column) => {
                sampled(scan, column).map_or(Shape::Plain, |column| shape(field, column))
            }
        }
    });
    shapes.collect()
}

/// Where the columns come from; unknown where the type of one has no other shape.
fn origins<'a>(plan: &'a LogicalPlan, fields: &[Arc<Field>]) -> Vec<Origin<'a>> {
    let fields = fields.iter().enumerate();
    let origins = fields.map(|(at, field)| {
        let shapeless = match field.data_type() {
            DataType::Null | DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _) => true,
            other => other.is_nested(),
        };
        if shapeless {
            Origin::Unknown
        } else {
            origin(plan, at)
        }
    });
    origins.collect()
}

/// The columns of tables whose first rows are to be looked at.
fn wanted<'a>(plan: &Plan, origins: &[Origin<'a>]) -> BTreeMap<usize, (&'a TableScan, Vec<usize>)> {
    let mut wanted = BTreeMap::new();
    for origin in origins {
        let Origin::Column(scan, column) = origin else {
            continue;
        };
        if !plan.resolved.has_first_rows(&scan.source) {
            continue;
        }
        let (_, columns) = wanted
            .entry(address(scan))
            .or_insert_with(|| (*scan, Vec::new()));
        if !columns.contains(column) {
            columns.push(*column);
        }
    }
    wanted
}

fn address(scan: &TableScan) -> usize {
    Arc::as_ptr(&scan.source).cast::<()>().addr()
}

fn shape(field: &Field, sampled: &Column) -> Shape {
    if sampled.rows < FEWEST_ROWS {
        return Shape::Plain;
    }
    if sampled.runs == 1 {
        return Shape::Runs;
    }
    let rows = sampled.rows as u64;
    // An expression of the column may have another width than the column.
    let (flat, values) = match width(field) {
        Some(width) => (width * rows, width * sampled.distinct as u64),
        None => (sampled.flat, sampled.values),
    };
    let dictionary = values + KEY_BYTES * rows;
    let few = sampled.distinct * ROWS_A_VALUE < sampled.rows;
    dictionary_if(few && dictionary <= flat / 4 * 3)
}

fn dictionary_if(worth: bool) -> Shape {
    if worth {
        Shape::Dictionary
    } else {
        Shape::Plain
    }
}

/// Bytes of each value, where they are the same for all.
fn width(field: &Field) -> Option<u64> {
    match field.data_type() {
        DataType::Boolean => Some(0),
        other => other.primitive_width().map(|width| width as u64),
    }
}
