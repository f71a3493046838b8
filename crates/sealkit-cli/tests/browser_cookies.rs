//! Session cookies of every shape in a real browser: what is written there comes back to the letter, and is the same session.
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

use axum::{Json, Router, routing};
use sealkit::{
    Clock, Config, EncodingPolicy, KeyRing, Sealkit, SystemRandom, UnixMillis,
    cookie::{MAX_COOKIE_BYTES, Presence},
    format::{Format, FormatSet, KeyShape},
};
use sealkit_axum::Session;
use sealkit_devidp::{DevIdp, IdpClock, User};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use support::chromium::{Chromium, DESKTOP};
use tokio::net::TcpListener;

/// A name that cuts a cookie in two, quotes it, ends its line, and is not of one alphabet.
const NAME: &str = "Zoë; Max-Age=0, \"Ada\" O\u{2019}Brien\\\r\n\t+% =🦀";

/// Long enough that an access token of a session ends in between when the provider's clock is moved on.
const LATER: Duration = Duration::from_secs(3600);

/// Provider and application on loopback.
struct World {
    idp: DevIdp,
    sealkit: Sealkit,
    url: String,
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
    async fn writing(format: Format) -> Self {
        let user = User::new("zoe@example.com").with_name(NAME, "Quote");
        let idp = DevIdp::builder().users([user]).auto_approve(true).build().unwrap();
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = idp.serve(loopback).await.unwrap();
        let listener = TcpListener::bind(loopback).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = Config::builder()
            .client_id(idp.client_id())
            .api_key(idp.api_key())
            .api_base(server.url())
            .key_ring(ring(format))
            .encoding(EncodingPolicy::writing(format).with_read(FormatSet::all()))
            .redirect_uri(format!("{url}/callback"))
            .build()
            .unwrap();
        let sealkit = Sealkit::builder(config).clock(Arc::new(IdpTime(idp.clock()))).build().unwrap();
        let layer = sealkit_axum::SessionLayer::new(sealkit.clone());
        let router =
            Router::new().route("/", routing::get(who)).merge(sealkit_axum::routes(&layer)).layer(layer);
        tokio::spawn(async move {
            let _server = server;
            axum::serve(listener, router).await
        });
        Self { idp, sealkit, url }
    }

    /// The names of the session's cookies in the browser, sorted, and how large the largest is.
    async fn cookies(&self, browser: &Chromium) -> (Vec<String>, usize) {
        let name = self.sealkit.config().cookie().name();
        let mut cookies: Vec<_> = browser.cookies().await;
        cookies.retain(|cookie| !Presence::of([format!("{}=x", cookie.name()).as_str()], name).is_empty());
        let largest = cookies.iter().map(|cookie| cookie.name().len() + cookie.value().len()).max();
        let mut names: Vec<_> = cookies.iter().map(|cookie| cookie.name().to_owned()).collect();
        names.sort();
        (names, largest.unwrap_or_default())
    }
}

/// A password of the format's shape, and one that the state of a sign-in can be sealed with.
fn ring(format: Format) -> KeyRing {
    let any = KeyShape::Text32.generate(&SystemRandom).unwrap();
    let own = format.key_shape().generate(&SystemRandom).unwrap();
    KeyRing::builder().password("own", own).password("any", any).build().unwrap()
}

/// Who the session says that it is, in ASCII, so that the page shows it to the letter.
async fn who(session: Session) -> Json<Value> {
    let hint = session.user_hint();
    let user = session.user().or(hint.as_ref().map(|hint| *hint.claimed()));
    let name = user.and_then(|user| user.first_name()).unwrap_or_default();
    Json(json!({ "id": session.user_id(), "name": name.escape_unicode().to_string() }))
}

async fn page(browser: &Chromium) -> Value {
    let text = browser.text().await;
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

/// Signs in, reloads, lets the token end, and looks each time who is there.
async fn loop_through(browser: &Chromium, world: &World) {
    let expected =
        json!({ "id": world.idp.users().first().unwrap().id(), "name": NAME.escape_unicode().to_string() });
    browser.go(&world.url).await;
    assert_eq!(page(browser).await, expected);
    browser.reload().await;
    assert_eq!(page(browser).await, expected);
    world.idp.advance(LATER);
    browser.reload().await;
    assert_eq!(page(browser).await, expected);
}

#[tokio::test]
async fn any_name_comes_back_to_the_letter_whatever_the_cookie_is() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    for format in [
        Format::Iron,
        Format::RrCookie,
        Format::PythonFernet,
        Format::RubyV6,
        Format::RubyV7,
        Format::PhpSecretbox,
        Format::SignedJson,
        Format::PlainJson,
        Format::B64urlJson,
    ] {
        let world = World::writing(format).await;
        loop_through(&browser, &world).await;
        let (names, largest) = world.cookies(&browser).await;
        assert_eq!(names, ["wos-session"], "{format}");
        assert!(largest <= MAX_COOKIE_BYTES, "{format}: {largest}");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_session_that_no_single_cookie_holds_is_kept_in_pieces_and_signs_out_whole() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    for (format, pieces) in [(Format::Iron, 3), (Format::PlainJson, 2)] {
        let world = World::writing(format).await;
        let user = world.idp.users().first().unwrap().clone();
        world.idp.put_user(user.with_metadata("notes", "x".repeat(6000))).unwrap();
        loop_through(&browser, &world).await;
        let (names, largest) = world.cookies(&browser).await;
        let expected: Vec<_> = (0..pieces).map(|index| format!("wos-session.{index}")).collect();
        assert_eq!(names, expected, "{format}");
        assert!(largest <= MAX_COOKIE_BYTES, "{format}: {largest}");

        browser.run("return fetch('/logout', { method: 'POST', redirect: 'manual' }).then(() => true)").await;
        let (names, _) = world.cookies(&browser).await;
        assert_eq!(names, Vec::<String>::new(), "{format}");
    }
    browser.close().await;
}
