//! `CALL`: what looks after the lake.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    ObjectName, Value,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::{Error, Result};

/// A call, as written.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for a statement and soon taken apart"
)]
pub(crate) enum Call {
    /// `compact`: of one table, or of all.
    Compact { table: Option<ObjectName> },
    /// `flush`: rows that are kept in the catalog go to files.
    Flush { table: Option<ObjectName> },
    /// `expire_snapshots`
    Expire {
        older_than: Option<Expr>,
        versions: Option<Expr>,
        /// How many of the newest stay.
        keep: Option<Expr>,
    },
    /// `clean_up`
    CleanUp,
    /// `restore`: of one table, or of all.
    Restore {
        table: Option<ObjectName>,
        version: Expr,
    },
}

/// What can be called, for messages.
const KNOWN: &str = "compact(['table']), flush(['table']), expire_snapshots(older_than => '7 days'), expire_snapshots(versions => [3, 4]), \
                     expire_snapshots(keep => 100), clean_up(), restore('table', version) and restore(ALL, version)";

/// Takes a call apart.
///
/// # Errors
/// [`Error::NotFound`] when there is no such procedure, [`Error::InvalidInput`] when its arguments are others.
pub(crate) fn call_of(function: &Function) -> Result<Call> {
    let Function {
        name,
        uses_odbc_syntax: _,
        parameters,
        args,
        filter,
        null_treatment,
        over,
        within_group,
    } = function;
    let is_plain = matches!(parameters, FunctionArguments::None)
        && filter.is_none()
        && null_treatment.is_none()
        && over.is_none()
        && within_group.is_empty();
    if !is_plain {
        return Err(Error::unsupported("CALL takes a name and its arguments"));
    }
    let called = name.to_string().to_lowercase();
    let mut args = Arguments::new(args)?;
    let call = match called.as_str() {
        "compact" => Call::Compact {
            table: args.next("table").map(table_of).transpose()?,
        },
        "flush" => Call::Flush {
            table: args.next("table").map(table_of).transpose()?,
        },
        "expire_snapshots" => Call::Expire {
            older_than: args.next("older_than").cloned(),
            versions: args.next("versions").cloned(),
            keep: args.next("keep").cloned(),
        },
        "clean_up" => Call::CleanUp,
        "restore" => {
            let of = args.next("table");
            let table = match of {
                Some(Expr::Identifier(all)) if all.value == "all" => None,
                Some(table) => Some(table_of(table)?),
                None => return Err(usage()),
            };
            let version = args.next("version").cloned().ok_or_else(usage)?;
            Call::Restore { table, version }
        }
        _ => {
            return Err(Error::not_found(format!(
                "procedure '{name}' does not exist; there are {KNOWN}"
            )));
        }
    };
    if args.is_empty() {
        return Ok(call);
    }
    Err(usage())
}

fn usage() -> Error {
    Error::invalid(format!("CALL with other arguments than it takes: {KNOWN}"))
}

/// Arguments by place and by name.
struct Arguments<'a> {
    placed: std::collections::VecDeque<&'a Expr>,
    named: Vec<(String, &'a Expr)>,
}

impl<'a> Arguments<'a> {
    fn new(args: &'a FunctionArguments) -> Result<Self> {
        let mut arguments = Self {
            placed: Default::default(),
            named: Vec::new(),
        };
        let list = match args {
            FunctionArguments::None => return Ok(arguments),
            FunctionArguments::List(FunctionArgumentList {
                duplicate_treatment: None,
                args,
                clauses,
            }) if clauses.is_empty() => args,
            FunctionArguments::List(_) | FunctionArguments::Subquery(_) => return Err(usage()),
        };
        for arg in list {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value))
                    if arguments.named.is_empty() =>
                {
                    arguments.placed.push_back(value);
                }
                FunctionArg::Named {
                    name,
                    arg: FunctionArgExpr::Expr(value),
                    operator: _,
                } => arguments.named.push((name.value.to_lowercase(), value)),
                _ => return Err(usage()),
            }
        }
        Ok(arguments)
    }

    /// The argument of that name, or the next one by its place.
    fn next(&mut self, name: &str) -> Option<&'a Expr> {
        if let Some(first) = self.placed.pop_front() {
            return Some(first);
        }
        let at = self.named.iter().position(|(named, _)| named == name)?;
        Some(self.named.swap_remove(at).1)
    }

    fn is_empty(&self) -> bool {
        self.placed.is_empty() && self.named.is_empty()
    }
}

/// `'table'` or `'schema.table'`.
fn table_of(expr: &Expr) -> Result<ObjectName> {
    let Expr::Value(value) = expr else {
        return Err(usage());
    };
    let Value::SingleQuotedString(text) = &value.value else {
        return Err(usage());
    };
    table_named(text)
}

/// The name that a text spells.
///
/// # Errors
/// [`Error::InvalidInput`] when it spells none.
pub(crate) fn table_named(text: &str) -> Result<ObjectName> {
    let no_name = || {
        Error::invalid(format!(
            "'{text}' is no table name; write table or schema.table"
        ))
    };
    let mut parser = Parser::new(&GenericDialect {})
        .try_with_sql(text)
        .map_err(|_| no_name())?;
    let name = parser.parse_object_name(false).map_err(|_| no_name())?;
    let at_end = parser.peek_token().token == datafusion::sql::sqlparser::tokenizer::Token::EOF;
    if at_end { Ok(name) } else { Err(no_name()) }
}
