//! Putting a [`Sealkit`] together: configuration first, then the parts that can be replaced.

use super::{Inner, Sealkit, served::ServedPaths, usage::Usage};
use crate::{
    acting::ActingLog,
    api::{HttpTransport, TransportBuildError},
    breaker::Breaker,
    clock::{Clock, SystemClock},
    config::{Config, ConfigError, PasswordSource},
    keys::KeySetCache,
    refresh::{
        CoordinatorSecret, CoordinatorSecrets, InProcessCoordinator, InProcessSettings, Pauses,
        RefreshCoordinator,
    },
    revocation::{DenyList, DenyListStore, sign_outs},
};
use arc_swap::ArcSwap;
use sealkit_core::{
    Key, RandomUnavailable, SecureRandom, SystemRandom, session::SessionReader, token::KeySet,
};
use std::sync::{Arc, atomic::AtomicBool};

/// Values of a costly format that are looked at together: what they cost is the sender's choice, so they wait for each other and
/// for nobody else.
const COSTLY_AT_ONCE: usize = 2;

/// Builds a [`Sealkit`]. Only the configuration is needed.
#[derive(Debug)]
#[must_use]
pub struct SealkitBuilder {
    config: Config,
    transport: Option<Arc<dyn HttpTransport>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom>,
    coordinator: Option<Arc<dyn RefreshCoordinator>>,
    deny_list_store: Option<Arc<dyn DenyListStore>>,
    key_set: Option<KeySet>,
}

/// A [`Sealkit`] could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration is wrong; every problem is in it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// TLS cannot be set up on this machine.
    #[error("the HTTP client cannot be set up")]
    Transport(#[from] TransportBuildError),
    /// A coordinator of several processes needs a secret that they share, and a public client has no API key to derive it from.
    #[error(
        "the refresh coordinator needs a secret that all replicas share; set SEALKIT_COORDINATOR_SECRETS"
    )]
    NoCoordinatorSecret,
    /// The machine gives no random bytes.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

impl SealkitBuilder {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            transport: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            coordinator: None,
            deny_list_store: None,
            key_set: None,
        }
    }

    /// How requests reach the API; by default over the network.
    pub fn transport(mut self, transport: Arc<dyn HttpTransport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The clock that decides; by default the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where randomness comes from. For tests.
    pub fn random(mut self, random: Arc<dyn SecureRandom>) -> Self {
        self.random = random;
        self
    }

    /// Who makes every refresh happen once; by default a coordinator of this process.
    pub fn coordinator(mut self, coordinator: Arc<dyn RefreshCoordinator>) -> Self {
        self.coordinator = Some(coordinator);
        self
    }

    /// Where revoked sessions are shared with other processes; by default they are known here only. Build within a tokio runtime.
    pub fn deny_list_store(mut self, store: Arc<dyn DenyListStore>) -> Self {
        self.deny_list_store = Some(store);
        self
    }

    /// A pinned key set: nothing is ever fetched.
    pub fn key_set(mut self, keys: KeySet) -> Self {
        self.key_set = Some(keys);
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(self) -> Result<Sealkit, BuildError> {
        let Self { config, transport, clock, random, coordinator, deny_list_store, key_set } = self;
        let transport = match transport {
            Some(transport) => transport,
            None => Arc::new(config.transport()?),
        };
        let api = config.api_client(transport, Arc::clone(&clock));
        let keys = match key_set {
            Some(keys) => KeySetCache::fixed(keys),
            None => KeySetCache::new(api.clone(), Arc::clone(&clock), *config.key_set()),
        };
        let reader = SessionReader::new(config.key_ring().clone(), config.token_policy().clone())
            .with_encoding(*config.encoding())
            .with_limit(config.max_cookie_value())
            .with_refresh_ahead(config.refresh().ahead);
        let coordinator_secrets = match (config.coordinator_secrets(), config.api_key()) {
            (Some(secrets), _) => secrets.clone(),
            (None, Some(api_key)) => CoordinatorSecrets::from(CoordinatorSecret::from_api_key(api_key)),
            (None, None) if coordinator.is_some() => return Err(BuildError::NoCoordinatorSecret),
            // A public client's results stay in this process, so nobody else needs the same secret.
            (None, None) => CoordinatorSecret::random(&*random)?.into(),
        };
        let coordinator = coordinator.unwrap_or_else(|| {
            Arc::new(InProcessCoordinator::new(Arc::clone(&clock), InProcessSettings::default()))
        });
        let deny_list = DenyList::new(Arc::clone(&clock), *config.deny_list());
        let sign_outs = (config.sign_out().revoke && config.api_key().is_some()).then(|| {
            sign_outs::SignOuts::new(sign_outs::Parts {
                api: api.clone(),
                list: deny_list.downgrade(),
                clock: Arc::clone(&clock),
                random: Arc::clone(&random),
                settings: *config.sign_out(),
                attempt_timeout: config.http().attempt_timeout,
                cookie_life: config.cookie().max_age(),
                remembered_for: config.deny_list().ttl,
            })
        });
        let pauses = Pauses::new(config.refresh().ahead_pause);
        let breaker = Breaker::new("api", config.refresh().breaker, Arc::clone(&clock));
        said_at_start(&config);
        let sealkit = Sealkit {
            inner: Arc::new(Inner {
                config,
                api,
                reader: ArcSwap::from_pointee(reader),
                usage: Usage::default(),
                acting: ActingLog::default(),
                costly: tokio::sync::Semaphore::new(COSTLY_AT_ONCE),
                served: ServedPaths::default(),
                keys,
                coordinator,
                coordinator_secrets,
                deny_list,
                sign_outs,
                pauses,
                draining: AtomicBool::new(false),
                breaker,
                clock,
                random,
            }),
        };
        sealkit.watch_keys();
        if let Some(store) = deny_list_store {
            sealkit.inner.deny_list.share_through(store);
        }
        Ok(sealkit)
    }
}

/// Which passwords and formats are in use.
fn said_at_start(config: &Config) {
    let names: Vec<&str> = config.key_ring().keys().iter().map(Key::name).collect();
    let encoding = config.encoding();
    tracing::info!(passwords = ?names, write = %encoding.write, read = %encoding.read, "session cookies");
    match config.password_source() {
        PasswordSource::Configured => {}
        PasswordSource::Derived => tracing::warn!(
            "no cookie password is configured: it is derived from the API key and the client id, and a new API key ends every session"
        ),
        PasswordSource::Unneeded => tracing::info!("no cookie password: nothing here is sealed"),
    }
}
