//! Signing in with a real browser where that is hard: `SameSite=Strict`, another host, a cookie that something removes, several
//! organizations.
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

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::{Html, Response},
    routing,
};
use http::header;
use sealkit::{Config, ConfigBuilder, Sealkit, cookie::SameSite};
use sealkit_axum::Session;
use sealkit_devidp::{DevIdp, DevIdpBuilder, Endpoint, OrganizationChoice};
use std::net::{Ipv4Addr, SocketAddr};
use support::chromium::{Chromium, DESKTOP};
use tokio::net::TcpListener;

/// A provider and an application, which to a browser are two sites.
struct World {
    idp: DevIdp,
    /// As the user opens it: under the host of the redirect URI.
    url: String,
    port: u16,
    /// A page of another site that links to the application.
    elsewhere: String,
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

impl World {
    async fn new(
        idp: impl FnOnce(DevIdpBuilder) -> DevIdpBuilder,
        config: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
        around: impl FnOnce(Router) -> Router,
    ) -> Self {
        let idp = idp(DevIdp::builder()).build().unwrap();
        let server = idp.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let (listener, port) = listen().await;
        let url = format!("http://localhost:{port}");
        let base = Config::builder()
            .client_id(idp.client_id())
            .api_key(idp.api_key())
            .api_base(server.url())
            .cookie_password("a cookie password of enough characters")
            .redirect_uri(format!("{url}/callback"));
        let layer =
            sealkit_axum::SessionLayer::new(Sealkit::builder(config(base).build().unwrap()).build().unwrap());
        let router = Router::new()
            .route(
                "/",
                routing::get(|session: Session| async move { format!("signed in as {}", session.user_id()) }),
            )
            .merge(sealkit_axum::routes(&layer))
            .layer(layer);
        let router = around(router);
        tokio::spawn(async move {
            let _server = server;
            axum::serve(listener, router).await
        });
        let (other, other_port) = listen().await;
        let link =
            Html(format!("<!doctype html><title>Elsewhere</title><a href=\"{url}/\">To the application</a>"));
        tokio::spawn(async move {
            axum::serve(other, Router::new().route("/", routing::get(|| async move { link }))).await
        });
        Self { idp, url, port, elsewhere: format!("http://127.0.0.1:{other_port}/") }
    }

    async fn strict(idp: impl FnOnce(DevIdpBuilder) -> DevIdpBuilder) -> Self {
        Self::new(idp, |config| config.cookie_same_site(SameSite::Strict), |router| router).await
    }

    fn codes(&self) -> usize {
        self.idp.requests_to(Endpoint::Authenticate).len()
    }
}

/// Waits until the page shows it; the application's own pages lead on by themselves.
async fn shows(browser: &Chromium, text: &str) {
    let mut seen = String::new();
    for _ in 0..400 {
        seen = browser.text().await;
        if seen.contains(text) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{}: {seen}", browser.url().await);
}

#[tokio::test]
async fn with_strict_a_typed_address_signs_in_once() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let world = World::strict(|idp| idp.auto_approve(true)).await;
    browser.go(&world.url).await;
    shows(&browser, "signed in as user_").await;
    assert_eq!(world.codes(), 1);
    browser.go(&world.url).await;
    shows(&browser, "signed in as user_").await;
    assert_eq!(world.codes(), 1);
    browser.close().await;
}

#[tokio::test]
async fn with_strict_a_link_of_another_site_finds_the_session() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let world = World::strict(|idp| idp.auto_approve(true)).await;
    // Nobody is signed in yet.
    browser.go(&world.elsewhere).await;
    browser.follow("To the application").await;
    shows(&browser, "signed in as user_").await;
    assert_eq!(world.codes(), 1);
    // Somebody is.
    browser.go(&world.elsewhere).await;
    browser.follow("To the application").await;
    shows(&browser, "signed in as user_").await;
    assert_eq!(world.codes(), 1);
    browser.close().await;
}

#[tokio::test]
async fn with_strict_a_user_who_fills_in_a_page_is_signed_in() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let world = World::strict(|idp| idp).await;
    browser.go(&world.url).await;
    browser.run("document.querySelector('button').click(); return true").await;
    shows(&browser, "signed in as user_").await;
    assert_eq!(world.codes(), 1);
    browser.close().await;
}

#[tokio::test]
async fn another_loopback_host_is_left_for_the_one_of_the_redirect_uri() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let world = World::new(|idp| idp.auto_approve(true), |config| config, |router| router).await;
    browser.go(&format!("http://127.0.0.1:{}/?tab=2", world.port)).await;
    shows(&browser, "signed in as user_").await;
    assert_eq!(browser.url().await, format!("{}/?tab=2", world.url));
    assert_eq!(world.codes(), 1);
    browser.close().await;
}

async fn without_session_cookie(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let lines: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
    response.headers_mut().remove(header::SET_COOKIE);
    for line in lines.into_iter().filter(|line| !line.as_bytes().starts_with(b"wos-session=")) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response
}

#[tokio::test]
async fn a_session_that_something_removes_ends_on_a_page_that_says_so() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let world = World::new(
        |idp| idp.auto_approve(true),
        |config| config,
        |router| router.layer(middleware::from_fn(without_session_cookie)),
    )
    .await;
    browser.go(&world.url).await;
    shows(&browser, "Signing in does not come to an end").await;
    shows(&browser, "not_returned").await;
    assert_eq!(world.codes(), 2);
    browser.close().await;
}

#[tokio::test]
async fn a_user_of_several_organizations_chooses_one() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let idp = |idp: DevIdpBuilder| idp.auto_approve(true).organization_choice(OrganizationChoice::Ask);
    let world = World::new(idp, |config| config, |router| router).await;
    browser.go(&world.url).await;
    shows(&browser, "Choose an organization").await;
    browser.run("document.querySelector('button').click(); return true").await;
    shows(&browser, "signed in as user_").await;
    browser.close().await;
}
