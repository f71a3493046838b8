//! What a session's access token must say, besides what every session token must.

use super::{ActorKind, Claims};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;
use url::Url;

/// Longest client id that an issuer may name, in bytes after `client_`.
const MAX_CLIENT_ID: usize = 64;

/// Which `iss` claims are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerPolicy {
    /// Any, or none at all.
    Any,
    /// Exactly one of these texts.
    OneOf(Vec<String>),
    /// The forms in which the environment of these applications names itself.
    Environment(EnvironmentIssuers),
}

/// The issuers of one WorkOS environment.
///
/// Accepted are the origin of the API base, the same with `/` after it, and the origin followed by `/user_management/ID`,
/// `/sso/ID` or `/convex/ID`. `ID` is one of the application's client ids. An environment that holds several applications
/// names its *default* application there, and the application of the sign-in in the claim `client_id`: so any other client id
/// is accepted in the path when the signed `client_id` is one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentIssuers {
    origin: String,
    client_ids: Vec<String>,
}

impl EnvironmentIssuers {
    /// The accepted texts, as far as they can be listed: a default application's are not.
    pub fn listed(&self) -> impl Iterator<Item = String> {
        let Self { origin, client_ids } = self;
        let of_client = client_ids
            .iter()
            .flat_map(move |id| FORMS.iter().map(move |form| format!("{origin}/{form}/{id}")));
        [origin.clone(), format!("{origin}/")].into_iter().chain(of_client)
    }

    /// True if `issuer` is one of these; `client_id` is the token's signed claim of this name.
    #[must_use]
    pub fn accepts(&self, issuer: &str, client_id: Option<&str>) -> bool {
        let is_ours = |id: &str| self.client_ids.iter().any(|own| own == id);
        match issuer.strip_prefix(self.origin.as_str()) {
            Some("" | "/") => true,
            Some(path) => path
                .strip_prefix('/')
                .and_then(|path| path.split_once('/'))
                .filter(|(form, _)| FORMS.contains(form))
                .is_some_and(|(_, id)| is_ours(id) || (is_client_id(id) && client_id.is_some_and(is_ours))),
            None => false,
        }
    }
}

/// The paths under which an environment's issuers stand, before the client id.
const FORMS: [&str; 3] = ["user_management", "sso", "convex"];

/// `client_` and 1 to 64 letters, digits and `_`.
fn is_client_id(text: &str) -> bool {
    text.strip_prefix("client_").is_some_and(|id| {
        (1..=MAX_CLIENT_ID).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

impl IssuerPolicy {
    /// The issuers of the environment that the application `client_id` belongs to ([`EnvironmentIssuers`]).
    #[must_use]
    pub fn derived(api_base: &Url, client_id: &str) -> Self {
        Self::of_environment(api_base, [client_id])
    }

    /// The same for several applications of the environment.
    #[must_use]
    pub fn of_environment(api_base: &Url, client_ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::Environment(EnvironmentIssuers {
            origin: api_base.origin().ascii_serialization(),
            client_ids: client_ids.into_iter().map(Into::into).collect(),
        })
    }

    /// True if a token of this issuer is accepted; `client_id` is the token's signed claim of this name.
    #[must_use]
    pub fn accepts(&self, issuer: Option<&str>, client_id: Option<&str>) -> bool {
        match (self, issuer) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::OneOf(list), Some(issuer)) => list.iter().any(|own| own == issuer),
            (Self::Environment(issuers), Some(issuer)) => issuers.accepts(issuer, client_id),
        }
    }
}

/// What a token must say to be a session's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenPolicy {
    /// Accepted issuers.
    pub issuers: IssuerPolicy,
    /// Accepted audiences; empty: `aud` is not looked at (AuthKit tokens carry none by default).
    pub audiences: Vec<String>,
    /// How far `nbf` may lie in the future. `exp` gets none.
    pub leeway: Duration,
    /// The client ids of the applications that share the cookie. Empty: the claim `client_id` is not looked at.
    pub client_ids: Vec<String>,
    /// Rejects tokens whose claim `client_id` is not in [`client_ids`](Self::client_ids). Default: true.
    pub binds_client_id: bool,
    /// Rejects valid tokens without `auth_time`, which every AuthKit access token carries. Default: true.
    pub requires_auth_time: bool,
    /// Who may act in a session of the user (RFC 8693 §4.1). Default: impersonators alone.
    pub actors: Vec<ActorKind>,
}

impl TokenPolicy {
    /// How far `nbf` may lie in the future by default.
    pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

    /// A policy with these issuers, no audience, no client id and 60 s of leeway; it demands `auth_time` and lets
    /// impersonators act.
    #[must_use]
    pub fn new(issuers: IssuerPolicy) -> Self {
        Self {
            issuers,
            audiences: Vec::new(),
            leeway: Self::DEFAULT_LEEWAY,
            client_ids: Vec::new(),
            binds_client_id: true,
            requires_auth_time: true,
            actors: vec![ActorKind::Impersonator],
        }
    }

    /// Demands one of these audiences.
    #[must_use]
    pub fn with_audiences(mut self, audiences: Vec<String>) -> Self {
        self.audiences = audiences;
        self
    }

    /// Sets the leeway for `nbf`.
    #[must_use]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the client ids of the applications that share the cookie.
    #[must_use]
    pub fn with_client_ids(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.client_ids = ids.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether a token of another application is rejected.
    #[must_use]
    pub const fn binding_client_id(mut self, binds: bool) -> Self {
        self.binds_client_id = binds;
        self
    }

    /// Sets whether a valid token without `auth_time` is rejected.
    #[must_use]
    pub const fn requiring_auth_time(mut self, requires: bool) -> Self {
        self.requires_auth_time = requires;
        self
    }

    /// Sets who may act in a session.
    #[must_use]
    pub fn with_actors(mut self, actors: impl IntoIterator<Item = ActorKind>) -> Self {
        self.actors = actors.into_iter().collect();
        self
    }

    /// True if this policy judges the claim `client_id`.
    #[must_use]
    pub const fn judges_client_id(&self) -> bool {
        self.binds_client_id && !self.client_ids.is_empty()
    }

    /// K7: true unless `auth_time` is missing and demanded. Judged last, and only of a token that has not expired.
    #[must_use]
    pub const fn accepts_auth_time_of(&self, claims: &Claims) -> bool {
        !self.requires_auth_time || claims.authenticated_at().is_some()
    }

    pub(super) fn accepts_audience(&self, audience: Option<&RawValue>) -> bool {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Audience {
            One(String),
            Many(Vec<String>),
        }
        if self.audiences.is_empty() {
            return true;
        }
        match audience.map(|audience| serde_json::from_str(audience.get())) {
            Some(Ok(Audience::One(one))) => self.audiences.contains(&one),
            Some(Ok(Audience::Many(many))) => many.iter().any(|one| self.audiences.contains(one)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuers() -> IssuerPolicy {
        IssuerPolicy::of_environment(
            &Url::parse("https://api.workos.com/x").unwrap(),
            ["client_A", "client_B"],
        )
    }

    #[test]
    fn environment_accepts_its_own_forms_only() {
        for accepted in [
            "https://api.workos.com",
            "https://api.workos.com/",
            "https://api.workos.com/user_management/client_A",
            "https://api.workos.com/sso/client_B",
            "https://api.workos.com/convex/client_A",
        ] {
            assert!(issuers().accepts(Some(accepted), None), "{accepted}");
        }
        for rejected in [
            "",
            "https://api.workos.com//",
            "https://api.workos.com.evil.test",
            "https://api.workos.com:444",
            "https://api.workos.com/user_management",
            "https://api.workos.com/user_management/",
            "https://api.workos.com/user_management/client_A/",
            "https://api.workos.com/oauth/client_A",
            "https://api.workos.com/user_management/client_DEFAULT",
            "http://api.workos.com",
        ] {
            assert!(!issuers().accepts(Some(rejected), None), "{rejected}");
        }
        assert!(!issuers().accepts(None, Some("client_A")));
    }

    #[test]
    fn default_application_is_accepted_with_our_client_id() {
        let path = |id: &str| format!("https://api.workos.com/user_management/{id}");
        let accepts = |id: &str, client: Option<&str>| issuers().accepts(Some(&path(id)), client);
        assert!(accepts("client_DEFAULT", Some("client_A")) && accepts("client_DEFAULT", Some("client_B")));
        assert!(!accepts("client_DEFAULT", Some("client_C")) && !accepts("client_DEFAULT", None));
        let longest = format!("client_{}", "a".repeat(MAX_CLIENT_ID));
        assert!(accepts(&longest, Some("client_A")));
        for odd in ["client_", "client_a-b", "client_a/b", "org_1", "client_\u{e9}", &format!("{longest}a")] {
            assert!(!accepts(odd, Some("client_A")), "{odd}");
        }
    }
}
