//! Changes of the directory, and the events that tell of them.

use crate::{state::State, users::User};
use sealkit_core::UnixMillis;
use serde_json::Value;

impl State {
    /// Adds a user, or replaces the one with the same id or e-mail.
    pub(crate) fn put_user(&mut self, user: User, now: UnixMillis) {
        for membership in &user.memberships {
            if self.organization(membership.organization().id()).is_none() {
                self.organizations.push(membership.organization().clone());
            }
        }
        let held = self.users.iter_mut().find(|held| held.is(&user.id) || held.is(&user.email));
        let before = match held {
            Some(held) => Some(std::mem::replace(held, user.clone())),
            None => {
                self.users.push(user.clone());
                None
            }
        };
        self.emit(if before.is_some() { "user.updated" } else { "user.created" }, user.to_json(), now);
        for (name, data) in membership_changes(before.as_ref(), &user, now) {
            self.emit(name, data, now);
        }
    }

    /// Deletes a user, whose sessions end; false if there is none.
    pub(crate) fn delete_user(&mut self, id_or_email: &str, now: UnixMillis) -> bool {
        let Some(user) = self.user(id_or_email).cloned() else { return false };
        self.users.retain(|held| held.id != user.id);
        let sessions: Vec<String> = self
            .sessions
            .values()
            .filter(|session| session.user_id == user.id)
            .map(|session| session.id.clone())
            .collect();
        for session in sessions {
            self.end_session(&session, now);
        }
        for membership in &user.memberships {
            self.emit("organization_membership.deleted", membership.to_json(&user, now), now);
        }
        self.emit("user.deleted", user.to_json(), now);
        true
    }

    /// Deletes an organization, and with it everybody's membership; false if there is none.
    pub(crate) fn delete_organization(&mut self, id: &str, now: UnixMillis) -> bool {
        let Some(organization) = self.organization(id).cloned() else { return false };
        self.organizations.retain(|held| held.id() != id);
        let mut ended = Vec::new();
        for user in &mut self.users {
            if let Some(membership) = user.membership(id) {
                ended.push(membership.to_json(user, now));
            }
            user.memberships.retain(|membership| membership.organization().id() != id);
        }
        for membership in ended {
            self.emit("organization_membership.deleted", membership, now);
        }
        self.emit("organization.deleted", organization.to_json(), now);
        true
    }
}

/// What has become of a user's memberships: those that went first.
fn membership_changes(before: Option<&User>, after: &User, now: UnixMillis) -> Vec<(&'static str, Value)> {
    let mut changes = Vec::new();
    for old in before.into_iter().flat_map(|before| before.memberships()) {
        if after.membership(old.organization().id()).is_none() {
            changes.push(("organization_membership.deleted", old.to_json(after, now)));
        }
    }
    for new in after.memberships() {
        match before.and_then(|before| before.membership(new.organization().id())) {
            None => changes.push(("organization_membership.created", new.to_json(after, now))),
            Some(old) if old != new => {
                changes.push(("organization_membership.updated", new.to_json(after, now)));
            }
            Some(_) => {}
        }
    }
    changes
}
