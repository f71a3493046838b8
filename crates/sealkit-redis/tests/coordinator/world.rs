//! One provider, one server, and replicas that share nothing else.

use crate::support::{Redis, eventually};
use bytes::Bytes;
use http::Request;
use sealkit::{
    Clock, Config, ConfigBuilder, CookieAction, CookiePassword, KeyRing, Outcome, RefreshOptions, Resolve,
    Sealkit, UnixMillis,
    api::{HttpTransport, TransportError, TransportErrorKind, TransportFuture},
    refresh::RefreshCoordinator as _,
    session::AuthResponse,
};
use sealkit_devidp::{DevIdp, DevIdpBuilder, Endpoint, IdpClock, MintSession};
use sealkit_redis::{RedisSettings, RedisStore};
use std::{
    future::Future,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Runtime, sync::watch, task::JoinHandle};

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const ANALYTICAL: &str = "org_01JGFANALYT1CALENG1NES0000";

const PASSWORD: &str = "a-cookie-password-of-the-tests-0123456789";

/// Where grants are held on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Nowhere,
    /// Before they reach the provider.
    Before,
    /// After the provider has answered, before the replica has the answer.
    After,
}

/// The provider, and how many refresh tokens it took.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    idp: DevIdp,
    accepted: Arc<AtomicUsize>,
}

impl Deref for Provider {
    type Target = DevIdp;

    fn deref(&self) -> &DevIdp {
        &self.idp
    }
}

/// A replica's way to the provider.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    idp: Provider,
    hold: watch::Sender<Hold>,
    held: watch::Sender<usize>,
}

impl Wire {
    fn new(idp: &Provider) -> Self {
        Self { idp: idp.clone(), hold: watch::Sender::new(Hold::Nowhere), held: watch::Sender::new(0) }
    }

    /// From now on.
    pub(crate) fn hold(&self, hold: Hold) {
        self.hold.send_replace(hold);
    }

    pub(crate) fn let_go(&self) {
        self.hold(Hold::Nowhere);
    }

    /// Waits until so many grants have been held here.
    pub(crate) async fn has_held(&self, count: usize) {
        let mut held = self.held.subscribe();
        let wait = held.wait_for(|held| *held >= count);
        let held = tokio::time::timeout(Duration::from_secs(60), wait).await;
        held.unwrap_or_else(|_| panic!("no grant came here")).unwrap();
    }

    async fn pass(&self, at: Hold) {
        let mut hold = self.hold.subscribe();
        if *hold.borrow() == at {
            self.held.send_modify(|held| *held += 1);
            hold.wait_for(|hold| *hold != at).await.unwrap();
        }
    }
}

impl HttpTransport for Wire {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            let is_grant = request.uri().path().ends_with("/authenticate");
            if is_grant {
                self.pass(Hold::Before).await;
            }
            let answer = self.idp.handle(request).await;
            if is_grant {
                if answer.as_ref().is_ok_and(|answer| answer.status() == 200) {
                    self.idp.accepted.fetch_add(1, Ordering::SeqCst);
                }
                self.pass(Hold::After).await;
            }
            answer.map_err(|_| TransportError::new(TransportErrorKind::Interrupted))
        })
    }
}

/// The provider's clock is everybody's, unless a test says how wrong one is.
#[derive(Clone, Debug)]
pub(crate) struct TestClock {
    right: IdpClock,
    seconds_ahead: Arc<AtomicI64>,
}

impl TestClock {
    /// From now on.
    pub(crate) fn is_ahead_by(&self, seconds: i64) {
        self.seconds_ahead.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        let ahead = self.seconds_ahead.load(Ordering::SeqCst);
        let (now, by) = (self.right.now(), Duration::from_secs(ahead.unsigned_abs()));
        if ahead < 0 { now.saturating_sub(by) } else { now.saturating_add(by) }
    }
}

pub(crate) struct World {
    pub(crate) redis: Redis,
    pub(crate) idp: Provider,
}

/// A process.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) sealkit: Sealkit,
    pub(crate) store: RedisStore,
    pub(crate) wire: Wire,
    pub(crate) clock: TestClock,
}

impl World {
    /// A provider that takes every refresh token once.
    pub(crate) async fn strict() -> Option<Self> {
        Self::of(|idp| idp.replay_window(Duration::ZERO)).await
    }

    /// A provider that answers the same refresh token again for 30 s.
    pub(crate) async fn lenient() -> Option<Self> {
        Self::of(|idp| idp).await
    }

    pub(crate) async fn of(provider: impl FnOnce(DevIdpBuilder) -> DevIdpBuilder) -> Option<Self> {
        let redis = Redis::start().await?;
        Some(Self { redis, idp: provider_of(provider) })
    }

    /// Patient with a busy machine, quick where a test would wait for nothing.
    pub(crate) fn settings(&self) -> RedisSettings {
        settings(self.redis.url())
    }

    pub(crate) async fn replica(&self) -> Replica {
        self.replica_with(self.settings()).await
    }

    pub(crate) async fn replica_with(&self, settings: RedisSettings) -> Replica {
        replica(&self.idp, settings, |config| config).await
    }

    /// Ada's session, whose token ended a minute ago.
    pub(crate) fn expired(&self, by: &Replica) -> String {
        mint(&self.idp, by, MintSession::for_user(ADA).expired())
    }

    /// Ada's session, at the point where it is refreshed ahead.
    pub(crate) fn nearly_over(&self, by: &Replica) -> String {
        let cookie = mint(&self.idp, by, MintSession::for_user(ADA));
        self.idp.clock().advance(Duration::from_secs(3580));
        cookie
    }

    /// How many refresh tokens the provider was sent.
    pub(crate) fn grants(&self) -> u64 {
        self.idp.count(Endpoint::Authenticate)
    }

    /// How many of them it took.
    pub(crate) fn accepted(&self) -> usize {
        self.idp.accepted.load(Ordering::SeqCst)
    }

    /// The keys of refresh tokens in the store.
    pub(crate) async fn places(&self) -> Vec<String> {
        self.redis.query(&["KEYS", "sealkit:{*"]).await.unwrap()
    }

    /// What the store has of the only refresh token, by its first letter.
    pub(crate) async fn stored(&self) -> Option<u8> {
        let places = self.places().await;
        let value: Option<Vec<u8>> = self.redis.query(&["GET", places.first()?]).await.unwrap();
        value?.first().copied()
    }

    pub(crate) async fn until_stored(&self, kind: u8) {
        eventually("something is stored", async || self.stored().await == Some(kind)).await;
    }
}

pub(crate) fn provider_of(provider: impl FnOnce(DevIdpBuilder) -> DevIdpBuilder) -> Provider {
    let clock = IdpClock::frozen_at(UnixMillis::from_secs(1_800_000_000));
    let builder = DevIdp::builder().clock(clock).auto_approve(true).token_lifetime(Duration::from_secs(3600));
    Provider { idp: provider(builder).build().unwrap(), accepted: Arc::default() }
}

pub(crate) fn settings(url: String) -> RedisSettings {
    let mut settings = RedisSettings::new(url);
    settings.operation_timeout = Duration::from_secs(2);
    settings.pause = Duration::from_millis(100);
    settings.second_look = Duration::from_millis(100);
    settings
}

/// A lease that ends soon after its holder does.
pub(crate) fn short_lease(mut settings: RedisSettings) -> RedisSettings {
    settings.lease = Duration::from_millis(900);
    settings.renew_every = Duration::from_millis(200);
    settings
}

/// An operation is given up soon: for servers that do not answer.
pub(crate) fn impatient(mut settings: RedisSettings) -> RedisSettings {
    settings.operation_timeout = Duration::from_millis(100);
    // Whoever looks stops when there is something.
    settings.second_look = Duration::from_secs(30);
    settings
}

pub(crate) async fn replica(
    idp: &Provider,
    settings: RedisSettings,
    config: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
) -> Replica {
    let test_clock = TestClock { right: idp.clock(), seconds_ahead: Arc::default() };
    let clock: Arc<dyn Clock> = Arc::new(test_clock.clone());
    let store = RedisStore::connect(settings, Arc::clone(&clock)).await.unwrap();
    let ring = KeyRing::builder().password("current", CookiePassword::from(PASSWORD)).build().unwrap();
    let base = Config::builder()
        .client_id(idp.client_id())
        .api_key(idp.api_key())
        .api_base(idp.base_url())
        .redirect_uri("http://localhost:3000/callback")
        .key_ring(ring);
    let mut base = config(base);
    let mut refresh = sealkit::config::RefreshSettings::default();
    // Long after anything here takes even on a busy machine.
    refresh.caller_wait = Duration::from_secs(60);
    refresh.ahead_wait = Duration::from_secs(60);
    base = base.refresh(refresh);
    let wire = Wire::new(idp);
    let sealkit = Sealkit::builder(base.build().unwrap())
        .transport(Arc::new(wire.clone()))
        .clock(clock)
        .coordinator(store.coordinator())
        .deny_list_store(store.deny_list())
        .build()
        .unwrap();
    Replica { sealkit, store, wire, clock: test_clock }
}

pub(crate) fn mint(idp: &Provider, by: &Replica, session: MintSession) -> String {
    let minted = idp.mint_session(session).unwrap();
    let answer = AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap();
    by.sealkit.seal_session(&answer).unwrap().expose_secret().to_owned()
}

impl Replica {
    pub(crate) async fn resolve(&self, cookie: &str) -> Outcome {
        self.sealkit.resolve([cookie.into()], Resolve::default()).await
    }

    /// As a navigation, which may clear the cookie.
    pub(crate) async fn navigate(&self, cookie: &str) -> Outcome {
        self.sealkit.resolve([cookie.into()], Resolve::new(true, true)).await
    }

    /// A request in a task of its own.
    pub(crate) fn request(&self, cookie: &str) -> JoinHandle<Outcome> {
        let (replica, cookie) = (self.clone(), cookie.to_owned());
        tokio::spawn(async move { replica.resolve(&cookie).await })
    }

    pub(crate) async fn switch(&self, cookie: &str, organization: &str) -> Outcome {
        self.sealkit.refresh(cookie, RefreshOptions::default().with_organization(organization)).await
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.store.coordinator().status().degraded
    }

    /// The key of the cookie's refresh token in the store.
    pub(crate) fn place_of(&self, world: &World, cookie: &str) -> String {
        let (unsealed, _) = self.sealkit.unseal(cookie).unwrap();
        let secret = sealkit::refresh::CoordinatorSecret::from_api_key(&world.idp.api_key());
        let key = secret.key(&world.idp.client_id(), &unsealed.refresh_token().unwrap());
        let digits: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sealkit:{{{digits}}}")
    }

    pub(crate) fn session_id(&self, cookie: &str) -> String {
        let (unsealed, _) = self.sealkit.unseal(cookie).unwrap();
        sealkit::token::peek_session_id(unsealed.access_token()).unwrap()
    }
}

/// The new access token, of a session that was refreshed and whose cookie is set.
#[track_caller]
pub(crate) fn refreshed(outcome: &Outcome) -> String {
    assert!(matches!(outcome.cookie(), CookieAction::Set(_)), "no new cookie: {outcome:?}");
    outcome
        .session()
        .unwrap_or_else(|| panic!("not authenticated: {outcome:?}"))
        .unsealed()
        .access_token()
        .to_owned()
}

#[track_caller]
pub(crate) fn new_cookie(outcome: &Outcome) -> String {
    match outcome.cookie() {
        CookieAction::Set(sealed) => sealed.expose_secret().to_owned(),
        other => panic!("no new cookie but {other:?}: {outcome:?}"),
    }
}

/// A process of its own, as far as tasks and connections go, that can be killed.
pub(crate) struct Process {
    runtime: Option<Runtime>,
    pub(crate) replica: Replica,
}

impl Process {
    pub(crate) async fn start(world: &World, settings: RedisSettings) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let idp = world.idp.clone();
        let replica =
            runtime.spawn(async move { replica(&idp, settings, |config| config).await }).await.unwrap();
        Self { runtime: Some(runtime), replica }
    }

    /// A request within it.
    pub(crate) fn request(&self, cookie: &str) -> JoinHandle<Outcome> {
        let (replica, cookie) = (self.replica.clone(), cookie.to_owned());
        self.spawn(async move { replica.resolve(&cookie).await })
    }

    fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.runtime.as_ref().unwrap().spawn(task)
    }

    /// Its tasks end where they are, its connections close.
    pub(crate) async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(60))).await.unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
