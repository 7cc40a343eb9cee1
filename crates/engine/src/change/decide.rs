//! One choice a row: what is done with it, and the values that it gets by that.

use std::sync::Arc;

use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, lit};

use super::shape::checked;
use super::target::Changed;

/// What is done with a row, as the plan of a [`super::Kind::Merge`] says it.
pub(crate) const INSERT: i32 = 1;
pub(crate) const UPDATE: i32 = 2;
pub(crate) const DELETE: i32 = 3;

/// The column in which the number of the choice is until the values are known.
const CHOICE: &str = "__choice";

/// Something that may be done with a row.
pub(super) struct Choice {
    /// Whether it is.
    pub(super) when: Expr,
    pub(super) does: Does,
}

/// What is done.
pub(super) enum Does {
    /// Values for all columns of the table.
    Insert(Vec<Expr>),
    /// Columns of the table and their new values.
    Update(Vec<(usize, Expr)>),
    Delete,
}

/// The rows of a join with the changed table that something is done with: action, number and id of the row, and all
/// columns of the table, with the old values where the row is deleted. Of the choices that hold the first counts.
pub(super) fn decide(
    join: LogicalPlan,
    changed: &Changed,
    choices: Vec<Choice>,
) -> Result<LogicalPlan> {
    let all = join
        .schema()
        .iter()
        .map(|field| Expr::Column(Column::from(field)));
    let mut all: Vec<_> = all.collect();
    let (whens, does): (Vec<_>, Vec<_>) = choices
        .into_iter()
        .map(|choice| (choice.when, choice.does))
        .unzip();
    let chosen = whens.into_iter().zip(1i32..);
    let chosen = chosen.map(|(when, number)| (Box::new(when), Box::new(lit(number))));
    let choice = Case::new(None, chosen.collect(), Some(Box::new(lit(0i32))));
    all.push(Expr::Case(choice).alias(CHOICE));
    let chosen = LogicalPlan::Projection(Projection::try_new(all, Arc::new(join))?);
    let is_chosen = choice_column().not_eq(lit(0i32));
    let chosen = LogicalPlan::Filter(Filter::try_new(is_chosen, Arc::new(chosen))?);
    let values = values(&chosen, changed, &does)?;
    Projection::try_new(values, Arc::new(chosen)).map(LogicalPlan::Projection)
}

fn values(chosen: &LogicalPlan, changed: &Changed, does: &[Does]) -> Result<Vec<Expr>> {
    let of_table = |name: &str| Expr::Column(Column::new(Some(changed.qualifier()), name));
    let numbered = || does.iter().zip(1i32..);
    let actions = numbered().map(|(does, number)| {
        let action = match does {
            Does::Insert(_) => INSERT,
            Does::Update(_) => UPDATE,
            Does::Delete => DELETE,
        };
        (number, lit(action))
    });
    let row_id = if changed.target.is_durable() {
        of_table(&changed.row_id)
    } else {
        Expr::Literal(ScalarValue::Int64(None), None)
    };
    let mut values = vec![
        by_choice(actions.collect(), lit(0i32)).alias(&changed.action),
        of_table(&changed.row).alias(&changed.row),
        row_id.alias(&changed.row_id),
    ];
    for (at, field) in changed.target.schema().fields().iter().enumerate() {
        let mut given = Vec::new();
        for (does, number) in numbered() {
            let value = match does {
                Does::Insert(values) => values.get(at),
                Does::Update(assigned) => assigned
                    .iter()
                    .find(|(column, _)| *column == at)
                    .map(|(_, value)| value),
                Does::Delete => None,
            };
            if let Some(value) = value {
                let value = checked(value.clone(), field.data_type(), chosen.schema())?;
                given.push((number, value));
            }
        }
        values.push(by_choice(given, of_table(field.name())).alias(field.name()));
    }
    Ok(values)
}

fn by_choice(given: Vec<(i32, Expr)>, otherwise: Expr) -> Expr {
    if given.is_empty() {
        return otherwise;
    }
    let given = given.into_iter();
    let given = given.map(|(number, value)| (Box::new(lit(number)), Box::new(value)));
    Expr::Case(Case::new(
        Some(Box::new(choice_column())),
        given.collect(),
        Some(Box::new(otherwise)),
    ))
}

fn choice_column() -> Expr {
    Expr::Column(Column::new_unqualified(CHOICE))
}
