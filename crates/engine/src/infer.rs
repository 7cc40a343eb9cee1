//! Types of parameters, from where they stand in a plan.
//!
//! DataFusion infers a parameter's type from the other side of a comparison and little else. This pass closes the gaps:
//! LIMIT and OFFSET, CAST, arguments of functions, CASE, conditions, VALUES, UNION, nested arithmetic, and parameters
//! compared with parameters. What stays unknown is text, as in PostgreSQL, and bound values are cast.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Projection};

mod rules;
mod signature;

/// How many levels down the type that is asked of an expression is handed to the parameters in it.
const REACH: usize = 8;

/// Rounds over the plan, each of which may learn from what the one before did.
const ROUNDS: usize = 4;

/// What is known of the parameters of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Types {
    known: Vec<Option<DataType>>,
    /// The type that all parameters have in the plan that is looked at, for want of a better one.
    probe: Option<DataType>,
    changed: bool,
}

impl Types {
    /// Nothing is known of `count` parameters, which all have the type `probe` in the plan, or none.
    pub(crate) fn unknown(count: usize, probe: Option<DataType>) -> Self {
        Self {
            known: vec![None; count],
            probe,
            changed: false,
        }
    }

    /// The parameters as they are probed.
    pub(crate) fn probe_fields(&self) -> Vec<Option<FieldRef>> {
        let field = self
            .probe
            .as_ref()
            .map(|probe| Arc::new(Field::new("probe", probe.clone(), true)));
        vec![field; self.known.len()]
    }

    /// Learns from a plan, then from what DataFusion inferred itself.
    pub(crate) fn learn(&mut self, plan: &LogicalPlan) -> Result<()> {
        for _ in 0..ROUNDS {
            self.changed = false;
            plan.apply_with_subqueries(|node| {
                self.learn_from_node(node)?;
                Ok(TreeNodeRecursion::Continue)
            })?;
            if !self.changed {
                break;
            }
        }
        if self.probe.is_none() {
            plan.apply_with_subqueries(|node| {
                node.apply_expressions(|expr| expr.apply(|expr| self.adopt(expr)))
            })?;
        }
        Ok(())
    }

    /// The parameters as the client sees them: nullable, of plain types, unknown ones as what was probed or as text.
    pub(crate) fn schema(&self, names: &[String]) -> SchemaRef {
        let fields = names.iter().enumerate().map(|(at, name)| {
            let known = self.known.get(at).cloned().flatten();
            Field::new(
                name,
                known
                    .or_else(|| self.probe.clone())
                    .unwrap_or(DataType::Utf8),
                true,
            )
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn learn_from_node(&mut self, node: &LogicalPlan) -> Result<()> {
        let schema = merge_schema(&node.inputs());
        match node {
            LogicalPlan::Filter(filter) => self.expect(&filter.predicate, &DataType::Boolean),
            LogicalPlan::Join(join) => {
                for (left, right) in &join.on {
                    self.same_type(&[left, right], &schema);
                }
                if let Some(filter) = &join.filter {
                    self.expect(filter, &DataType::Boolean);
                }
            }
            LogicalPlan::Limit(limit) => {
                for bound in [&limit.skip, &limit.fetch].into_iter().flatten() {
                    self.expect(bound, &DataType::Int64);
                }
            }
            LogicalPlan::Values(values) => {
                let columns = values.values.first().map_or(0, Vec::len);
                for column in 0..columns {
                    let cells: Vec<_> = values
                        .values
                        .iter()
                        .filter_map(|row| row.get(column))
                        .collect();
                    self.same_type(&cells, &schema);
                }
            }
            LogicalPlan::Union(union) => self.learn_from_branches(&union.inputs),
            _ => {}
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                self.learn_from_expr(expr, &schema);
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(())
    }

    /// A column of one branch of a UNION tells the type of the same column of the others.
    fn learn_from_branches(&mut self, branches: &[Arc<LogicalPlan>]) {
        let width = branches
            .first()
            .map_or(0, |branch| branch.schema().fields().len());
        for column in 0..width {
            let known = branches
                .iter()
                .filter_map(|branch| branch.schema().fields().get(column))
                .map(|field| field.data_type())
                .find(|data_type| **data_type != DataType::Null)
                .cloned();
            let Some(known) = known else { continue };
            for branch in branches {
                if let LogicalPlan::Projection(Projection { expr, .. }) = branch.as_ref()
                    && let Some(expr) = expr.get(column)
                {
                    self.expect(expr, &known);
                }
            }
        }
    }

    /// The first known type among expressions that have to agree holds for all of them.
    fn same_type(&mut self, exprs: &[&Expr], schema: &DFSchema) {
        if !exprs.iter().any(|expr| wants_a_type(expr, REACH)) {
            return;
        }
        if let Some(known) = exprs.iter().find_map(|expr| self.type_of(expr, schema)) {
            exprs.iter().for_each(|expr| self.expect(expr, &known));
        }
    }

    /// The type of an expression, unless it hangs on a parameter of unknown type.
    fn type_of(&self, expr: &Expr, schema: &DFSchema) -> Option<DataType> {
        match expr {
            Expr::Placeholder(placeholder) => self.known.get(position(&placeholder.id)?)?.clone(),
            Expr::Alias(alias) => self.type_of(&alias.expr, schema),
            _ if self.hangs_on_unknown(expr) => None,
            _ => expr
                .get_type(schema)
                .ok()
                .filter(|data_type| *data_type != DataType::Null),
        }
    }

    fn hangs_on_unknown(&self, expr: &Expr) -> bool {
        let is_unknown = |expr: &Expr| {
            Ok(
                matches!(expr, Expr::Placeholder(placeholder) if placeholder.field.is_none() || self.probe.is_some()),
            )
        };
        // A cast has its own type whatever is in it.
        !matches!(expr, Expr::Cast(_) | Expr::TryCast(_)) && expr.exists(is_unknown).unwrap_or(true)
    }

    /// Notes the type that the context of an expression asks of it, down to the parameters that decide it.
    fn expect(&mut self, expr: &Expr, wanted: &DataType) {
        self.expect_within(expr, wanted, REACH);
    }

    fn expect_within(&mut self, expr: &Expr, wanted: &DataType, reach: usize) {
        let Some(below) = reach.checked_sub(1) else {
            return;
        };
        match expr {
            Expr::Placeholder(placeholder) => self.note(&placeholder.id, wanted),
            Expr::Alias(alias) => self.expect_within(&alias.expr, wanted, below),
            Expr::Negative(inner) => self.expect_within(inner, wanted, below),
            Expr::BinaryExpr(binary)
                if binary.op.is_numerical_operators() && wanted.is_numeric() =>
            {
                self.expect_within(&binary.left, wanted, below);
                self.expect_within(&binary.right, wanted, below);
            }
            Expr::Case(case) => {
                case.when_then_expr
                    .iter()
                    .for_each(|(_, then)| self.expect_within(then, wanted, below));
                case.else_expr
                    .iter()
                    .for_each(|otherwise| self.expect_within(otherwise, wanted, below));
            }
            _ => {}
        }
    }

    fn note(&mut self, id: &str, wanted: &DataType) {
        if let Some(slot) = position(id).and_then(|at| self.known.get_mut(at))
            && slot.is_none()
            && *wanted != DataType::Null
        {
            *slot = Some(plain(wanted));
            self.changed = true;
        }
    }

    /// Takes over what DataFusion found.
    fn adopt(&mut self, expr: &Expr) -> Result<TreeNodeRecursion> {
        if let Expr::Placeholder(placeholder) = expr
            && let Some(field) = &placeholder.field
        {
            self.note(&placeholder.id, field.data_type());
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

/// Whether there is a parameter that [`Types::expect`] would reach.
fn wants_a_type(expr: &Expr, reach: usize) -> bool {
    let wants = |expr: &Expr| reach > 0 && wants_a_type(expr, reach - 1);
    match expr {
        Expr::Placeholder(_) => true,
        Expr::Alias(alias) => wants(&alias.expr),
        Expr::Negative(inner) => wants(inner),
        Expr::BinaryExpr(binary) => {
            binary.op.is_numerical_operators() && (wants(&binary.left) || wants(&binary.right))
        }
        Expr::Case(case) => {
            case.when_then_expr.iter().any(|(_, then)| wants(then))
                || case.else_expr.iter().any(|otherwise| wants(otherwise))
        }
        _ => false,
    }
}

/// `$3` is at 2.
fn position(id: &str) -> Option<usize> {
    id.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

/// The type that a client is asked for: views, dictionaries and other encodings of values are an engine's own affair.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::ListView(item)
        | DataType::LargeList(item)
        | DataType::LargeListView(item)
        | DataType::List(item) => {
            let item = item.as_ref().clone();
            let data_type = plain(item.data_type());
            DataType::List(Arc::new(item.with_data_type(data_type)))
        }
        other => other.clone(),
    }
}
