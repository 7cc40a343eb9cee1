//! Queries within a piece of syntax.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Query, Visit, Visitor};

/// Whether there is a query within.
pub(crate) fn has_query(node: &impl Visit) -> bool {
    node.visit(&mut Queries).is_break()
}

struct Queries;

impl Visitor for Queries {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}
