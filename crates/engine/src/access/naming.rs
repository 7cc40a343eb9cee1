//! Which policies, masks and grants name a column. Under another name, or of another type, it would not be what they
//! mean.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, visit_expressions};
use godwit_auth::access::{Authority, Grantee, Relation, Scope};

use super::policies::expression;
use crate::check::folded;
use crate::deep::with_deep_stack;
use crate::{Error, Result};

/// A column that is about to be dropped, or to be another.
pub(crate) struct Named<'a> {
    /// The table that it is a column of.
    pub(crate) of: &'a Relation,
    /// As messages call the table: `main.people`.
    pub(crate) label: &'a str,
    pub(crate) column: &'a str,
}

impl Named<'_> {
    /// Whether no policy and no mask names the column.
    ///
    /// # Errors
    /// [`Error::InvalidInput`], which names the first that does to who may drop it.
    pub(crate) fn by_no_rule(&self, caller: &Authority) -> Result<()> {
        let access = caller.access();
        for mask in access.masks_of(&self.of.key) {
            if mask.column == self.column || self.is_in(&mask.using, caller)? {
                return Err(self.held(caller, "MASK", &mask.name));
            }
        }
        for policy in access.policies_of(&self.of.key) {
            if self.is_in(&policy.using, caller)? {
                return Err(self.held(caller, "POLICY", &policy.name));
            }
        }
        Ok(())
    }

    /// Whether nothing was granted on the column for itself.
    ///
    /// # Errors
    /// [`Error::InvalidInput`], as [`Self::by_no_rule`].
    pub(crate) fn by_no_grant(&self, caller: &Authority) -> Result<()> {
        let (label, column) = (self.label, self.column);
        for grant in caller
            .access()
            .grants_on(&Scope::Relation(self.of.key.clone()))
        {
            let named = grant.privileges.iter().find(|(_, columns)| {
                let mut columns = columns.iter().flatten();
                columns.any(|granted| granted == column)
            });
            let Some((privilege, _)) = named else {
                continue;
            };
            let (Grantee::Role(to) | Grantee::User(to)) = &grant.grantee;
            return Err(self.refused(
                caller,
                &format!("{privilege} of it was granted to '{to}'"),
                &format!("REVOKE {privilege} ({column}) ON {label} FROM {to}"),
            ));
        }
        Ok(())
    }

    fn is_in(&self, using: &str, caller: &Authority) -> Result<bool> {
        let expr = expression(using, caller, self.label)?;
        let is_column = |expr: &Expr| match expr {
            Expr::Identifier(name) => folded(name) == self.column,
            // Whichever part is the column: the others are the table, or fields of it.
            Expr::CompoundIdentifier(parts) => parts.iter().any(|p| folded(p) == self.column),
            _ => false,
        };
        Ok(with_deep_stack(|| {
            let found = visit_expressions(&expr, |expr| match is_column(expr) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            });
            drop(expr);
            found.is_break()
        }))
    }

    fn held(&self, caller: &Authority, kind: &str, name: &str) -> Error {
        self.refused(
            caller,
            &format!("{} '{name}' names it", kind.to_lowercase()),
            &format!("DROP {kind} {name} ON {}", self.label),
        )
    }

    /// What others see and may do is told to who may change it.
    fn refused(&self, caller: &Authority, why: &str, first: &str) -> Error {
        let (column, label) = (self.column, self.label);
        if !caller.owns_relation(self.of) {
            return Error::invalid(format!(
                "column '{column}' of table '{label}' stays as it is: grants, policies or masks name it, which its owner may \
                 drop"
            ));
        }
        Error::invalid(format!(
            "column '{column}' of table '{label}' stays as it is, for {why}; {first} first, and make it again for what the \
             table has then"
        ))
    }
}
