//! `sealkit dev`: an identity provider and a demo application on this machine, until Ctrl-C.

mod actions;
mod app;
mod assets;
mod flash;
mod guard;
mod pages;
#[cfg(test)]
mod raw_tests;

use crate::{args::Dev, output};
use anyhow::Context as _;
use app::Demo;
use axum::{Router, body::Body, extract::ConnectInfo};
use sealkit::{Clock, Config, CookiePassword, KeyRing, Sealkit, SystemRandom, UnixMillis, format::Format};
use sealkit_devidp::{DevIdp, IdpClock, ServeError, Server, ServerLimits};
use serde_json::{Map, Value, json};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tower_service::Service as _;

/// Where the demo listens unless it is told otherwise or somebody else does.
const DEMO_PORT: u16 = 4430;

/// Where the provider listens unless it is told otherwise or somebody else does.
const IDP_PORT: u16 = 4431;

/// Where an application of the reader's own would be sent back to: as in the README's program. The provider accepts every
/// address on this machine.
const EXAMPLE_REDIRECT_URI: &str = "http://localhost:3000/callback";

/// How long a refresh under way may take after that.
const DRAIN: Duration = Duration::from_secs(20);

/// The provider's clock, which the demo goes by, too: so "let the token expire" is true for both.
#[derive(Clone, Debug)]
struct SharedClock(IdpClock);

impl Clock for SharedClock {
    fn now(&self) -> UnixMillis {
        self.0.now()
    }
}

pub(crate) async fn run(args: &Dev) -> anyhow::Result<ExitCode> {
    // Before anything is announced, so that whoever reads the announcement can stop it.
    let stopped = stop_signal()?;
    let idp = DevIdp::builder()
        .token_lifetime(Duration::from_secs(args.token_lifetime))
        .replay_window(Duration::from_secs(args.replay_window))
        .auto_approve(args.auto_approve)
        .build()?;
    let server = serve_provider(&idp, args.idp_port).await?;
    let listener = listen(args.port).await?;
    let demo_url = format!("http://{}", listener.local_addr()?);
    let password = Format::Iron.key_shape().generate(&SystemRandom)?;
    let sealkit = sealkit(&idp, &server, &demo_url, &password)?;
    let demo = Demo::new(idp.clone(), sealkit.clone(), &demo_url, &server.url())?;
    let router = app::router(&demo)?;

    if args.output.json {
        output::json_line(&announcement(&demo, &password)?)?;
    } else {
        output::text(&welcome(&demo, &password))?;
    }
    let demo_server = serve_demo(listener, ServerLimits::default(), router)?;
    stopped.await;
    demo_server.shutdown().await;
    sealkit.drain(DRAIN).await;
    server.shutdown().await;
    Ok(output::YES)
}

/// The demo's session layer, set up as an application would be.
fn sealkit(
    idp: &DevIdp,
    server: &Server,
    demo_url: &str,
    password: &CookiePassword,
) -> anyhow::Result<Sealkit> {
    let ring = KeyRing::builder().password("WORKOS_COOKIE_PASSWORD", password.clone()).build()?;
    let config = Config::builder()
        .client_id(idp.client_id())
        .api_key(idp.api_key())
        .api_base(server.url())
        .key_ring(ring)
        .redirect_uri(format!("{demo_url}/callback"))
        .development(true)
        .build()?;
    Ok(Sealkit::builder(config).clock(Arc::new(SharedClock(idp.clock()))).build()?)
}

/// On the port that was asked for; else on the usual one, or any if that is taken.
async fn serve_provider(idp: &DevIdp, port: Option<u16>) -> anyhow::Result<Server> {
    match idp.serve(loopback(port.unwrap_or(IDP_PORT))).await {
        Err(ServeError::Bind { source, .. }) if port.is_none() && is_taken(&source) => {
            Ok(idp.serve(loopback(0)).await?)
        }
        served => Ok(served?),
    }
}

async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let address = loopback(port.unwrap_or(DEMO_PORT));
    match TcpListener::bind(address).await {
        Err(error) if port.is_none() && is_taken(&error) => Ok(TcpListener::bind(loopback(0)).await?),
        bound => bound.with_context(|| format!("cannot listen on {address}")),
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// The demo application, on the server that the provider has, too.
fn serve_demo(listener: TcpListener, limits: ServerLimits, router: Router) -> Result<Server, ServeError> {
    Server::on(listener, limits, move |mut request| {
        let mut router = router.clone();
        // What `into_make_service_with_connect_info` does: a sign-in sends the client's address to WorkOS.
        if let Some(peer) = request.extensions().get::<SocketAddr>().copied() {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        // A router is always ready.
        async move { router.call(request.map(Body::from)).await }
    })
}

/// Resolves at the first Ctrl-C or SIGTERM. The handlers are in place when this returns.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Resolves at the first Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nobody can stop us then but the task manager.
            std::future::pending::<()>().await;
        }
    })
}

/// All that another application needs to be pointed at the provider.
fn announcement(demo: &Demo, password: &CookiePassword) -> anyhow::Result<Map<String, Value>> {
    let idp = demo.idp();
    let mut passwords = Map::new();
    for format in Format::ALL.iter().filter(|format| format.is_authenticated()) {
        let own = match format {
            Format::Iron => password.clone(),
            other => other.key_shape().generate(&SystemRandom)?,
        };
        passwords.insert(format.id().to_owned(), own.expose_secret().into());
    }
    let users: Vec<Value> = idp
        .users()
        .iter()
        .map(|user| {
            let organizations = user.memberships().iter().map(|membership| {
                let organization = membership.organization();
                json!({"id": organization.id(), "name": organization.name()})
            });
            json!({
                "email": user.email(),
                "password": user.password().map(|password| password.expose_secret()),
                "organizations": organizations.collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(Map::from_iter([
        ("demo_url".to_owned(), demo.url().into()),
        ("idp_url".to_owned(), demo.idp_url().into()),
        ("client_id".to_owned(), idp.client_id().into()),
        ("api_key".to_owned(), idp.api_key().expose_secret().into()),
        ("cookie_password".to_owned(), password.expose_secret().into()),
        ("cookie_passwords".to_owned(), passwords.into()),
        ("users".to_owned(), users.into()),
    ]))
}

/// The same for people.
fn welcome(demo: &Demo, password: &CookiePassword) -> String {
    let idp = demo.idp();
    let port = demo.idp_url().rsplit(':').next().unwrap_or_default().to_owned();
    let mut text = format!(
        "\n  {} {}\n  {} {}\n\n  Sign in as\n",
        output::dim("demo    "),
        output::bold(demo.url()),
        output::dim("provider"),
        demo.idp_url()
    );
    for user in idp.users() {
        let secret = user.password().map_or("", |password| password.expose_secret());
        text.push_str(&format!("    {:<20} {}\n", output::shown(user.email()), output::dim(secret)));
    }
    text.push_str("\n  To point an application of your own at the provider:\n");
    for (name, value) in [
        ("WORKOS_API_HOSTNAME", "127.0.0.1"),
        ("WORKOS_API_PORT", port.as_str()),
        ("WORKOS_API_HTTPS", "false"),
        ("WORKOS_CLIENT_ID", idp.client_id().as_str()),
        ("WORKOS_API_KEY", idp.api_key().expose_secret()),
        ("WORKOS_COOKIE_PASSWORD", password.expose_secret()),
        ("WORKOS_REDIRECT_URI", EXAMPLE_REDIRECT_URI),
    ] {
        text.push_str(&format!("    {name}={value}\n"));
    }
    text.push_str(&format!("\n  {}\n\n", output::dim("For this machine only. Ctrl-C stops both.")));
    text
}
