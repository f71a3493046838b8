//! [`Sealkit`]: the handle that an application holds.

mod builder;
mod judge;
mod loaded;
mod refresh;
mod resolve;
mod sign_in;

pub use builder::{BuildError, SealkitBuilder};
pub use loaded::LoadedSession;
pub use refresh::RefreshOptions;
pub use resolve::Resolve;
pub use sign_in::{Callback, SignInRequest, SignInStart, SignedIn};

use crate::{
    api::ApiClient,
    clock::Clock,
    config::Config,
    keys::KeySetCache,
    refresh::{CoordinatorSecret, Pauses, RefreshCoordinator},
};
use judge::invalid_cookie;
use sealkit_core::{
    Failure, Reason, SealedSession, SecureRandom, UnixMillis, UnsealedSession,
    format::{Format, SealError, iron},
    session::{AuthResponse, SealInfo, SessionReader, payload_of},
};
use std::{sync::Arc, time::Duration};
use url::Url;

/// AuthKit sessions: authenticate, refresh, sign in, sign out. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Sealkit {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    api: ApiClient,
    reader: SessionReader,
    keys: KeySetCache,
    coordinator: Arc<dyn RefreshCoordinator>,
    coordinator_secret: CoordinatorSecret,
    pauses: Pauses,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom>,
}

/// A sign-out that has been remembered: clear the cookie, then send the browser here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignOut {
    /// The page at WorkOS that ends the session there, and leads back.
    pub url: Url,
}

impl Sealkit {
    /// Begins with this configuration; transport, clock and coordinator can be replaced.
    pub fn builder(config: Config) -> SealkitBuilder {
        SealkitBuilder::new(config)
    }

    /// From the environment: the `WORKOS_*` names that the SDKs use.
    ///
    /// # Errors
    /// [`BuildError`] with every problem at once, each with its fix.
    pub fn from_env() -> Result<Self, BuildError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place of the library that reads the environment"
        )]
        let config = Config::from_env(|name| std::env::var(name).ok())?;
        Self::builder(config).build()
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The API client: every grant, one attempt each.
    #[must_use]
    pub fn api(&self) -> &ApiClient {
        &self.inner.api
    }

    /// The clock that all decisions go by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The cached key set.
    #[must_use]
    pub fn keys(&self) -> &KeySetCache {
        &self.inner.keys
    }

    /// Holds a sealed session, to authenticate it and follow it through refreshes.
    #[must_use]
    pub fn load_session(&self, sealed: impl Into<SealedSession>) -> LoadedSession {
        LoadedSession::new(self.clone(), sealed.into())
    }

    /// Opens a cookie value (percent-decoded) without looking at the token inside.
    ///
    /// # Errors
    /// [`Reason::InvalidSessionCookie`] with its detail.
    pub fn unseal(&self, sealed: &str) -> Result<(UnsealedSession, SealInfo), Failure> {
        self.inner.reader.unseal(sealed, self.now()).map_err(invalid_cookie)
    }

    /// Seals the answer of a sign-in, which the SDKs call `seal_session_from_auth_response`. The token in it is not verified; [`sign_in_with`](Self::sign_in_with) does both.
    ///
    /// # Errors
    /// [`Reason::MissingTokens`] when the answer names no user; [`Reason::ServerError`] when this machine cannot seal.
    #[doc(alias = "seal_session_from_auth_response")]
    pub fn seal_session(&self, response: &AuthResponse) -> Result<SealedSession, Failure> {
        if !response.has_user() {
            return Err(
                Failure::new(Reason::MissingTokens).with_hint("the answer of a sign-in must name its user")
            );
        }
        self.seal_text(&payload_of(response, Format::Iron.style()))
    }

    /// Seals a payload as it is: the text of a JSON object that is a session.
    ///
    /// # Errors
    /// [`Reason::InvalidSessionCookie`] when it is none; [`Reason::ServerError`] when this machine cannot seal.
    pub fn seal_payload(&self, json: &str) -> Result<SealedSession, Failure> {
        UnsealedSession::parse(json.as_bytes().to_vec(), Format::Iron.style()).map_err(invalid_cookie)?;
        self.seal_text(json)
    }

    /// The page that ends a session at WorkOS; for the browser. It needs the session's id only, so it works for a session
    /// that has expired ([`Failure::expired`]).
    ///
    /// # Errors
    /// [`Reason::InvalidJwt`] when `session_id` is no id.
    pub fn logout_url(&self, session_id: &str, return_to: Option<&Url>) -> Result<Url, Failure> {
        self.inner.api.logout_url(session_id, return_to).map_err(|_| Failure::new(Reason::InvalidJwt))
    }

    /// Signs out: from now on the session is refused here, and no refresh in flight brings it back. Clear the cookie and send
    /// the browser to the URL.
    ///
    /// # Errors
    /// As [`logout_url`](Self::logout_url); the session is refused all the same.
    pub async fn sign_out(&self, session_id: &str, return_to: Option<&Url>) -> Result<SignOut, Failure> {
        self.inner.coordinator.end_session(session_id).await;
        Ok(SignOut { url: self.logout_url(session_id, return_to)? })
    }

    /// Finishes what has begun, before the process ends: waits for every grant under way, at most so long. True when nothing
    /// is left. Call it after the server has stopped accepting requests.
    pub async fn drain(&self, at_most: Duration) -> bool {
        self.inner.coordinator.drain(at_most).await
    }

    fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }

    /// The name of the password that seals.
    fn sealing_key(&self) -> Arc<str> {
        self.inner.reader.ring().keys().first().map(|key| key.name().into()).unwrap_or_default()
    }

    fn seal_text(&self, payload: &str) -> Result<SealedSession, Failure> {
        match iron::seal(payload.as_bytes(), self.inner.reader.ring(), None, &*self.inner.random) {
            Ok(sealed) => Ok(SealedSession::from(sealed)),
            Err(error) => Err(sealing_failure(error)),
        }
    }
}

/// This machine's fault, and nothing about any session.
fn sealing_failure(error: SealError) -> Failure {
    tracing::error!(%error, "sealing did not work");
    Failure::new(Reason::ServerError).with_hint(match error {
        SealError::BadPassword => "the first cookie password is too short to seal with",
        _ => "this machine cannot seal: it gives no random bytes",
    })
}
