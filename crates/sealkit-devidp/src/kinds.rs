//! Tokens that are not a user's session: agents, widgets, the Client API, Connect applications, MCP clients and machines.
//!
//! A verifier of sessions must reject all of them. The sources of the claims are named as in the table of kinds: \[docs\] is
//! WorkOS's documentation, \[emu\] its emulator, \[py\] its Python SDK. A claim that none of them shows is marked (inferred).

use crate::{DevIdp, IdpError, TokenOptions, User, idp::known_user, state::State, token, users::Membership};
use sealkit_core::UnixMillis;
use serde_json::{Value, json};
use std::{fmt, time::Duration};

const AGENT_LIFETIME: Duration = Duration::from_secs(300);
const WIDGET_LIFETIME: Duration = Duration::from_secs(60 * 60);
const CLIENT_TOKEN_LIFETIME: Duration = Duration::from_secs(300);
const CONNECT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Applications of the environment other than the provider's own, each the `client_id` of one kind of token.
const OAUTH_APPLICATION: &str = "client_01JGFC0NNECTAPP00000000000";
const MCP_APPLICATION: &str = "client_01JGFMCPC11ENT000000000000";
const MACHINE_APPLICATION: &str = "client_01JGFMACH1NE00000000000000";

/// Whom an agent acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentKind {
    /// The user with this e-mail or id, in the organization joined first.
    Delegated(String),
    /// Itself, in the organization with this id.
    Autonomous(String),
}

impl AgentKind {
    /// An agent that acts for the user with this e-mail or id.
    pub fn delegated(user: impl Into<String>) -> Self {
        Self::Delegated(user.into())
    }

    /// An agent that acts as itself in the organization with this id.
    pub fn autonomous(organization_id: impl Into<String>) -> Self {
        Self::Autonomous(organization_id.into())
    }
}

/// The claims of a widget token or client token. Nobody has published a production token of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenShape {
    /// Every claim of a user's session and `sub_type`: only `sub_type` tells it from a session. That production sets `sub_type`
    /// is \[py\]; the rest is (inferred).
    SubType,
    /// The emulator's claims: an `aud` of its own, no `sid`, no `sub_type`, no `auth_time`. \[emu\]
    Emulator,
}

/// One signed token. `Debug` does not show it.
#[derive(Clone)]
#[non_exhaustive]
pub struct MintedToken {
    /// The JWT.
    pub token: String,
}

impl fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedToken").finish_non_exhaustive()
    }
}

/// The token of an agent. `Debug` does not show it.
#[derive(Clone)]
#[non_exhaustive]
pub struct MintedAgent {
    /// The JWT.
    pub token: String,
    /// The agent instance, `agent_…`: the token's `sub`.
    pub instance_id: String,
    /// The agent instance session, `agent_session_…`: the token's `sid`.
    pub session_id: String,
}

impl fmt::Debug for MintedAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedAgent")
            .field("instance_id", &self.instance_id)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

/// Which issuer a kind belongs to, and with it the key.
#[derive(Clone, Copy)]
enum Issuer {
    /// The issuer of sessions; keys under `/sso/jwks/{client_id}`.
    Session,
    /// The AuthKit domain; keys under `/oauth2/jwks` there.
    AuthKit,
}

/// An ordinary token of one kind, before its options.
struct Draft {
    issuer: Issuer,
    typ: Option<&'static str>,
    lifetime: Duration,
    /// An object. Members that are `null` are left out.
    claims: Value,
}

impl State {
    fn mint(&self, draft: Draft, options: &TokenOptions, now: UnixMillis) -> Result<String, IdpError> {
        let (issuer, key) = match draft.issuer {
            Issuer::Session => (self.settings.issuer(), self.keys.current().clone()),
            Issuer::AuthKit => (self.settings.authkit_issuer.clone(), self.authkit_key()?),
        };
        let mut claims = json!({ "iss": issuer });
        if let (Value::Object(claims), Value::Object(members)) = (&mut claims, draft.claims) {
            claims.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
            options.insert_times(claims, draft.lifetime, now);
            options.override_claims(claims);
        }
        let header = options.header(&key.kid, draft.typ);
        Ok(token::encode(&header, &claims, &key.material)?)
    }

    fn jti(&mut self, now: UnixMillis) -> String {
        self.ids.id("jti", now).replacen("jti_", "", 1)
    }

    /// The union of what the organization's members may do: the ceiling of a blueprint that allows everything.
    fn permissions_in(&self, organization_id: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for permission in self
            .users
            .iter()
            .filter_map(|user| user.membership(organization_id))
            .flat_map(Membership::permissions)
        {
            if !all.contains(permission) {
                all.push(permission.clone());
            }
        }
        all
    }

    /// A Connect token of a user: of an OAuth application or of an MCP client.
    fn mint_connect(
        &mut self,
        user: &str,
        application: &str,
        audience: &str,
        options: &TokenOptions,
        now: UnixMillis,
    ) -> Result<String, IdpError> {
        let (jti, consent) = (self.jti(now), self.ids.id("app_consent", now));
        let user = known_user(self, user)?;
        let claims = json!({
            "aud": audience, "sub": user.id, "sid": consent, "jti": jti, "org_id": first_organization(user),
            "client_id": application, "scope": "openid profile email",
        });
        let draft = Draft { issuer: Issuer::AuthKit, typ: None, lifetime: CONNECT_LIFETIME, claims };
        self.mint(draft, options, now)
    }

    /// The claims of a user's session that signed in just now, with `sub_type`.
    fn sub_type_claims(&mut self, user: &str, sub_type: &str, now: UnixMillis) -> Result<Value, IdpError> {
        let (jti, session_id) = (self.jti(now), self.ids.id("session", now));
        let user = known_user(self, user)?;
        Ok(json!({
            "sub": user.id, "sub_type": sub_type, "sid": session_id, "jti": jti,
            "org_id": first_organization(user), "auth_time": now.as_secs(), "client_id": self.settings.client_id,
        }))
    }
}

fn first_organization(user: &User) -> Option<&str> {
    user.memberships.first().map(|first| first.organization().id())
}

impl DevIdp {
    /// The access token of an agent of one's own (Agent Blueprints): issuer and key of sessions, `typ` `at+jwt`, `sub_profile`
    /// `ai_agent`, `aud` our client id, `org_id`, `permissions`, `intent`; a delegated one also has `act` and `auth_time` (now).
    /// It lives 300 s; production allows 3,600 s at most. \[emu, py; ids by docs\]
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sealkit_devidp::{AgentKind, DevIdp, TokenOptions};
    ///
    /// let idp = DevIdp::builder().build()?;
    /// let agent = idp.mint_agent(&AgentKind::delegated("ada@example.com"), &TokenOptions::new().expired())?;
    /// assert!(agent.session_id.starts_with("agent_session_"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`], [`IdpError::UnknownOrganization`]; [`IdpError::Refused`] with
    /// `user_not_member_of_organization` if the user has no organization.
    pub fn mint_agent(&self, agent: &AgentKind, options: &TokenOptions) -> Result<MintedAgent, IdpError> {
        self.with(|state, now| {
            let (organization_id, permissions, user_id) = match agent {
                AgentKind::Delegated(user) => {
                    let user = known_user(state, user)?;
                    let Some(membership) = user.memberships.first() else {
                        return Err(IdpError::Refused("user_not_member_of_organization".to_owned()));
                    };
                    let organization_id = membership.organization().id().to_owned();
                    (organization_id, membership.permissions().to_vec(), Some(user.id.clone()))
                }
                AgentKind::Autonomous(id) if state.organization(id).is_some() => {
                    (id.clone(), state.permissions_in(id), None)
                }
                AgentKind::Autonomous(id) => return Err(IdpError::UnknownOrganization(id.clone())),
            };
            let jti = state.jti(now);
            let instance_id = state.ids.id("agent", now);
            let session_id = state.ids.id("agent_session", now);
            let auth_time = user_id.as_ref().map(|_| now.as_secs());
            let act = user_id.map(|id| json!({ "sub": id, "sub_profile": "user" }));
            let claims = json!({
                "sub": instance_id, "sub_profile": "ai_agent", "sid": session_id, "jti": jti,
                "org_id": organization_id, "permissions": permissions, "intent": { "text": "Draft outreach" },
                "act": act, "auth_time": auth_time, "aud": state.settings.client_id,
            });
            let draft =
                Draft { issuer: Issuer::Session, typ: Some("at+jwt"), lifetime: AGENT_LIFETIME, claims };
            let token = state.mint(draft, options, now)?;
            Ok(MintedAgent { token, instance_id, session_id })
        })
    }

    /// A widget token (`POST /widgets/token`), which scripts of a page hold: issuer and key of sessions, lives an hour. \[docs\]
    /// [`TokenShape::Emulator`] is `aud` `widgets` and `scopes` as a list. Scopes are texts such as
    /// `widgets:users-table:manage`.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn mint_widget(
        &self,
        user: &str,
        scopes: &[&str],
        shape: TokenShape,
        options: &TokenOptions,
    ) -> Result<MintedToken, IdpError> {
        self.with(|state, now| {
            let claims = match shape {
                TokenShape::SubType => {
                    let mut claims = state.sub_type_claims(user, "widget", now)?;
                    if let Value::Object(members) = &mut claims {
                        members.insert("scopes".to_owned(), json!(scopes));
                    }
                    claims
                }
                TokenShape::Emulator => {
                    let user = known_user(state, user)?;
                    json!({
                        "sub": user.id, "org_id": first_organization(user), "aud": "widgets", "scopes": scopes,
                    })
                }
            };
            let draft =
                Draft { issuer: Issuer::Session, typ: Some("JWT"), lifetime: WIDGET_LIFETIME, claims };
            Ok(MintedToken { token: state.mint(draft, options, now)? })
        })
    }

    /// A client token (`POST /client/token`), for the Client API: issuer and key of sessions, lives 300 s. \[emu\]
    /// [`TokenShape::Emulator`] is `aud` `client`.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn mint_client_token(
        &self,
        user: &str,
        shape: TokenShape,
        options: &TokenOptions,
    ) -> Result<MintedToken, IdpError> {
        self.with(|state, now| {
            let claims = match shape {
                TokenShape::SubType => state.sub_type_claims(user, "client", now)?,
                TokenShape::Emulator => {
                    let user = known_user(state, user)?;
                    json!({ "sub": user.id, "org_id": first_organization(user), "aud": "client" })
                }
            };
            let draft =
                Draft { issuer: Issuer::Session, typ: Some("JWT"), lifetime: CLIENT_TOKEN_LIFETIME, claims };
            Ok(MintedToken { token: state.mint(draft, options, now)? })
        })
    }

    /// The Connect access token of a user in another OAuth application: issuer and key of the AuthKit domain, `sid` a consent
    /// (`app_consent_…`), `aud` the environment's client id, `client_id` the application, `scope`, `org_id`, no `auth_time`, no
    /// `typ`. \[docs\] It lives an hour. (inferred)
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn mint_connect_user(&self, user: &str, options: &TokenOptions) -> Result<MintedToken, IdpError> {
        self.with(|state, now| {
            let audience = state.settings.client_id.clone();
            let token = state.mint_connect(user, OAUTH_APPLICATION, &audience, options, now)?;
            Ok(MintedToken { token })
        })
    }

    /// The Connect access token of a user in an MCP client: as [`DevIdp::mint_connect_user`], with the resource indicator as
    /// `aud`. \[docs\]
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn mint_mcp(
        &self,
        user: &str,
        resource: &str,
        options: &TokenOptions,
    ) -> Result<MintedToken, IdpError> {
        self.with(|state, now| {
            let token = state.mint_connect(user, MCP_APPLICATION, resource, options, now)?;
            Ok(MintedToken { token })
        })
    }

    /// The access token of a machine-to-machine application of an organization: issuer and key of the AuthKit domain, `sub` and
    /// `client_id` the application, `aud` the environment's client id, `org_id`, `scope`, no `sid`. \[docs\] It lives an hour.
    /// \[emu\]
    ///
    /// # Errors
    /// [`IdpError::UnknownOrganization`].
    pub fn mint_machine(
        &self,
        organization_id: &str,
        options: &TokenOptions,
    ) -> Result<MintedToken, IdpError> {
        self.with(|state, now| {
            if state.organization(organization_id).is_none() {
                return Err(IdpError::UnknownOrganization(organization_id.to_owned()));
            }
            let claims = json!({
                "aud": state.settings.client_id, "sub": MACHINE_APPLICATION, "client_id": MACHINE_APPLICATION,
                "jti": state.jti(now), "org_id": organization_id, "scope": "engines:read",
            });
            let draft = Draft { issuer: Issuer::AuthKit, typ: None, lifetime: CONNECT_LIFETIME, claims };
            Ok(MintedToken { token: state.mint(draft, options, now)? })
        })
    }

    /// A Connect ID token: issuer and key of the AuthKit domain, `aud` another application, the user's names and e-mail address,
    /// no `sid`. \[docs\] It lives an hour. (inferred) An ID token is never an access token.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn mint_id_token(&self, user: &str, options: &TokenOptions) -> Result<MintedToken, IdpError> {
        self.with(|state, now| {
            let user = known_user(state, user)?.to_json();
            let claims = json!({
                "aud": OAUTH_APPLICATION, "sub": user.get("id"), "name": user.get("name"),
                "given_name": user.get("first_name"), "family_name": user.get("last_name"),
                "email": user.get("email"), "email_verified": user.get("email_verified"),
            });
            let draft = Draft { issuer: Issuer::AuthKit, typ: None, lifetime: CONNECT_LIFETIME, claims };
            Ok(MintedToken { token: state.mint(draft, options, now)? })
        })
    }
}
