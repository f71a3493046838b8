//! Pages of the application's own in the middle of a sign-in: those that lead on, and the one that asks for an organization.

use crate::world::{Browser, Kind, ORIGIN, Reply, World, request, send};
use axum::{Json, Router, routing::get};
use http::{HeaderValue, StatusCode, header};
use sealkit::{Reason, cookie::SameSite};
use sealkit_axum::{Session, SessionLayer, session_json};
use sealkit_devidp::OrganizationChoice;
use std::time::Duration;

const NAVY: &str = "org_01JGFNAVYC0MP1LERS00000000";

fn app(world: &World) -> Router {
    application(world.layer())
}

fn application(layer: SessionLayer) -> Router {
    Router::new()
        .route("/me", get(|session: Session| async move { Json(session_json(&session)) }))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer)
}

fn strict() -> World {
    World::with(|idp| idp, |config| config.cookie_same_site(SameSite::Strict))
}

const ELSEWHERE: &[(&str, &str)] = &[("sec-fetch-site", "cross-site")];

#[tokio::test]
async fn a_strict_sign_in_ends_with_a_page_that_leads_on() {
    let world = strict();
    let app = app(&world);
    let mut browser = Browser::new(&world, &app);
    let start = browser.go_with(Kind::Navigation, "/me?a=1&b=2", &[("sec-fetch-site", "none")]).await;
    let back = browser.at_provider(start.location()).await;
    let done = browser.go_with(Kind::Navigation, &back, ELSEWHERE).await;
    assert_eq!(done.status, StatusCode::OK);
    assert!(
        done.body.contains("<meta http-equiv=\"refresh\" content=\"0; url=/me?a=1&amp;b=2\">"),
        "{}",
        done.body
    );
    assert!(done.body.contains("<a href=\"/me?a=1&amp;b=2\">"), "{}", done.body);
    assert!(done.session_lines()[0].contains("SameSite=Strict"));
    let page = browser.go_with(Kind::Navigation, "/me?a=1&b=2", &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(page.status, StatusCode::OK);
}

/// A link on another site: the browser keeps the cookie back. The application's own page asks again, once.
#[tokio::test]
async fn a_link_of_another_site_is_tried_from_an_own_page_before_anybody_signs_in() {
    let world = strict();
    let app = app(&world);
    let link = |site| {
        let mut request = request(Kind::Navigation, "/me?a=1", None);
        request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static(site));
        request
    };
    let asked = send(&app, link("cross-site")).await;
    assert_eq!((asked.status, asked.set_cookies().len()), (StatusCode::OK, 0));
    assert!(asked.body.contains("content=\"0; url=/me?a=1\""), "{}", asked.body);
    assert!(asked.is_uncacheable());
    // That page asks again, and there is no cookie either.
    assert_eq!(send(&app, link("same-origin")).await.status, StatusCode::FOUND);
    // A session that came and does not do is no reason to ask again.
    let mut with_cookie = link("cross-site");
    with_cookie.headers_mut().insert(header::COOKIE, HeaderValue::from_static("wos-session=x"));
    assert_eq!(send(&app, with_cookie).await.status, StatusCode::FOUND);
    // Scripts and forms are answered as ever.
    let mut script = request(Kind::Fetch, "/me", None);
    script.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    assert_eq!(send(&app, script).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn with_lax_a_link_of_another_site_signs_in_at_once() {
    let world = World::new();
    let mut request = request(Kind::Navigation, "/me", None);
    request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    assert_eq!(send(&app(&world), request).await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn another_loopback_host_leads_to_the_one_of_the_redirect_uri() {
    let world = World::new();
    let app = app(&world);
    let at = |host: &'static str, target: &str| {
        let mut request = request(Kind::Navigation, target, None);
        request.headers_mut().insert(header::HOST, HeaderValue::from_static(host));
        request
    };
    for target in ["/me?a=1&b=%2F", "/login?return_to=/me", "//evil.test/x"] {
        for host in ["127.0.0.1:3000", "[::1]:3000", "app.localhost:3000"] {
            let moved = send(&app, at(host, target)).await;
            assert_eq!(moved.status, StatusCode::TEMPORARY_REDIRECT, "{host} {target}");
            assert_eq!(moved.location(), format!("{ORIGIN}{target}"));
            assert!(moved.set_cookies().is_empty());
        }
    }
    // Neither its own host, nor another port, nor another machine.
    for host in
        ["localhost:3000", "127.0.0.1:3001", "app.test:3000", "localhost:3000@evil.test", "not a host"]
    {
        assert_eq!(send(&app, at(host, "/me")).await.status, StatusCode::FOUND, "{host}");
    }
}

fn with_choice(development: bool) -> World {
    World::with(
        |idp| idp.organization_choice(OrganizationChoice::Ask),
        |config| config.development(development),
    )
}

/// The form of the page, as a browser posts it.
fn form(page: &Reply, organization_id: &str) -> String {
    let hidden = page.body.split("name=\"sign_in\" value=\"").nth(1).unwrap();
    format!("sign_in={}&organization_id={organization_id}", hidden.split('"').next().unwrap())
}

async fn asked(world: &World, browser: &mut Browser) -> Reply {
    let start = browser.go("/me").await;
    let location = start.location().to_owned();
    let back = browser.at_provider(&location).await;
    let asked = browser.go(&back).await;
    assert_eq!(asked.status, StatusCode::FORBIDDEN, "{}", asked.body);
    assert_eq!(asked.reason, Some(Reason::OrganizationSelectionRequired));
    assert_eq!(world.idp.leaking_requests().len(), 0);
    asked
}

async fn post(browser: &mut Browser, body: String, site: &str) -> Reply {
    let body: &'static str = body.leak();
    browser.post("/callback", body, &[("sec-fetch-site", site)]).await
}

#[tokio::test]
async fn the_user_chooses_an_organization_and_is_signed_in() {
    let world = with_choice(false);
    let mut browser = Browser::new(&world, &app(&world));
    let page = asked(&world, &mut browser).await;
    assert!(page.body.contains("Choose an organization") && page.body.contains(NAVY), "{}", page.body);
    assert!(page.body.contains("action=\"/callback\""), "{}", page.body);
    let pending = page.set_cookies().into_iter().find(|line| line.starts_with("wos-auth-pending-")).unwrap();
    assert!(
        pending.contains("=Fe26.2*") && pending.contains("Max-Age=600; HttpOnly; SameSite=Lax"),
        "{pending}"
    );
    let done = post(&mut browser, form(&page, NAVY), "same-origin").await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/me"));
    assert_eq!(browser.go("/me").await.json()["organization_id"], NAVY);
    assert!(browser.jar.keys().all(|name| !name.starts_with("wos-auth-")), "{:?}", browser.jar.keys());
}

/// The token that continues the sign-in is in no page, no URL and no readable cookie.
#[tokio::test]
async fn the_pending_token_is_in_the_seal_alone() {
    for development in [false, true] {
        let world = with_choice(development);
        let mut browser = Browser::new(&world, &app(&world));
        let page = asked(&world, &mut browser).await;
        let answer = format!("{:?} {}", page.headers, page.body);
        assert!(!answer.contains("pending_authentication_token") && !answer.contains("pat_"), "{answer}");
    }
}

#[tokio::test]
async fn any_replica_can_finish_and_no_other_browser() {
    let world = with_choice(false);
    let mut browser = Browser::new(&world, &app(&world));
    let page = asked(&world, &mut browser).await;
    let other = World { idp: world.idp.clone(), sealkit: world.replica(|config| config) };
    let replica = app(&other);
    let mut stranger = Browser::new(&other, &replica);
    assert_eq!(post(&mut stranger, form(&page, NAVY), "same-origin").await.status, StatusCode::BAD_REQUEST);
    let mut same = Browser::new(&other, &replica);
    same.jar = browser.jar.clone();
    assert_eq!(post(&mut same, form(&page, NAVY), "same-origin").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_choice_of_another_site_or_of_another_sign_in_is_refused() {
    let world = with_choice(false);
    let mut browser = Browser::new(&world, &app(&world));
    let page = asked(&world, &mut browser).await;
    let grants = world.grants();
    for site in ["cross-site", "same-site"] {
        assert_eq!(post(&mut browser, form(&page, NAVY), site).await.status, StatusCode::FORBIDDEN);
    }
    // The cookie of one sign-in under the name of another.
    let (name, value) = browser.jar.iter().find(|(name, _)| name.starts_with("wos-auth-pending-")).unwrap();
    assert!(!name.ends_with("00000000"));
    let value = value.clone();
    browser.jar.insert("wos-auth-pending-00000000".to_owned(), value);
    for body in [
        format!("sign_in=00000000&organization_id={NAVY}"),
        format!("sign_in=&organization_id={NAVY}"),
        format!("sign_in=..%2f&organization_id={NAVY}"),
        format!("organization_id={NAVY}"),
        String::new(),
    ] {
        assert_eq!(
            post(&mut browser, body.clone(), "same-origin").await.status,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
    assert_eq!(world.grants(), grants);
    assert_eq!(post(&mut browser, form(&page, NAVY), "same-origin").await.status, StatusCode::SEE_OTHER);
}

/// A sister domain can set the cookie of a sign-in that it began, under any name without a prefix.
#[tokio::test]
async fn tossed_choice_signs_nobody_in() {
    const NAME: &str = "__Host-wos-session";
    let world = World::with(
        |idp| idp.organization_choice(OrganizationChoice::Ask),
        |config| config.cookie_name(NAME),
    );
    let mut attacker = Browser::new(&world, &app(&world));
    let page = asked(&world, &mut attacker).await;
    let mut visitor = Browser::new(&world, &app(&world));
    for (name, value) in &attacker.jar {
        assert!(name.starts_with("__Host-"), "{name}");
        visitor.jar.insert(name.trim_start_matches("__Host-").to_owned(), value.clone());
    }
    let reply = post(&mut visitor, form(&page, NAVY), "same-origin").await;
    assert_eq!((reply.status, visitor.jar.contains_key(NAME)), (StatusCode::BAD_REQUEST, false));
    let reply = post(&mut attacker, form(&page, NAVY), "same-origin").await;
    assert_eq!((reply.status, attacker.jar.contains_key(NAME)), (StatusCode::SEE_OTHER, true));
}

#[tokio::test]
async fn a_choice_that_waited_too_long_begins_anew() {
    let world = with_choice(false);
    let mut browser = Browser::new(&world, &app(&world));
    let page = asked(&world, &mut browser).await;
    world.idp.advance(Duration::from_secs(700));
    let late = post(&mut browser, form(&page, NAVY), "same-origin").await;
    assert!(late.location().contains("/user_management/authorize?"), "{late:?}");
}

#[tokio::test]
async fn an_organization_that_the_user_is_not_in_is_refused() {
    let world = with_choice(false);
    let mut browser = Browser::new(&world, &app(&world));
    let page = asked(&world, &mut browser).await;
    let refused = post(&mut browser, form(&page, "org_01JGFN0B0DY1SHERE000000000"), "same-origin").await;
    assert!(refused.status.is_client_error() && refused.session_lines().is_empty(), "{refused:?}");
}
