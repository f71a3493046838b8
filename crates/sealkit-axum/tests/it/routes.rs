//! The ready-made routes, from the first redirect to the last.

use crate::world::{ADA, Browser, Kind, ORIGIN, World, request, send};
use axum::{Json, Router, routing::get};
use http::Method;
use sealkit::Reason;
use sealkit_axum::{Paths, Session, SessionLayer, session_json};
use sealkit_devidp::{Endpoint, Fault, MintSession, StepUp};
use serde_json::json;
use std::time::Duration;
use url::Url;

const NAVY: &str = "org_01JGFNAVYC0MP1LERS00000000";

fn app_of(layer: SessionLayer) -> Router {
    Router::new()
        .route("/", get(|| async { "home" }))
        .route("/me", get(|session: Session| async move { Json(session_json(&session)) }))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer)
}

fn world() -> (World, Router) {
    let world = World::new();
    let app = app_of(world.layer());
    (world, app)
}

#[tokio::test]
async fn sign_in_use_refresh_sign_out() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);

    let done = browser.sign_in("/me?tab=1").await;
    assert_eq!((done.status.as_u16(), done.location()), (303, "/me?tab=1"));
    assert_eq!(browser.names_but_the_lap(), ["wos-session"]);
    assert!(done.is_uncacheable());
    let session = done.session_lines()[0];
    assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax") && session.contains("Path=/"));

    let me = browser.go("/me").await.json();
    assert_eq!(me["user"]["email"], ADA);
    let before = browser.jar["wos-session"].clone();
    world.idp.expire_access_tokens();
    let later = browser.go("/me").await;
    assert_eq!((later.status.as_u16(), later.session_lines().len()), (200, 1));
    assert_eq!(later.json()["session_id"], me["session_id"]);
    assert_ne!(browser.jar["wos-session"], before);

    let out = browser.post("/logout", "", &[("sec-fetch-site", "same-origin")]).await;
    let url = Url::parse(out.location()).unwrap();
    assert_eq!((out.status.as_u16(), url.path()), (303, "/user_management/sessions/logout"));
    assert!(url.query().unwrap().contains(me["session_id"].as_str().unwrap()));
    assert!(browser.jar.is_empty());
    assert_eq!(browser.go("/me").await.status, 302);
    for request in world.idp.requests() {
        assert_eq!(request.undocumented_members(), Vec::<&str>::new());
        let sent = format!("{:?} {:?} {:?}", request.headers(), request.query(), request.body());
        assert!(!sent.contains(crate::world::PASSWORD) && !sent.contains(&before));
    }
}

#[tokio::test]
async fn signing_out_works_with_an_expired_session_and_asks_for_no_grant() {
    let (world, app) = world();
    let (minted, sealed) = world.mint(MintSession::for_user(ADA).expired());
    let mut browser = Browser::new(&world, &app);
    browser.store(&world.line(&sealed));
    let out = browser.post("/logout", "", &[("sec-fetch-site", "same-origin")]).await;
    assert!(out.location().contains(&minted.session_id));
    assert_eq!((world.grants(), browser.jar.len()), (0, 0));
}

#[tokio::test]
async fn signing_out_works_while_no_key_can_be_had() {
    let (world, app) = world();
    world.idp.fault(Endpoint::Jwks, Fault::status(500).always());
    let (minted, sealed) = world.mint(MintSession::for_user(ADA));
    let mut browser = Browser::new(&world, &app);
    browser.store(&world.line(&sealed));
    let out = browser.post("/logout", "", &[("sec-fetch-site", "same-origin")]).await;
    assert!(out.location().contains(&minted.session_id));
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn signing_out_without_a_session_leads_to_where_the_application_says() {
    let world = World::new();
    let app = app_of(world.layer().after_sign_out(Url::parse("http://localhost:3000/bye").unwrap()));
    let mut browser = Browser::new(&world, &app);
    let out = browser.post("/logout", "", &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(out.location(), "http://localhost:3000/bye");
    browser.sign_in("/me").await;
    let out = browser.post("/logout", "", &[("sec-fetch-site", "same-origin")]).await;
    assert!(out.location().ends_with("return_to=http%3A%2F%2Flocalhost%3A3000%2Fbye"), "{}", out.location());
}

#[tokio::test]
async fn only_the_applications_own_pages_sign_out() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    browser.sign_in("/me").await;
    let own = [("origin", ORIGIN)];
    let foreign = [("origin", "https://evil.test")];
    type Headers<'h> = &'h [(&'static str, &'static str)];
    let refused: [(Kind, Headers<'_>, u16); 13] = [
        (Kind::Navigation, &[], 405),
        (Kind::Curl, &own, 405),
        (Kind::Navigation, &[("sec-fetch-site", "cross-site")], 403),
        (Kind::Navigation, &[("sec-fetch-site", "same-site")], 403),
        (Kind::Navigation, &[("sec-fetch-site", "none")], 200),
        (Kind::Fetch, &[("sec-fetch-site", "none")], 403),
        (Kind::Image, &[("sec-fetch-site", "same-origin")], 403),
        (Kind::Prefetch, &[("sec-fetch-site", "same-origin")], 403),
        (Kind::Head, &[("sec-fetch-site", "same-origin")], 405),
        (Kind::FormPost, &[("sec-fetch-site", "cross-site"), ("origin", ORIGIN)], 403),
        (Kind::FormPost, &[("sec-fetch-site", "same-site")], 403),
        (Kind::FormPost, &foreign, 403),
        (Kind::FormPost, &[("origin", "null")], 403),
    ];
    for (kind, headers, status) in refused {
        let reply = browser.go_with(kind, "/logout", headers).await;
        assert_eq!((reply.status.as_u16(), reply.set_cookies().len()), (status, 0), "{kind:?} {headers:?}");
        assert_eq!(reply.header("allow"), (status == 405).then_some("POST"));
        assert!(reply.is_uncacheable(), "{kind:?} {headers:?}: {reply:?}");
        let page = status != 405 && matches!(kind, Kind::Navigation | Kind::FormPost);
        assert_eq!(reply.body.starts_with("<!doctype html>"), page, "{kind:?} {headers:?}: {reply:?}");
    }
    assert_eq!(browser.go("/me").await.status, 200);
    let accepted: [(Kind, Headers<'_>); 4] = [
        (Kind::Navigation, &[("sec-fetch-site", "same-origin")]),
        (Kind::FormPost, &[("sec-fetch-site", "same-origin")]),
        (Kind::FormPost, &own),
        (Kind::FormPost, &[]),
    ];
    for (kind, headers) in accepted {
        let mut browser = browser.clone();
        let reply = browser.go_with(kind, "/logout", headers).await;
        assert_eq!((reply.status.as_u16(), browser.jar.len()), (303, 0), "{kind:?} {headers:?}");
    }
}

#[tokio::test]
async fn a_planted_session_is_replaced_and_nothing_of_it_remains() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    let (attacker, sealed) = world.mint(MintSession::for_user("grace@example.com"));
    browser.store(&world.line(&sealed));
    let start = browser.go("/login?return_to=/me").await;
    let back = browser.at_provider(start.location()).await;
    assert_eq!(browser.go(&back).await.location(), "/me");
    let me = browser.go("/me").await.json();
    assert_eq!(me["user"]["email"], ADA);
    assert_ne!(me["session_id"], attacker.session_id.as_str());
}

#[tokio::test]
async fn a_callback_without_the_verifier_of_this_browser_signs_nobody_in() {
    let (world, app) = world();
    let mut attacker = Browser::new(&world, &app);
    let start = attacker.go("/login").await;
    let back = attacker.at_provider(start.location()).await;
    let mut victim = Browser::new(&world, &app);
    let reply = victim.go(&back).await;
    assert_eq!((reply.status.as_u16(), reply.reason), (400, Some(Reason::MissingPkceCookie)));
    assert_eq!((reply.session_lines().len(), victim.jar.len(), world.grants()), (0, 0, 0));
    // With a sign-in of its own under way it is another state, and its own still succeeds.
    let own = victim.go("/login").await;
    let reply = victim.go(&back).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (400, 0));
    let own = victim.at_provider(own.location()).await;
    assert_eq!(victim.go(&own).await.status, 303);
}

#[tokio::test]
async fn a_failed_callback_echoes_nothing_and_loads_nothing() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    for query in [
        "",
        "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E",
        "code=%3Cscript%3E&state=%3Cscript%3E",
        "error=%3Cscript%3E",
        "code=a&code=b&state=script",
    ] {
        let reply = browser.go(&format!("/callback?{query}")).await;
        assert!(matches!(reply.status.as_u16(), 400 | 403), "{query}: {reply:?}");
        assert!(!reply.body.contains("script") && !reply.body.contains("alert"), "{query}: {}", reply.body);
        assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert!(reply.body.contains("<code>unauthenticated</code>"), "{}", reply.body);
        assert!(!reply.body.contains(reply.reason.unwrap().as_str()), "{}", reply.body);
        assert!(reply.body.contains("<a href=\"/login\">"));
        assert_eq!(reply.session_lines().len(), 0);
    }
    let reply = browser.go_with(Kind::Fetch, "/callback", &[]).await;
    assert_eq!(
        (&reply.json()["error"], reply.reason),
        (&json!("unauthenticated"), Some(Reason::MissingAuthParams))
    );
}

/// Invariant: browsers hear the public codes; the detailed reason is in the response's extensions and in the log, and in the
/// body in development mode only.
#[tokio::test]
async fn failed_callback_shows_its_reason_in_development_only() {
    for development in [false, true] {
        let world = World::with(|idp| idp, |config| config.development(development));
        let app = app_of(world.layer());
        for (query, reason) in [
            ("", Reason::MissingAuthParams),
            ("code=c&state=s", Reason::MissingPkceCookie),
            ("error=access_denied", Reason::AccessDenied),
            ("error=odd&state=s", Reason::AuthorizationError),
        ] {
            let uri = format!("/callback?{query}");
            let page = send(&app, request(Kind::Navigation, &uri, None)).await;
            let json = send(&app, request(Kind::Fetch, &uri, None)).await;
            assert_eq!((page.reason, json.reason), (Some(reason), Some(reason)), "{query}");
            assert!(page.body.contains("<code>unauthenticated</code>"), "{}", page.body);
            assert_eq!(json.json()["error"], "unauthenticated");
            let shown = [&page, &json]
                .map(|reply| reply.body.contains(reason.as_str()) || reply.body.contains(reason.meaning()));
            assert_eq!(shown, [development; 2], "{query}: {} {}", page.body, json.body);
        }
    }
}

#[tokio::test]
async fn the_verifier_goes_on_success_and_on_failure_and_only_its_own() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    let first = browser.go("/login?return_to=/me").await;
    let second = browser.go("/login?return_to=/").await;
    assert_eq!(browser.jar.len(), 2);
    let denied = Url::parse(first.location()).unwrap();
    let state = denied.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("error", "access_denied")
        .append_pair("state", &state)
        .finish();
    let reply = browser.go(&format!("/callback?{query}")).await;
    assert_eq!((reply.reason, browser.jar.len()), (Some(Reason::AccessDenied), 1));
    let back = browser.at_provider(second.location()).await;
    assert_eq!(browser.go(&back).await.location(), "/");
    assert_eq!(browser.names_but_the_lap(), ["wos-session"]);
}

#[tokio::test]
async fn a_callback_that_is_loaded_again_goes_on_with_the_session() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    let start = browser.go("/me").await;
    let back = browser.at_provider(start.location()).await;
    assert_eq!(browser.go(&back).await.location(), "/me");
    browser.go("/me").await;
    let session = browser.jar.clone();
    let again = browser.go(&back).await;
    assert_eq!((again.status.as_u16(), again.location()), (303, "/"));
    assert_eq!((again.reason, world.grants()), (Some(Reason::MissingPkceCookie), 1));
    assert_eq!(browser.jar, session);
    // The verifier cookie kept by hand: the code is spent, and no session comes of it.
    let mut replay = Browser::new(&world, &app);
    replay.jar = start
        .verifier_lines()
        .iter()
        .map(|line| {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let reply = replay.go(&back).await;
    assert_eq!((reply.reason, reply.session_lines().len()), (Some(Reason::InvalidGrant), 0));
}

#[tokio::test]
async fn an_expired_state_begins_anew_once() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    let start = browser.go("/me").await;
    let back = browser.at_provider(start.location()).await;
    world.idp.advance(Duration::from_secs(601));
    let anew = browser.go(&back).await;
    assert_eq!(
        (anew.status.as_u16(), Url::parse(anew.location()).unwrap().path()),
        (302, "/user_management/authorize")
    );
    let second = browser.at_provider(anew.location()).await;
    let looping = browser.clone();
    assert_eq!(browser.go(&second).await.status, 303);
    assert!(browser.jar.contains_key("wos-session"));
    // Were it expired again, that is the end.
    world.idp.advance(Duration::from_secs(601));
    let reply = looping.clone().go(&second).await;
    assert_eq!((reply.status.as_u16(), reply.reason), (400, Some(Reason::PkceStateExpired)));
}

#[tokio::test]
async fn an_impersonation_from_the_dashboard_begins_a_sign_in_of_our_own() {
    let (world, app) = world();
    let code = world.idp.impersonation_code(ADA, "staff@workos.test", None).unwrap();
    let mut browser = Browser::new(&world, &app);
    let reply = browser.go(&format!("/callback?code={code}")).await;
    assert_eq!((reply.status.as_u16(), reply.verifier_lines().len(), world.grants()), (302, 1, 0));
    // Once.
    let reply = browser.go(&format!("/callback?code={code}")).await;
    assert_eq!((reply.status.as_u16(), reply.reason), (400, Some(Reason::MissingAuthParams)));
}

#[tokio::test]
async fn a_token_that_our_own_settings_refuse_ends_in_a_500_and_no_loop() {
    for (config, claim) in [
        (World::with(|idp| idp, |config| config.issuers(["https://issuer.test"])), "iss"),
        (World::with(|idp| idp, |config| config.audiences(["ours"])), "aud"),
    ] {
        let app = app_of(config.layer());
        let mut browser = Browser::new(&config, &app);
        let reply = browser.sign_in("/me").await;
        assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (500, 0), "{claim}: {reply:?}");
        assert_eq!(browser.jar.len(), 0);
        assert!(!reply.body.contains("claim"), "{}", reply.body);
    }
    let world = World::with(|idp| idp, |config| config.issuers(["https://issuer.test"]).development(true));
    let reply = Browser::new(&world, &app_of(world.layer())).sign_in("/me").await;
    assert!(reply.body.contains("claim `iss`") && reply.body.contains("WORKOS_ISSUER"), "{}", reply.body);
}

#[tokio::test]
async fn a_callback_while_the_api_is_down_says_so() {
    let (world, app) = world();
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).header("retry-after", "7"));
    let reply = Browser::new(&world, &app).sign_in("/me").await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, Some("7")));
}

#[tokio::test]
async fn tokens_of_a_rejected_sign_in_reach_no_browser() {
    for development in [false, true] {
        let world = World::with(|idp| idp, |config| config.development(development));
        let app = app_of(world.layer());
        for body in [
            json!({ "code": "email_completion_required", "email_completion_token": "token-of-a-step" }),
            json!({ "code": "brand_new_step", "brand_new_token": "token-of-a-step" }),
        ] {
            for kind in [Kind::Navigation, Kind::Fetch, Kind::Htmx] {
                let mut browser = Browser::new(&world, &app);
                let start = browser.go("/me").await;
                let back = browser.at_provider(start.location()).await;
                world.idp.fault(Endpoint::Authenticate, Fault::json(403, &body));
                let reply = browser.go_with(kind, &back, &[]).await;
                assert_eq!(
                    (reply.status.as_u16(), reply.session_lines().len()),
                    (403, 0),
                    "{kind:?} {reply:?}"
                );
                assert!(!format!("{reply:?}").contains("token-of-a-step"), "{kind:?} {reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn scanners_and_previews_spend_no_code() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    let start = browser.go("/me").await;
    let back = browser.at_provider(start.location()).await;
    for kind in [Kind::Head, Kind::Prefetch] {
        let reply = browser.go_with(kind, &back, &[]).await;
        assert_eq!((reply.status.as_u16(), reply.set_cookies().len()), (405, 0), "{kind:?}");
    }
    assert_eq!(browser.go(&back).await.status, 303);
}

#[tokio::test]
async fn login_takes_its_parameters_and_no_way_out_of_the_application() {
    let (world, app) = world();
    let start = Browser::new(&world, &app)
        .go("/login?organization_id=org_1&login_hint=a%40b.test&screen_hint=sign-up&prompt=login&x=y&redirect_uri=https://evil.test")
        .await;
    let url = Url::parse(start.location()).unwrap();
    let query: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["organization_id"], "org_1");
    assert_eq!(query["login_hint"], "a@b.test");
    assert_eq!(query["screen_hint"], "sign-up");
    assert_eq!(query["prompt"], "login");
    assert_eq!(query["redirect_uri"], format!("{ORIGIN}/callback"));
    assert!(!url.as_str().contains("evil"));

    let long = "/".repeat(8_192);
    for return_to in [
        "//evil.test",
        "/\\evil.test",
        "/%09/evil.test",
        "https://good.evil",
        "https://localhost:3000@evil.test",
        "javascript:alert(1)",
        "/a%0d%0aSet-Cookie:x=1",
        "%00//evil.test",
        "/..//evil.test",
        "/login",
        "/LOGOUT/",
        "/callback?code=1",
        "/switch-organization",
        long.as_str(),
    ] {
        let mut browser = Browser::new(&world, &app);
        let start = browser.go(&format!("/login?return_to={return_to}")).await;
        let back = browser.at_provider(start.location()).await;
        let done = browser.go(&back).await;
        let location = done.location();
        let base = Url::parse(ORIGIN).unwrap();
        assert_eq!(base.join(location).unwrap().origin(), base.origin(), "{return_to}");
        assert!(
            !location.starts_with("//") && !location.starts_with("/lo") && !location.starts_with("/c"),
            "{return_to} {location}"
        );
    }
    let mut browser = Browser::new(&world, &app);
    let start = browser.go("/login?return_to=/me%3Fa%3Db%23c").await;
    let back = browser.at_provider(start.location()).await;
    assert_eq!(browser.go(&back).await.location(), "/me?a=b#c");
}

#[tokio::test]
async fn verifier_cookies_are_set_on_navigations_only_and_never_pile_up() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    for kind in
        [Kind::Fetch, Kind::Xhr, Kind::Htmx, Kind::Prefetch, Kind::EventStream, Kind::WebSocket, Kind::Image]
    {
        for path in ["/login", "/sign-up", "/me"] {
            let reply = browser.go_with(kind, path, &[]).await;
            assert_eq!((reply.status.as_u16(), reply.set_cookies().len()), (401, 0), "{kind:?} {path}");
        }
    }
    for _ in 0..50 {
        browser.go_with(Kind::Navigation, "/me", &[("sec-fetch-site", "none")]).await;
        assert!(browser.jar.len() <= 5 && browser.cookie_line().len() <= 8192);
    }
    browser.jar.clear();
    // A plain client that says nothing about itself may begin, at the route that is there for it.
    assert_eq!(browser.go_with(Kind::Curl, "/login", &[]).await.verifier_lines().len(), 1);
}

#[tokio::test]
async fn twenty_tabs_that_begin_at_once_leave_five_that_finish() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    let mut backs = Vec::new();
    for _ in 0..20 {
        let start = browser.go_with(Kind::Navigation, "/me", &[("sec-fetch-site", "none")]).await;
        backs.push(browser.at_provider(start.location()).await);
    }
    let mut finished = 0;
    for back in backs.iter().rev() {
        let reply = browser.go(back).await;
        assert_eq!(reply.status, 303);
        finished += usize::from(reply.location() == "/me");
    }
    // The others are signed in by then, and go on.
    assert_eq!((finished, browser.names_but_the_lap()), (5, vec!["wos-session"]));
}

#[tokio::test]
async fn switching_the_organization_changes_the_session_and_goes_on() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    browser.sign_in("/me").await;
    let own = [("sec-fetch-site", "same-origin")];
    let body = "organization_id=org_01JGFNAVYC0MP1LERS00000000&return_to=%2Fme";
    let reply = browser.post("/switch-organization", body, &own).await;
    assert_eq!((reply.status.as_u16(), reply.location(), reply.session_lines().len()), (303, "/me", 1));
    assert_eq!(browser.go("/me").await.json()["organization_id"], NAVY);

    let json = r#"{"organization_id":"org_01JGFANALYT1CALENG1NES0000"}"#;
    let mut script = request(Kind::Fetch, "/switch-organization", None);
    *script.method_mut() = Method::POST;
    *script.body_mut() = json.into();
    script.headers_mut().insert("content-type", "application/json".parse().unwrap());
    script.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    let reply = browser.send(script).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (200, 1));
    assert_eq!(reply.json()["organization_id"], "org_01JGFANALYT1CALENG1NES0000");
}

#[tokio::test]
async fn a_switch_that_is_refused_leaves_the_session_as_it_was() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    browser.sign_in("/me").await;
    let (before, own) = (browser.jar.clone(), [("sec-fetch-site", "same-origin")]);
    for (body, headers, status) in [
        ("organization_id=org_nowhere", own, 403),
        ("organization_id=", own, 400),
        ("organization_id=org_01JGFNAVYC0MP1LERS00000000", [("sec-fetch-site", "cross-site")], 403),
        ("organization_id=org_01JGFNAVYC0MP1LERS00000000", [("origin", "https://evil.test")], 403),
    ] {
        let reply = browser.post("/switch-organization", body, &headers).await;
        assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (status, 0), "{body} {headers:?}");
        assert_eq!(browser.jar, before);
    }
    // Another step is due there: off to it, and back to the page.
    let step = StepUp::SsoRequired { connection_ids: vec!["conn_7".to_owned()] };
    let rule = sealkit_devidp::StepUpRule::new(step).on_refresh().for_organization(NAVY);
    world.idp.require_step_up(ADA, rule).unwrap();
    let body = "organization_id=org_01JGFNAVYC0MP1LERS00000000&return_to=/me";
    let reply = browser.post("/switch-organization", body, &own).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    assert!(reply.location().contains("connection_id=conn_7"), "{}", reply.location());
    assert_eq!(browser.go("/me").await.status, 200);
    assert_eq!(browser.jar["wos-session"], before["wos-session"]);
}

#[tokio::test]
async fn a_switch_that_is_refused_does_not_stand_in_the_way_of_the_next_refresh() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    browser.sign_in("/me").await;
    let own = [("sec-fetch-site", "same-origin")];
    assert_eq!(browser.post("/switch-organization", "organization_id=org_nowhere", &own).await.status, 403);
    let body = "organization_id=org_01JGFNAVYC0MP1LERS00000000";
    assert_eq!(browser.post("/switch-organization", body, &own).await.status, 303);
    assert_eq!(browser.go("/me").await.json()["organization_id"], NAVY);
}

#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let (world, app) = world();
    let mut request = request(Kind::FormPost, "/switch-organization", Some(&world.cookie()));
    *request.body_mut() = "x".repeat(20_000).into();
    assert_eq!(send(&app, request).await.status, 413);
}

#[tokio::test]
async fn routes_can_be_elsewhere_and_are_public_there_only() {
    let world = World::with(|idp| idp, |config| config.redirect_uri(format!("{ORIGIN}/auth/back")));
    let layer =
        world.layer().paths(Paths::default().login("/auth/in").sign_up("/auth/new").logout("/auth/out"));
    let app = app_of(layer);
    let mut browser = Browser::new(&world, &app);
    let start = browser.go("/auth/in?return_to=/me").await;
    let back = browser.at_provider(start.location()).await;
    assert!(back.starts_with("/auth/back?"));
    assert_eq!(browser.go(&back).await.location(), "/me");
    for path in ["/login", "/callback", "/auth/in/", "/auth"] {
        assert_eq!(send(&app, request(Kind::Fetch, path, None)).await.status, 401, "{path}");
    }
    let reply = send(&app, request(Kind::Fetch, "/me", None)).await;
    assert_eq!(reply.json()["login_url"], format!("{ORIGIN}/auth/in"));
}

#[tokio::test]
async fn whoever_types_the_address_of_logout_is_asked() {
    let (world, app) = world();
    let mut browser = Browser::new(&world, &app);
    browser.sign_in("/me").await;
    let asked =
        browser.go_with(Kind::Navigation, "/logout?x=%3Cb%3Emine", &[("sec-fetch-site", "none")]).await;
    assert_eq!((asked.status.as_u16(), browser.names_but_the_lap().len()), (200, 1));
    assert!(asked.body.contains("<form method=\"post\" action=\"/logout\"><button>"), "{}", asked.body);
    assert!(!asked.body.contains("mine") && !asked.body.contains("<script"), "{}", asked.body);
    assert!(asked.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(browser.post("/logout", "", &[("sec-fetch-site", "same-origin")]).await.status, 303);
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn what_depends_on_a_verifier_cookie_is_cached_as_little_as_what_depends_on_a_session() {
    let (world, app) = world();
    for path in
        ["/login", "/sign-up", "/callback?error=access_denied&state=x", "/callback?code=spent&state=x"]
    {
        let mut browser = Browser::new(&world, &app);
        let reply = browser.go(path).await;
        assert!(reply.is_uncacheable(), "{path}: {reply:?}");
        let head = browser.go_with(Kind::Head, path, &[]).await;
        assert!(head.is_uncacheable() && head.set_cookies().is_empty(), "{path}: {head:?}");
    }
    let mut browser = Browser::new(&world, &app);
    let start = browser.go("/login").await;
    let back = browser.at_provider(start.location()).await;
    world.idp.advance(Duration::from_secs(601));
    let anew = browser.go(&back).await;
    assert!(anew.status == 302 && anew.is_uncacheable(), "{anew:?}");
}
