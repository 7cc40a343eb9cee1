use std::collections::BTreeSet;
use std::sync::Arc;

use super::{
    ADMIN, Access, Grant, Grantee, Mask, Policy, Privilege, READ_FILES, Relation, SchemaObject,
    Scope, WRITE_FILES,
};

/// What one caller may do, at one version of [`Access`]. Everything that was not granted is refused; the role `admin`
/// and the owner of a thing need no grants for it.
#[derive(Debug, Clone)]
pub struct Authority {
    user: Arc<str>,
    roles: BTreeSet<String>,
    access: Arc<Access>,
}

/// For which columns something is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// For none: it is not allowed.
    None,
    /// For these, by name.
    Only(BTreeSet<String>),
    /// For all, those too that come later.
    All,
}

/// What of a table's rows and values a caller does not see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restriction {
    /// When set, only rows for which at least one of these conditions is true; without any, none.
    pub policies: Option<Vec<Policy>>,
    /// At most one a column.
    pub masks: Vec<Mask>,
}

impl Authority {
    pub(super) fn new(user: &str, roles: BTreeSet<String>, access: Arc<Access>) -> Self {
        Self {
            user: user.into(),
            roles,
            access,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// All roles, inherited ones and `public` included, by name.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(String::as_str)
    }

    /// What it was decided by.
    #[must_use]
    pub fn access(&self) -> &Arc<Access> {
        &self.access
    }

    /// What the owner of a view may do, by the same version. Roles that a credential carries are known of the caller only.
    #[must_use]
    pub fn of_owner(&self, owner: &str) -> Self {
        if *owner == *self.user {
            return self.clone();
        }
        self.access.authority(owner, &[])
    }

    /// Whether the caller may do everything.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_member(ADMIN)
    }

    /// Whether the caller has a role.
    #[must_use]
    pub fn is_member(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// Whether SQL of the caller may read files of the server, within the allowed locations.
    #[must_use]
    pub fn reads_files(&self) -> bool {
        self.is_admin() || self.is_member(READ_FILES)
    }

    /// Whether SQL of the caller may write files of the server, within the allowed locations.
    #[must_use]
    pub fn writes_files(&self) -> bool {
        self.is_admin() || self.is_member(WRITE_FILES)
    }

    /// Whether the caller may make schemas.
    #[must_use]
    pub fn makes_schemas(&self) -> bool {
        self.is_admin() || self.granted(Privilege::Create, &Scope::Catalog)
    }

    /// Whether the caller may name what is in a schema.
    #[must_use]
    pub fn uses(&self, schema: &SchemaObject) -> bool {
        self.is_admin()
            || self.owns(schema.owner.as_deref())
            || self.granted(Privilege::Usage, &Scope::Catalog)
            || self.granted(Privilege::Usage, &Scope::Schema(schema.key.clone()))
    }

    /// Whether the caller may make tables and views in a schema.
    #[must_use]
    pub fn makes_in(&self, schema: &SchemaObject) -> bool {
        self.is_admin()
            || self.owns(schema.owner.as_deref())
            || self.granted(Privilege::Create, &Scope::Schema(schema.key.clone()))
    }

    /// Whether the caller may change the definition of a schema or remove it.
    #[must_use]
    pub fn drops_schema(&self, schema: &SchemaObject) -> bool {
        self.is_admin()
            || self.owns(schema.owner.as_deref())
            || self.granted(Privilege::Drop, &Scope::Schema(schema.key.clone()))
    }

    /// For which columns of a table or view the caller may do something. Without usage of its schema, for none.
    #[must_use]
    pub fn columns(&self, privilege: Privilege, of: &Relation) -> Columns {
        if !self.uses(&of.schema) {
            return Columns::None;
        }
        if self.is_exempt(of) {
            return Columns::All;
        }
        let mut only = BTreeSet::new();
        for grant in self.grants_on(of) {
            match grant.privileges.get(&privilege) {
                Some(None) => return Columns::All,
                Some(Some(columns)) => only.extend(columns.iter().cloned()),
                None => {}
            }
        }
        if only.is_empty() {
            Columns::None
        } else {
            Columns::Only(only)
        }
    }

    /// Whether the caller may do something with the whole of a table or view.
    #[must_use]
    pub fn may(&self, privilege: Privilege, of: &Relation) -> bool {
        self.columns(privilege, of) == Columns::All
    }

    /// Whether a table or view exists for the caller: something may be done with it.
    #[must_use]
    pub fn sees(&self, of: &Relation) -> bool {
        self.uses(&of.schema)
            && (self.is_exempt(of) || self.grants_on(of).any(|grant| !grant.privileges.is_empty()))
    }

    /// Which rows and values of a table the caller does not see. Nothing is hidden from its owner and from `admin`.
    #[must_use]
    pub fn restriction(&self, of: &Relation) -> Restriction {
        if self.is_exempt(of) {
            return Restriction::default();
        }
        let mut policies = self.access.policies_of(&of.key).peekable();
        let is_policed = policies.peek().is_some();
        let mine: Vec<_> = policies.filter(|p| self.is(&p.to)).cloned().collect();
        let mut masks: Vec<Mask> = Vec::new();
        for mask in self.access.masks_of(&of.key).filter(|m| self.is(&m.to)) {
            if !masks.iter().any(|known| known.column == mask.column) {
                masks.push(mask.clone());
            }
        }
        Restriction {
            policies: is_policed.then_some(mine),
            masks,
        }
    }

    /// Whether a grantee is the caller or one of the caller's roles.
    #[must_use]
    pub fn is(&self, grantee: &Grantee) -> bool {
        match grantee {
            Grantee::User(user) => *user == *self.user,
            Grantee::Role(role) => self.is_member(role),
        }
    }

    /// Whether the caller may grant rights on a thing: its owner and `admin` may.
    #[must_use]
    pub fn owns_relation(&self, of: &Relation) -> bool {
        self.is_exempt(of)
    }

    /// The same for a schema.
    #[must_use]
    pub fn owns_schema(&self, schema: &SchemaObject) -> bool {
        self.is_admin() || self.owns(schema.owner.as_deref())
    }

    fn is_exempt(&self, of: &Relation) -> bool {
        self.is_admin() || self.owns(of.owner.as_deref())
    }

    fn owns(&self, owner: Option<&str>) -> bool {
        owner == Some(&*self.user)
    }

    fn granted(&self, privilege: Privilege, scope: &Scope) -> bool {
        self.mine(self.access.grants_on(scope))
            .any(|grant| matches!(grant.privileges.get(&privilege), Some(None)))
    }

    fn grants_on<'a>(&'a self, of: &'a Relation) -> impl Iterator<Item = &'a Grant> {
        let on = Scope::Relation(of.key.clone());
        let own: Vec<_> = self.mine(self.access.grants_on(&on)).collect();
        let future = self.access.future_in(&of.schema.key).iter();
        let future = future.filter(|grant| match (&grant.scope, of.key.id()) {
            (Scope::Future { since, .. }, Some(id)) => id >= *since,
            _ => true,
        });
        own.into_iter().chain(self.mine(future))
    }

    fn mine<'a>(
        &'a self,
        grants: impl Iterator<Item = &'a Grant>,
    ) -> impl Iterator<Item = &'a Grant> {
        grants.filter(|grant| self.is(&grant.grantee))
    }
}

impl Columns {
    /// Whether it is allowed for a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        match self {
            Self::None => false,
            Self::Only(columns) => columns.contains(column),
            Self::All => true,
        }
    }

    /// Whether it is allowed for no column.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Restriction {
    /// Whether everything is seen.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.policies.is_none() && self.masks.is_empty()
    }
}
