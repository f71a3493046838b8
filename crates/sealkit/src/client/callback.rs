//! The end of a sign-in: the browser comes back with a code, or with the organization that it was asked to choose.

use super::{Sealkit, SignedIn, refresh::NOT_AN_ORGANIZATION};
use crate::api::{AuthorizationCodeGrant, OrganizationSelectionGrant, RequestContext};
use sealkit_core::{
    Failure, OrganizationChoice, Reason, State, UnixMillis,
    cookie::{CookieLine, SetCookie},
    shape,
    sign_in::{Callback as CallbackQuery, OwnRoutes, PendingCookies, PkceState, ReturnTo, VerifierCookies},
};
use std::time::Duration;

/// What a callback came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Callback {
    /// The session, or why there is none.
    pub result: Result<SignedIn, Failure>,
    /// Where the user wanted to go; `/` if that is not known.
    pub return_to: ReturnTo,
    /// The application's own text.
    pub custom_state: Option<String>,
    /// What the sign-in was begun with ([`SignInRequest::max_age`](crate::SignInRequest#structfield.max_age)), if that is known. With [`Reason::AuthenticationTooOld`] it
    /// was not satisfied: begin another sign-in with it when the user asks for one, and not before, or the browser loops.
    pub max_age: Option<Duration>,
    /// The query brought a code and no state at all: so does an impersonation arrive that is started in the dashboard. Nothing
    /// binds the code to this browser, and it is not exchanged; the right answer is to begin a sign-in of our own.
    pub code_without_state: bool,
    /// With [`Reason::OrganizationSelectionRequired`]: what the user can choose, and what
    /// [`Sealkit::choose_organization`] finishes the sign-in with. The pending token is in one of the
    /// [`set_cookies`](Self#structfield.set_cookies), sealed.
    pub choice: Option<OrganizationChoices>,
    /// The verifier cookie's deletion, to be sent in any case. There is none while the code is unspent and the same callback
    /// can still succeed: with [`Reason::JwksUnavailable`] from before the exchange, and with [`Reason::RateLimitExceeded`] beyond
    /// [`LimitSettings::codes_per_sign_in`](crate::config::LimitSettings::codes_per_sign_in).
    pub set_cookies: Vec<SetCookie>,
}

/// The organizations that a user can choose from to finish a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrganizationChoices {
    /// Which sign-in: eight hex digits, for the form.
    pub sign_in: String,
    /// Their ids and names, as the API gave them: escape them.
    pub organizations: Vec<OrganizationChoice>,
}

impl Sealkit {
    /// Completes a sign-in: `query` is the callback's raw query, `cookies` the request's `Cookie` lines, `own_routes` the
    /// application's routes that nobody should be returned to.
    ///
    /// The state is compared with the cookie before anything is unsealed, and the token is verified before there is a
    /// session. A callback without the cookie of its own state never signs anybody in. A sign-in that was begun with `max_age`
    /// and comes back with an older `auth_time`, or with none, is [`Reason::AuthenticationTooOld`].
    pub async fn complete_sign_in<'h, I>(
        &self,
        query: &str,
        cookies: I,
        own_routes: &OwnRoutes,
        context: &RequestContext,
    ) -> Callback
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let verifiers = VerifierCookies::new(self.inner.config.cookie());
        let reader = self.reader();
        let query = CallbackQuery::parse(query);
        let code_without_state = matches!(query, CallbackQuery::Missing { code_without_state: true, .. });
        let why = query.failure().unwrap_or_else(|| Failure::new(Reason::MissingAuthParams));
        let mut callback = Callback { code_without_state, ..Callback::failed(why) };
        let (code, state) = match query {
            CallbackQuery::Code { code, state } => (code, state),
            CallbackQuery::Error { state: Some(state), .. } => {
                callback.set_cookies = verifiers.delete(&state, cookies.clone());
                if let Ok(begun) = verifiers.open(&state, cookies, reader.ring(), self.now()) {
                    callback.took_along(&begun, own_routes);
                }
                return callback;
            }
            _ => return callback,
        };
        callback.set_cookies = verifiers.delete(&state, cookies.clone());
        let begun = match verifiers.open(&state, cookies, reader.ring(), self.now()) {
            Ok(begun) => begun,
            Err(failure) => {
                callback.result = Err(failure);
                return callback;
            }
        };
        callback.took_along(&begun, own_routes);
        if let Err(failure) = self.inner.keys.get().await {
            callback.result = Err(failure);
            callback.set_cookies.clear();
            return callback;
        }
        if let Err(failure) = self.spend_code(begun.code_verifier().expose_secret()) {
            callback.result = Err(failure);
            callback.set_cookies.clear();
            return callback;
        }
        let grant = AuthorizationCodeGrant::new(code).with_code_verifier(begun.code_verifier().clone());
        let exchanged = self.exchange(&grant.into(), context).await;
        if let Err(failure) = &exchanged {
            self.let_choose(&mut callback, failure, &state, &begun);
        }
        let is_recent = |at| begun.is_recent(at, self.now());
        callback.result = exchanged.and_then(|signed_in| recent_enough(signed_in, is_recent, self.now()));
        callback
    }

    /// The user has to choose an organization: what finishes the sign-in then goes into a cookie.
    fn let_choose(&self, callback: &mut Callback, failure: &Failure, state: &State, begun: &PkceState) {
        if failure.reason() != Reason::OrganizationSelectionRequired {
            return;
        }
        let Some(step_up) = failure.step_up().filter(|step_up| !step_up.organizations.is_empty()) else {
            return;
        };
        let Some(token) = &step_up.pending_authentication_token else { return };
        let (reader, now) = (self.reader(), self.now());
        let cookies = PendingCookies::new(self.inner.config.cookie());
        match cookies.seal(state, begun, token, reader.ring(), &*self.inner.random, now) {
            Ok((sign_in, cookie)) => {
                callback.set_cookies.push(cookie);
                callback.choice =
                    Some(OrganizationChoices { sign_in, organizations: step_up.organizations.clone() });
            }
            Err(error) => tracing::error!(%error, "the choice of an organization cannot be kept in a cookie"),
        }
    }

    /// Finishes a sign-in whose user was asked to choose an organization ([`Callback::choice`]): `sign_in` and `organization_id` are
    /// what the form brought, `cookies` the request's `Cookie` lines. Any process with the same passwords can finish it.
    ///
    /// Refuse a form of another site before: whoever has the browser's cookie chooses.
    pub async fn choose_organization<'h, I>(
        &self,
        sign_in: &str,
        organization_id: &str,
        cookies: I,
        own_routes: &OwnRoutes,
        context: &RequestContext,
    ) -> Callback
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let pending_cookies = PendingCookies::new(self.inner.config.cookie());
        let opened = pending_cookies.open(sign_in, cookies, self.reader().ring(), self.now());
        let pending = match opened {
            Ok(pending) => pending,
            Err(failure) => return Callback::failed(failure),
        };
        let mut callback = Callback::failed(Failure::new(Reason::MissingPkceCookie));
        callback.return_to = pending.return_to(own_routes);
        callback.custom_state = pending.custom_state().map(str::to_owned);
        callback.max_age = pending.max_age();
        if let Err(failure) = self.inner.keys.get().await {
            callback.result = Err(failure);
            return callback;
        }
        if !shape::is_id(organization_id) {
            callback.result = Err(Failure::new(Reason::InvalidOrganizationId).with_hint(NOT_AN_ORGANIZATION));
            return callback;
        }
        if let Err(failure) = self.spend_code(pending.token().expose_secret()) {
            callback.result = Err(failure);
            return callback;
        }
        let grant = OrganizationSelectionGrant::new(pending.token().clone(), organization_id);
        let exchanged = self.exchange(&grant.into(), context).await;
        // A choice that the API does not take, or did not hear of, can be made again.
        let is_over = exchanged.as_ref().err().is_none_or(|failure| !failure.is_retryable());
        callback.set_cookies.extend(pending_cookies.delete(sign_in).filter(|_| is_over));
        let is_recent = |at| pending.is_recent(at, self.now());
        callback.result = exchanged.and_then(|signed_in| recent_enough(signed_in, is_recent, self.now()));
        callback
    }
}

impl Callback {
    /// No session, nothing known, nothing to set.
    fn failed(why: Failure) -> Self {
        Self {
            result: Err(why),
            return_to: ReturnTo::default(),
            custom_state: None,
            max_age: None,
            code_without_state: false,
            choice: None,
            set_cookies: Vec::new(),
        }
    }

    fn took_along(&mut self, begun: &PkceState, own_routes: &OwnRoutes) {
        self.return_to = begun.return_to(own_routes);
        self.custom_state = begun.custom_state().map(str::to_owned);
        self.max_age = begun.max_age();
    }
}

/// The sign-in, if the user signed in as recently as it was begun to demand.
fn recent_enough(
    signed_in: SignedIn,
    is_recent: impl FnOnce(Option<UnixMillis>) -> bool,
    now: UnixMillis,
) -> Result<SignedIn, Failure> {
    let authenticated_at = signed_in.session.claims().authenticated_at();
    if is_recent(authenticated_at) {
        return Ok(signed_in);
    }
    let hint = match authenticated_at {
        Some(at) if at > now => "`auth_time` lies in the future; check this machine's clock",
        Some(_) => {
            "the user signed in before what `max_age` allows; the parameter was removed on the way, or the provider ignores it"
        }
        None => "the token has no `auth_time`, so `max_age` cannot be checked",
    };
    Err(Failure::new(Reason::AuthenticationTooOld).with_hint(hint))
}
