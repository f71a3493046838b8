//! A sign-in that demands a recent one: `max_age` is sealed, and checked at the callback.

use crate::world::{ADA, Browser, Kind, ORIGIN, World, send};
use axum::{Json, Router, routing::get};
use bytes::Bytes;
use http::{Request, header};
use sealkit::Reason;
use sealkit_axum::{Session, session_json};
use sealkit_devidp::MintSession;
use std::time::Duration;
use url::Url;

/// An application, and a browser that has signed in at the provider an hour ago.
struct Visit {
    world: World,
    app: Router,
    browser: Browser,
    /// The provider's cookie.
    provider: String,
}

impl Visit {
    async fn new(development: bool) -> Self {
        let world = World::with(|idp| idp, |config| config.development(development));
        let layer = world.layer();
        let app = Router::new()
            .route("/me", get(|session: Session| async move { Json(session_json(&session)) }))
            .merge(sealkit_axum::routes(&layer))
            .layer(layer);
        let browser = Browser::new(&world, &app);
        let mut visit = Self { world, app, browser, provider: String::new() };
        let start = visit.browser.go("/login").await;
        let back = visit.at_provider(start.location()).await;
        assert_eq!(visit.browser.go(&back).await.status, 303);
        visit.world.idp.advance(Duration::from_secs(3_600));
        visit
    }

    /// Follows a redirect to the provider, whose cookies the browser keeps.
    async fn at_provider(&mut self, location: &str) -> String {
        let url = Url::parse(location).unwrap();
        let request = Request::get(&url[url::Position::BeforePath..])
            .header(header::HOST, "127.0.0.1")
            .header(header::COOKIE, &self.provider)
            .body(Bytes::new())
            .unwrap();
        let response = self.world.idp.handle(request).await.unwrap();
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            self.provider = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        let back = Url::parse(response.headers()[header::LOCATION].to_str().unwrap()).unwrap();
        back[url::Position::BeforePath..].to_owned()
    }
}

/// The URL as a user sends it on who does not want to sign in again.
fn stripped(location: &str) -> String {
    assert!(location.contains("&max_age=0"), "{location}");
    location.replace("&max_age=0", "")
}

#[tokio::test]
async fn stripped_max_age_gives_no_session() {
    let mut visit = Visit::new(false).await;
    let (before, grants) = (visit.browser.jar.clone(), visit.world.grants());
    let start = visit.browser.go("/login?max_age=0&return_to=/me%3Fa%3D1").await;
    let back = visit.at_provider(&stripped(start.location())).await;
    let reply = visit.browser.go(&back).await;
    assert_eq!((reply.status.as_u16(), reply.reason), (403, Some(Reason::AuthenticationTooOld)));
    assert_eq!((reply.session_lines().len(), visit.world.grants()), (0, grants + 1));
    assert_eq!(reply.header("location"), None, "a redirect would loop");
    assert!(reply.is_uncacheable());
    assert_eq!(visit.browser.jar, before, "the session stays, the verifier goes");
    assert_eq!(visit.browser.go("/me").await.json()["user"]["email"], ADA);

    // The page says nothing but the public code, and has one link.
    assert!(reply.body.contains("<code>step_up_required</code>"), "{}", reply.body);
    assert!(
        !reply.body.contains("authentication_too_old") && !reply.body.contains("auth_time"),
        "{}",
        reply.body
    );
    let links: Vec<_> = reply.body.match_indices("href=\"").collect();
    let [(at, prefix)] = links[..] else { panic!("{}", reply.body) };
    let link = reply.body[at + prefix.len()..].split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(link, "/login?max_age=0&return_to=%2Fme%3Fa%3D1");

    // The link asks the provider again. This time the parameter arrives, and the user signs in.
    let again = visit.browser.go(&link).await;
    let back = visit.at_provider(again.location()).await;
    let done = visit.browser.go(&back).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, "/me?a=1"));
    assert_eq!(done.session_lines().len(), 1);
}

#[tokio::test]
async fn honoured_max_age_signs_in() {
    for max_age in ["0", "3600", "7200"] {
        let mut visit = Visit::new(false).await;
        let start = visit.browser.go(&format!("/login?max_age={max_age}&return_to=/me")).await;
        assert!(start.location().contains(&format!("&max_age={max_age}")), "{}", start.location());
        let back = visit.at_provider(start.location()).await;
        let done = visit.browser.go(&back).await;
        assert_eq!((done.status.as_u16(), done.location()), (303, "/me"), "{max_age}: {done:?}");
    }
    // Whoever asks for no age gets the earlier sign-in.
    let mut visit = Visit::new(false).await;
    for query in ["", "?max_age="] {
        let start = visit.browser.go(&format!("/login{query}")).await;
        assert!(!start.location().contains("max_age"), "{}", start.location());
        let back = visit.at_provider(start.location()).await;
        assert_eq!(visit.browser.go(&back).await.status, 303);
    }
}

#[tokio::test]
async fn without_a_session_the_browser_has_none_afterwards() {
    let mut visit = Visit::new(false).await;
    visit.browser.jar.clear();
    let start = visit.browser.go("/login?max_age=0").await;
    let back = visit.at_provider(&stripped(start.location())).await;
    assert_eq!(visit.browser.go(&back).await.status, 403);
    assert!(visit.browser.jar.is_empty());
    assert_eq!(visit.browser.go("/me").await.status, 302);
}

#[tokio::test]
async fn script_hears_step_up_required() {
    for development in [false, true] {
        let mut visit = Visit::new(development).await;
        let start = visit.browser.go("/login?max_age=0&return_to=/me").await;
        let back = visit.at_provider(&stripped(start.location())).await;
        let reply = visit.browser.go_with(Kind::Fetch, &back, &[]).await;
        assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (403, 0));
        let mut expected = serde_json::json!({
            "error": "step_up_required", "login_url": format!("{ORIGIN}/login?max_age=0&return_to=%2Fme"),
        });
        if development {
            expected["reason"] = "authentication_too_old".into();
        }
        assert_eq!(reply.json(), expected);
    }
}

#[tokio::test]
async fn development_page_names_the_parameter() {
    let mut visit = Visit::new(true).await;
    let start = visit.browser.go("/login?max_age=0").await;
    let back = visit.at_provider(&stripped(start.location())).await;
    let reply = visit.browser.go(&back).await;
    assert!(
        reply.body.contains("authentication_too_old") && reply.body.contains("max_age"),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn current_session_of_another_user_is_untouched() {
    let mut visit = Visit::new(false).await;
    let grace = visit.world.mint(MintSession::for_user("grace@example.com")).1;
    visit.browser.store(&visit.world.line(&grace));
    let start = visit.browser.go("/login?max_age=0").await;
    let back = visit.at_provider(&stripped(start.location())).await;
    assert_eq!(visit.browser.go(&back).await.status, 403);
    let line = visit.browser.cookie_line();
    let me = send(&visit.app, crate::world::request(Kind::Fetch, "/me", Some(&line))).await;
    assert_eq!(me.json()["user"]["email"], "grace@example.com");
}

/// A link that asks for a recent sign-in does not ask for less by mistake.
#[tokio::test]
async fn unreadable_max_age_demands_a_new_sign_in() {
    let mut visit = Visit::new(false).await;
    for (given, asked) in
        [("abc", "0"), ("-5", "0"), ("1e3", "0"), ("5m", "0"), ("300", "300"), ("99999999999", "4294967295")]
    {
        let start = visit
            .browser
            .go_with(
                Kind::Navigation,
                &format!("/login?max_age={given}"),
                &[("sec-fetch-site", "same-origin")],
            )
            .await;
        assert!(start.location().contains(&format!("&max_age={asked}")), "{given}: {}", start.location());
    }
}
