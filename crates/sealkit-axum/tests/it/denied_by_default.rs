//! Nothing reaches a handler without a session, unless a rule names the path.

use crate::world::{Kind, ORIGIN, World, request, send};
use axum::{Router, body::Body, routing};
use http::{Method, Request, StatusCode};
use proptest::prelude::*;
use sealkit_axum::SessionLayer;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tower::ServiceExt as _;

const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "QUERY",
    "get", "X",
];

/// Headers that say something about a request, each with values that browsers, proxies and liars write.
const HEADERS: &[(&str, &[&str])] = &[
    ("origin", &["null", "x", ORIGIN, "https://other.test"]),
    ("access-control-request-method", &["GET", "PUT", "x"]),
    ("access-control-request-headers", &["content-type"]),
    ("access-control-request-private-network", &["true"]),
    ("sec-fetch-mode", &["navigate", "cors", "no-cors", "websocket", "same-origin"]),
    ("sec-fetch-dest", &["document", "empty", "image", "iframe"]),
    ("sec-fetch-site", &["same-origin", "same-site", "cross-site", "none"]),
    ("sec-purpose", &["prefetch", "prefetch;prerender"]),
    ("purpose", &["prefetch"]),
    ("upgrade", &["websocket", "h2c"]),
    ("x-forwarded-upgrade", &["websocket"]),
    ("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZQ=="]),
    ("accept", &["text/html", "application/json", "text/event-stream", "*/*"]),
    ("hx-request", &["true"]),
    ("x-requested-with", &["XMLHttpRequest"]),
    ("x-http-method-override", &["OPTIONS", "GET"]),
    ("x-original-url", &["/healthz"]),
    ("x-rewrite-url", &["/healthz"]),
    ("x-forwarded-uri", &["/healthz"]),
    ("x-forwarded-prefix", &["/healthz"]),
    ("cookie", &["wos-session=x", "wos-session=", "wos-auth-verifier=x"]),
    ("authorization", &["Bearer x"]),
    ("host", &["localhost:3000", "evil.test"]),
];

const PATHS: &[&str] = &[
    "/",
    "/report",
    "/healthz",
    "/healthz/",
    "/Healthz",
    "//healthz",
    "/healthz?x=/report",
    "/report?x=/healthz",
    "/assets/a.js",
    "/assets/../report",
    "/login",
    "/sign-up",
    "/callback",
    "/callback?code=x&state=y",
    "/logout",
    "/switch-organization",
    "/webhooks/workos",
    "/login/x",
];

fn requests() -> impl Strategy<Value = (&'static str, &'static str, Vec<(&'static str, &'static str)>)> {
    let headers: Vec<(&'static str, &'static str)> =
        HEADERS.iter().flat_map(|(name, values)| values.iter().map(move |value| (*name, *value))).collect();
    (
        proptest::sample::select(METHODS),
        proptest::sample::select(PATHS),
        proptest::collection::vec(proptest::sample::select(headers), 0..8),
    )
}

/// What the rules of [`open`] name, in words of its own.
fn is_named(method: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let get = matches!(method, "GET" | "HEAD");
    get && (path == "/healthz" || (path.starts_with("/assets/") && !path.contains("..")))
}

/// An application whose handlers take everything, the routes of the layer aside.
struct Open {
    app: Router,
    runs: Arc<AtomicUsize>,
}

fn open(layer: SessionLayer) -> Open {
    let runs = Arc::new(AtomicUsize::new(0));
    let handler = {
        let runs = Arc::clone(&runs);
        move || {
            runs.fetch_add(1, Ordering::SeqCst);
            async { "the secret report" }
        }
    };
    let layer = layer.public(["GET /healthz", "GET /assets/*"]).unwrap();
    let app = Router::new().route("/report", routing::any(handler.clone())).fallback(handler).layer(layer);
    Open { app, runs }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_method_and_no_header_reaches_a_handler_that_no_rule_names(
        (method, path, headers) in requests(),
    ) {
        thread_local! {
            static WORLD: (tokio::runtime::Runtime, World) = (runtime(), World::new());
        }
        WORLD.with(|(runtime, world)| runtime.block_on(async {
            let Open { app, runs } = open(world.layer());
            let mut request = Request::builder().method(method).uri(path);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let preflight = response.status() == StatusCode::NO_CONTENT;
            let ran = runs.load(Ordering::SeqCst) > 0;
            prop_assert_eq!(response.status() == StatusCode::OK, ran);
            prop_assert_eq!(ran, is_named(method, path) && !preflight, "{} {} {:?}", method, path, headers);
            Ok(())
        }))?;
    }
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_layer_and_permits_nothing() {
    let world = World::new();
    let Open { app, runs } = open(world.layer());
    for path in ["/report", "/healthz", "/whatever", "/login"] {
        let reply = send(&app, request(Kind::Preflight, path, Some(&world.cookie()))).await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::NO_CONTENT, ""), "{path}");
        let permits = reply.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
        assert!(!permits && reply.set_cookies().is_empty(), "{path}: {:?}", reply.headers);
    }
    let plain = Request::options("/report").body(Body::empty()).unwrap();
    assert_eq!(send(&app, plain).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_application_that_answers_preflights_itself_gets_them_without_a_session() {
    let world = World::new();
    let layer = world.layer().pass_preflights();
    let app = Router::new()
        .route(
            "/report",
            routing::any(
                |session: Option<sealkit_axum::Session>| async move { session.is_some().to_string() },
            ),
        )
        .layer(layer);
    let reply = send(&app, request(Kind::Preflight, "/report", Some(&world.cookie()))).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "false"));
    // Nothing else passes with them.
    let reply = send(&app, request(Kind::Fetch, "/report", None)).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

/// The paths of the routes, and how each is asked.
const ROUTES: &[(&str, Kind)] = &[
    ("/login", Kind::Navigation),
    ("/login", Kind::Head),
    ("/sign-up", Kind::Navigation),
    ("/callback?code=c&state=s", Kind::Navigation),
    ("/logout", Kind::Navigation),
    ("/logout", Kind::FormPost),
    ("/switch-organization", Kind::FormPost),
    ("/webhooks/workos", Kind::FormPost),
];

#[tokio::test]
async fn the_paths_of_routes_that_were_never_taken_are_protected() {
    let with_webhooks =
        || World::with(|idp| idp, |config| config.webhook_secrets(["whsec_of_enough_characters"]));
    for (path, kind) in ROUTES {
        let world = with_webhooks();
        let Open { app, runs } = open(world.layer());
        let reply = send(&app, request(*kind, path, None)).await;
        assert!(matches!(reply.status.as_u16(), 302 | 303), "{path}: {reply:?}");
        assert_eq!(runs.load(Ordering::SeqCst), 0, "{path}");
    }
}

#[tokio::test]
async fn the_webhook_route_alone_opens_its_own_path_alone() {
    let world = World::with(|idp| idp, |config| config.webhook_secrets(["whsec_of_enough_characters"]));
    let layer = world.layer();
    let app = Router::new()
        .merge(sealkit_axum::webhooks(&layer))
        .fallback(|| async { "the secret report" })
        .layer(layer);
    for (path, kind) in ROUTES {
        let reply = send(&app, request(*kind, path, None)).await;
        let expected =
            if *path == "/webhooks/workos" { 400 } else { 302 + u16::from(*kind == Kind::FormPost) };
        assert_eq!(reply.status.as_u16(), expected, "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn routes_that_were_taken_answer_and_what_is_beside_them_is_protected() {
    let world = World::new();
    let layer = world.layer();
    let app = Router::new()
        .merge(sealkit_axum::routes(&layer))
        .fallback(|| async { "the secret report" })
        .layer(layer);
    assert!(send(&app, request(Kind::Navigation, "/login", None)).await.location().contains("/authorize?"));
    for method in [Method::PUT, Method::OPTIONS, Method::DELETE] {
        let request = Request::builder().method(method).uri("/login").body(Body::empty()).unwrap();
        assert_eq!(send(&app, request).await.status, StatusCode::UNAUTHORIZED);
    }
}
