//! [`Sealkit`]: the handle that an application holds.

mod behind;
mod builder;
mod callback;
mod candidates;
mod costly;
mod format_changes;
mod guard;
mod judge;
mod key_file;
mod limits;
mod loaded;
mod readiness;
mod refresh;
mod resolve;
mod served;
mod set_cookies;
mod sign_in;
mod sign_out;
mod stale;
mod usage;

pub use behind::RefreshBehind;
pub use builder::{BuildError, SealkitBuilder};
pub use callback::{Callback, OrganizationChoices};
pub use guard::{SessionEnd, SessionGuard};
pub use loaded::LoadedSession;
pub use readiness::Readiness;
pub use refresh::RefreshOptions;
pub use resolve::Resolve;
pub use sign_in::{SignInRequest, SignInStart, SignedIn};
pub use usage::KeyUsage;

use crate::{
    acting::ActingLog,
    api::ApiClient,
    breaker::{Breaker, BreakerState},
    clock::Clock,
    config::{Config, process_environment},
    keys::KeySetCache,
    refresh::{CoordinatorSecrets, CoordinatorStatus, Pauses, RefreshCoordinator},
    revocation::{Denial, DenyEntry, DenyList, sign_outs::SignOuts},
    skew::ClockSkew,
    telemetry,
};
use arc_swap::ArcSwap;
use format_changes::FormatChanges;
use judge::invalid_cookie;
use limits::{Limits, too_many_costly};
use sealkit_core::{
    Failure, KeyRing, Reason, SealedSession, SecureRandom, Session, UnixMillis, UnsealedSession, Untrusted,
    format::{Cost, KeyShapeError, SealError},
    session::{AuthResponse, Converted, Effect, Loss, SealInfo, SessionReader, payload_in, payload_of},
};
use served::ServedPaths;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, task::spawn_blocking};
use url::Url;
use usage::Usage;
use zeroize::Zeroizing;

/// AuthKit sessions: authenticate, refresh, sign in, sign out. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Sealkit {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    api: ApiClient,
    reader: ArcSwap<SessionReader>,
    usage: Usage,
    acting: ActingLog,
    format_changes: FormatChanges,
    served: ServedPaths,
    limits: Limits,
    keys: KeySetCache,
    coordinator: Arc<dyn RefreshCoordinator>,
    coordinator_secrets: CoordinatorSecrets,
    deny_list: DenyList,
    /// None where the server does not end sessions at WorkOS.
    sign_outs: Option<SignOuts>,
    pauses: Pauses,
    draining: AtomicBool,
    breaker: Breaker<Reason>,
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
        let config = Config::from_env(process_environment)?;
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
        self.reader().unseal(sealed, self.now()).map_err(invalid_cookie)
    }

    /// As [`unseal`](Self::unseal), for a value that a visitor has sent: one of a costly format is opened on a thread of its own, when
    /// it is its turn.
    ///
    /// # Errors
    /// [`Reason::InvalidSessionCookie`] with its detail; [`Reason::RateLimitExceeded`] when too many of a costly format wait.
    pub async fn unseal_in_turn(&self, sealed: &str) -> Result<(UnsealedSession, SealInfo), Failure> {
        self.open(sealed, SessionReader::unseal).await
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
        let reader = self.reader();
        self.seal_with(&reader, &payload_of(response, reader.encoding().write.style()))
    }

    /// Seals a payload as it is: the text of a JSON object that is a session, its members named as the format that is written
    /// names them.
    ///
    /// # Errors
    /// [`Reason::InvalidSessionCookie`] when it is none; [`Reason::ServerError`] when this machine cannot seal.
    pub fn seal_payload(&self, json: &str) -> Result<SealedSession, Failure> {
        let reader = self.reader();
        let format = reader.encoding().write;
        UnsealedSession::parse_as(json.as_bytes().to_vec(), format).map_err(invalid_cookie)?;
        self.seal_with(&reader, json)
    }

    /// The page that ends a session at WorkOS; for the browser. It needs the session's id only, so it works for a session
    /// that has expired ([`Failure::expired`]).
    ///
    /// # Errors
    /// [`Reason::InvalidJwt`] when `session_id` is no id.
    pub fn logout_url(&self, session_id: &str, return_to: Option<&Url>) -> Result<Url, Failure> {
        self.inner.api.logout_url(session_id, return_to).map_err(|_| Failure::new(Reason::InvalidJwt))
    }

    /// Signs out: from now on the session is rejected here, and no in-flight refresh brings it back. Clear the cookie and send
    /// the browser to the URL.
    ///
    /// A browser that goes there ends the session at WorkOS. Ten seconds later a task ends it from the server, in case the browser
    /// did not ([`SignOutSettings`](crate::config::SignOutSettings)); until that is done, this process rejects the session for as
    /// long as a copy of its cookie can live. A repeated sign-out of the same session asks for nothing again. Dropping the future
    /// undoes nothing.
    ///
    /// # Errors
    /// As [`logout_url`](Self::logout_url); the session is rejected all the same.
    pub async fn sign_out(&self, session_id: &str, return_to: Option<&Url>) -> Result<SignOut, Failure> {
        let list = &self.inner.deny_list;
        let until = self.now().saturating_add(list.settings().ttl);
        let news = list.deny_here(DenyEntry::new(Denial::session(session_id), until));
        if let Some(sign_outs) = &self.inner.sign_outs {
            sign_outs.begin(session_id);
        }
        list.share(news).await;
        Ok(SignOut { url: self.logout_url(session_id, return_to)? })
    }

    /// Sessions that are over before their tokens are. Whatever is put in is refused from then on.
    #[must_use]
    pub fn deny_list(&self) -> &DenyList {
        &self.inner.deny_list
    }

    /// How refreshes are coordinated, and whether that works.
    #[must_use]
    pub fn coordinator_status(&self) -> CoordinatorStatus {
        self.inner.coordinator.status()
    }

    /// Records what has no moment of its own: the gauges [`KEY_SET_AGE`](telemetry::KEY_SET_AGE), those of the deny list and the
    /// coordinator's mode. Call it before every scrape, or every few seconds.
    pub fn record_gauges(&self) {
        telemetry::record_gauges(&self.inner.keys, &self.inner.deny_list, self.coordinator_status());
    }

    /// Whether refreshes reach the API, or it is left alone for a moment because it has failed again and again.
    #[must_use]
    pub fn api_breaker(&self) -> BreakerState {
        self.inner.breaker.state()
    }

    /// How far this machine's clock is from the API's, by the API's last answers; none before the first.
    ///
    /// It changes no decision. Beyond half a minute it is logged as a warning, once: tokens then seem to end too early or too
    /// late, and only the machine's administrator can help (NTP).
    #[must_use]
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        self.inner.api.clock_skew()
    }

    /// Finishes what has begun, before the process ends: waits for every grant under way, until what was signed out or
    /// revoked here is known to the other processes, and until the sessions that were signed out here have ended at WorkOS, for
    /// which it begins at once; all for `at_most`. True when nothing is left. Call it after the server has stopped accepting requests.
    pub async fn drain(&self, at_most: Duration) -> bool {
        self.inner.draining.store(true, Ordering::Relaxed);
        let grants = self.inner.coordinator.drain(at_most);
        let sign_outs = async {
            match &self.inner.sign_outs {
                Some(sign_outs) => sign_outs.drain(at_most).await,
                None => true,
            }
        };
        let denials = self.inner.deny_list.drain(at_most);
        let (grants, denials, sign_outs) = futures_util::future::join3(grants, denials, sign_outs).await;
        grants && denials && sign_outs
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }

    pub(crate) fn coordinator_secrets(&self) -> &CoordinatorSecrets {
        &self.inner.coordinator_secrets
    }

    /// Reader and writer of session cookies, with the passwords of this moment.
    pub(crate) fn reader(&self) -> Arc<SessionReader> {
        self.inner.reader.load_full()
    }

    /// Replaces the cookie passwords, without a restart: requests under way finish with the old ones, every later one uses these.
    ///
    /// # Errors
    /// [`KeyShapeError`] when none of them can be a key of the format that is written; nothing has changed then.
    pub fn replace_keys(&self, ring: KeyRing) -> Result<(), KeyShapeError> {
        let reader = self.reader();
        reader.encoding().check_ring(&ring)?;
        let names: Vec<_> = ring.keys().iter().map(|key| key.name().to_owned()).collect();
        self.inner.reader.store(Arc::new(SessionReader::clone(&reader).with_ring(ring)));
        tracing::info!(?names, "the cookie passwords were replaced; the first seals");
        Ok(())
    }

    /// Which formats and passwords have opened cookies in this process, and when last: what is not here any more can go.
    ///
    /// The same as metrics: the counter `sealkit_cookies_opened_total` and the histogram `sealkit_cookie_age_seconds`, labelled
    /// `format` and `key`. A recorder that is installed after the first cookie does not see that cookie's labels.
    #[must_use]
    pub fn key_usage(&self) -> Vec<KeyUsage> {
        self.inner.usage.snapshot()
    }

    /// This proven session sealed as it would be written now.
    async fn seal_anew(
        &self,
        reader: &Arc<SessionReader>,
        session: &Session,
    ) -> Result<SealedSession, Failure> {
        let written = reader.encoding().write;
        let Converted { payload, losses, .. } = payload_in(session.unsealed(), written);
        told(&losses);
        let sealed = self.seal_in_turn(reader, &payload, Some(session.id())).await?;
        self.inner.format_changes.note(session.seal().format, written);
        Ok(sealed)
    }

    /// Seals a payload. If that is costly, it is done on a thread of its own, when it is the session's turn.
    async fn seal_in_turn(
        &self,
        reader: &Arc<SessionReader>,
        payload: &str,
        session_id: Option<&str>,
    ) -> Result<SealedSession, Failure> {
        let costly = reader.encoding().write.cost() == Cost::Costly && Handle::try_current().is_ok();
        let Some(session_id) = session_id.filter(|_| costly) else {
            return self.seal_with(reader, payload);
        };
        let turn = self.inner.limits.costly.to_seal(session_id).await.map_err(|_| too_many_costly())?;
        let (sealkit, reader) = (self.clone(), Arc::clone(reader));
        let payload = Zeroizing::new(payload.to_owned());
        let sealing = spawn_blocking(move || {
            let _turn = turn;
            sealkit.seal_with(&reader, &payload)
        });
        let sealed = sealing.await.unwrap_or_else(|_| Err(Failure::new(Reason::ServerError)))?;
        self.inner.limits.costly.remember(sealed.expose_secret(), session_id);
        Ok(sealed)
    }

    fn seal_with(&self, reader: &SessionReader, payload: &str) -> Result<SealedSession, Failure> {
        reader.seal(payload, self.now(), &*self.inner.random).map_err(sealing_failure)
    }
}

/// What the new format does not hold: names of members, never their values.
fn told(losses: &[Loss]) {
    let dropped: Vec<Untrusted<&str>> = losses
        .iter()
        .filter(|loss| loss.effect == Effect::Collides)
        .map(|loss| Untrusted::new(loss.member()))
        .collect();
    if !dropped.is_empty() {
        tracing::warn!(
            ?dropped,
            "a session was written in another format, where these members' names mean something else"
        );
    } else if !losses.is_empty() {
        let losses: Vec<(Untrusted<&str>, &str)> =
            losses.iter().map(|loss| (Untrusted::new(loss.member()), loss.as_str())).collect();
        tracing::debug!(
            ?losses,
            "a session was written in another format, whose SDK does not keep everything"
        );
    }
}

/// This machine's fault, and nothing about any session.
fn sealing_failure(error: SealError) -> Failure {
    tracing::error!(%error, "sealing did not work");
    Failure::new(Reason::ServerError).with_hint(match error {
        SealError::BadPassword => "no cookie password can seal in the format that is written",
        _ => "this machine cannot seal: it gives no random bytes",
    })
}
