//! `storm replica`: a real server with sealkit's layer, on a free port of this machine, with a clock that the driver moves.

use super::process::Settings;
use axum::{Router, response::Response, routing::get};
use sealkit_axum::{
    Session, SessionLayer,
    sealkit::{Clock, Config, Failure, Sealkit, SystemClock, UnixMillis},
};
use sealkit_redis::{RedisSettings, RedisStore};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Stdin},
    net::TcpSocket,
};

/// The header that tells the driver why a request was denied. No application sends it.
pub(crate) const REASON: &str = "x-storm-reason";

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The machine's clock, ahead by as much as the driver says.
#[derive(Debug, Default)]
struct ShiftedClock {
    ahead_millis: AtomicU64,
}

impl Clock for ShiftedClock {
    fn now(&self) -> UnixMillis {
        SystemClock.now().saturating_add(Duration::from_millis(self.ahead_millis.load(Ordering::SeqCst)))
    }
}

/// Serves until stdin ends.
pub(crate) async fn serve() -> Result<(), Failed> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let settings = lines.next_line().await?.ok_or("no settings on stdin")?;
    let settings: Settings = serde_json::from_str(&settings)?;
    let clock = Arc::new(ShiftedClock::default());
    let app = app(&settings, &clock).await?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(4096)?;
    println!("{}", listener.local_addr()?);
    tokio::select! {
        served = axum::serve(listener, app) => served?,
        ended = obey(&mut lines, &clock) => ended?,
    }
    Ok(())
}

async fn obey(lines: &mut tokio::io::Lines<BufReader<Stdin>>, clock: &ShiftedClock) -> io::Result<()> {
    while let Some(line) = lines.next_line().await? {
        let by: u64 = line.parse().map_err(io::Error::other)?;
        clock.ahead_millis.fetch_add(by, Ordering::SeqCst);
        println!("ok");
    }
    Ok(())
}

async fn app(settings: &Settings, clock: &Arc<ShiftedClock>) -> Result<Router, Failed> {
    let config = Config::builder()
        .client_id(&settings.client_id)
        .api_key(settings.api_key.as_str())
        .api_base(&settings.provider)
        .cookie_password(settings.password.as_str())
        .redirect_uri(&settings.redirect_uri)
        .webhook_secrets([settings.webhook_secret.as_str()])
        .build()?;
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let mut sealkit = Sealkit::builder(config).clock(Arc::clone(&clock));
    if let Some(url) = &settings.redis {
        let store = RedisStore::connect(RedisSettings::new(url), clock).await?;
        sealkit = sealkit.coordinator(store.coordinator()).deny_list_store(store.deny_list());
    }
    let layer = SessionLayer::new(sealkit.build()?);
    Ok(Router::new()
        .route("/", get(async |session: Session| session.id().to_owned()))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer)
        .layer(axum::middleware::map_response(tell_reason)))
}

async fn tell_reason(mut response: Response) -> Response {
    if let Some(failure) = response.extensions().get::<Failure>()
        && let Ok(reason) = failure.reason().to_string().parse()
    {
        response.headers_mut().insert(REASON, reason);
    }
    response
}
