//! What an expression says about the parameters right under it.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList, Like};
use datafusion::logical_expr::{Expr, Operator, Signature};

use super::{REACH, Types, signature, wants_a_type};

impl Types {
    pub(super) fn learn_from_expr(&mut self, expr: &Expr, schema: &DFSchema) {
        match expr {
            Expr::BinaryExpr(binary) => self.learn_from_binary(binary, schema),
            Expr::Between(Between {
                expr, low, high, ..
            }) => self.same_type(&[expr, low, high], schema),
            Expr::InList(InList { expr, list, .. }) => {
                let all: Vec<_> = std::iter::once(expr.as_ref()).chain(list).collect();
                self.same_type(&all, schema);
            }
            Expr::InSubquery(subquery) => {
                if let Some(field) = subquery.subquery.subquery.schema().fields().first() {
                    self.expect(&subquery.expr, field.data_type());
                }
            }
            Expr::Like(Like { expr, pattern, .. })
            | Expr::SimilarTo(Like { expr, pattern, .. }) => {
                self.same_type(&[expr, pattern], schema);
                self.expect(expr, &DataType::Utf8);
                self.expect(pattern, &DataType::Utf8);
            }
            Expr::Case(case) => self.learn_from_case(case, schema),
            Expr::Cast(cast) => self.expect(&cast.expr, cast.field.data_type()),
            Expr::TryCast(cast) => self.expect(&cast.expr, cast.field.data_type()),
            Expr::Not(inner)
            | Expr::IsTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsNotUnknown(inner) => self.expect(inner, &DataType::Boolean),
            Expr::Negative(inner) => self.expect(inner, &DataType::Float64),
            Expr::ScalarFunction(call) => {
                self.learn_from_call(call.func.signature(), &call.args, schema)
            }
            Expr::AggregateFunction(call) => {
                self.learn_from_call(call.func.signature(), &call.params.args, schema);
                call.params
                    .filter
                    .iter()
                    .for_each(|filter| self.expect(filter, &DataType::Boolean));
            }
            Expr::WindowFunction(call) => {
                self.learn_from_call(&call.fun.signature(), &call.params.args, schema);
            }
            _ => {}
        }
    }

    fn learn_from_binary(
        &mut self,
        BinaryExpr { left, op, right }: &BinaryExpr,
        schema: &DFSchema,
    ) {
        match op {
            Operator::And | Operator::Or => {
                self.expect(left, &DataType::Boolean);
                self.expect(right, &DataType::Boolean);
            }
            Operator::Plus | Operator::Minus => {
                for (known, other) in [(left, right), (right, left)] {
                    if wants_a_type(other, REACH)
                        && let Some(data_type) = self.type_of(known, schema)
                    {
                        self.expect(other, &counterpart(&data_type, *op));
                    }
                }
            }
            Operator::StringConcat => {
                self.same_type(&[left, right], schema);
                self.expect(left, &DataType::Utf8);
                self.expect(right, &DataType::Utf8);
            }
            _ => self.same_type(&[left, right], schema),
        }
    }

    fn learn_from_case(&mut self, case: &Case, schema: &DFSchema) {
        let conditions = case.when_then_expr.iter().map(|(when, _)| when.as_ref());
        match &case.expr {
            Some(operand) => {
                let all: Vec<_> = std::iter::once(operand.as_ref())
                    .chain(conditions)
                    .collect();
                self.same_type(&all, schema);
            }
            None => conditions.for_each(|when| self.expect(when, &DataType::Boolean)),
        }
        let results = case
            .when_then_expr
            .iter()
            .map(|(_, then)| then)
            .chain(&case.else_expr);
        let results: Vec<_> = results.map(AsRef::as_ref).collect();
        self.same_type(&results, schema);
    }

    fn learn_from_call(&mut self, signature: &Signature, args: &[Expr], schema: &DFSchema) {
        if !args.iter().any(|arg| matches!(arg, Expr::Placeholder(_))) {
            return;
        }
        let types: Vec<_> = args.iter().map(|arg| self.type_of(arg, schema)).collect();
        for (at, arg) in args.iter().enumerate() {
            if let Some(wanted) = signature::argument(signature, at, &types) {
                self.expect(arg, &wanted);
            }
        }
        if signature::arguments_agree(signature) {
            self.same_type(&args.iter().collect::<Vec<_>>(), schema);
        }
    }
}

/// What is added to or taken from a value of this type.
fn counterpart(data_type: &DataType, op: Operator) -> DataType {
    let is_point = matches!(
        data_type,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)
    );
    if is_point && op == Operator::Plus {
        DataType::Interval(IntervalUnit::MonthDayNano)
    } else {
        data_type.clone()
    }
}
