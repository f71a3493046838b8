//! What handlers are given, and what they are not.

use crate::world::{ADA, Kind, World, request, send};
use axum::{Json, Router, routing::get};
use sealkit::Reason;
use sealkit_axum::{Claims, Forbidden, Session, SessionHandle, Tokens, session_json};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Plan {
    plan: String,
}

fn app(world: &World) -> Router {
    Router::new()
        .route("/required", get(|session: Session| async move { session.user_id().to_owned() }))
        .route(
            "/optional",
            get(|session: Option<Session>| async move {
                session.map_or("nobody".to_owned(), |session| session.user_id().to_owned())
            }),
        )
        .route("/claims", get(|Claims(Plan { plan }): Claims<Plan>| async move { plan }))
        .route(
            "/optional-claims",
            get(|claims: Option<Claims<Plan>>| async move {
                claims.map_or("none".to_owned(), |claims| claims.plan.clone())
            }),
        )
        .route(
            "/tokens",
            get(|tokens: Tokens| async move { format!("{} {tokens:?}", tokens.access_token().len()) }),
        )
        .route("/json", get(|session: Session| async move { Json(session_json(&session)) }))
        .route(
            "/debug",
            get(|session: Session, handle: SessionHandle| async move { format!("{session:?} {handle:?}") }),
        )
        .route(
            "/permission",
            get(|session: Session| async move {
                session.require_permission("engines:write")?;
                session.require_role("admin")?;
                session.require_organization("org_01JGFANALYT1CALENG1NES0000")?;
                Ok::<_, Forbidden>("allowed")
            }),
        )
        .layer(world.layer().optional())
}

async fn status(app: &Router, path: &str, cookie: Option<&str>) -> (u16, String) {
    let reply = send(app, request(Kind::Fetch, path, cookie)).await;
    (reply.status.as_u16(), reply.body)
}

#[tokio::test(start_paused = true)]
async fn a_required_session_is_there_or_the_handler_does_not_run() {
    let world = World::new();
    let app = app(&world);
    let ada = world.idp.users()[0].id().to_owned();
    assert_eq!(status(&app, "/required", Some(&world.cookie())).await, (200, ada.clone()));
    assert_eq!(status(&app, "/required", Some(&world.expired_cookie())).await, (200, ada));
    for cookie in [None, Some("wos-session=x")] {
        let reply = send(&app, request(Kind::Fetch, "/required", cookie)).await;
        assert_eq!((reply.status.as_u16(), reply.json()["error"].as_str()), (401, Some("unauthenticated")));
        let reply = send(&app, request(Kind::Navigation, "/required", cookie)).await;
        assert_eq!((reply.status.as_u16(), reply.verifier_lines().len()), (302, 1));
    }
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    assert_eq!(status(&app, "/required", Some(&world.expired_cookie())).await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn an_optional_session_is_none_for_absent_and_rejected_and_an_error_when_nobody_can_tell() {
    let world = World::new();
    let app = app(&world);
    assert_eq!(status(&app, "/optional", None).await, (200, "nobody".to_owned()));
    assert_eq!(status(&app, "/optional", Some("wos-session=x")).await, (200, "nobody".to_owned()));
    let (revoked, sealed) = world.mint(MintSession::for_user(ADA).expired());
    world.idp.revoke_session(&revoked.session_id);
    assert_eq!(status(&app, "/optional", Some(&world.line(&sealed))).await, (200, "nobody".to_owned()));
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    let reply = send(&app, request(Kind::Navigation, "/optional", Some(&world.expired_cookie()))).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after").is_some()), (503, true));
    assert_eq!(reply.session_lines().len(), 0);
}

#[tokio::test]
async fn claims_have_the_handlers_type_or_the_template_is_wrong() {
    let world = World::with(|idp| idp.claim("plan", "pro"), |config| config);
    let app = app(&world);
    assert_eq!(status(&app, "/claims", Some(&world.cookie())).await, (200, "pro".to_owned()));
    assert_eq!(status(&app, "/optional-claims", Some(&world.cookie())).await, (200, "pro".to_owned()));
    assert_eq!(status(&app, "/optional-claims", None).await, (200, "none".to_owned()));
    assert_eq!(status(&app, "/claims", None).await.0, 401);
    let wrong = world.cookie_of(MintSession::for_user(ADA).claim("plan", 7));
    for path in ["/claims", "/optional-claims"] {
        let reply = send(&app, request(Kind::Fetch, path, Some(&wrong))).await;
        assert_eq!((reply.status.as_u16(), reply.reason), (500, Some(Reason::CustomClaimsInvalid)), "{path}");
        assert_eq!(reply.body, r#"{"error":"misconfigured"}"#);
    }
}

#[tokio::test]
async fn tokens_come_from_their_own_extractor_and_nowhere_else() {
    let world = World::new();
    let app = app(&world);
    let (minted, sealed) = world.mint(MintSession::for_user(ADA));
    let cookie = world.line(&sealed);
    let length = minted.access_token.len();
    assert_eq!(status(&app, "/tokens", Some(&cookie)).await, (200, format!("{length} Tokens([redacted])")));
    assert_eq!(status(&app, "/tokens", None).await.0, 401);
    let signature = minted.access_token.rsplit('.').next().unwrap();
    for path in ["/json", "/debug"] {
        let (code, body) = status(&app, path, Some(&cookie)).await;
        assert_eq!(code, 200);
        for secret in [signature, &minted.refresh_token, sealed.expose_secret()] {
            assert!(!body.contains(secret), "{path}: {body}");
        }
    }
}

#[tokio::test]
async fn a_session_as_json_has_these_members() {
    let world = World::new();
    let cookie =
        world.cookie_of(MintSession::for_user(ADA).impersonator("staff@workos.test", Some("ticket 7")));
    let body = send(&app(&world), request(Kind::Fetch, "/json", Some(&cookie))).await.json();
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "user",
            "session_id",
            "organization_id",
            "role",
            "roles",
            "permissions",
            "entitlements",
            "feature_flags",
            "impersonator",
            "expires_at",
            "authentication_method"
        ]
    );
    assert_eq!(body["user"]["email"], ADA);
    assert_eq!((body["role"].as_str(), body["roles"][1].as_str()), (Some("admin"), Some("member")));
    assert_eq!(body["permissions"][0], "engines:read");
    assert_eq!(
        (body["entitlements"][0].as_str(), body["feature_flags"][0].as_str()),
        (Some("audit-logs"), Some("difference-engine"))
    );
    assert_eq!(body["impersonator"], serde_json::json!({"email": "staff@workos.test", "reason": "ticket 7"}));
    assert_eq!(body["expires_at"], 1_800_000_300_u64);
    assert_eq!(body["organization_id"], "org_01JGFANALYT1CALENG1NES0000");
}

#[tokio::test]
async fn permissions_roles_and_organizations_are_required_with_a_question_mark() {
    let world = World::new();
    let app = app(&world);
    assert_eq!(status(&app, "/permission", Some(&world.cookie())).await, (200, "allowed".to_owned()));
    let grace = world.cookie_of(MintSession::for_user("grace@example.com"));
    assert_eq!(status(&app, "/permission", Some(&grace)).await, (403, r#"{"error":"forbidden"}"#.to_owned()));
}

#[tokio::test]
async fn without_the_layer_an_extractor_names_the_line_to_add() {
    let world = World::new();
    let layer = world.layer();
    let app: Router = Router::new()
        .route("/required", get(|_: Session| async {}))
        .route("/optional", get(|_: Option<Session>| async {}))
        .route("/handle", get(|_: SessionHandle| async {}))
        .merge(sealkit_axum::routes(&layer));
    for path in ["/required", "/optional", "/handle", "/login", "/callback?code=1", "/logout"] {
        let reply = send(&app, request(Kind::Navigation, path, Some(&world.cookie()))).await;
        assert_eq!(reply.status, 500, "{path}");
        assert!(reply.body.contains(".layer(SessionLayer::new(sealkit))"), "{path}: {}", reply.body);
    }
}
