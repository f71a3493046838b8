//! A session layer and a provider in one process, one clock for both, and a wire between them that can break.

use bytes::Bytes;
use http::Request;
use sealkit::{
    Clock, Config, ConfigBuilder, CookieAction, CookiePassword, KeyRing, Outcome, Reason, Resolve, Sealkit,
    SealkitBuilder, Session, UnixMillis,
    api::{HttpTransport, TimeLimit, TransportError, TransportErrorKind, TransportFuture},
    session::AuthResponse,
};
use sealkit_devidp::{
    DevIdp, DevIdpBuilder, Endpoint, IdpClock, MintSession, MintedSession, RecordedRequest,
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

pub(crate) const PASSWORD: &str = "a-cookie-password-of-the-tests-0123456789";
pub(crate) const REDIRECT_URI: &str = "http://localhost:3000/callback";
pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const GRACE: &str = "grace@example.com";
pub(crate) const ANALYTICAL: &str = "org_01JGFANALYT1CALENG1NES0000";
pub(crate) const NAVY: &str = "org_01JGFNAVYC0MP1LERS00000000";

/// What an attempt may take, as the real transport is configured by default.
const ATTEMPT: Duration = Duration::from_secs(5);

/// The provider's clock, kept in step with tokio's paused time: both move whichever is moved.
#[derive(Clone, Debug)]
pub(crate) struct TestClock {
    idp: IdpClock,
    seen: Arc<Mutex<Instant>>,
}

impl TestClock {
    fn new(idp: IdpClock) -> Self {
        Self { idp, seen: Arc::new(Mutex::new(Instant::now())) }
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        let mut seen = self.seen.lock().unwrap();
        let now = Instant::now();
        self.idp.advance(now - *seen);
        *seen = now;
        self.idp.now()
    }
}

/// The way to the provider.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    idp: DevIdp,
    clock: TestClock,
    refused: Arc<AtomicU32>,
    sent: Arc<AtomicU32>,
    broken: Arc<AtomicBool>,
}

impl Wire {
    /// Refuses so many connections.
    pub(crate) fn refuse(&self, times: u32) {
        self.refused.store(times, Ordering::SeqCst);
    }

    /// Panics at the next request.
    pub(crate) fn panic_once(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// How many requests were attempted, those without a connection included.
    pub(crate) fn attempts(&self) -> u32 {
        self.sent.load(Ordering::SeqCst)
    }
}

impl HttpTransport for Wire {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            self.clock.now();
            self.sent.fetch_add(1, Ordering::SeqCst);
            assert!(!self.broken.swap(false, Ordering::SeqCst), "the transport is broken");
            let fewer = |left: u32| left.checked_sub(1);
            if self.refused.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
                return Err(TransportError::new(TransportErrorKind::Connect));
            }
            let limit = TimeLimit::of(&request).unwrap_or(ATTEMPT);
            match tokio::time::timeout(limit, self.idp.handle(request)).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(cut)) => Err(match cut.partial() {
                    None => TransportError::new(TransportErrorKind::Other),
                    Some(half) => TransportError::new(TransportErrorKind::Interrupted)
                        .with_head(half.status(), half.headers().clone()),
                }),
                Err(_) => Err(TransportError::new(TransportErrorKind::Timeout)),
            }
        })
    }
}

/// Everything a test needs.
pub(crate) struct World {
    pub(crate) idp: DevIdp,
    pub(crate) wire: Wire,
    pub(crate) clock: TestClock,
    pub(crate) sealkit: Sealkit,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(|idp| idp, |config| config)
    }

    pub(crate) fn configured(change: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        Self::of(|idp| idp, change)
    }

    pub(crate) fn of(
        provider: impl FnOnce(DevIdpBuilder) -> DevIdpBuilder,
        config: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
    ) -> Self {
        crate::ears::listen();
        let frozen = IdpClock::frozen_at(UnixMillis::from_secs(1_800_000_000));
        let idp = provider(DevIdp::builder().clock(frozen).auto_approve(true)).build().unwrap();
        let clock = TestClock::new(idp.clock());
        let wire = Wire {
            idp: idp.clone(),
            clock: clock.clone(),
            refused: Arc::default(),
            sent: Arc::default(),
            broken: Arc::default(),
        };
        let sealkit = builder(&idp, &wire, config).build().unwrap();
        Self { idp, wire, clock, sealkit }
    }

    /// Another process with the same configuration.
    pub(crate) fn another(&self, config: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Sealkit {
        builder(&self.idp, &self.wire, config).build().unwrap()
    }

    pub(crate) fn builder(&self) -> SealkitBuilder {
        self.builder_of(|config| config)
    }

    pub(crate) fn builder_of(&self, config: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> SealkitBuilder {
        builder(&self.idp, &self.wire, config)
    }

    pub(crate) fn mint(&self, session: MintSession) -> MintedSession {
        self.clock.now();
        self.idp.mint_session(session).unwrap()
    }

    /// Ada's session, valid for five minutes.
    pub(crate) fn ada(&self) -> String {
        self.seal(&self.mint(MintSession::for_user(ADA)))
    }

    /// Ada's session, with an access token that ended a minute ago.
    pub(crate) fn expired(&self) -> String {
        self.seal(&self.mint(MintSession::for_user(ADA).expired()))
    }

    pub(crate) fn seal(&self, minted: &MintedSession) -> String {
        self.seal_answer(&minted.response_json)
    }

    pub(crate) fn seal_answer(&self, answer: &Value) -> String {
        let answer = AuthResponse::from_json(answer.to_string().as_bytes()).unwrap();
        self.sealkit.seal_session(&answer).unwrap().expose_secret().to_owned()
    }

    /// A payload as it is.
    pub(crate) fn seal_payload(&self, payload: &Value) -> String {
        self.sealkit.seal_payload(&payload.to_string()).unwrap().expose_secret().to_owned()
    }

    /// The payload of a seal.
    pub(crate) fn payload(&self, sealed: &str) -> Value {
        serde_json::from_str(self.sealkit.unseal(sealed).unwrap().0.expose_text()).unwrap()
    }

    /// The same session, changed.
    pub(crate) fn reseal(&self, sealed: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut payload = self.payload(sealed);
        change(&mut payload);
        self.seal_payload(&payload)
    }

    /// The claims of an ordinary token of Ada's, valid for five minutes.
    pub(crate) fn claims(&self) -> Value {
        let now = self.clock.now().as_secs();
        json!({
            "iss": self.idp.issuer(), "sub": self.user_id(ADA), "sid": "session_01TEST", "jti": "01TEST",
            "iat": now, "exp": now + 300, "auth_time": now, "client_id": self.idp.client_id(),
        })
    }

    /// Ada's session around this token.
    pub(crate) fn around(&self, access_token: &str) -> String {
        self.seal_payload(&json!({
            "user": { "object": "user", "id": self.user_id(ADA), "email": ADA },
            "accessToken": access_token, "refreshToken": "rt_of_nobody",
        }))
    }

    pub(crate) fn user_id(&self, email: &str) -> String {
        self.idp.users().iter().find(|user| user.email() == email).unwrap().id().to_owned()
    }

    pub(crate) async fn authenticate(&self, sealed: &str) -> Outcome {
        self.sealkit.authenticate(sealed).await
    }

    pub(crate) async fn resolve(&self, sealed: &str) -> Outcome {
        self.sealkit.resolve([sealed.into()], Resolve::default()).await
    }

    /// The requests for tokens so far.
    pub(crate) fn grants(&self) -> Vec<RecordedRequest> {
        self.idp.requests_to(Endpoint::Authenticate)
    }

    pub(crate) fn grant_count(&self) -> u64 {
        self.idp.count(Endpoint::Authenticate)
    }

    pub(crate) fn key_set_count(&self) -> u64 {
        self.idp.count(Endpoint::Jwks)
    }

    /// What time it is for everybody.
    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Moves both clocks.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
        self.clock.now();
    }
}

/// Whatever a test was about: nothing that belongs to sealing has left the process.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(self.idp.leaking_requests().is_empty(), "a request holds a member that no API has");
        for request in self.idp.requests() {
            let body = String::from_utf8_lossy(request.body());
            let head = format!("{} {:?}", request.path(), request.headers());
            assert!(!body.contains(PASSWORD) && !head.contains(PASSWORD), "the cookie password was sent");
        }
    }
}

fn builder(idp: &DevIdp, wire: &Wire, config: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> SealkitBuilder {
    let ring = KeyRing::builder().password("current", CookiePassword::from(PASSWORD)).build().unwrap();
    let base = Config::builder()
        .client_id(idp.client_id())
        .api_key(idp.api_key())
        .api_base(idp.base_url())
        .redirect_uri(REDIRECT_URI)
        .key_ring(ring);
    let config = config(base).build().unwrap();
    Sealkit::builder(config).transport(Arc::new(wire.clone())).clock(Arc::new(wire.clock.clone()))
}

/// The session, which there must be.
#[track_caller]
pub(crate) fn session(outcome: &Outcome) -> &Session {
    match outcome.session() {
        Some(session) => session,
        None => panic!("not authenticated: {outcome:?}"),
    }
}

/// The new cookie, which there must be.
#[track_caller]
pub(crate) fn new_cookie(outcome: &Outcome) -> String {
    match outcome.cookie() {
        CookieAction::Set(sealed) => sealed.expose_secret().to_owned(),
        other => panic!("no new cookie but {other:?}: {outcome:?}"),
    }
}

/// Refused with this reason, and the cookie left alone.
#[track_caller]
pub(crate) fn refused(outcome: &Outcome, reason: Reason) {
    assert_eq!(outcome.reason(), Some(reason), "{outcome:?}");
    assert_eq!(*outcome.cookie(), CookieAction::Keep, "{outcome:?}");
    assert_eq!(outcome.failure().unwrap().is_retryable(), matches!(outcome, Outcome::Unavailable { .. }));
}

/// Lets spawned tasks run until none of them can go on without time passing.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}
