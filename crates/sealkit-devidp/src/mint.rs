//! Sessions for tests in one call.

use crate::{
    DevIdp, IdpError, TokenOptions,
    idp::known_user,
    state::{Impersonator, SignIn, Wanted},
};
use serde_json::Value;
use std::{fmt, time::Duration};

/// What session to mint: an ordinary one of the user, unless said otherwise.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sealkit_devidp::{DevIdp, MintSession};
///
/// let idp = DevIdp::builder().build()?;
/// let ada = idp.mint_session(MintSession::for_user("ada@example.com").expired())?;
/// assert!(ada.session_id.starts_with("session_"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to `DevIdp::mint_session`"]
pub struct MintSession {
    pub(crate) user: String,
    pub(crate) organization: Organization,
    pub(crate) impersonator: Option<(String, Option<String>)>,
    pub(crate) method: Option<String>,
    pub(crate) token: TokenOptions,
}

#[derive(Clone, Debug)]
pub(crate) enum Organization {
    First,
    Nothing,
    Id(String),
}

impl MintSession {
    /// For the user with this e-mail or id, in the organization joined first, if any.
    pub fn for_user(id_or_email: impl Into<String>) -> Self {
        Self {
            user: id_or_email.into(),
            organization: Organization::First,
            impersonator: None,
            method: None,
            token: TokenOptions::new(),
        }
    }

    /// In this organization; the user must be a member.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Organization::Id(id.into());
        self
    }

    /// In no organization.
    pub fn no_organization(mut self) -> Self {
        self.organization = Organization::Nothing;
        self
    }

    /// Somebody acts as the user.
    pub fn impersonator(mut self, email: impl Into<String>, reason: Option<&str>) -> Self {
        self.impersonator = Some((email.into(), reason.map(str::to_owned)));
        self
    }

    /// The `authentication_method`; `Password` if not said.
    pub fn authentication_method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// How long this access token lives.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.token = self.token.lifetime(lifetime);
        self
    }

    /// The access token has been over for a minute; the refresh token works.
    pub fn expired(mut self) -> Self {
        self.token = self.token.expired();
        self
    }

    /// Sets any claim of this access token, reserved ones too.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.token = self.token.claim(name, value);
        self
    }

    /// Takes a claim out of this access token.
    pub fn without_claim(mut self, name: impl Into<String>) -> Self {
        self.token = self.token.without_claim(name);
        self
    }

    /// Sets `typ` in the header of this access token; `JWT` if not said.
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.token = self.token.typ(typ);
        self
    }

    /// Removes `typ` from the header of this access token, as some environments leave it out.
    pub fn without_typ(mut self) -> Self {
        self.token = self.token.without_typ();
        self
    }
}

/// A session, as the authenticate endpoint would have answered it. `Debug` shows no token.
#[derive(Clone)]
#[non_exhaustive]
pub struct MintedSession {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The user, with the members that the API writes (`snake_case`).
    pub user_json: Value,
    /// The organization of the session.
    pub organization_id: Option<String>,
    /// The session's id, the token's `sid`.
    pub session_id: String,
    /// The whole answer.
    pub response_json: Value,
}

impl MintedSession {
    pub(crate) fn new(session_id: String, response_json: Value) -> Self {
        let text = |name: &str| response_json.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            access_token: text("access_token").unwrap_or_default(),
            refresh_token: text("refresh_token").unwrap_or_default(),
            user_json: response_json.get("user").cloned().unwrap_or_default(),
            organization_id: text("organization_id"),
            session_id,
            response_json,
        }
    }
}

impl fmt::Debug for MintedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedSession")
            .field("session_id", &self.session_id)
            .field("organization_id", &self.organization_id)
            .finish_non_exhaustive()
    }
}

impl DevIdp {
    /// Makes a session without any request. Step-up rules do not apply.
    ///
    /// # Errors
    /// [`IdpError`] when user, organization or membership do not exist.
    pub fn mint_session(&self, wanted: MintSession) -> Result<MintedSession, IdpError> {
        self.with(|state, now| {
            let user = known_user(state, &wanted.user)?;
            let organization_id = match wanted.organization {
                Organization::First => {
                    user.memberships.first().map(|first| first.organization().id().to_owned())
                }
                Organization::Nothing => None,
                Organization::Id(id) if user.membership(&id).is_some() => Some(id),
                Organization::Id(id) if state.organization(&id).is_some() => {
                    return Err(IdpError::NotAMember { user: wanted.user, organization: id });
                }
                Organization::Id(id) => return Err(IdpError::UnknownOrganization(id)),
            };
            let default = if wanted.impersonator.is_some() { "Impersonation" } else { "Password" };
            let mut sign_in = SignIn::new(&user.id, wanted.method.as_deref().unwrap_or(default), now);
            sign_in.impersonator = wanted.impersonator.map(|(email, reason)| Impersonator { email, reason });
            sign_in.organization = organization_id.clone().map_or(Wanted::Nothing, Wanted::Organization);
            let session_id = state.open_session(&sign_in, organization_id, now);
            let response = state.issue(&session_id, &wanted.token, now)?;
            Ok(MintedSession::new(session_id, response))
        })
    }

    /// Makes a session in which somebody of the staff acts as the user.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn impersonate(
        &self,
        user: &str,
        impersonator: &str,
        reason: Option<&str>,
    ) -> Result<MintedSession, IdpError> {
        self.mint_session(MintSession::for_user(user).impersonator(impersonator, reason))
    }
}
