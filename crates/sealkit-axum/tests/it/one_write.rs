//! Whatever a handler does: at most one session cookie on the response, the right one, and nobody else's cookies lost.

use crate::world::{ADA, Kind, World, request, send};
use axum::{
    Router,
    response::{IntoResponse as _, Redirect, Response},
    routing,
};
use http::{HeaderValue, StatusCode, header};
use proptest::prelude::*;
use sealkit::{Outcome, SealedSession};
use sealkit_axum::{Session, SessionHandle};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use std::time::Duration;

/// What a handler does on its way.
#[derive(Clone, Debug)]
enum Step {
    Read,
    Refresh,
    SignOut,
    Replace,
    SwitchToNowhere,
    SetsTheSessionCookieItself,
    SetsAnotherCookie(u8),
}

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Fine,
    Redirect,
    Error,
    Rejection,
    Upgrade,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Nothing,
    Garbage,
    Valid,
    Expired,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Read),
        Just(Step::Refresh),
        Just(Step::SignOut),
        Just(Step::Replace),
        Just(Step::SwitchToNowhere),
        Just(Step::SetsTheSessionCookieItself),
        any::<u8>().prop_map(Step::SetsAnotherCookie),
    ];
    proptest::collection::vec(step, 0..8)
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Fine),
        Just(End::Redirect),
        Just(End::Error),
        Just(End::Rejection),
        Just(End::Upgrade)
    ]
}

fn starts() -> impl Strategy<Value = Start> {
    prop_oneof![Just(Start::Nothing), Just(Start::Garbage), Just(Start::Valid), Just(Start::Expired)]
}

async fn handler(session: SessionHandle, steps: Vec<Step>, end: End, replacement: SealedSession) -> Response {
    let mut lines = Vec::new();
    for step in steps {
        match step {
            Step::Read => drop(session.session().await),
            Step::Refresh => drop(session.refresh().await),
            Step::SignOut => drop(session.sign_out().await),
            Step::Replace => drop(session.replace(replacement.clone()).await),
            Step::SwitchToNowhere => drop(session.switch_organization("org_nowhere").await),
            Step::SetsTheSessionCookieItself => lines.push("wos-session=by-hand; Path=/x".to_owned()),
            Step::SetsAnotherCookie(n) => lines.push(format!("other-{n}=1")),
        }
    }
    let mut response = match end {
        End::Fine => "fine".into_response(),
        End::Redirect => Redirect::to("/elsewhere").into_response(),
        End::Error => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        End::Rejection => (StatusCode::UNPROCESSABLE_ENTITY, "no").into_response(),
        End::Upgrade => StatusCode::SWITCHING_PROTOCOLS.into_response(),
    };
    for line in lines {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::try_from(line).unwrap());
    }
    response
}

/// What must stand in the cookie in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Untouched,
    Session,
    Nothing,
}

fn expected(start: Start, steps: &[Step], protected: bool) -> Expected {
    let mut signed_in = matches!(start, Start::Valid | Start::Expired);
    // Once its session has been signed out, the replacement is worth nothing either.
    let (mut replaced, mut replacement_ended) = (false, false);
    let mut cookie = Expected::Untouched;
    let mut resolved = false;
    let resolve = |resolved: &mut bool, cookie: &mut Expected| {
        if !std::mem::replace(resolved, true) && start == Start::Expired {
            *cookie = Expected::Session;
        }
    };
    if protected {
        resolve(&mut resolved, &mut cookie);
    }
    for step in steps {
        match step {
            Step::Read => resolve(&mut resolved, &mut cookie),
            Step::Refresh if signed_in => (resolved, cookie) = (true, Expected::Session),
            Step::SignOut => {
                replacement_ended |= replaced;
                (resolved, signed_in, replaced, cookie) = (true, false, false, Expected::Nothing);
            }
            Step::Replace if !replacement_ended => {
                (resolved, signed_in, replaced, cookie) = (true, true, true, Expected::Session);
            }
            _ => {}
        }
    }
    cookie
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_response_carries_one_session_cookie_or_none(
        start in starts(),
        steps in steps(),
        end in ends(),
        optional in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let world = World::new();
            let cookie = match start {
                Start::Nothing => None,
                Start::Garbage => Some("wos-session=garbage".to_owned()),
                Start::Valid => Some(world.cookie()),
                Start::Expired => Some(world.expired_cookie()),
            };
            let (_, replacement) = world.mint(MintSession::for_user("grace@example.com"));
            let layer = if optional { world.layer().optional() } else { world.layer() };
            let run = steps.clone();
            let app = Router::new()
                .route("/page", routing::any(move |session| handler(session, run, end, replacement)))
                .layer(layer);
            let reply = send(&app, request(Kind::Fetch, "/page", cookie.as_deref())).await;

            let lines = reply.session_lines();
            assert!(lines.len() <= 1, "{lines:?}");
            assert!(!lines.iter().any(|line| line.contains("by-hand")), "{lines:?}");
            if !optional && matches!(start, Start::Nothing | Start::Garbage) {
                assert_eq!((reply.status.as_u16(), lines.len()), (401, 0));
                return;
            }
            let others: Vec<String> = steps
                .iter()
                .filter_map(|step| match step {
                    Step::SetsAnotherCookie(n) => Some(format!("other-{n}=1")),
                    _ => None,
                })
                .collect();
            let found: Vec<_> = reply.set_cookies().into_iter().filter(|line| line.starts_with("other-")).collect();
            assert_eq!(found, others);

            let expected = expected(start, &steps, !optional);
            match (expected, lines.as_slice()) {
                (Expected::Untouched, []) => {}
                (Expected::Nothing, [line]) => assert!(line.starts_with("wos-session=;") && line.contains("Max-Age=0")),
                (Expected::Session, [line]) => {
                    let raw = line.split(';').next().unwrap().strip_prefix("wos-session=").unwrap();
                    let value = sealkit::cookie::decode_value(raw).unwrap();
                    assert!(matches!(world.sealkit.authenticate(&value).await, Outcome::Authenticated { .. }));
                }
                other => panic!("{other:?}"),
            }
            if expected != Expected::Untouched {
                assert!(reply.is_uncacheable());
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_beats_a_refresh_that_ends_after_it() {
    let world = World::new();
    let app = Router::new()
        .route(
            "/page",
            routing::any(|handle: SessionHandle| async move {
                let refreshing = handle.clone();
                let refresh = tokio::spawn(async move { refreshing.refresh().await });
                tokio::time::sleep(Duration::from_millis(100)).await;
                let url = handle.sign_out().await;
                assert!(refresh.await.unwrap().is_err());
                assert!(handle.session().await.is_err());
                url.unwrap().to_string()
            }),
        )
        .layer(world.layer());
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(1)));
    let cookie = world.cookie();
    let reply = send(&app, request(Kind::Fetch, "/page", Some(&cookie))).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("/user_management/sessions/logout?session_id=session_"), "{}", reply.body);
    assert!(reply.session_lines().len() == 1 && reply.session_lines()[0].contains("Max-Age=0"));
    assert_eq!(world.grants(), 1);
    // And the old cookie, which another tab may still hold, is worth nothing here.
    let reply = send(&app, request(Kind::Fetch, "/page", Some(&cookie))).await;
    assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (401, Some("session_revoked")));
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_in_one_request_beats_the_refresh_of_another() {
    let world = World::new();
    let app = Router::new()
        .route("/page", routing::any(|session: Session| async move { session.user_id().to_owned() }))
        .merge(sealkit_axum::routes(&world.layer()))
        .layer(world.layer());
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(1)));
    let cookie = world.expired_cookie();
    let (other, line) = (app.clone(), cookie.clone());
    let page = tokio::spawn(async move { send(&other, request(Kind::Fetch, "/page", Some(&line))).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut logout = request(Kind::FormPost, "/logout", Some(&cookie));
    logout.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    let out = send(&app, logout).await;
    assert_eq!(out.status, 303);
    assert!(out.location().contains("/user_management/sessions/logout?session_id="));
    let page = page.await.unwrap();
    assert_eq!((page.status.as_u16(), page.json()["error"].as_str()), (401, Some("session_revoked")));
    assert!(page.session_lines().iter().all(|line| line.contains("Max-Age=0")));
}

#[tokio::test]
async fn a_handler_sees_the_refreshed_session_and_the_browser_gets_it() {
    let world = World::new();
    let app = Router::new()
        .route("/page", routing::any(|session: Session| async move { format!("{:?}", session.freshness()) }))
        .layer(world.layer());
    let reply = send(&app, request(Kind::Fetch, "/page", Some(&world.expired_cookie()))).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "Refreshed"));
    assert_eq!(reply.session_lines().len(), 1);
}

async fn panics(_: Session) -> &'static str {
    panic!("on purpose")
}

#[tokio::test]
async fn a_panic_loses_no_session() {
    let world = World::new();
    let app = Router::new()
        .route("/panic", routing::any(panics))
        .route("/page", routing::any(|session: Session| async move { session.user_id().to_owned() }))
        .layer(world.layer());
    let cookie = world.expired_cookie();
    let (other, line) = (app.clone(), cookie.clone());
    let panicked =
        tokio::spawn(async move { send(&other, request(Kind::Fetch, "/panic", Some(&line))).await }).await;
    assert!(panicked.unwrap_err().is_panic());
    let reply = send(&app, request(Kind::Fetch, "/page", Some(&cookie))).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 1));
}

#[tokio::test]
async fn a_layer_within_a_layer_protects_and_writes_once() {
    let world = World::new();
    let inner = Router::new()
        .route("/in", routing::any(|session: Session| async move { session.user_id().to_owned() }))
        .layer(world.layer());
    let app = Router::new()
        .route("/out", routing::any(|| async { "open" }))
        .merge(inner)
        .layer(world.layer().optional());
    assert_eq!(send(&app, request(Kind::Fetch, "/out", None)).await.body, "open");
    assert_eq!(send(&app, request(Kind::Fetch, "/in", None)).await.status, 401);
    let reply = send(&app, request(Kind::Fetch, "/in", Some(&world.expired_cookie()))).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (200, 1));
}

#[tokio::test]
async fn a_replaced_session_is_the_one_that_later_extractors_see() {
    let world = World::new();
    let (_, other) = world.mint(MintSession::for_user("grace@example.com"));
    let grace = world.idp.users()[1].id().to_owned();
    let app = Router::new()
        .route(
            "/page",
            routing::any(move |handle: SessionHandle| async move {
                handle.replace(other).await.unwrap();
                handle.session().await.unwrap().user_id().to_owned()
            }),
        )
        .layer(world.layer());
    let ada = world.cookie_of(MintSession::for_user(ADA));
    assert_eq!(send(&app, request(Kind::Fetch, "/page", Some(&ada))).await.body, grace);
}

/// The outer layer has proven a session of its own application; that says nothing to the inner one.
#[tokio::test]
async fn a_layer_of_another_application_decides_for_itself() {
    let staff = World::new();
    let public = World::with(|idp| idp, |config| config.cookie_name("public-session"));
    let whoami = || routing::any(|session: Session| async move { session.id().to_owned() });
    let inner = Router::new().route("/staff", whoami()).layer(staff.layer());
    let app = Router::new().route("/", whoami()).merge(inner).layer(public.layer().optional());
    let visitor = public.cookie();
    assert_eq!(send(&app, request(Kind::Fetch, "/", Some(&visitor))).await.status, 200);
    let denied = send(&app, request(Kind::Fetch, "/staff", Some(&visitor))).await;
    assert_eq!((denied.status.as_u16(), denied.session_lines().len()), (401, 0), "{denied:?}");
    let both = format!("{visitor}; {}", staff.expired_cookie());
    let reply = send(&app, request(Kind::Fetch, "/staff", Some(&both))).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (200, 1), "{reply:?}");
}

#[tokio::test]
async fn two_applications_in_one_cookie_are_denied_and_nothing_is_lost() {
    let (staff, public) = (World::new(), World::new());
    let inner = Router::new().route("/staff", routing::any(|| async { "secret" })).layer(staff.layer());
    let app = Router::new().merge(inner).layer(public.layer().optional());
    for cookie in [public.cookie(), staff.cookie(), staff.expired_cookie()] {
        let reply = send(&app, request(Kind::Fetch, "/staff", Some(&cookie))).await;
        assert_eq!((reply.status.as_u16(), reply.set_cookies().len()), (500, 0), "{reply:?}");
        assert_eq!(reply.json()["error"], "misconfigured");
    }
    assert_eq!((staff.grants(), public.grants()), (0, 0));
}
