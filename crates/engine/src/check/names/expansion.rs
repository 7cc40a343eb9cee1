use std::collections::HashMap;
use std::ptr;

use datafusion::sql::sqlparser::ast::{ObjectName, ObjectNamePart, Query};

use crate::check::folded;

/// How many tables a statement mentions once its common table expressions are written out in the places that use them,
/// which is what planning them does: a chain of expressions that each use the one before twice doubles at every link.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    /// From the statement to the query that is being visited.
    open: Vec<Frame>,
}

/// A query that is being visited.
#[derive(Debug, Default)]
struct Frame {
    /// Tables in it so far.
    tables: usize,
    /// What its `WITH` defines: the expression's query by its address, and its tables once it was visited.
    defines: Vec<(*const Query, String)>,
    known: HashMap<String, usize>,
}

impl Expansion {
    /// Tables of the query that is being visited, so far.
    pub(super) fn tables(&self) -> usize {
        self.open.last().map_or(0, |frame| frame.tables)
    }

    pub(super) fn enter(&mut self, query: &Query) {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        let defines = ctes.map(|cte| (ptr::from_ref(&*cte.query), folded(&cte.alias.name)));
        self.open.push(Frame {
            defines: defines.collect(),
            ..Frame::default()
        });
    }

    /// A query without any table counts as one.
    pub(super) fn leave(&mut self, query: &Query) {
        let Some(left) = self.open.pop() else {
            return;
        };
        let tables = left.tables.max(1);
        let Some(outer) = self.open.last_mut() else {
            return;
        };
        let address = ptr::from_ref(query);
        match outer.defines.iter().find(|(cte, _)| *cte == address) {
            Some((_, name)) => {
                outer.known.insert(name.clone(), tables);
            }
            None => outer.tables = outer.tables.saturating_add(tables),
        }
    }

    pub(super) fn mention(&mut self, name: &ObjectName) {
        let tables = match name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => self.expression(&folded(name)).unwrap_or(1),
            _ => 1,
        };
        if let Some(frame) = self.open.last_mut() {
            frame.tables = frame.tables.saturating_add(tables);
        }
    }

    /// The tables of the expression of that name that is in scope.
    fn expression(&self, name: &str) -> Option<usize> {
        let mut scopes = self.open.iter().rev();
        scopes.find_map(|frame| frame.known.get(name).copied())
    }
}
