//! The directory: people, the organizations they belong to, and what they may do there.

use crate::clock::rfc3339;
use sealkit_core::{Credential, UnixMillis};
use serde_json::{Map, Value, json};

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    id: String,
    name: String,
}

impl Organization {
    /// An organization with this id (`org_…`) and name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into() }
    }

    /// The id, `org_…`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "id": self.id, "name": self.name })
    }
}

/// A user's place in one organization, and with it the claims of a token for that organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    organization: Organization,
    roles: Vec<String>,
    permissions: Vec<String>,
    entitlements: Vec<String>,
    feature_flags: Vec<String>,
}

impl Membership {
    /// A plain member: role `member`, nothing else.
    #[must_use]
    pub fn new(organization: &Organization) -> Self {
        Self {
            organization: organization.clone(),
            roles: vec!["member".to_owned()],
            permissions: Vec::new(),
            entitlements: Vec::new(),
            feature_flags: Vec::new(),
        }
    }

    /// The roles, the one of highest priority first: it becomes the claim `role`, all become `roles`.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item: Into<String>>) -> Self {
        self.roles = strings(roles);
        self
    }

    /// The claim `permissions`.
    #[must_use]
    pub fn with_permissions(mut self, permissions: impl IntoIterator<Item: Into<String>>) -> Self {
        self.permissions = strings(permissions);
        self
    }

    /// The claim `entitlements`; absent when empty.
    #[must_use]
    pub fn with_entitlements(mut self, entitlements: impl IntoIterator<Item: Into<String>>) -> Self {
        self.entitlements = strings(entitlements);
        self
    }

    /// The claim `feature_flags`; absent when empty.
    #[must_use]
    pub fn with_feature_flags(mut self, flags: impl IntoIterator<Item: Into<String>>) -> Self {
        self.feature_flags = strings(flags);
        self
    }

    /// Where.
    #[must_use]
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The roles, highest priority first.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The permissions.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.permissions
    }

    /// The membership object as the API writes it.
    pub(crate) fn to_json(&self, user: &User, now: UnixMillis) -> Value {
        let role = |slug: &String| json!({ "slug": slug });
        json!({
            "object": "organization_membership",
            "id": format!("om_{}_{}", tail(&user.id), tail(&self.organization.id)),
            "user_id": user.id,
            "organization_id": self.organization.id,
            "organization_name": self.organization.name,
            "status": "active",
            "role": self.roles.first().map(role),
            "roles": self.roles.iter().map(role).collect::<Vec<_>>(),
            "custom_attributes": {},
            "directory_managed": false,
            "created_at": rfc3339(user.created_at),
            "updated_at": rfc3339(now),
        })
    }

    pub(crate) fn add_claims(&self, claims: &mut Map<String, Value>) {
        claims.insert("org_id".to_owned(), json!(self.organization.id));
        if let Some(first) = self.roles.first() {
            claims.insert("role".to_owned(), json!(first));
            claims.insert("roles".to_owned(), json!(self.roles));
        }
        claims.insert("permissions".to_owned(), json!(self.permissions));
        for (name, values) in [("entitlements", &self.entitlements), ("feature_flags", &self.feature_flags)] {
            if !values.is_empty() {
                claims.insert(name.to_owned(), json!(values));
            }
        }
    }
}

/// A person who can sign in.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    first_name: Option<String>,
    last_name: Option<String>,
    profile_picture_url: Option<String>,
    external_id: Option<String>,
    locale: Option<String>,
    metadata: Map<String, Value>,
    extra: Map<String, Value>,
    pub(crate) password: Option<Credential>,
    pub(crate) memberships: Vec<Membership>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) created_at: UnixMillis,
    pub(crate) updated_at: UnixMillis,
    pub(crate) last_sign_in_at: Option<UnixMillis>,
}

impl User {
    /// A verified user without password and organization. The id is made from the e-mail, so that it is the same in every run.
    pub fn new(email: impl Into<String>) -> Self {
        let email = email.into();
        let born = UnixMillis::from_secs(1_735_689_600); // 2025-01-01, so that ids and JSON do not change from run to run
        Self {
            id: crate::ids::Ids::new(&seed_of(&email)).id("user", born),
            email,
            email_verified: true,
            first_name: None,
            last_name: None,
            profile_picture_url: None,
            external_id: None,
            locale: None,
            metadata: Map::new(),
            extra: Map::new(),
            password: None,
            memberships: Vec::new(),
            claims: Map::new(),
            created_at: born,
            updated_at: born,
            last_sign_in_at: None,
        }
    }

    /// Another id (`user_…`).
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// What the password grant and the form take. Without one the user signs in by other means only.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Credential::from(password.into()));
        self
    }

    /// First and last name.
    #[must_use]
    pub fn with_name(mut self, first: impl Into<String>, last: impl Into<String>) -> Self {
        self.first_name = Some(first.into());
        self.last_name = Some(last.into());
        self
    }

    /// Not verified: sign-in answers `email_verification_required` until a code has been confirmed.
    #[must_use]
    pub fn with_unverified_email(mut self) -> Self {
        self.email_verified = false;
        self
    }

    /// The member `profile_picture_url`.
    #[must_use]
    pub fn with_profile_picture_url(mut self, url: impl Into<String>) -> Self {
        self.profile_picture_url = Some(url.into());
        self
    }

    /// The member `external_id`.
    #[must_use]
    pub fn with_external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// The member `locale`.
    #[must_use]
    pub fn with_locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }

    /// One entry of `metadata`.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), Value::String(value.into()));
        self
    }

    /// A member of the user object that nobody documents yet, or another value for one that is: clients must carry it along.
    #[must_use]
    pub fn with_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// Joins an organization. Joining it again replaces the membership.
    #[must_use]
    pub fn with_membership(mut self, membership: Membership) -> Self {
        self.join(membership);
        self
    }

    /// A custom claim in this user's access tokens, over the provider's template. `iss`, `sub`, `exp`, `iat`, `nbf` and
    /// `jti` are refused when the provider is built.
    #[must_use]
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// The id, `user_…`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The e-mail address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The password, if there is one. These are development accounts; the demo shows it on its page.
    #[must_use]
    pub fn password(&self) -> Option<&Credential> {
        self.password.as_ref()
    }

    /// First and last name, or the e-mail if there is none.
    #[must_use]
    pub fn display_name(&self) -> String {
        let names: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        if names.is_empty() { self.email.clone() } else { names.join(" ") }
    }

    /// The organizations, in the order in which they were joined.
    #[must_use]
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    pub(crate) fn join(&mut self, membership: Membership) {
        self.memberships.retain(|held| held.organization.id != membership.organization.id);
        self.memberships.push(membership);
    }

    pub(crate) fn membership(&self, organization_id: &str) -> Option<&Membership> {
        self.memberships.iter().find(|membership| membership.organization.id == organization_id)
    }

    pub(crate) fn is(&self, id_or_email: &str) -> bool {
        self.id == id_or_email || self.email.eq_ignore_ascii_case(id_or_email)
    }

    pub(crate) fn has_password(&self, password: &str) -> bool {
        self.password.as_ref().is_some_and(|held| *held == Credential::from(password))
    }

    /// The user object as the API writes it.
    pub(crate) fn to_json(&self) -> Value {
        let name = match (&self.first_name, &self.last_name) {
            (None, None) => Value::Null,
            _ => json!(self.display_name()),
        };
        let mut user = json!({
            "object": "user",
            "id": self.id,
            "email": self.email,
            "email_verified": self.email_verified,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "name": name,
            "profile_picture_url": self.profile_picture_url,
            "last_sign_in_at": self.last_sign_in_at.map(rfc3339),
            "external_id": self.external_id,
            "metadata": self.metadata,
            "locale": self.locale,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
        });
        if let Value::Object(members) = &mut user {
            members.extend(self.extra.clone());
        }
        user
    }

    /// The shared secret of the user's one-time password generator.
    pub(crate) fn totp_secret(&self) -> [u8; 32] {
        seed_of(&format!("totp {}", self.id))
    }

    /// The id of the user's (only) authentication factor.
    pub(crate) fn factor_id(&self) -> String {
        self.id.replacen("user_", "auth_factor_", 1)
    }
}

/// An id without its kind.
fn tail(id: &str) -> &str {
    id.split_once('_').map_or(id, |(_, tail)| tail)
}

fn seed_of(text: &str) -> [u8; 32] {
    let mut seed = [0; 32];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    for (to, from) in seed.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    seed
}

fn strings(values: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    values.into_iter().map(Into::into).collect()
}

/// Three people for a provider that was given none: an administrator of two organizations, a plain member of one, and
/// somebody without any.
pub(crate) fn demo_users() -> Vec<User> {
    let analytical = Organization::new("org_01JGFANALYT1CALENG1NES0000", "Analytical Engines");
    let navy = Organization::new("org_01JGFNAVYC0MP1LERS00000000", "Navy Compilers");
    vec![
        User::new("ada@example.com")
            .with_name("Ada", "Lovelace")
            .with_password("ada-dev-password")
            .with_metadata("plan", "founder")
            .with_membership(
                Membership::new(&analytical)
                    .with_roles(["admin", "member"])
                    .with_permissions(["engines:read", "engines:write", "users:manage"])
                    .with_entitlements(["audit-logs"])
                    .with_feature_flags(["difference-engine"]),
            )
            .with_membership(Membership::new(&navy).with_permissions(["compilers:read"])),
        User::new("grace@example.com")
            .with_name("Grace", "Hopper")
            .with_password("grace-dev-password")
            .with_membership(
                Membership::new(&navy)
                    .with_roles(["admin"])
                    .with_permissions(["compilers:read", "compilers:write"]),
            ),
        User::new("alan@example.com").with_name("Alan", "Turing").with_password("alan-dev-password"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_object_has_every_required_member() {
        let json = User::new("a@example.com").with_member("future", json!({ "x": [1] })).to_json();
        for member in [
            "object",
            "id",
            "email",
            "email_verified",
            "first_name",
            "last_name",
            "profile_picture_url",
            "external_id",
            "last_sign_in_at",
            "created_at",
            "updated_at",
        ] {
            assert!(json.get(member).is_some(), "{member}");
        }
        assert_eq!(json["future"]["x"][0], 1);
        assert_eq!(json["created_at"], "2025-01-01T00:00:00.000Z");
    }

    #[test]
    fn ids_do_not_change_from_run_to_run() {
        assert_eq!(User::new("a@example.com").id(), User::new("a@example.com").id());
        assert_ne!(User::new("a@example.com").id(), User::new("b@example.com").id());
    }

    #[test]
    fn debug_never_shows_a_password() {
        let user = User::new("a@example.com").with_password("very secret");
        assert!(!format!("{user:?}").contains("very secret"));
        assert!(user.has_password("very secret") && !user.has_password("other"));
    }

    #[test]
    fn the_first_role_is_the_role() {
        let organization = Organization::new("org_1", "One");
        let mut claims = Map::new();
        Membership::new(&organization).with_roles(["owner", "member"]).add_claims(&mut claims);
        assert_eq!(claims["role"], "owner");
        assert_eq!(claims["roles"], json!(["owner", "member"]));
        assert!(!claims.contains_key("entitlements"));
    }
}
