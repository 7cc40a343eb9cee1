//! Row policies and column masks.

use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, SelectItem, SetExpr, Statement, TableFactor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use godwit_auth::Change;
use godwit_auth::access::{Access, Grantee, Mask, ObjectKey, Policy, Record, RecordKey};
use godwit_catalog::CATALOG;

use super::grantees::grantee;
use super::objects::{Kind, Object};
use super::{Asking, Decide};
use crate::check::{Rule, RuleKind, folded, has_query};
use crate::deep::with_deep_stack;
use crate::names::nearest_hint;
use crate::parse::Parsed;
use crate::{Error, Result};

impl Asking<'_> {
    pub(super) async fn create_rule(&self, rule: &Rule) -> Result<Decide> {
        let object = self.object(&rule.table).await?;
        self.need_table(rule.kind, &object)?;
        let column = rule.column.as_ref().map(folded);
        if let Some(column) = &column {
            self.column(&object, column).await?;
        }
        let using = self.checked(&object, rule, column.as_deref()).await?;
        let (kind, name, to) = (rule.kind, rule.name.clone(), rule.to.clone());
        let (table, shown) = (object.relation.key.clone(), object.shown());
        Ok(Box::new(move |access| {
            let to = grantee(access, &to)?;
            if exists(access, kind, &table, &name) {
                return Err(Error::AlreadyExists {
                    message: format!("{} '{name}' on {shown} exists already", kind.name()),
                });
            }
            if let Some(other) = same_mask(access, &table, column.as_deref(), &to) {
                return Err(Error::AlreadyExists {
                    message: format!(
                        "mask '{other}' hides that column of {shown} from the same ones already"
                    ),
                });
            }
            let (name, table, using) = (name.clone(), table.clone(), using.clone());
            let record = match column.clone() {
                None => Record::Policy(Policy {
                    name,
                    table,
                    to,
                    using,
                }),
                Some(column) => Record::Mask(Mask {
                    name,
                    table,
                    column,
                    to,
                    using,
                }),
            };
            Ok(vec![Change::Put(record)])
        }))
    }

    pub(super) async fn drop_rule(
        &self,
        kind: RuleKind,
        name: &str,
        table: &ObjectName,
        if_exists: bool,
    ) -> Result<Decide> {
        let object = self.object_or_unmounted(table).await?;
        self.need_table(kind, &object)?;
        let (name, table, shown) = (name.to_owned(), object.relation.key.clone(), object.shown());
        Ok(Box::new(move |access| {
            if exists(access, kind, &table, &name) {
                return Ok(vec![Change::Remove(match kind {
                    RuleKind::Policy => RecordKey::policy(&table, &name),
                    RuleKind::Mask => RecordKey::mask(&table, &name),
                })]);
            }
            if if_exists {
                return Ok(Vec::new());
            }
            let names = rule_names(access, kind, &table);
            let hint = nearest_hint(&name, names.iter().copied());
            Err(Error::not_found(format!(
                "{} '{name}' on {shown} does not exist{hint}",
                kind.name()
            )))
        }))
    }

    /// # Errors
    /// For what is no table whose rules the caller may change.
    fn need_table(&self, kind: RuleKind, object: &Object) -> Result<()> {
        if !self.authority.owns_relation(&object.relation) {
            return Err(self.denied(&format!(
                "make or drop a {} on {}: only its owner and members of the role 'admin' may",
                kind.name(),
                object.shown()
            )));
        }
        if object.kind == Kind::View {
            return Err(Error::unsupported(format!(
                "a {} on a view: put it on the tables that {} reads, where nothing goes round it",
                kind.name(),
                object.shown()
            )));
        }
        Ok(())
    }

    /// The text of an expression that is planned, over the rows of a table, to what it has to be.
    async fn checked(&self, object: &Object, rule: &Rule, column: Option<&str>) -> Result<String> {
        let refused = |why: &str| {
            Err(Error::invalid(format!(
                "the expression of {} '{}' {why}",
                rule.kind.name(),
                rule.name
            )))
        };
        if has_query(&rule.using) {
            return refused("holds a query; it may use the columns of its own table only");
        }
        let using = with_deep_stack(|| rule.using.to_string());
        let table = [CATALOG, &object.schema, &object.name];
        let table = table.map(|part| Ident::with_quote('"', part));
        let tree = select(&rule.using, ObjectName::from(table.to_vec()))?;
        let parsed = Parsed {
            sql: using.as_str().into(),
            tree,
            parameters: Vec::new(),
        };
        let planner = &self.inner.planner;
        let plan = planner.plan(&self.state, &self.seen, parsed, None).await?;
        if !plan.parameters.fields().is_empty() {
            return refused("holds a parameter");
        }
        if let Some(why) = with_deep_stack(|| unfit(&plan.logical)) {
            return refused(why);
        }
        let found = plan.schema.field(0).data_type();
        match column {
            None if matches!(found, DataType::Boolean | DataType::Null) => {}
            None => {
                return refused(&format!("is of type {found}; a condition is true or false"));
            }
            Some(column) => {
                let wanted = self.type_of(object, column).await?;
                if *found != wanted && !can_cast_types(found, &wanted) {
                    return refused(&format!(
                        "is of type {found}, which does not become {wanted}, the type of column '{column}'"
                    ));
                }
            }
        }
        same_again(&using, &rule.using, self.inner.planner.limits.recursion())?;
        Ok(using)
    }

    async fn type_of(&self, object: &Object, column: &str) -> Result<DataType> {
        let schema = self.arrow(object).await?;
        let field = schema.field_with_name(column);
        let field = field.map_err(|error| Error::from_arrow(&error, "access"))?;
        Ok(field.data_type().clone())
    }

    async fn arrow(&self, object: &Object) -> Result<SchemaRef> {
        match self.lake().table(&object.schema, &object.name) {
            Some(table) => Ok(Arc::clone(&table.arrow)),
            None => self.schema_of(object).await,
        }
    }
}

fn exists(access: &Access, kind: RuleKind, table: &ObjectKey, name: &str) -> bool {
    rule_names(access, kind, table).contains(&name)
}

/// The name of a mask of the same column for the same ones: only one of them could hide it.
fn same_mask<'a>(
    access: &'a Access,
    table: &ObjectKey,
    column: Option<&str>,
    to: &Grantee,
) -> Option<&'a str> {
    let column = column?;
    let mut masks = access.masks_of(table);
    let same = masks.find(|mask| mask.column == column && mask.to == *to)?;
    Some(&same.name)
}

fn rule_names<'a>(access: &'a Access, kind: RuleKind, table: &ObjectKey) -> Vec<&'a str> {
    match kind {
        RuleKind::Policy => {
            let policies = access.policies_of(table);
            policies.map(|policy| policy.name.as_str()).collect()
        }
        RuleKind::Mask => access.masks_of(table).map(|m| m.name.as_str()).collect(),
    }
}

/// Why a plan is no projection of one expression over single rows.
fn unfit(plan: &LogicalPlan) -> Option<&'static str> {
    let LogicalPlan::Projection(projection) = plan else {
        return Some("looks at more than one row at a time");
    };
    let mut input = projection.input.as_ref();
    while let LogicalPlan::SubqueryAlias(alias) = input {
        input = &alias.input;
    }
    if !matches!(input, LogicalPlan::TableScan(_)) {
        return Some("looks at more than one row at a time");
    }
    match projection.expr.as_slice() {
        [expr] if expr.is_volatile() => Some("gives another value each time"),
        [expr] if expr.exists(|e| Ok(is_windowed(e))).unwrap_or(true) => {
            Some("looks at more than one row at a time")
        }
        [_] => None,
        _ => Some("is more than one expression"),
    }
}

fn is_windowed(expr: &datafusion::logical_expr::Expr) -> bool {
    use datafusion::logical_expr::Expr as E;
    matches!(
        expr,
        E::WindowFunction(_) | E::AggregateFunction(_) | E::Unnest(_) | E::Placeholder(_)
    )
}

/// `SELECT expression FROM table`.
fn select(using: &Expr, table: ObjectName) -> Result<Tree> {
    let statements = Parser::parse_sql(&GenericDialect {}, "SELECT 1 FROM t");
    let mut statements = statements.map_err(|error| Error::from_parser(&error))?;
    let mut statement = statements
        .pop()
        .ok_or_else(|| Error::internal("access", "SELECT 1 FROM t is no statement"))?;
    if let Statement::Query(query) = &mut statement
        && let SetExpr::Select(select) = query.body.as_mut()
    {
        select.projection = vec![SelectItem::UnnamedExpr(using.clone())];
        if let Some(from) = select.from.first_mut()
            && let TableFactor::Table { name, .. } = &mut from.relation
        {
            *name = table;
        }
    }
    Ok(Tree::Statement(Box::new(statement)))
}

/// The text is kept, and is to mean later what it means now.
fn same_again(text: &str, meant: &Expr, recursion: usize) -> Result<()> {
    let again = with_deep_stack(|| {
        let parser = Parser::new(&GenericDialect {}).with_recursion_limit(recursion);
        parser.try_with_sql(text)?.parse_expr()
    });
    match again {
        Ok(again) if again.to_string() == meant.to_string() => Ok(()),
        _ => Err(Error::unsupported(format!(
            "the expression {text} cannot be kept as it is; write it in another way"
        ))),
    }
}
