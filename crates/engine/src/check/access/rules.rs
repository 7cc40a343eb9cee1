//! Row policies and column masks.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, ObjectNamePart, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::grants::grantee;
use super::{Access, Rule, RuleKind};
use crate::Result;
use crate::deep::with_deep_stack;

pub(super) fn create(cursor: &mut Cursor<'_>, kind: RuleKind) -> Result<Access> {
    cursor.expect(&["create"])?;
    if cursor.is_at(&["or"]) {
        return Err(cursor.unsupported("OR REPLACE (drop it, and create it again)"));
    }
    cursor.expect(&[kind.name()])?;
    let name = cursor.name("a name")?;
    cursor.expect(&["on"])?;
    let table = cursor.object_name("the name of a table")?;
    let mut column = None;
    match kind {
        RuleKind::Mask => {
            cursor.expect_token(&Token::LParen, "( and a column")?;
            column = Some(cursor.ident("the name of a column")?);
            cursor.expect_token(&Token::RParen, ")")?;
        }
        RuleKind::Policy if cursor.is_at(&["as"]) || cursor.is_at(&["for"]) => {
            return Err(cursor.unsupported(
                "CREATE POLICY with AS or FOR (policies are permissive, for reading and writing)",
            ));
        }
        RuleKind::Policy => {}
    }
    cursor.expect(&["to"])?;
    let to = grantee(cursor)?;
    if cursor.took_token(&Token::Comma) {
        return Err(cursor.unsupported(
            "a policy or a mask for several (create one for each, or for a role that they have)",
        ));
    }
    cursor.expect(&["using"])?;
    let using = plain(cursor.expression()?);
    if cursor.is_at(&["with"]) {
        return Err(cursor.unsupported("WITH CHECK (USING is checked for what is written too)"));
    }
    Ok(Access::CreateRule(Box::new(Rule {
        kind,
        name,
        table,
        column,
        to,
        using,
    })))
}

/// The expression with `current_user` as every parser takes it: `current_user()` is this server's.
fn plain(mut expr: Expr) -> Expr {
    with_deep_stack(|| {
        let _ = expr.visit(&mut Callers);
        expr
    })
}

struct Callers;

impl VisitorMut for Callers {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let FunctionArguments::List(list) = &function.args
            && list.args.is_empty()
            && let [ObjectNamePart::Identifier(name)] = function.name.0.as_mut_slice()
            && matches!(name.value.as_str(), "current_user" | "session_user")
        {
            name.quote_style = None;
            function.args = FunctionArguments::None;
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn remove(cursor: &mut Cursor<'_>, kind: RuleKind) -> Result<Access> {
    cursor.expect(&["drop", kind.name()])?;
    let if_exists = cursor.took(&["if", "exists"]);
    let name = cursor.name("a name")?;
    cursor.expect(&["on"])?;
    let table = cursor.object_name("the name of a table")?;
    Ok(Access::DropRule {
        kind,
        name,
        table,
        if_exists,
    })
}
