//! Every standing of a session × every kind of request: what is answered, and what is written.

use crate::world::{ADA, Kind, ORIGIN, Reply, World, request, send};
use axum::{Router, routing::any};
use sealkit::Reason;
use sealkit_devidp::{Endpoint, Fault, StepUp, StepUpRule};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use url::Url;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Valid,
    Renewable,
    Anonymous,
    Unreadable,
    Forged,
    Refused,
    SignedOut,
    Transient,
    StepUp,
    Misconfigured,
}

use Standing::{
    Anonymous, Forged, Misconfigured, Refused, Renewable, SignedOut, Transient, Unreadable, Valid,
};

impl Standing {
    const ALL: [Self; 10] = [
        Valid,
        Renewable,
        Anonymous,
        Unreadable,
        Forged,
        Refused,
        SignedOut,
        Transient,
        Self::StepUp,
        Misconfigured,
    ];

    /// A cookie of this standing, with what must be said to the provider.
    async fn cookie(self, world: &World) -> Option<String> {
        let expired = || world.expired_cookie();
        Some(match self {
            Valid => world.cookie(),
            Renewable => expired(),
            Anonymous => return None,
            Unreadable => "wos-session=Fe26.2*1*garbage~2".to_owned(),
            Forged => {
                let claims = json!({"sub": "user_x", "sid": "session_x", "iss": world.idp.issuer(), "exp": 4_000_000_000_u64});
                let token = world.idp.sign_as_stranger(&claims).unwrap();
                let payload = json!({"accessToken": token, "refreshToken": "r", "user": {"id": "user_x"}});
                world.line(&world.sealkit.seal_payload(&payload.to_string()).unwrap())
            }
            Refused => {
                let (minted, sealed) = world.mint(sealkit_devidp::MintSession::for_user(ADA).expired());
                world.idp.revoke_session(&minted.session_id);
                world.line(&sealed)
            }
            SignedOut => {
                let (minted, sealed) = world.mint(sealkit_devidp::MintSession::for_user(ADA));
                world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
                world.line(&sealed)
            }
            Transient => {
                world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
                expired()
            }
            Self::StepUp => {
                let step = StepUp::SsoRequired { connection_ids: vec!["conn_01".to_owned()] };
                world.idp.require_step_up(ADA, StepUpRule::new(step).on_refresh()).unwrap();
                expired()
            }
            Misconfigured => {
                world.idp.fault(
                    Endpoint::Authenticate,
                    Fault::json(401, &json!({"message": "Unauthorized"})).always(),
                );
                expired()
            }
        })
    }

    fn reason(self, kind: Kind) -> Option<Reason> {
        Some(match self {
            Valid | Renewable | Anonymous if self != Renewable || kind != Kind::Prefetch => return None,
            Unreadable => Reason::InvalidSessionCookie,
            Forged => Reason::InvalidJwtSignature,
            SignedOut => Reason::SessionRevoked,
            // Speculation starts no refresh, so nobody knows more.
            _ if kind == Kind::Prefetch => Reason::ExpiredJwt,
            Refused => Reason::InvalidGrant,
            Transient => Reason::ServerError,
            Self::StepUp => Reason::SsoRequired,
            _ => Reason::ApiUnauthorized,
        })
    }

    fn status(self, kind: Kind) -> u16 {
        let redirect = if kind == Kind::FormPost { 303 } else { 302 };
        match (self, kind) {
            (_, Kind::Preflight) => 204,
            (Valid, _) => 200,
            (Renewable, kind) if kind != Kind::Prefetch => 200,
            (_, Kind::Prefetch) => 401,
            (Transient, _) => 503,
            (Misconfigured, _) => 500,
            (_, Kind::Navigation | Kind::Head | Kind::FormPost) => redirect,
            (Self::StepUp, _) => 403,
            _ => 401,
        }
    }

    fn code(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (SignedOut, _) => "session_revoked",
            (_, Kind::Prefetch) => "unauthenticated",
            (Transient, _) => "temporarily_unavailable",
            (Misconfigured, _) => "misconfigured",
            (Self::StepUp, _) => "step_up_required",
            _ => "unauthenticated",
        }
    }
}

fn app(world: &World) -> (Router, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let handler = move || async move {
        counter.fetch_add(1, Ordering::SeqCst);
        "protected"
    };
    let layer = world.layer();
    (Router::new().route("/page", any(handler)).merge(sealkit_axum::routes(&layer)).layer(layer), runs)
}

#[tokio::test(start_paused = true)]
async fn every_standing_and_every_kind_of_request_gets_its_answer() {
    for standing in Standing::ALL {
        for kind in Kind::ALL {
            let world = World::new();
            // A younger process confirms no refusal.
            world.idp.advance(std::time::Duration::from_secs(600));
            let cookie = standing.cookie(&world).await;
            let (app, runs) = app(&world);
            let reply = send(&app, request(kind, "/page?a=b", cookie.as_deref())).await;
            let context = format!("{standing:?} {kind:?}: {reply:?}");
            assert_eq!(reply.status.as_u16(), standing.status(kind), "{context}");
            assert_eq!(runs.load(Ordering::SeqCst), usize::from(reply.status == 200), "{context}");
            let expected = if kind == Kind::Preflight { None } else { standing.reason(kind) };
            assert_eq!(reply.reason, expected, "{context}");
            check(standing, kind, &reply, &context);
        }
    }
}

fn check(standing: Standing, kind: Kind, reply: &Reply, context: &str) {
    let status = reply.status.as_u16();
    if kind != Kind::Preflight {
        assert!(reply.is_uncacheable(), "{context}");
    }
    let redirects = matches!(status, 302 | 303);
    // Nobody signs in by `HEAD`.
    assert_eq!(reply.verifier_lines().len(), usize::from(redirects && kind != Kind::Head), "{context}");
    assert_eq!(reply.header("location").is_some(), redirects, "{context}");
    assert_eq!(reply.header("retry-after").is_some(), status == 503, "{context}");
    let challenge = (status == 401).then_some("Session realm=\"sealkit\"");
    assert_eq!(reply.header("www-authenticate"), challenge, "{context}");
    assert_eq!(reply.header("hx-redirect").is_some(), kind == Kind::Htmx && status == 401, "{context}");
    let writes = match standing {
        _ if kind == Kind::Preflight => 0,
        Renewable => usize::from(kind != Kind::Prefetch),
        // Proven to be over; a refused grant counts as a proof on a top-level navigation only.
        SignedOut => 1,
        Refused => usize::from(matches!(kind, Kind::Navigation | Kind::Head | Kind::FormPost)),
        _ => 0,
    };
    assert_eq!(reply.session_lines().len(), writes, "{context}");
    let clears = reply.session_lines().iter().all(|line| line.contains("Max-Age=0"));
    assert_eq!(clears, standing != Renewable || writes == 0, "{context}");
    if redirects {
        let url = Url::parse(reply.location()).unwrap();
        let query = |name: &str| {
            url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
        };
        assert_eq!(url.path(), "/user_management/authorize", "{context}");
        assert_eq!(query("redirect_uri").as_deref(), Some("http://localhost:3000/callback"));
        assert_eq!(query("code_challenge_method").as_deref(), Some("S256"));
        let connection = (standing == Standing::StepUp).then_some("conn_01");
        assert_eq!(query("connection_id").as_deref(), connection, "{context}");
    }
    if kind == Kind::Head {
        assert_eq!(reply.body, "", "{context}");
    } else if status >= 400 && matches!(kind, Kind::Navigation | Kind::FormPost) {
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{context}");
        assert!(reply.header("content-security-policy").unwrap().contains("form-action 'none'"), "{context}");
        assert!(reply.body.contains(&format!("<code>{}</code>", standing.code(kind))), "{context}");
        assert!(!reply.body.contains("a=b") && !reply.body.contains("<script"), "{context}");
    } else if status >= 400 {
        let body = reply.json();
        assert_eq!(body["error"], standing.code(kind), "{context}");
        let login = (status == 401).then(|| json!(format!("{ORIGIN}/login")));
        assert_eq!(body.get("login_url"), login.as_ref(), "{context}");
        assert_eq!(body.get("reason"), None, "{context}");
        if standing == Standing::StepUp && status == 403 {
            assert_eq!(body, json!({"error": "step_up_required", "connection_ids": ["conn_01"]}));
        }
    }
}

#[tokio::test]
async fn undecryptable_expired_forged_and_unknown_cookies_get_the_same_bytes() {
    let mut bodies = Vec::new();
    for standing in [Anonymous, Unreadable, Forged, Refused] {
        let world = World::new();
        let cookie = standing.cookie(&world).await;
        bodies.push(send(&app(&world).0, request(Kind::Fetch, "/page", cookie.as_deref())).await.body);
    }
    bodies.dedup();
    assert_eq!(bodies, [format!("{{\"error\":\"unauthenticated\",\"login_url\":\"{ORIGIN}/login\"}}")]);
}

#[tokio::test]
async fn the_fine_reason_is_in_the_body_in_development_mode_only() {
    let world = World::with(|idp| idp, |config| config.development(true));
    let cookie = Forged.cookie(&world).await;
    let reply = send(&app(&world).0, request(Kind::Fetch, "/page", cookie.as_deref())).await;
    assert_eq!(reply.json()["reason"], "invalid_jwt_signature");
}

#[tokio::test]
async fn htmx_is_led_to_the_login_route_and_back_to_its_page() {
    let world = World::new();
    let reply = send(&app(&world).0, request(Kind::Htmx, "/page", None)).await;
    let target = reply.header("hx-redirect").unwrap();
    assert_eq!(target, format!("{ORIGIN}/login?return_to=%2Flist%3Fpage%3D2"));
}

#[tokio::test]
async fn sign_up_paths_lead_to_the_sign_up_screen() {
    let world = World::new();
    let layer = world.layer().sign_up(["GET /join", "* /join/*"]).unwrap();
    let app = Router::new().route("/join", any(|| async {})).route("/page", any(|| async {})).layer(layer);
    for (path, screen) in [("/join", true), ("/page", false)] {
        let reply = send(&app, request(Kind::Navigation, path, None)).await;
        assert_eq!(reply.location().contains("screen_hint=sign-up"), screen, "{path}");
    }
    let reply = send(&app, request(Kind::Fetch, "/join", None)).await;
    assert_eq!(reply.json()["login_url"], format!("{ORIGIN}/sign-up"));
}

#[tokio::test(start_paused = true)]
async fn on_a_public_path_no_cookie_breaks_the_page_and_none_is_looked_at() {
    for standing in Standing::ALL {
        let world = World::new();
        let cookie = standing.cookie(&world).await;
        let layer = world.layer().public(["GET /healthz", "* /pub/*"]).unwrap();
        let app = Router::new()
            .route("/healthz", any(|| async { "ok" }))
            .route("/pub/{*rest}", any(|| async { "ok" }))
            .layer(layer);
        let before = world.idp.requests().len();
        for path in ["/healthz", "/healthz?x", "/pub/a", "/pub/a/b"] {
            let reply = send(&app, request(Kind::Navigation, path, cookie.as_deref())).await;
            assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "ok"), "{standing:?} {path}");
            assert_eq!((reply.header("cache-control"), reply.header("vary")), (None, None), "{standing:?}");
            assert_eq!(reply.set_cookies(), Vec::<&str>::new(), "{standing:?}");
        }
        assert_eq!(world.idp.requests().len(), before, "{standing:?}");
        for path in [
            "/pub",
            "/pub/../page",
            "/pub/..%2fpage",
            "//pub/a",
            "/pub/a;x",
            "/healthz/",
            "/%68ealthz",
            "/HEALTHZ",
        ] {
            let reply = send(&app, request(Kind::Curl, path, None)).await;
            assert_eq!(reply.status, 401, "{path}");
        }
    }
}

#[tokio::test]
async fn inside_a_nested_router_rules_and_return_paths_mean_the_browsers_path() {
    let world = World::new();
    let layer = world.layer().public(["GET /api/open"]).unwrap();
    let api = Router::new()
        .route("/open", any(|| async { "open" }))
        .route("/closed", any(|| async {}))
        .layer(layer);
    let app = Router::new().nest("/api", api);
    assert_eq!(send(&app, request(Kind::Fetch, "/api/open", None)).await.body, "open");
    let denied = send(&app, request(Kind::Htmx, "/api/closed", None)).await;
    assert_eq!(denied.status, 401);
}

#[tokio::test]
async fn no_header_of_the_request_makes_it_less_protected() {
    let world = World::new();
    let (app, runs) = app(&world);
    let lies = [
        ("x-forwarded-uri", "/healthz"),
        ("x-original-url", "/healthz"),
        ("x-rewrite-url", "/login"),
        ("x-forwarded-prefix", "/login"),
        ("forwarded", "for=127.0.0.1;host=localhost"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-http-method-override", "OPTIONS"),
        ("x-auth-user-id", "user_1"),
        ("x-auth-email", "ada@example.com"),
        ("x-workos-session", "{}"),
        ("x-workos-middleware", "true"),
        ("x-middleware-subrequest", "middleware:middleware:middleware"),
        ("authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
        ("user-agent", "GoogleHC/1.0"),
        ("host", "evil.test"),
        ("origin", "http://localhost:3000"),
        ("referer", "http://localhost:3000/"),
        ("cookie", "session=1; wos-session-2=x; Wos-Session=y; wos-session=; $Version=1"),
        ("sec-fetch-site", "same-origin"),
    ];
    for (name, value) in lies {
        for kind in [Kind::Navigation, Kind::Fetch, Kind::Curl, Kind::WebSocket] {
            let mut request = request(kind, "/page", None);
            request.headers_mut().insert(name, value.parse().unwrap());
            let reply = send(&app, request).await;
            assert_ne!(reply.status, 200, "{name}: {value}");
            assert!(
                !reply.headers.values().any(|line| line.as_bytes().windows(4).any(|w| w == b"evil")),
                "{name}"
            );
        }
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn hostile_cookies_are_denied_in_bounded_work() {
    let world = World::new();
    let (app, runs) = app(&world);
    let good = world.cookie();
    let value = good.strip_prefix("wos-session=").unwrap();
    let mut hostile = vec![
        format!("wos-session={}", "A".repeat(1_000_000)),
        "wos-session=Fe26.2;".repeat(10_000),
        "wos-session.0=99999999; wos-session.1=x".to_owned(),
        format!("wos-session={}", &value[..value.len() / 2]),
        format!("wos-session={}x", &value[..value.len() - 1]),
        format!("wos-session=%00{value}"),
    ];
    hostile.extend((0..value.len()).step_by(97).map(|at| {
        let mut bytes = value.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        format!("wos-session={}", String::from_utf8(bytes).unwrap())
    }));
    for cookie in &hostile {
        let reply = send(&app, request(Kind::Fetch, "/page", Some(cookie))).await;
        assert_eq!(reply.status, 401);
    }
    assert_eq!((runs.load(Ordering::SeqCst), world.grants()), (0, 0));
    // And beside it the good one still counts.
    let both = format!("wos-session=Fe26.2*1*garbage~2; {good}");
    assert_eq!(send(&app, request(Kind::Fetch, "/page", Some(&both))).await.status, 200);
}

#[tokio::test]
async fn a_rule_for_get_is_one_for_head_and_for_nothing_else() {
    let world = World::new();
    let layer = world.layer().public(["GET /healthz", "POST /hook"]).unwrap();
    let app = Router::new().route("/healthz", any(|| async {})).route("/hook", any(|| async {})).layer(layer);
    for (method, path, status) in [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("POST", "/healthz", 401),
        ("HEAD", "/hook", 401),
        ("HEAD", "/healthz/", 401),
    ] {
        let mut request = request(Kind::Curl, path, None);
        *request.method_mut() = method.parse().unwrap();
        assert_eq!(send(&app, request).await.status, status, "{method} {path}");
    }
}
