//! Everything the provider remembers: sessions, codes, refresh tokens, and how a sign-in becomes a pair of tokens.

use crate::{
    bounded::Bounded,
    clock::rfc3339,
    errors::ApiError,
    faults::{Endpoint, FaultQueue},
    grants::device::Device,
    ids::Ids,
    keys::KeySet,
    mailbox::{Message, OneTimeCode},
    options::TokenOptions,
    record::{Recorder, RefreshCounts},
    settings::{OrganizationChoice, Settings},
    step_up::{Pending, StepUp, StepUps},
    token,
    users::{Organization, User},
    webhooks::{self, Webhook},
};
use sealkit_core::UnixMillis;
use serde_json::{Map, Value, json};
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// How many entries each table holds before it forgets the oldest.
const TABLE: usize = 100_000;

/// How long an authorization code can be exchanged.
const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Impersonation sessions end by themselves.
const IMPERSONATION: Duration = Duration::from_secs(60 * 60);

/// Somebody of the staff who acts as a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Impersonator {
    pub(crate) email: String,
    pub(crate) reason: Option<String>,
}

impl Impersonator {
    fn to_json(&self) -> Value {
        json!({ "email": self.email, "reason": self.reason })
    }
}

/// Which organization a sign-in asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What the settings say.
    Unsaid,
    /// None, expressly.
    Nothing,
    /// This one.
    Organization(String),
}

/// A person who has proved who they are, on the way to a session.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) user_id: String,
    pub(crate) organization: Wanted,
    pub(crate) method: String,
    pub(crate) impersonator: Option<Impersonator>,
    pub(crate) auth_time: UnixMillis,
    pub(crate) ip_address: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// Codes of the steps that have been taken.
    pub(crate) completed: Vec<&'static str>,
}

impl SignIn {
    pub(crate) fn new(user_id: &str, method: &str, now: UnixMillis) -> Self {
        Self {
            user_id: user_id.to_owned(),
            organization: Wanted::Unsaid,
            method: method.to_owned(),
            impersonator: None,
            auth_time: now,
            ip_address: None,
            user_agent: None,
            completed: Vec::new(),
        }
    }
}

/// An authorization code, waiting to be exchanged.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) sign_in: SignIn,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) expires_at: UnixMillis,
    pub(crate) used: bool,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) method: String,
    pub(crate) impersonator: Option<Impersonator>,
    pub(crate) auth_time: UnixMillis,
    ip_address: Option<String>,
    user_agent: Option<String>,
    created_at: UnixMillis,
    updated_at: UnixMillis,
    expires_at: UnixMillis,
    ended_at: Option<UnixMillis>,
    pub(crate) refreshes: RefreshCounts,
}

impl Session {
    pub(crate) fn is_active(&self, settings: &Settings, now: UnixMillis) -> bool {
        self.ended_at.is_none()
            && now < self.expires_at
            && settings.inactivity_timeout.is_none_or(|limit| now.saturating_since(self.updated_at) < limit)
    }

    pub(crate) fn to_json(&self, settings: &Settings, now: UnixMillis) -> Value {
        let status = match self.ended_at {
            Some(_) => "revoked",
            None if self.is_active(settings, now) => "active",
            None => "expired",
        };
        let mut session = json!({
            "object": "session",
            "id": self.id,
            "user_id": self.user_id,
            "ip_address": self.ip_address,
            "user_agent": self.user_agent,
            "auth_method": auth_method(&self.method),
            "status": status,
            "expires_at": rfc3339(self.expires_at),
            "ended_at": self.ended_at.map(rfc3339),
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
        });
        if let Value::Object(members) = &mut session {
            if let Some(id) = &self.organization_id {
                members.insert("organization_id".to_owned(), json!(id));
            }
            if let Some(impersonator) = &self.impersonator {
                members.insert("impersonator".to_owned(), impersonator.to_json());
            }
        }
        session
    }
}

/// A refresh token, and what it was exchanged for.
pub(crate) struct RefreshToken {
    pub(crate) session_id: String,
    pub(crate) exchanged: Option<(UnixMillis, Value)>,
}

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) ids: Ids,
    pub(crate) keys: KeySet,
    /// The name of the AuthKit domain's key, unless it shares the keys of sessions.
    pub(crate) authkit_kid: String,
    pub(crate) users: Vec<User>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) sessions: Bounded<Session>,
    pub(crate) codes: Bounded<Code>,
    pub(crate) refresh_tokens: Bounded<RefreshToken>,
    pub(crate) pending: Bounded<Pending>,
    pub(crate) magic_codes: Bounded<OneTimeCode>,
    pub(crate) email_codes: Bounded<OneTimeCode>,
    pub(crate) factor_challenges: Bounded<crate::grants::totp::FactorChallenge>,
    pub(crate) devices: Bounded<Device>,
    pub(crate) invitations: Bounded<crate::grants::Invitation>,
    pub(crate) browsers: Bounded<crate::authorize::Browser>,
    pub(crate) mailbox: VecDeque<Message>,
    pub(crate) step_ups: StepUps,
    pub(crate) faults: HashMap<Endpoint, FaultQueue>,
    pub(crate) recorder: Recorder,
    pub(crate) events: Bounded<Value>,
    pub(crate) webhooks: VecDeque<Webhook>,
    /// What has been emitted and not yet posted to the target.
    pub(crate) undelivered: Vec<Webhook>,
}

impl State {
    pub(crate) fn new(
        settings: Settings,
        ids: Ids,
        keys: KeySet,
        authkit_kid: String,
        users: Vec<User>,
        organizations: Vec<Organization>,
    ) -> Self {
        Self {
            settings,
            ids,
            keys,
            authkit_kid,
            users,
            organizations,
            sessions: Bounded::new(TABLE),
            codes: Bounded::new(TABLE),
            refresh_tokens: Bounded::new(TABLE),
            pending: Bounded::new(TABLE),
            magic_codes: Bounded::new(TABLE),
            email_codes: Bounded::new(TABLE),
            factor_challenges: Bounded::new(TABLE),
            devices: Bounded::new(TABLE),
            invitations: Bounded::new(TABLE),
            browsers: Bounded::new(TABLE),
            mailbox: VecDeque::new(),
            step_ups: StepUps::default(),
            faults: HashMap::new(),
            recorder: Recorder::default(),
            events: Bounded::new(webhooks::KEPT),
            webhooks: VecDeque::new(),
            undelivered: Vec::new(),
        }
    }

    /// A user by id or e-mail.
    pub(crate) fn user(&self, id_or_email: &str) -> Option<&User> {
        self.users.iter().find(|user| user.is(id_or_email))
    }

    /// A user by e-mail alone: what a person types is never an id.
    pub(crate) fn user_by_email(&self, email: &str) -> Option<&User> {
        self.users.iter().find(|user| user.email.eq_ignore_ascii_case(email))
    }

    pub(crate) fn user_mut(&mut self, id_or_email: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.is(id_or_email))
    }

    pub(crate) fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations.iter().find(|organization| organization.id() == id)
    }

    /// Makes an authorization code.
    pub(crate) fn issue_code(
        &mut self,
        sign_in: SignIn,
        redirect_uri: Option<String>,
        challenge: Option<String>,
        now: UnixMillis,
    ) -> String {
        let code = self.ids.id("code", now).replacen("code_", "", 1);
        let expires_at = now.saturating_add(CODE_LIFETIME);
        self.codes.insert(code.clone(), Code { sign_in, redirect_uri, challenge, expires_at, used: false });
        code
    }

    /// Opens a session and answers as the authenticate endpoint does, unless one more step is needed.
    pub(crate) fn complete(&mut self, sign_in: SignIn, now: UnixMillis) -> Result<Value, ApiError> {
        let organization_id = self.organization_for(&sign_in, now)?;
        if let Some(refusal) = self.demanded_at_sign_in(&sign_in, organization_id.as_deref(), now) {
            return Err(refusal);
        }
        let session_id = self.open_session(&sign_in, organization_id, now);
        self.issue(&session_id, &TokenOptions::new(), now)
    }

    fn organization_for(&mut self, sign_in: &SignIn, now: UnixMillis) -> Result<Option<String>, ApiError> {
        let Some(user) = self.user(&sign_in.user_id) else {
            return Err(ApiError::not_found(format!("User not found: '{}'.", sign_in.user_id)));
        };
        let first = user.memberships.first().map(|membership| membership.organization().id().to_owned());
        match &sign_in.organization {
            Wanted::Nothing => Ok(None),
            Wanted::Organization(id) if user.membership(id).is_some() => Ok(Some(id.clone())),
            Wanted::Organization(id) if self.organization(id).is_some() => Err(not_a_member()),
            Wanted::Organization(_) => Err(no_such_organization()),
            Wanted::Unsaid if user.memberships.len() < 2 => Ok(first),
            Wanted::Unsaid => match self.settings.organization_choice {
                OrganizationChoice::First => Ok(first),
                OrganizationChoice::None => Ok(None),
                OrganizationChoice::Ask => {
                    Err(self.refuse(&StepUp::OrganizationSelection.into(), sign_in, now))
                }
            },
        }
    }

    /// Opens a session without asking whether anything stands against it.
    pub(crate) fn open_session(
        &mut self,
        sign_in: &SignIn,
        organization_id: Option<String>,
        now: UnixMillis,
    ) -> String {
        let length =
            if sign_in.impersonator.is_some() { IMPERSONATION } else { self.settings.session_length };
        let id = self.ids.id("session", now);
        let session = Session {
            id: id.clone(),
            user_id: sign_in.user_id.clone(),
            organization_id,
            method: sign_in.method.clone(),
            impersonator: sign_in.impersonator.clone(),
            auth_time: sign_in.auth_time,
            ip_address: sign_in.ip_address.clone(),
            user_agent: sign_in.user_agent.clone(),
            created_at: now,
            updated_at: now,
            expires_at: now.saturating_add(length),
            ended_at: None,
            refreshes: RefreshCounts::default(),
        };
        if session.impersonator.is_none()
            && let Some(user) = self.user_mut(&sign_in.user_id)
        {
            user.last_sign_in_at = Some(now);
            user.updated_at = now;
        }
        let data = session.to_json(&self.settings, now);
        self.sessions.insert(id.clone(), session);
        self.emit("session.created", data, now);
        id
    }

    /// Ends a session that is alive; false if there is none.
    pub(crate) fn end_session(&mut self, id: &str, now: UnixMillis) -> bool {
        let Self { sessions, settings, .. } = self;
        let Some(session) = sessions.get_mut(id).filter(|session| session.is_active(settings, now)) else {
            return false;
        };
        session.ended_at = Some(now);
        session.updated_at = now;
        let data = session.to_json(settings, now);
        self.emit("session.revoked", data, now);
        true
    }

    /// A new pair of tokens for a session, and everything that the answer holds besides.
    pub(crate) fn issue(
        &mut self,
        session_id: &str,
        options: &TokenOptions,
        now: UnixMillis,
    ) -> Result<Value, ApiError> {
        let access_token = self.access_token(session_id, options, now)?;
        let refresh_token = self.ids.secret();
        let entry = RefreshToken { session_id: session_id.to_owned(), exchanged: None };
        self.refresh_tokens.insert(refresh_token.clone(), entry);

        let (Some(session), mut answer) = (self.sessions.get_mut(session_id), Map::new()) else {
            return Err(ApiError::invalid_grant("Session not found."));
        };
        session.updated_at = now;
        let (user_id, organization_id) = (session.user_id.clone(), session.organization_id.clone());
        let (method, impersonator) = (session.method.clone(), session.impersonator.clone());
        let user = self.user(&user_id).map(User::to_json).unwrap_or_default();

        answer.insert("user".to_owned(), user);
        if let Some(id) = organization_id {
            answer.insert("organization_id".to_owned(), json!(id));
        }
        answer.insert("access_token".to_owned(), json!(access_token));
        answer.insert("refresh_token".to_owned(), json!(refresh_token));
        answer.insert("authentication_method".to_owned(), json!(method));
        if let Some(impersonator) = impersonator {
            answer.insert("impersonator".to_owned(), impersonator.to_json());
        }
        Ok(Value::Object(answer))
    }

    fn access_token(
        &mut self,
        session_id: &str,
        options: &TokenOptions,
        now: UnixMillis,
    ) -> Result<String, ApiError> {
        let claims = self.claims(session_id, options, now)?;
        let key = self.keys.current();
        let header = options.header(&key.kid, Some("JWT"));
        Ok(token::encode(&header, &Value::Object(claims), &key.material)?)
    }

    fn claims(
        &mut self,
        session_id: &str,
        options: &TokenOptions,
        now: UnixMillis,
    ) -> Result<Map<String, Value>, ApiError> {
        let jti = self.ids.id("jti", now).replacen("jti_", "", 1);
        let settings = &self.settings;
        let Some(session) = self.sessions.get(session_id) else {
            return Err(ApiError::invalid_grant("Session not found."));
        };
        let Some(user) = self.user(&session.user_id) else {
            return Err(ApiError::invalid_grant("User not found."));
        };

        let mut claims = Map::new();
        claims.insert("iss".to_owned(), json!(settings.issuer()));
        if let Some(impersonator) = &session.impersonator {
            claims.insert("act".to_owned(), json!({ "sub": impersonator.email }));
        }
        claims.insert("sub".to_owned(), json!(user.id));
        claims.insert("sid".to_owned(), json!(session.id));
        claims.insert("jti".to_owned(), json!(jti));
        if let Some(membership) = session.organization_id.as_deref().and_then(|id| user.membership(id)) {
            membership.add_claims(&mut claims);
        }
        options.insert_times(&mut claims, settings.token_lifetime, now);
        claims.insert("auth_time".to_owned(), json!(session.auth_time.as_secs()));
        claims.insert("client_id".to_owned(), json!(settings.client_id));
        if let Some(audience) = &settings.audience {
            claims.insert("aud".to_owned(), audience.clone());
        }
        let mut custom = settings.claims.clone();
        custom.extend(user.claims.clone());
        if Value::Object(custom.clone()).to_string().len() > token::CUSTOM_CLAIMS_LIMIT {
            return Err(ApiError::oauth("token_too_big", "The rendered JWT template is too big."));
        }
        claims.extend(custom);
        for name in &settings.removed_claims {
            claims.shift_remove(name);
        }
        options.override_claims(&mut claims);
        Ok(claims)
    }

    /// Records an event and its webhook.
    pub(crate) fn emit(&mut self, name: &str, data: Value, now: UnixMillis) {
        let id = self.ids.id("event", now);
        let event =
            json!({ "object": "event", "id": id, "event": name, "data": data, "created_at": rfc3339(now) });
        let webhook = Webhook::signed(event.to_string(), &self.settings.webhook_secret, now);
        self.events.insert(id, event);
        if self.webhooks.len() >= webhooks::KEPT {
            self.webhooks.pop_front();
        }
        if self.settings.webhook_target.is_some() {
            self.undelivered.push(webhook.clone());
        }
        self.webhooks.push_back(webhook);
    }
}

pub(crate) fn no_such_organization() -> ApiError {
    ApiError::oauth("organization_not_found", "Organization not found.")
}

pub(crate) fn not_a_member() -> ApiError {
    ApiError::oauth("organization_membership_not_found", "The user is not a member of the organization.")
}

/// The session object's word for an `authentication_method`.
fn auth_method(method: &str) -> &'static str {
    match method {
        "Password" => "password",
        "MagicAuth" => "magic_code",
        "SSO" => "sso",
        "Passkey" => "passkey",
        "Impersonation" => "impersonation",
        "MigratedSession" => "migrated_session",
        "CrossAppAuth" => "cross_app_auth",
        "ExternalAuth" => "external_auth",
        _ if method.ends_with("OAuth") => "oauth",
        _ => "unknown",
    }
}
