//! The handle: everything a test or a demo does to the provider from the inside.

use crate::{
    DevIdpBuilder, Endpoint, Fault, IdpClock, Membership, Message, MintSession, MintedSession, Organization,
    RecordedRequest, StepUpRule, User, Webhook,
    errors::ApiError,
    faults::Cut,
    grants::Invitation,
    keys::{self, SigningUnavailable},
    mailbox::{totp, totp_step},
    mint, router,
    state::{Impersonator, SignIn, State, TokenPlan, Wanted},
    token,
};
use bytes::Bytes;
use http::{Request, Response};
use sealkit_core::{ApiKey, UnixMillis};
use serde_json::{Map, Value};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Why something asked of the handle could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdpError {
    /// No user has this id or e-mail.
    #[error("no user {0}")]
    UnknownUser(String),
    /// There is no such organization.
    #[error("no organization {0}")]
    UnknownOrganization(String),
    /// The user is no member of the organization.
    #[error("{user} is no member of {organization}")]
    NotAMember {
        /// The user, as named in the call.
        user: String,
        /// The organization.
        organization: String,
    },
    /// No device waits under this user code.
    #[error("no device waits under this code")]
    UnknownDevice,
    /// A claim that a template may not set.
    #[error("the claim {0} cannot be set by a template")]
    ReservedClaim(&'static str),
    /// The API itself would have refused, with this code.
    #[error("refused with {0}")]
    Refused(String),
    /// No key signs.
    #[error(transparent)]
    Signing(#[from] SigningUnavailable),
}

impl From<ApiError> for IdpError {
    fn from(error: ApiError) -> Self {
        Self::Refused(if error.code().is_empty() { error.text().to_owned() } else { error.code().to_owned() })
    }
}

/// A development identity provider. Clones share everything.
#[derive(Clone)]
pub struct DevIdp {
    state: Arc<Mutex<State>>,
    clock: IdpClock,
}

impl DevIdp {
    /// Settings for a new provider; `DevIdp::builder().build()` is one with every default.
    pub fn builder() -> DevIdpBuilder {
        DevIdpBuilder::new()
    }

    pub(crate) fn from_parts(state: State, clock: IdpClock) -> Self {
        Self { state: Arc::new(Mutex::new(state)), clock }
    }

    /// Runs `act` on the state at one point in time, then posts the webhooks it caused.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State, UnixMillis) -> R) -> R {
        let now = self.clock.now();
        let (result, target, webhooks) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let result = act(&mut state, now);
            (result, state.settings.webhook_target.clone(), std::mem::take(&mut state.undelivered))
        };
        if let (Some(target), false) = (target, webhooks.is_empty()) {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(async move {
                    for webhook in webhooks {
                        target.deliver(&webhook).await;
                    }
                })),
                Err(_) => tracing::warn!("webhooks not posted: no runtime here"),
            }
        }
        result
    }

    /// Answers one request without any network. The path and query of the URI matter, its host does not.
    ///
    /// # Errors
    /// [`Cut`] when a scripted fault ends the connection.
    ///
    /// # Cancellation
    /// A request takes effect in one step: either before a delay ([`Fault::after_effect`]) or after it. Dropping the future
    /// while it waits leaves everything as it was, or as it became.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        let endpoint = router::endpoint(request.method(), request.uri().path());
        let fault = self.with(|state, now| {
            state.recorder.push(RecordedRequest::new(&request, endpoint, now));
            endpoint.and_then(|endpoint| state.faults.get_mut(&endpoint)?.next())
        });
        let Some(fault) = fault else { return Ok(router::respond(self, &request)) };
        if fault.takes_effect_first() {
            let real = router::respond(self, &request);
            fault.wait().await;
            fault.finish(|| real).await
        } else {
            fault.wait().await;
            fault.finish(|| router::respond(self, &request)).await
        }
    }

    // ---- who it is ----

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.with(|state, _| state.settings.client_id.clone())
    }

    /// The API key, which is the client secret too. No other is accepted.
    #[must_use]
    pub fn api_key(&self) -> ApiKey {
        self.with(|state, _| state.settings.api_key.clone())
    }

    /// The origin under which clients reach it.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.with(|state, _| state.settings.base.clone())
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.with(|state, _| state.settings.issuer())
    }

    /// The secret of its webhooks' signatures.
    #[must_use]
    pub fn webhook_secret(&self) -> String {
        self.with(|state, _| state.settings.webhook_secret.clone())
    }

    /// The key set as its endpoint answers it.
    #[must_use]
    pub fn jwks_json(&self) -> Value {
        self.with(|state, _| state.keys.to_json())
    }

    // ---- the clock ----

    /// The clock, to drive others with.
    #[must_use]
    pub fn clock(&self) -> IdpClock {
        self.clock.clone()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sets the clock.
    pub fn set_now(&self, now: UnixMillis) {
        self.clock.set_now(now);
    }

    /// Holds the clock still and says at what time.
    pub fn freeze(&self) -> UnixMillis {
        self.clock.freeze()
    }

    /// Moves the clock past the life of every access token given out so far.
    pub fn expire_access_tokens(&self) {
        let lifetime = self.with(|state, _| state.settings.token_lifetime);
        self.clock.advance(lifetime + Duration::from_secs(1));
    }

    /// How long access tokens live from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.with(|state, _| state.settings.token_lifetime = lifetime);
    }

    /// The replay window of refresh tokens from now on.
    pub fn set_replay_window(&self, window: Duration) {
        self.with(|state, _| state.settings.replay_window = window);
    }

    // ---- the directory ----

    /// The users.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        self.with(|state, _| state.users.clone())
    }

    /// The organizations.
    #[must_use]
    pub fn organizations(&self) -> Vec<Organization> {
        self.with(|state, _| state.organizations.clone())
    }

    /// Adds a user, or replaces the one with the same id or e-mail.
    ///
    /// # Errors
    /// [`IdpError::ReservedClaim`].
    pub fn put_user(&self, user: User) -> Result<(), IdpError> {
        if let Some(name) = token::reserved_claim(&user.claims) {
            return Err(IdpError::ReservedClaim(name));
        }
        self.with(|state, _| {
            for membership in &user.memberships {
                if state.organization(membership.organization().id()).is_none() {
                    state.organizations.push(membership.organization().clone());
                }
            }
            match state.users.iter_mut().find(|held| held.is(&user.id) || held.is(&user.email)) {
                Some(held) => *held = user,
                None => state.users.push(user),
            }
        });
        Ok(())
    }

    /// Deletes a user; their sessions end. False if there is none.
    pub fn delete_user(&self, id_or_email: &str) -> bool {
        self.with(|state, now| {
            let Some(id) = state.user(id_or_email).map(|user| user.id.clone()) else { return false };
            state.users.retain(|user| user.id != id);
            let sessions: Vec<String> = state
                .sessions
                .values()
                .filter(|session| session.user_id == id)
                .map(|session| session.id.clone())
                .collect();
            for session in sessions {
                state.end_session(&session, now);
            }
            true
        })
    }

    /// Invites an e-mail address to an organization; answers the `invitation_token`.
    pub fn invite(&self, email: &str, membership: Membership) -> String {
        self.with(|state, _| {
            let token = state.ids.secret();
            let invitation = Invitation { email: email.to_owned(), membership, used: false };
            state.invitations.insert(token.clone(), invitation);
            token
        })
    }

    /// The custom claims of everybody's tokens from now on.
    ///
    /// # Errors
    /// [`IdpError::ReservedClaim`]. Too much is no error here: the grants answer `token_too_big`.
    pub fn set_claims(&self, claims: Map<String, Value>) -> Result<(), IdpError> {
        if let Some(name) = token::reserved_claim(&claims) {
            return Err(IdpError::ReservedClaim(name));
        }
        self.with(|state, _| state.settings.claims = claims);
        Ok(())
    }

    // ---- sign-in ----

    /// Demands one more step of a user.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn require_step_up(&self, user: &str, rule: impl Into<StepUpRule>) -> Result<(), IdpError> {
        let rule = rule.into();
        self.with(|state, _| {
            let id = known_user(state, user)?.id.clone();
            state.step_ups.add(id, rule);
            Ok(())
        })
    }

    /// Demands nothing more of a user.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn clear_step_ups(&self, user: &str) -> Result<(), IdpError> {
        self.with(|state, _| {
            let id = known_user(state, user)?.id.clone();
            state.step_ups.clear(&id);
            Ok(())
        })
    }

    /// Every message "sent" so far, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.with(|state, _| state.mailbox.iter().cloned().collect())
    }

    /// The newest one-time code sent to this address.
    #[must_use]
    pub fn one_time_code(&self, email: &str) -> Option<String> {
        self.with(|state, _| {
            let newest = state.mailbox.iter().rev().find(|message| message.to.eq_ignore_ascii_case(email));
            newest.map(|message| message.code.clone())
        })
    }

    /// What the user's authenticator application shows now.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn totp_code(&self, user: &str) -> Result<String, IdpError> {
        self.with(|state, now| Ok(totp(&known_user(state, user)?.totp_secret(), totp_step(now))))
    }

    /// Sends a sign-in code; answers it.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn send_magic_auth(&self, user: &str) -> Result<String, IdpError> {
        self.with(|state, now| {
            let email = known_user(state, user)?.email.clone();
            let answer = state.send_magic_auth(&email, now)?;
            Ok(answer.get("code").and_then(Value::as_str).unwrap_or_default().to_owned())
        })
    }

    /// An authorization code for a user, as if they had just signed in on the page. `challenge` is the S256 code challenge.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn authorization_code(&self, user: &str, challenge: Option<&str>) -> Result<String, IdpError> {
        self.with(|state, now| {
            let sign_in = SignIn::new(&known_user(state, user)?.id, "Password", now);
            Ok(state.issue_code(sign_in, None, challenge.map(str::to_owned), now))
        })
    }

    /// An authorization code with which somebody of the staff becomes the user, as the dashboard makes one: it arrives at the
    /// callback without a `state`.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`].
    pub fn impersonation_code(
        &self,
        user: &str,
        impersonator: &str,
        reason: Option<&str>,
    ) -> Result<String, IdpError> {
        self.with(|state, now| {
            let mut sign_in = SignIn::new(&known_user(state, user)?.id, "Impersonation", now);
            sign_in.impersonator = Some(impersonated_by(impersonator, reason));
            Ok(state.issue_code(sign_in, None, None, now))
        })
    }

    /// Confirms a device that waits.
    ///
    /// # Errors
    /// [`IdpError::UnknownUser`], [`IdpError::UnknownDevice`].
    pub fn approve_device(&self, user_code: &str, user: &str) -> Result<(), IdpError> {
        self.with(|state, now| {
            let sign_in = SignIn::new(&known_user(state, user)?.id, "Password", now);
            decided(state.decide_device(user_code, Some(sign_in), now))
        })
    }

    /// Refuses a device that waits.
    ///
    /// # Errors
    /// [`IdpError::UnknownDevice`].
    pub fn deny_device(&self, user_code: &str) -> Result<(), IdpError> {
        self.with(|state, now| decided(state.decide_device(user_code, None, now)))
    }

    // ---- sessions ----

    /// Makes a session without any request. Step-up rules do not apply.
    ///
    /// # Errors
    /// [`IdpError`] when user, organization or membership do not exist.
    pub fn mint_session(&self, wanted: MintSession) -> Result<MintedSession, IdpError> {
        self.with(|state, now| {
            let user = known_user(state, &wanted.user)?;
            let organization_id = match wanted.organization {
                mint::Organization::First => {
                    user.memberships.first().map(|first| first.organization().id().to_owned())
                }
                mint::Organization::Nothing => None,
                mint::Organization::Id(id) if user.membership(&id).is_some() => Some(id),
                mint::Organization::Id(id) if state.organization(&id).is_some() => {
                    return Err(IdpError::NotAMember { user: wanted.user, organization: id });
                }
                mint::Organization::Id(id) => return Err(IdpError::UnknownOrganization(id)),
            };
            let default = if wanted.impersonator.is_some() { "Impersonation" } else { "Password" };
            let mut sign_in = SignIn::new(&user.id, wanted.method.as_deref().unwrap_or(default), now);
            sign_in.impersonator = wanted.impersonator.map(|(email, reason)| Impersonator { email, reason });
            sign_in.organization = organization_id.clone().map_or(Wanted::Nothing, Wanted::Organization);
            let session_id = state.open_session(&sign_in, organization_id, now);
            let plan =
                TokenPlan { lifetime: wanted.lifetime, expired: wanted.expired, overrides: wanted.claims };
            let response = state.issue(&session_id, &plan, now)?;
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

    /// Ends a session; false if it is not alive. Tokens given out for it verify until they expire, as in production.
    pub fn revoke_session(&self, session_id: &str) -> bool {
        self.with(|state, now| state.end_session(session_id, now))
    }

    /// The session object, alive or not.
    #[must_use]
    pub fn session(&self, session_id: &str) -> Option<Value> {
        self.with(|state, now| {
            state.sessions.get(session_id).map(|session| session.to_json(&state.settings, now))
        })
    }

    // ---- keys and forgeries ----

    /// Signs with the next key from now on; `keep_old` leaves the old ones in the key set. Answers the new `kid`.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn rotate_keys(&self, keep_old: bool) -> Result<String, SigningUnavailable> {
        self.with(|state, now| {
            let kid = state.ids.id("sso_oidc_key_pair", now);
            state.keys.rotate(kid.clone(), keep_old)?;
            Ok(kid)
        })
    }

    /// The `kid` that signs now.
    #[must_use]
    pub fn kid(&self) -> String {
        self.with(|state, _| state.keys.current().kid.clone())
    }

    /// A token with these claims, whatever they are, and an ordinary header.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn sign(&self, claims: &Value) -> Result<String, SigningUnavailable> {
        let key = self.with(|state, _| state.keys.current().clone());
        token::encode(&token::header(&key.kid), claims, &key.material)
    }

    /// A token with this header, whatever it says, and these claims; the signature is RS256 by the current key.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn sign_with(&self, header: &Value, claims: &Value) -> Result<String, SigningUnavailable> {
        let key = self.with(|state, _| state.keys.current().clone());
        token::encode(header, claims, &key.material)
    }

    /// A token whose header names the current key and whose signature is by a key that nobody publishes.
    ///
    /// # Errors
    /// [`SigningUnavailable`].
    pub fn sign_as_stranger(&self, claims: &Value) -> Result<String, SigningUnavailable> {
        token::encode(&token::header(&self.kid()), claims, &*keys::stranger()?)
    }

    // ---- faults and records ----

    /// Queues a fault for an endpoint.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.with(|state, _| state.faults.entry(endpoint).or_default().push(fault));
    }

    /// Forgets the faults of an endpoint.
    pub fn clear_faults(&self, endpoint: Endpoint) {
        self.with(|state, _| drop(state.faults.remove(&endpoint)));
    }

    /// Every request seen, oldest first, the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.with(|state, _| state.recorder.requests())
    }

    /// The requests seen by one endpoint, oldest first.
    #[must_use]
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<RecordedRequest> {
        self.requests().into_iter().filter(|request| request.endpoint() == Some(endpoint)).collect()
    }

    /// Requests whose body had members that no client should send, first of all the cookie password.
    #[must_use]
    pub fn leaking_requests(&self) -> Vec<RecordedRequest> {
        self.requests().into_iter().filter(|request| !request.undocumented_members().is_empty()).collect()
    }

    /// How many requests an endpoint has seen, those with faults included.
    #[must_use]
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.with(|state, _| state.recorder.count(endpoint))
    }

    /// Forgets requests and counts.
    pub fn clear_requests(&self) {
        self.with(|state, _| state.recorder.clear());
    }

    /// Takes the webhooks that have been emitted since the last call, oldest first.
    #[must_use]
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.with(|state, _| state.webhooks.drain(..).collect())
    }
}

impl fmt::Debug for DevIdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (client_id, base) = (self.client_id(), self.base_url());
        f.debug_struct("DevIdp")
            .field("client_id", &client_id)
            .field("base_url", &base)
            .finish_non_exhaustive()
    }
}

pub(crate) fn impersonated_by(email: &str, reason: Option<&str>) -> Impersonator {
    Impersonator { email: email.to_owned(), reason: reason.map(str::to_owned) }
}

fn known_user<'a>(state: &'a State, user: &str) -> Result<&'a User, IdpError> {
    state.user(user).ok_or_else(|| IdpError::UnknownUser(user.to_owned()))
}

fn decided(found: bool) -> Result<(), IdpError> {
    if found { Ok(()) } else { Err(IdpError::UnknownDevice) }
}
