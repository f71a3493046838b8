//! One connection for everything, made again when it breaks; every operation with a limit of time, behind a breaker.

use crate::{RedisSettings, target::Target};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline,
    RedisError, RedisFuture, RedisResult, ScriptInvocation, ServerErrorKind, TlsCertificates, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use sealkit::{
    ConfigError, SystemClock,
    breaker::{Breaker, BreakerSettings, BreakerState},
    config::Problem,
    telemetry,
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// Why the store did not answer. Holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not within the time of an operation.
    #[error("the store did not answer in time")]
    Timeout,
    /// There is no connection.
    #[error("the store cannot be reached")]
    Unreachable,
    /// It has failed so often that it is left alone for a moment.
    #[error("the store is left alone after it failed")]
    Open,
    /// It answered with an error.
    #[error("the store refused the operation ({0:?})")]
    Refused(ErrorKind),
}

impl From<&RedisError> for StoreError {
    fn from(error: &RedisError) -> Self {
        match error.kind() {
            _ if error.is_timeout() => Self::Timeout,
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Self::Unreachable,
            kind => Self::Refused(kind),
        }
    }
}

/// The way to the store. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    way: Way,
    operation_timeout: Duration,
    connect_timeout: Duration,
    pause: Duration,
    breaker: Breaker<StoreError>,
    slot: Mutex<Slot>,
}

/// How to connect.
struct Way {
    target: Target,
    certificates: Option<TlsCertificates>,
    operation_timeout: Duration,
    connect_timeout: Duration,
}

#[derive(Default)]
struct Slot {
    generation: u64,
    state: SlotState,
}

#[derive(Default)]
enum SlotState {
    #[default]
    Empty,
    Connecting(watch::Receiver<Option<Option<Line>>>),
    Ready(Line),
}

/// A connection of one of the kinds.
#[derive(Clone)]
pub(crate) enum Line {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Line {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(line) => line.req_packed_command(cmd),
            Self::Cluster(line) => line.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(line) => line.req_packed_commands(pipeline, offset, count),
            Self::Cluster(line) => line.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(line) => line.get_db(),
            Self::Cluster(line) => line.get_db(),
        }
    }
}

impl Connection {
    /// Checks the settings; connects nowhere yet.
    pub(crate) fn new(settings: &RedisSettings) -> Result<Self, ConfigError> {
        let target = settings.target()?;
        let certificates = certificates(settings)?;
        if target.has_tls() {
            // Without a choice of the program's own. There may be one, or several crates that each want another.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let way = Way {
            target,
            certificates,
            operation_timeout: settings.operation_timeout,
            connect_timeout: settings.connect_timeout,
        };
        way.check()?;
        let patience = BreakerSettings::new(settings.failures, settings.pause);
        Ok(Self {
            shared: Arc::new(Shared {
                way,
                operation_timeout: settings.operation_timeout,
                connect_timeout: settings.connect_timeout,
                pause: settings.pause,
                // Servers live in real time, whatever clock decides about sessions.
                breaker: Breaker::new("redis", patience, Arc::new(SystemClock)),
                slot: Mutex::default(),
            }),
        })
    }

    /// Connects and asks whether anybody is there, waiting as long as connecting may take. If nobody is, the store is degraded
    /// from the beginning, and asked again and again: a process that has no requests yet must find that out, too.
    pub(crate) async fn begin(&self) -> Result<(), StoreError> {
        let begun = timeout(self.shared.connect_timeout, self.line());
        let begun = match begun.await.unwrap_or(Err(StoreError::Timeout)) {
            Ok(_) => self.ping().await,
            Err(error) => Err(error),
        };
        if let Err(error) = begun {
            self.shared.breaker.trip(error);
            self.find_out();
        }
        begun
    }

    /// True while the store is left alone because it has failed.
    pub(crate) fn is_degraded(&self) -> bool {
        self.shared.breaker.state() != BreakerState::Closed
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.command::<String>("ping", &redis::cmd("PING")).await.map(|_| ())
    }

    /// One command. `operation` names it in the metrics.
    pub(crate) async fn command<T: FromRedisValue>(
        &self,
        operation: &'static str,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        self.operate(operation, async |line| command.query_async(line).await).await
    }

    /// A script, which the store is taught when it does not know it.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        self.operate(operation, async |line| script.invoke_async(line).await).await
    }

    /// A connection of its own, for commands whose answer the store holds back: nothing else waits behind them, and each may take
    /// `patience`.
    pub(crate) async fn own(&self, patience: Duration) -> Result<Line, StoreError> {
        let opened = timeout(self.shared.connect_timeout, self.shared.way.connect(patience)).await;
        opened.map_err(|_| StoreError::Timeout)?.map_err(|error| StoreError::from(&error))
    }

    async fn operate<T>(
        &self,
        operation: &'static str,
        ask: impl AsyncFnOnce(&mut Line) -> RedisResult<T>,
    ) -> Result<T, StoreError> {
        let shared = &self.shared;
        let _leave = shared.breaker.ask().map_err(|_| StoreError::Open)?;
        let begun = Instant::now();
        let mut generation = None;
        let asked = timeout(shared.operation_timeout, async {
            let (current, mut line) = self.line().await?;
            generation = Some(current);
            ask(&mut line).await.map_err(|error| {
                if is_broken(&error) {
                    shared.discard(current);
                }
                StoreError::from(&error)
            })
        });
        let result = asked.await.unwrap_or(Err(StoreError::Timeout));
        metrics::histogram!(telemetry::COORDINATOR_SECONDS, "operation" => operation).record(begun.elapsed());
        match &result {
            // It is there, whatever it says.
            Ok(_) => shared.breaker.answered(),
            Err(error) => {
                metrics::counter!(telemetry::COORDINATOR_ERRORS, "operation" => operation).increment(1);
                tracing::debug!(operation, %error, "an operation on the coordinator's store failed");
                if shared.breaker.failed(*error) {
                    self.find_out();
                }
                if self.is_degraded()
                    && let Some(generation) = generation
                {
                    // A server that is gone without a word keeps its connections open.
                    shared.discard(generation);
                }
            }
        }
        result
    }

    /// Asks from now on, once a pause, until the store answers: nobody's request has to find that out.
    fn find_out(&self) {
        let shared = Arc::downgrade(&self.shared);
        let pause = self.shared.pause;
        tokio::spawn(async move {
            loop {
                sleep(pause).await;
                let Some(shared) = shared.upgrade() else { return };
                let connection = Self { shared };
                if !connection.is_degraded() || connection.ping().await.is_ok() {
                    return;
                }
            }
        });
    }

    /// The connection, made now if there is none: in a task of its own, for all who wait for it, and longer than they do.
    async fn line(&self) -> Result<(u64, Line), StoreError> {
        let (generation, mut receiver) = {
            let mut slot = self.shared.slot();
            match &slot.state {
                SlotState::Ready(line) => return Ok((slot.generation, line.clone())),
                SlotState::Connecting(receiver) => (slot.generation, receiver.clone()),
                SlotState::Empty => {
                    slot.generation = slot.generation.wrapping_add(1);
                    let (sender, receiver) = watch::channel(None);
                    slot.state = SlotState::Connecting(receiver.clone());
                    tokio::spawn(connect(Arc::clone(&self.shared), slot.generation, sender));
                    (slot.generation, receiver)
                }
            }
        };
        let made = receiver.wait_for(Option::is_some).await;
        let line = made.ok().and_then(|made| made.clone().flatten());
        line.map(|line| (generation, line)).ok_or_else(|| {
            // Also when the task went down with its runtime.
            self.shared.discard(generation);
            StoreError::Unreachable
        })
    }
}

/// Connects, and says how that went.
async fn connect(shared: Arc<Shared>, generation: u64, sender: watch::Sender<Option<Option<Line>>>) {
    let line = timeout(shared.connect_timeout, shared.way.connect(shared.operation_timeout)).await;
    let line = match line {
        Ok(Ok(line)) => Some(line),
        Ok(Err(error)) => {
            tracing::debug!(kind = ?error.kind(), "the coordinator's store cannot be reached");
            None
        }
        Err(_) => None,
    };
    let mut slot = shared.slot();
    if slot.generation == generation {
        slot.state = line.clone().map_or(SlotState::Empty, SlotState::Ready);
    }
    drop(slot);
    sender.send_replace(Some(line));
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Nothing inside the lock can panic half-way through a change.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next operation connects anew.
    fn discard(&self, generation: u64) {
        let mut slot = self.slot();
        if slot.generation == generation && !matches!(slot.state, SlotState::Empty) {
            slot.state = SlotState::Empty;
        }
    }
}

impl Way {
    /// Connects; every answer may take `patience`.
    async fn connect(&self, patience: Duration) -> RedisResult<Line> {
        match &self.target {
            Target::Single(info) => self.server(self.client(info)?, patience).await,
            Target::Sentinel { .. } => self.server(self.primary().await?, patience).await,
            Target::Cluster(nodes) => {
                self.cluster(nodes, patience)?.get_async_connection().await.map(Line::Cluster)
            }
        }
    }

    async fn server(&self, client: Client, patience: Duration) -> RedisResult<Line> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(patience));
        client.get_multiplexed_async_connection_with_config(&config).await.map(Line::Server)
    }

    fn client(&self, info: &ConnectionInfo) -> RedisResult<Client> {
        let info = info.clone().set_tcp_settings(at_once());
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    /// Whoever is the primary now: the Sentinels are asked each time.
    async fn primary(&self) -> RedisResult<Client> {
        self.sentinel()?.build()?.async_get_client().await
    }

    fn sentinel(&self) -> RedisResult<SentinelClientBuilder> {
        let Target::Sentinel { sentinels, name, server } = &self.target else {
            return Err(RedisError::from((ErrorKind::EmptySentinelList, "no Sentinel")));
        };
        let mut builder = SentinelClientBuilder::new(sentinels.clone(), name, SentinelServerType::Master)?
            .set_client_to_redis_db(server.db())
            .set_client_to_redis_tcp_settings(at_once());
        if let Some(username) = server.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = server.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if matches!(sentinels.first(), Some(ConnectionAddr::TcpTls { .. })) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        Ok(builder)
    }

    fn cluster(&self, nodes: &[ConnectionInfo], patience: Duration) -> RedisResult<ClusterClient> {
        let mut builder = ClusterClient::builder(nodes.to_vec())
            .tcp_settings(at_once())
            .connection_timeout(self.connect_timeout)
            .response_timeout(patience);
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        builder.build()
    }

    /// Whatever can be known to be wrong without a connection.
    fn check(&self) -> Result<(), ConfigError> {
        let checked = match &self.target {
            Target::Single(info) => self.client(info).map(drop),
            Target::Sentinel { .. } => self.sentinel().and_then(SentinelClientBuilder::build).map(drop),
            Target::Cluster(nodes) => self.cluster(nodes, self.operation_timeout).map(drop),
        };
        checked.map_err(|error| {
            let (setting, problem) = if self.certificates.is_some() {
                (crate::settings::CA, "holds no certificates that can be used, or does not fit the address")
            } else {
                (crate::settings::URL, "cannot be used")
            };
            tracing::debug!(kind = ?error.kind(), "the settings of the coordinator's store cannot be used");
            problem_of(
                setting,
                problem,
                "set it to a PEM file of certificates, and the address to rediss://HOST:PORT",
            )
        })
    }
}

/// Every command is small and somebody waits for it: the system must not hold it back to fill a packet.
fn at_once() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

/// The authorities that the settings name.
fn certificates(settings: &RedisSettings) -> Result<Option<TlsCertificates>, ConfigError> {
    let Some(path) = &settings.ca else { return Ok(None) };
    let pem = std::fs::read(path).map_err(|error| {
        let problem = format!("cannot be read ({})", error.kind());
        problem_of(crate::settings::CA, problem, "name a PEM file that this process may read")
    })?;
    if !pem.windows(27).any(|part| part == b"-----BEGIN CERTIFICATE-----") {
        return Err(problem_of(
            crate::settings::CA,
            "holds no certificate",
            "name a PEM file with the authority that signed the server's certificate",
        ));
    }
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(pem) }))
}

fn problem_of(
    setting: &'static str,
    problem: impl Into<std::borrow::Cow<'static, str>>,
    fix: &'static str,
) -> ConfigError {
    ConfigError::new(vec![Problem::new(setting, problem, fix)])
}

/// After these the next operation needs another connection: it is broken, or no primary's any more.
fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || (error.is_io_error() && !error.is_timeout())
        || matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown
            )
        )
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("target", &self.shared.way.target)
            .field("degraded", &self.is_degraded())
            .finish_non_exhaustive()
    }
}
