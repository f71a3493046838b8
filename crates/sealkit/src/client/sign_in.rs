//! Signing in: off to the authorize page, back through the callback, and every other grant.

use super::{Sealkit, judge::Judged, sealing_failure};
use crate::api::{Purpose, RequestContext, SignInGrant};
use sealkit_core::{
    Class, Detail, Failure, Reason, SealedSession, Session, UnsealedSession,
    cookie::{CookieLine, SetCookie},
    session::{AuthResponse, payload_of},
    shape::{self, Shape},
    sign_in::{
        AuthorizeUrl, AuthorizeUrlBuilder, BeginError, NewSignIn, Prompt, Provider, ReturnTo, ScreenHint,
        VerifierCookies,
    },
    token,
};
use std::time::Duration;
use url::Url;

/// What a sign-in asks for. Everything is optional; what contradicts is refused, and nothing is left out without a word.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct SignInRequest {
    /// Where the user goes afterwards; `/` without.
    pub return_to: Option<ReturnTo>,
    /// Text of the application's own that comes back at the callback, at most 2,048 bytes.
    pub custom_state: Option<String>,
    /// Begin on the sign-up page.
    pub sign_up: bool,
    /// Sign in to this organization.
    pub organization_id: Option<String>,
    /// Sign in through this connection, in place of AuthKit's page.
    pub connection_id: Option<String>,
    /// Sign in with this provider, in place of AuthKit's page.
    pub provider: Option<Provider>,
    /// An e-mail address to fill in.
    pub login_hint: Option<String>,
    /// The domain of the user's organization.
    pub domain_hint: Option<String>,
    /// What the provider asks of the user.
    pub prompt: Option<Prompt>,
    /// Sign in again if the last time is longer ago, in whole seconds; zero always. The callback checks that it was done.
    pub max_age: Option<Duration>,
    /// An invitation that is being accepted.
    pub invitation_token: Option<String>,
    /// What the provider is asked for, besides what the connection asks for.
    pub provider_scopes: Vec<String>,
    /// Names and values for the provider's own authorize page.
    pub provider_query_params: Vec<(String, String)>,
    /// For one-shot environments.
    pub claim_nonce: Option<String>,
    /// Where this one sign-in comes back, in place of the configured URI: on the same origin. The verifier cookie's `Secure`
    /// follows it.
    pub redirect_uri: Option<Url>,
}

/// A setter of the URL's builder.
type SetText<'a> = fn(AuthorizeUrlBuilder<'a>, &'a str) -> AuthorizeUrlBuilder<'a>;

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, value: impl Into<$type>) -> Self {
            self.$name = Some(value.into());
            self
        }
    )*};
}

impl SignInRequest {
    /// Begins on the sign-up page.
    pub const fn sign_up(mut self) -> Self {
        self.sign_up = true;
        self
    }

    /// Adds to [`provider_scopes`](Self#structfield.provider_scopes).
    pub fn provider_scope(mut self, scope: impl Into<String>) -> Self {
        self.provider_scopes.push(scope.into());
        self
    }

    /// Adds to [`provider_query_params`](Self#structfield.provider_query_params).
    pub fn provider_query_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.provider_query_params.push((name.into(), value.into()));
        self
    }

    setters! {
        /// Sets [`return_to`](Self#structfield.return_to).
        return_to: ReturnTo;
        /// Sets [`custom_state`](Self#structfield.custom_state).
        custom_state: String;
        /// Sets [`organization_id`](Self#structfield.organization_id).
        organization_id: String;
        /// Sets [`connection_id`](Self#structfield.connection_id).
        connection_id: String;
        /// Sets [`provider`](Self#structfield.provider).
        provider: Provider;
        /// Sets [`login_hint`](Self#structfield.login_hint).
        login_hint: String;
        /// Sets [`domain_hint`](Self#structfield.domain_hint).
        domain_hint: String;
        /// Sets [`prompt`](Self#structfield.prompt).
        prompt: Prompt;
        /// Sets [`max_age`](Self#structfield.max_age).
        max_age: Duration;
        /// Sets [`invitation_token`](Self#structfield.invitation_token).
        invitation_token: String;
        /// Sets [`claim_nonce`](Self#structfield.claim_nonce).
        claim_nonce: String;
        /// Sets [`redirect_uri`](Self#structfield.redirect_uri).
        redirect_uri: Url;
    }

    /// The same without what does not have the shape of what it should be: for what a visitor has sent in a link. An application
    /// that fills in values of its own does without this, and learns of a wrong one from [`Sealkit::begin_sign_in`].
    pub fn without_malformed(mut self) -> Self {
        let texts: [(_, &mut Option<String>, Shape); 6] = [
            ("organization_id", &mut self.organization_id, shape::is_id),
            ("connection_id", &mut self.connection_id, shape::is_id),
            ("login_hint", &mut self.login_hint, shape::is_hint),
            ("domain_hint", &mut self.domain_hint, shape::is_hint),
            ("invitation_token", &mut self.invitation_token, shape::is_token),
            ("claim_nonce", &mut self.claim_nonce, shape::is_token),
        ];
        for (parameter, text, fits) in texts {
            if text.as_deref().is_some_and(|text| !fits(text)) {
                tracing::debug!(parameter, "a sign-in was begun without a malformed parameter");
                *text = None;
            }
        }
        self.prompt = self.prompt.filter(|prompt| shape::is_token(prompt.as_str()));
        self
    }

    /// The authorize page's URL with every parameter; what does not go together is refused there.
    fn fill<'a>(&'a self, mut url: AuthorizeUrlBuilder<'a>) -> AuthorizeUrlBuilder<'a> {
        match (&self.provider, &self.connection_id) {
            (Some(provider), _) => url = url.provider(provider.clone()),
            // Said outright, or an organization would select its own connection in place of AuthKit's page.
            (None, None) => url = url.provider(Provider::AuthKit),
            (None, Some(_)) => {}
        }
        if self.sign_up {
            url = url.screen_hint(ScreenHint::SignUp);
        }
        let texts: [(_, SetText<'a>); 6] = [
            (&self.connection_id, AuthorizeUrlBuilder::connection_id),
            (&self.organization_id, AuthorizeUrlBuilder::organization_id),
            (&self.login_hint, AuthorizeUrlBuilder::login_hint),
            (&self.domain_hint, AuthorizeUrlBuilder::domain_hint),
            (&self.invitation_token, AuthorizeUrlBuilder::invitation_token),
            (&self.claim_nonce, AuthorizeUrlBuilder::claim_nonce),
        ];
        for (text, set) in texts {
            if let Some(text) = text {
                url = set(url, text);
            }
        }
        if let Some(prompt) = &self.prompt {
            url = url.prompt(prompt.clone());
        }
        if let Some(age) = self.max_age {
            url = url.max_age(age);
        }
        url = self.provider_scopes.iter().fold(url, |url, scope| url.provider_scope(scope));
        self.provider_query_params
            .iter()
            .fold(url, |url, (name, value)| url.provider_query_param(name, value))
    }
}

/// A sign-in has begun: send the browser to the URL, with these cookies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignInStart {
    /// The authorize page. It carries the state: never log it.
    pub url: AuthorizeUrl,
    /// The verifier cookie, and the deletion of those that it displaces.
    pub set_cookies: Vec<SetCookie>,
}

/// A completed sign-in: verified, and sealed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// Who.
    pub session: Session,
    /// The session cookie's value; it replaces whatever was there.
    pub sealed: SealedSession,
    /// The API's answer, for what is not stored: [`oauth_tokens`](AuthResponse::oauth_tokens),
    /// [`authkit_authorization_code`](AuthResponse::authkit_authorization_code).
    pub response: AuthResponse,
}

impl Sealkit {
    /// Begins a sign-in. `cookies` are the request's `Cookie` lines: when five sign-ins are pending, the oldest go.
    ///
    /// Only for top-level navigations (`RequestProfile::may_set_verifier_cookie`): a page that polls would pile up cookies.
    ///
    /// # Errors
    /// [`Reason::SignInRejected`] with a hint when it cannot be begun as asked: no redirect URI configured, the state too
    /// long, a parameter that does not go with another, a redirect URI of another origin. [`Reason::ServerError`] when this
    /// machine cannot seal the state.
    pub fn begin_sign_in<'h, I>(&self, request: &SignInRequest, cookies: I) -> Result<SignInStart, Failure>
    where
        I: IntoIterator + Clone,
        I::Item: CookieLine<'h>,
    {
        let inner = &*self.inner;
        let redirect_uri = self.redirect_uri(request.redirect_uri.as_ref())?;
        let verifiers = VerifierCookies::new(inner.config.cookie());
        let mut new = NewSignIn::new();
        if let Some(return_to) = &request.return_to {
            new = new.return_to(return_to);
        }
        if let Some(state) = &request.custom_state {
            new = new.custom_state(state);
        }
        if let Some(uri) = &request.redirect_uri {
            new = new.redirect_uri(uri.as_str());
        }
        if let Some(age) = request.max_age {
            new = new.max_age(age);
        }
        let (reader, now) = (self.reader(), self.now());
        let ring = reader.ring();
        let begun = verifiers.begin(new, ring, &*inner.random, now).map_err(|error| match error {
            BeginError::Seal(error) => sealing_failure(error),
            _ => cannot_begin(error.to_string()),
        })?;
        let url = AuthorizeUrl::builder(
            inner.api.base().as_url().as_str(),
            inner.api.client_id().as_str(),
            redirect_uri.as_str(),
        )
        .state(&begun.state)
        .code_challenge(&begun.code_challenge);
        let url = request.fill(url).build().map_err(|error| cannot_begin(error.to_string()))?;
        let mut set_cookies = verifiers.evict(cookies, &begun.cookie, ring, now);
        set_cookies.push(begun.cookie);
        Ok(SignInStart { url, set_cookies })
    }

    /// Where the browser comes back: as asked for, if that is on the origin of the configured URI.
    fn redirect_uri<'a>(&'a self, wanted: Option<&'a Url>) -> Result<&'a Url, Failure> {
        let Some(configured) = self.inner.config.redirect_uri() else {
            return Err(cannot_begin("no redirect URI is configured; set WORKOS_REDIRECT_URI"));
        };
        let Some(wanted) = wanted else { return Ok(configured) };
        if wanted.origin() != configured.origin()
            || !wanted.username().is_empty()
            || wanted.password().is_some()
        {
            return Err(cannot_begin(
                "the sign-in's own redirect URI must have the origin of the configured one, and no credentials",
            ));
        }
        Ok(wanted)
    }

    /// Signs in: has the key set, exchanges the grant, verifies the token, and only then gives a session.
    ///
    /// One attempt: a code or password that was taken must not be sent twice. Dropping the future may lose the session.
    ///
    /// # Errors
    /// [`Reason::JwksUnavailable`] when no key set can be had; without a hint about a spent grant, nothing was sent. What the
    /// API says (step-up reasons carry what the next step needs); [`Reason::MissingTokens`]; or why the new token is
    /// not acceptable. The latter no new sign-in cures, and its hint names the setting to change.
    pub async fn sign_in_with(
        &self,
        grant: &SignInGrant,
        context: &RequestContext,
    ) -> Result<SignedIn, Failure> {
        self.inner.keys.get().await?;
        self.exchange(grant, context).await
    }

    pub(super) async fn exchange(
        &self,
        grant: &SignInGrant,
        context: &RequestContext,
    ) -> Result<SignedIn, Failure> {
        let reply = self.inner.api.authenticate(grant.as_grant(), context).await;
        let response = reply.map_err(|error| error.to_failure(Purpose::SignIn))?.into_body();
        if !response.has_user() {
            return Err(
                Failure::new(Reason::MissingTokens).with_hint("the answer of a sign-in must name its user")
            );
        }
        let reader = self.reader();
        let encoding = reader.encoding();
        let payload = payload_of(&response, encoding.write.style());
        let session_id = token::peek_session_id(response.access_token().expose_secret());
        let sealed = self.seal_in_turn(&reader, &payload, session_id.as_deref()).await.map_err(spent)?;
        let unsealed = UnsealedSession::parse_as(payload.as_bytes().to_vec(), encoding.write)
            .map_err(|_| Failure::new(Reason::MissingTokens))?;
        let seal = encoding.seal_info(reader.ring(), self.now());
        match self.judge_unsealed(unsealed, seal).await {
            Judged::Valid { session, .. } => Ok(SignedIn { session, sealed, response }),
            Judged::Expired(_) => Err(Failure::new(Reason::ExpiredJwt)
                .with_hint("the API's new token has expired already; check this machine's clock")),
            Judged::Failed(failure) => {
                let failure = with_cure(failure);
                tracing::error!(%failure, hint = failure.hint(), "the API's new token is not acceptable here");
                Err(failure)
            }
        }
    }
}

/// Names the setting that makes the API's own fresh token acceptable.
fn with_cure(failure: Failure) -> Failure {
    match failure.reason() {
        Reason::InvalidIssuer => failure.with_hint(
            "claim `iss`: the issuer is not in the accepted list; set WORKOS_ISSUER to the issuer of your environment",
        ),
        Reason::InvalidAudience => {
            failure.with_hint("claim `aud`: the audience is not the configured one; change it, or the JWT template")
        }
        Reason::NotASessionToken => {
            let hint = kind_hint(failure.detail());
            failure.with_hint(hint)
        }
        reason if reason.is_retryable() => spent(failure),
        reason if reason.class() == Class::Verification && failure.hint().is_none() => {
            failure.with_hint("the API's own new token does not verify; check WORKOS_CLIENT_ID and the API host")
        }
        _ => failure,
    }
}

/// Names the setting for a token that the API gave for a sign-in and that is not a session of this application.
const fn kind_hint(kind: Option<Detail>) -> &'static str {
    match kind {
        Some(Detail::OtherApplication) => {
            "claim `client_id`: the token is another application's; set WORKOS_CLIENT_ID to this application, or list the other in \
             SEALKIT_CLIENT_IDS if both share the cookie"
        }
        Some(Detail::NoAuthTime) => {
            "claim `auth_time`: it is missing or is not a time; look at the JWT template, or set SEALKIT_REQUIRE_AUTH_TIME=false for \
             an emulator that writes none"
        }
        Some(Detail::Agent) => {
            "the API answered a sign-in with an agent's token, or another party acts in the session (claim `act`); look at the JWT \
             template, or allow the actor with SEALKIT_ACTORS"
        }
        _ => {
            "the API answered a sign-in with a token of another kind than a session (claims `sub_profile`, `sub_type`, `sid`, `sub`, \
             header `typ`); look at the JWT template"
        }
    }
}

/// Asking again with the same grant cannot help, whatever the reason says.
fn spent(failure: Failure) -> Failure {
    let why = failure.hint().map(|why| format!("; {why}")).unwrap_or_default();
    failure.with_hint(format!("the API has taken the grant, which is spent: begin a new sign-in{why}"))
}

fn cannot_begin(hint: impl Into<std::sync::Arc<str>>) -> Failure {
    Failure::new(Reason::SignInRejected).with_hint(hint)
}
