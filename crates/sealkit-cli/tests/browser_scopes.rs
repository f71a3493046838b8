//! A deployment adds `WORKOS_COOKIE_DOMAIN` or removes it, in a real browser: one sign-out signs everybody out, and no session
//! cookie is left.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod support {
    #[expect(dead_code, reason = "the demo's tests use the rest")]
    pub(crate) mod chromium;
    pub(crate) mod find;
}

use axum::{Router, routing};
use sealkit::{
    Clock, Config, Sealkit, UnixMillis,
    cookie::{DEFAULT_NAME, Presence},
};
use sealkit_axum::{Session, SessionLayer};
use sealkit_devidp::{DevIdp, IdpClock, Server};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use support::chromium::{Chromium, DESKTOP};
use tokio::net::TcpListener;

const ADA: &str = "ada@example.com";
const GRACE: &str = "grace@example.com";
const HOST: &str = "app.example.test";
const DOMAIN: &str = "example.test";
const NOBODY: &str = "nobody";

/// The application before a deployment and after it. Cookies know no ports, so both run at once, on one host.
struct World {
    idp: DevIdp,
    host_only: String,
    with_domain: String,
    _provider: Server,
}

/// The provider's clock decides here, too.
#[derive(Debug)]
struct IdpTime(IdpClock);

impl Clock for IdpTime {
    fn now(&self) -> UnixMillis {
        self.0.now()
    }
}

impl World {
    async fn new() -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (one, other) =
            (TcpListener::bind(loopback).await.unwrap(), TcpListener::bind(loopback).await.unwrap());
        let url = |listener: &TcpListener| format!("http://{HOST}:{}", listener.local_addr().unwrap().port());
        let (host_only, with_domain) = (url(&one), url(&other));
        let idp = [&host_only, &with_domain]
            .into_iter()
            .fold(DevIdp::builder().auto_approve(true), |idp, url| {
                idp.allow_redirect_uri(format!("{url}/callback"))
            })
            .build()
            .unwrap();
        let provider = idp.serve(loopback).await.unwrap();
        for (listener, url, domain) in [(one, &host_only, None), (other, &with_domain, Some(DOMAIN))] {
            let app = app(&idp, &provider.url().to_string(), url, domain);
            tokio::spawn(async move { axum::serve(listener, app).await });
        }
        Self { idp, host_only, with_domain, _provider: provider }
    }

    /// Signs in, some seconds after what was before.
    async fn sign_in(&self, browser: &Chromium, url: &str, email: &str) {
        self.idp.advance(Duration::from_secs(10));
        browser.go(&format!("{url}/login?login_hint={email}")).await;
        assert_eq!(browser.text().await, email);
    }
}

fn app(idp: &DevIdp, provider: &str, url: &str, domain: Option<&str>) -> Router {
    let mut config = Config::builder()
        .client_id(idp.client_id())
        .api_key(idp.api_key())
        .api_base(provider)
        .cookie_password("a cookie password of both deployments")
        .redirect_uri(format!("{url}/callback"));
    if let Some(domain) = domain {
        config = config.cookie_domain(domain);
    }
    let clock = Arc::new(IdpTime(idp.clock()));
    let sealkit = Sealkit::builder(config.build().unwrap()).clock(clock).build().unwrap();
    let layer = SessionLayer::new(sealkit).optional();
    Router::new().route("/", routing::get(who)).merge(sealkit_axum::routes(&layer)).layer(layer)
}

async fn who(session: Option<Session>) -> String {
    let user = session.as_ref().and_then(|session| session.user());
    user.and_then(|user| user.email()).unwrap_or(NOBODY).to_owned()
}

async fn who_is_at(browser: &Chromium, url: &str) -> String {
    browser.go(url).await;
    browser.text().await
}

/// How many cookies of the session the browser sends to the page that is open.
async fn held(browser: &Chromium) -> usize {
    let cookies = browser.cookies().await;
    let names = cookies.iter().map(|cookie| format!("{}=x", cookie.name()));
    names.filter(|pair| !Presence::of([pair.as_str()], DEFAULT_NAME).is_empty()).count()
}

async fn sign_out(browser: &Chromium, url: &str) {
    browser.go(url).await;
    // To WorkOS, where a script cannot follow.
    let post = "fetch('/logout', { method: 'POST', redirect: 'manual' })";
    let answer = browser.run(&format!("return {post}.then((answer) => answer.type)")).await;
    assert_eq!(answer, "opaqueredirect");
}

#[tokio::test]
async fn one_sign_out_signs_everybody_out_whichever_scopes_the_cookies_have() {
    let map = format!("--host-resolver-rules=MAP *.{DOMAIN} 127.0.0.1");
    let Some(browser) = Chromium::open_with(&[map.as_str()]).await else { return };
    browser.view(DESKTOP).await;
    let world = World::new().await;
    let (host_only, with_domain) = (world.host_only.as_str(), world.with_domain.as_str());
    let ada = world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    // Whole, and in pieces.
    for notes in ["", "x".repeat(6000).as_str()] {
        world.idp.put_user(ada.clone().with_metadata("notes", notes)).unwrap();
        for (first, second) in [(host_only, with_domain), (with_domain, host_only)] {
            for last in [first, second] {
                // Two sessions, of two deployments.
                world.sign_in(&browser, first, ADA).await;
                world.sign_in(&browser, second, GRACE).await;
                assert_eq!(who_is_at(&browser, second).await, GRACE);
                sign_out(&browser, last).await;
                for url in [first, second] {
                    assert_eq!((who_is_at(&browser, url).await.as_str(), held(&browser).await), (NOBODY, 0));
                }
                // One session, of either.
                world.sign_in(&browser, first, ADA).await;
                sign_out(&browser, last).await;
                for url in [first, second] {
                    assert_eq!((who_is_at(&browser, url).await.as_str(), held(&browser).await), (NOBODY, 0));
                }
            }
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn refresh_after_the_deployment_leaves_one_session() {
    let map = format!("--host-resolver-rules=MAP *.{DOMAIN} 127.0.0.1");
    let Some(browser) = Chromium::open_with(&[map.as_str()]).await else { return };
    browser.view(DESKTOP).await;
    let world = World::new().await;
    let (host_only, with_domain) = (world.host_only.as_str(), world.with_domain.as_str());
    for (first, second) in [(host_only, with_domain), (with_domain, host_only)] {
        world.sign_in(&browser, first, ADA).await;
        // The first refresh writes a cookie of the new scope, and the second, which shows two, leaves that one.
        for _ in 0..2 {
            world.idp.advance(Duration::from_secs(3600));
            assert_eq!(who_is_at(&browser, second).await, ADA);
        }
        assert_eq!(held(&browser).await, 1);
        sign_out(&browser, second).await;
        assert_eq!((who_is_at(&browser, second).await.as_str(), held(&browser).await), (NOBODY, 0));
    }
    browser.close().await;
}
