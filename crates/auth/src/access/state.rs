use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    ADMIN, Authority, BUILT_IN, Grant, Grantee, Mask, ObjectKey, PUBLIC, Policy, Record, RecordKey,
    Revocation, Revoked, Role, Scope, StoredUser,
};

/// Users, roles, grants, policies, masks and revocations at one version.
#[derive(Debug, Clone, Default)]
pub struct Access {
    version: u64,
    /// Roles that the configuration gives to users.
    configured: BTreeMap<String, BTreeSet<String>>,
    users: BTreeMap<String, StoredUser>,
    roles: BTreeMap<String, Role>,
    /// By object, then by grantee.
    grants: BTreeMap<Scope, BTreeMap<Grantee, Grant>>,
    /// By schema: a scope of future relations has a number in it that nobody asks for.
    future: BTreeMap<ObjectKey, Vec<Grant>>,
    policies: BTreeMap<ObjectKey, BTreeMap<String, Policy>>,
    masks: BTreeMap<ObjectKey, BTreeMap<String, Mask>>,
    revocations: BTreeMap<RecordKey, Revocation>,
}

impl Access {
    /// Nothing but what the configuration says: users with their roles.
    #[must_use]
    pub fn configured(users: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self {
            configured: users,
            ..Self::default()
        }
    }

    /// The same records with another configuration.
    #[must_use]
    pub(crate) fn reconfigured(&self, users: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self {
            configured: users,
            ..self.clone()
        }
    }

    /// The same configuration with these records.
    #[must_use]
    pub fn with(&self, version: u64, records: impl IntoIterator<Item = Record>) -> Self {
        let mut access = Self {
            version,
            ..Self::configured(self.configured.clone())
        };
        for record in records {
            access.add(record);
        }
        access
    }

    fn add(&mut self, record: Record) {
        match record {
            Record::User(user) => {
                self.users.insert(user.name.clone(), user);
            }
            Record::Role(role) => {
                self.roles.insert(role.name.clone(), role);
            }
            Record::Grant(grant) => {
                if let Scope::Future { schema, .. } = &grant.scope {
                    let of_schema = self.future.entry(schema.clone()).or_default();
                    of_schema.push(grant.clone());
                }
                let of_scope = self.grants.entry(grant.scope.clone()).or_default();
                of_scope.insert(grant.grantee.clone(), grant);
            }
            Record::Policy(policy) => {
                let of_table = self.policies.entry(policy.table.clone()).or_default();
                of_table.insert(policy.name.clone(), policy);
            }
            Record::Mask(mask) => {
                let of_table = self.masks.entry(mask.table.clone()).or_default();
                of_table.insert(mask.name.clone(), mask);
            }
            Record::Revocation(revocation) => {
                let key = RecordKey::revocation(&revocation.revoked);
                self.revocations.insert(key, revocation);
            }
        }
    }

    /// Grows with every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A user that is stored.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&StoredUser> {
        self.users.get(name)
    }

    /// The users that are stored, by name.
    pub fn users(&self) -> impl Iterator<Item = &StoredUser> {
        self.users.values()
    }

    /// The users of the configuration with the roles that it gives them, by name.
    pub fn configured_users(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        let users = self.configured.iter();
        users.map(|(name, roles)| (name.as_str(), roles))
    }

    /// Whether the configuration has a user of that name.
    #[must_use]
    pub fn is_configured(&self, name: &str) -> bool {
        self.configured.contains_key(name)
    }

    /// Whether there is a role of that name, built in ones included.
    #[must_use]
    pub fn has_role(&self, name: &str) -> bool {
        BUILT_IN.contains(&name) || self.roles.contains_key(name)
    }

    /// A stored role.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// The stored roles, by name. A built in one is among them when roles were granted to it.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// All grants, by object and grantee.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values().flat_map(BTreeMap::values)
    }

    /// What was granted on an object, by grantee.
    pub fn grants_on(&self, scope: &Scope) -> impl Iterator<Item = &Grant> {
        self.grants
            .get(scope)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// What was granted on what a schema gets later.
    pub(super) fn future_in(&self, schema: &ObjectKey) -> &[Grant] {
        self.future.get(schema).map_or(&[], Vec::as_slice)
    }

    /// The grant of one grantee on one object.
    #[must_use]
    pub fn grant(&self, grantee: &Grantee, scope: &Scope) -> Option<&Grant> {
        self.grants.get(scope)?.get(grantee)
    }

    /// The policies of a table, by name.
    pub fn policies_of(&self, table: &ObjectKey) -> impl Iterator<Item = &Policy> {
        let policies = self.policies.get(table).into_iter();
        policies.flat_map(BTreeMap::values)
    }

    /// All policies, by table and name.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().flat_map(BTreeMap::values)
    }

    /// The masks of a table, by name.
    pub fn masks_of(&self, table: &ObjectKey) -> impl Iterator<Item = &Mask> {
        self.masks.get(table).into_iter().flat_map(BTreeMap::values)
    }

    /// All masks, by table and name.
    pub fn masks(&self) -> impl Iterator<Item = &Mask> {
        self.masks.values().flat_map(BTreeMap::values)
    }

    /// All revocations of tokens.
    pub fn revocations(&self) -> impl Iterator<Item = &Revocation> {
        self.revocations.values()
    }

    /// Whether a token of this user, with this id and issued then, was revoked.
    #[must_use]
    pub fn is_revoked(&self, user: &str, token: Option<&str>, issued: u64) -> bool {
        let by = |revoked: Revoked| {
            let found = self.revocations.get(&RecordKey::revocation(&revoked));
            found.is_some_and(|revocation| issued < revocation.before)
        };
        by(Revoked::User(user.to_owned()))
            || token.is_some_and(|token| by(Revoked::Token(token.to_owned())))
    }

    /// Before when tokens of this user, issued then, were revoked; zero when none were.
    #[must_use]
    pub fn revoked_before(&self, user: &str) -> u64 {
        let key = RecordKey::revocation(&Revoked::User(user.to_owned()));
        self.revocations.get(&key).map_or(0, |found| found.before)
    }

    /// What this user may do. `carried` are roles that the user's credential brings with it.
    #[must_use]
    pub fn authority(self: &Arc<Self>, user: &str, carried: &[Arc<str>]) -> Authority {
        let mut granted: BTreeSet<String> = carried.iter().map(|role| role.to_string()).collect();
        granted.extend(self.roles_of_user(user).map(str::to_owned));
        Authority::new(user, self.closure(granted), Arc::clone(self))
    }

    /// What this server itself, or a user whom nobody asks for a proof, may do: everything.
    #[must_use]
    pub fn authority_of_admin(self: &Arc<Self>, user: &str) -> Authority {
        let granted = [ADMIN.to_owned()].into();
        Authority::new(user, self.closure(granted), Arc::clone(self))
    }

    /// The roles granted to a user, by the configuration and by SQL.
    pub fn roles_of_user(&self, user: &str) -> impl Iterator<Item = &str> {
        let configured = self.configured.get(user).into_iter().flatten();
        let stored = self.users.get(user).map(|user| &user.roles);
        configured
            .chain(stored.into_iter().flatten())
            .map(String::as_str)
    }

    /// Whether a role is another, or was granted it over any number of steps.
    #[must_use]
    pub fn inherits(&self, role: &str, of: &str) -> bool {
        self.closure([role.to_owned()].into()).contains(of)
    }

    /// Roles with all that they inherit.
    fn closure(&self, granted: BTreeSet<String>) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = [PUBLIC.to_owned()].into();
        let mut waiting: Vec<String> = granted.into_iter().collect();
        waiting.push(PUBLIC.to_owned());
        while let Some(role) = waiting.pop() {
            let inherited = self.roles.get(&role).map(|role| &role.roles);
            for next in inherited.into_iter().flatten() {
                if !found.contains(next) {
                    waiting.push(next.clone());
                }
            }
            // A name that stands for no role gives nothing, now or later.
            if self.has_role(&role) {
                found.insert(role);
            }
        }
        found
    }
}
