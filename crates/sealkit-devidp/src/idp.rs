//! The handle: everything a test or a demo does to the provider from the inside.

use crate::{
    DevIdpBuilder, IdpClock, Membership, Organization, RecordedRequest, StepUpRule, User,
    errors::ApiError,
    faults::Cut,
    grants::Invitation,
    keys::SigningUnavailable,
    router,
    state::{Impersonator, SignIn, State},
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
    /// A request takes effect in one step: before a delay (with [`Fault::after_effect`](crate::Fault::after_effect)) or after
    /// it. Dropping the future while it waits leaves everything as it became, or as it was.
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
            fault.finish(self, || real).await
        } else {
            fault.wait().await;
            fault.finish(self, || router::respond(self, &request)).await
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

    /// Whether a replay may name another organization, from now on
    /// ([`DevIdpBuilder::replays_any_organization`](crate::DevIdpBuilder::replays_any_organization)).
    pub fn set_replays_any_organization(&self, yes: bool) {
        self.with(|state, _| state.settings.replays_any_organization = yes);
    }

    /// Whether the authorize endpoint shows its page, from now on.
    pub fn set_auto_approve(&self, yes: bool) {
        self.with(|state, _| state.settings.auto_approve = yes);
    }

    /// Puts Radar into Decision mode, or takes it out: see [`DevIdpBuilder::radar_decision_mode`].
    pub fn set_radar_decision_mode(&self, on: bool) {
        self.with(|state, _| state.settings.radar_decides = on);
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

    /// Adds a user, or replaces the one with the same id or e-mail. Emits `user.created` or `user.updated`, then what has become
    /// of the memberships: `organization_membership.created`, `.updated`, `.deleted`.
    ///
    /// # Errors
    /// [`IdpError::ReservedClaim`].
    pub fn put_user(&self, user: User) -> Result<(), IdpError> {
        if let Some(name) = token::reserved_claim(&user.claims) {
            return Err(IdpError::ReservedClaim(name));
        }
        self.with(|state, now| state.put_user(user, now));
        Ok(())
    }

    /// Deletes a user; their sessions end. Emits `session.revoked`, `organization_membership.deleted` and `user.deleted`. False if
    /// there is none.
    pub fn delete_user(&self, id_or_email: &str) -> bool {
        self.with(|state, now| state.delete_user(id_or_email, now))
    }

    /// Deletes an organization, and with it everybody's membership. Emits `organization_membership.deleted` and
    /// `organization.deleted`. False if there is none.
    pub fn delete_organization(&self, id: &str) -> bool {
        self.with(|state, now| state.delete_organization(id, now))
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

pub(crate) fn known_user<'a>(state: &'a State, user: &str) -> Result<&'a User, IdpError> {
    state.user(user).ok_or_else(|| IdpError::UnknownUser(user.to_owned()))
}

fn decided(found: bool) -> Result<(), IdpError> {
    if found { Ok(()) } else { Err(IdpError::UnknownDevice) }
}
