//! `CREATE ROLE`, `DROP ROLE`, and who has which.

use std::collections::{BTreeMap, BTreeSet};

use godwit_auth::Change;
use godwit_auth::access::{
    ADMIN, Access, BUILT_IN, Grantee, PUBLIC, Record, RecordKey, Role, StoredUser,
};

use super::grantees::{check_new_name, grantee, role};
use super::objects::Gone;
use super::{Asking, Decide};
use crate::check::GranteeName;
use crate::{Error, Result};

impl Asking<'_> {
    pub(super) fn create_role(&self, name: &str, if_not_exists: bool) -> Result<Decide> {
        self.need_admin("make a role")?;
        let name = name.to_owned();
        Ok(Box::new(move |access| {
            if if_not_exists && access.has_role(&name) {
                return Ok(Vec::new());
            }
            check_new_name(access, "role", &name)?;
            Ok(vec![Change::Put(Record::Role(Role {
                name: name.clone(),
                roles: BTreeSet::new(),
            }))])
        }))
    }

    pub(super) async fn drop_role(&self, name: &str, if_exists: bool) -> Result<Decide> {
        self.need_admin("drop a role")?;
        let (name, gone) = (name.to_owned(), self.gone().await?);
        Ok(Box::new(move |access| {
            if BUILT_IN.contains(&name.as_str()) {
                return Err(Error::invalid(format!(
                    "role '{name}' is always there and cannot be dropped"
                )));
            }
            if if_exists && !access.has_role(&name) {
                return Ok(Vec::new());
            }
            let name = role(access, &name)?;
            let mut changes = vec![Change::Remove(RecordKey::role(&name))];
            let mut members = Members::of(access);
            members.leave_all(&name);
            changes.extend(members.changes());
            changes.extend(without(access, &Grantee::Role(name), &gone)?);
            Ok(changes)
        }))
    }

    pub(super) fn grant_roles(&self, roles: &[String], to: &[GranteeName]) -> Result<Decide> {
        self.need_admin("grant a role")?;
        let (roles, to) = (roles.to_vec(), to.to_vec());
        Ok(Box::new(move |access| {
            let mut members = Members::of(access);
            for to in &to {
                let to = grantee(access, to)?;
                for granted in &roles {
                    let granted = role(access, granted)?;
                    members.join(access, &granted, &to)?;
                }
            }
            Ok(members.changes())
        }))
    }

    pub(super) fn revoke_roles(&self, roles: &[String], from: &[GranteeName]) -> Result<Decide> {
        self.need_admin("revoke a role")?;
        let (roles, from) = (roles.to_vec(), from.to_vec());
        Ok(Box::new(move |access| {
            let mut members = Members::of(access);
            for from in &from {
                let from = grantee(access, from)?;
                for revoked in &roles {
                    let revoked = role(access, revoked)?;
                    members.leave(access, &revoked, &from)?;
                }
            }
            Ok(members.changes())
        }))
    }
}

/// Which roles users and roles have, while that is changed.
struct Members<'a> {
    access: &'a Access,
    changed: BTreeMap<Grantee, BTreeSet<String>>,
}

impl<'a> Members<'a> {
    fn of(access: &'a Access) -> Self {
        Self {
            access,
            changed: BTreeMap::new(),
        }
    }

    fn roles(&mut self, of: &Grantee) -> &mut BTreeSet<String> {
        let access = self.access;
        self.changed.entry(of.clone()).or_insert_with(|| {
            let stored = match of {
                Grantee::Role(name) => access.role(name).map(|role| &role.roles),
                Grantee::User(name) => access.user(name).map(|user| &user.roles),
            };
            stored.cloned().unwrap_or_default()
        })
    }

    fn join(&mut self, access: &Access, granted: &str, to: &Grantee) -> Result<()> {
        if granted == PUBLIC {
            return Err(Error::invalid("everyone has the role 'public' anyway"));
        }
        if let Grantee::Role(to) = to {
            if granted == ADMIN && to == PUBLIC {
                return Err(Error::invalid(
                    "'admin' granted to 'public' would let everyone do everything; grant it to users",
                ));
            }
            if self.reaches(access, granted, to) {
                return Err(Error::invalid(format!(
                    "role '{granted}' has the role '{to}' itself; roles that have each other are one"
                )));
            }
        }
        self.roles(to).insert(granted.to_owned());
        Ok(())
    }

    /// Whether a role is another or has it, with what was granted so far.
    fn reaches(&self, access: &Access, role: &str, wanted: &str) -> bool {
        let (mut waiting, mut seen) = (vec![role.to_owned()], BTreeSet::new());
        while let Some(role) = waiting.pop() {
            if role == wanted {
                return true;
            }
            if seen.insert(role.clone()) {
                let stored = access.role(&role).map(|role| &role.roles);
                let changed = self.changed.get(&Grantee::Role(role));
                waiting.extend(changed.or(stored).into_iter().flatten().cloned());
            }
        }
        false
    }

    fn leave(&mut self, access: &Access, revoked: &str, from: &Grantee) -> Result<()> {
        if let Grantee::User(user) = from {
            let mut configured = access.configured_users();
            let configured = configured.find(|(name, _)| name == user);
            if configured.is_some_and(|(_, roles)| roles.contains(revoked)) {
                return Err(Error::invalid(format!(
                    "user '{user}' has the role '{revoked}' by the configuration (users.{user}.roles, or admin.user); \
                     take it away there"
                )));
            }
        }
        self.roles(from).remove(revoked);
        Ok(())
    }

    fn leave_all(&mut self, role: &str) {
        let access = self.access;
        let users = access.users().filter(|user| user.roles.contains(role));
        let users = users.map(|user| Grantee::User(user.name.clone()));
        let roles = access.roles().filter(|other| other.roles.contains(role));
        let roles = roles.map(|other| Grantee::Role(other.name.clone()));
        for member in users.chain(roles) {
            self.roles(&member).remove(role);
        }
    }

    fn changes(self) -> Vec<Change> {
        let Self { access, changed } = self;
        let records = changed.into_iter().filter_map(|(of, roles)| match of {
            Grantee::Role(name) => {
                let before = access.role(&name).map(|role| &role.roles);
                let is_same = before.map_or(roles.is_empty(), |before| *before == roles);
                (!is_same).then_some(Change::Put(Record::Role(Role { name, roles })))
            }
            Grantee::User(name) => member(access, name, roles),
        });
        records.collect()
    }
}

/// A user with these roles.
fn member(access: &Access, name: String, roles: BTreeSet<String>) -> Option<Change> {
    let Some(user) = access.user(&name) else {
        // The configuration has the user; only the roles that SQL grants are kept.
        let is_member = !roles.is_empty();
        let user = StoredUser {
            name,
            password_hash: None,
            previous_hash: None,
            previous_until: None,
            enabled: true,
            valid_until: None,
            roles,
        };
        return is_member.then_some(Change::Put(Record::User(user)));
    };
    if user.roles == roles {
        return None;
    }
    if roles.is_empty() && access.is_configured(&name) {
        return Some(Change::Remove(RecordKey::user(&name)));
    }
    let user = StoredUser {
        roles,
        ..user.clone()
    };
    Some(Change::Put(Record::User(user)))
}

/// Takes away what was granted to somebody who goes, and the policies and masks of tables that are gone.
///
/// # Errors
/// [`Error::InvalidInput`] when a policy or mask of another table is for them: without it, others might see more.
pub(super) fn without(access: &Access, leaver: &Grantee, gone: &Gone) -> Result<Vec<Change>> {
    let policies = access.policies().filter(|policy| policy.to == *leaver);
    let policies = policies.map(|policy| {
        let key = RecordKey::policy(&policy.table, &policy.name);
        ("policy", &policy.name, &policy.table, key)
    });
    let masks = access.masks().filter(|mask| mask.to == *leaver);
    let masks = masks.map(|mask| {
        let key = RecordKey::mask(&mask.table, &mask.name);
        ("mask", &mask.name, &mask.table, key)
    });
    let mut changes = Vec::new();
    for (kind, name, table, key) in policies.chain(masks) {
        if !gone.has(table) {
            let (Grantee::Role(who) | Grantee::User(who)) = leaver;
            return Err(Error::invalid(format!(
                "'{who}' cannot be dropped: {kind} '{name}' is for it; drop that first (SHOW POLICIES and SHOW MASKS list \
                 them)"
            )));
        }
        changes.push(Change::Remove(key));
    }
    let grants = access.grants().filter(|grant| grant.grantee == *leaver);
    let removed = grants.map(|grant| RecordKey::grant(&grant.grantee, &grant.scope));
    changes.extend(removed.map(Change::Remove));
    Ok(changes)
}
