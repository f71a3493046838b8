//! Who acts in a session, a refresh token without a session, and sign-outs of tokens that are not a session's.

use crate::world::{ADA, Kind, ORIGIN, World, request, send};
use axum::{Router, body::Body, routing};
use http::{Method, StatusCode};
use sealkit::{SealedSession, SystemRandom, format::Format, token::ActorKind};
use sealkit_axum::{Acting, SessionHandle, deny_actors};
use sealkit_devidp::{AgentKind, MintSession, TokenOptions};
use serde_json::json;

fn app(world: &World) -> Router {
    let layer = world.layer();
    let payouts = Router::new()
        .route("/payouts", routing::get(|| async { "paid" }))
        .route_layer(deny_actors([ActorKind::Impersonator]));
    Router::new()
        .route(
            "/banner",
            routing::get(|acting: Option<Acting>| async move {
                acting.map_or("alone".to_owned(), |acting| acting.kind().to_string())
            }),
        )
        .route("/staff", routing::get(|acting: Acting| async move { acting.session().user_id().to_owned() }))
        .route(
            "/refresh",
            routing::post(
                |session: SessionHandle| async move { session.refresh().await.is_ok().to_string() },
            ),
        )
        .merge(payouts)
        .merge(sealkit_axum::routes(&layer))
        .layer(layer.public(["POST /refresh", "GET /banner"]).unwrap())
}

fn impersonated() -> MintSession {
    MintSession::for_user(ADA).impersonator("support@example.com", Some("ticket"))
}

#[tokio::test]
async fn acting_party_is_shown_and_denied_where_named() {
    let world = World::new();
    let app = app(&world);
    let (alone, staff) = (world.cookie(), world.cookie_of(impersonated()));
    for (path, cookie, status, body) in [
        ("/banner", Some(&alone), 200, "alone"),
        ("/banner", None, 200, "alone"),
        ("/banner", Some(&staff), 200, "impersonator"),
        ("/staff", Some(&alone), 403, r#"{"error":"forbidden"}"#),
        ("/staff", None, 401, ""),
        ("/payouts", Some(&alone), 200, "paid"),
        ("/payouts", Some(&staff), 403, r#"{"error":"forbidden"}"#),
        ("/payouts", None, 401, ""),
    ] {
        let reply = send(&app, request(Kind::Fetch, path, cookie.map(String::as_str))).await;
        assert_eq!(reply.status.as_u16(), status, "{path}: {reply:?}");
        assert!(body.is_empty() || reply.body == body, "{path}: {}", reply.body);
    }
    let reply = send(&app, request(Kind::Fetch, "/staff", Some(&staff))).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn deny_actors_without_the_session_layer_is_an_error() {
    let app = Router::new().route("/", routing::get(|| async {})).layer(deny_actors([ActorKind::Agent]));
    let reply = send(&app, request(Kind::Fetch, "/", None)).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

fn same_origin(mut request: http::Request<Body>) -> http::Request<Body> {
    request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    request
}

/// The cookie of the first bug report: a web layer never refreshes it, whatever asks.
#[tokio::test]
async fn refresh_token_alone_is_never_refreshed_by_the_layer() {
    let world = World::new();
    let app = app(&world);
    let minted = world.idp.mint_session(MintSession::for_user(ADA)).unwrap();
    let payload = json!({ "refreshToken": minted.refresh_token, "user": { "id": "x" } }).to_string();
    let ring = world.sealkit.config().key_ring();
    let now = world.sealkit.clock().now();
    let sealed = Format::Iron.seal(payload.as_bytes(), ring, now, &SystemRandom).unwrap();
    let cookie = world.line(&SealedSession::from(sealed));
    for kind in [Kind::Navigation, Kind::Fetch, Kind::Htmx] {
        let reply = send(&app, request(kind, "/payouts", Some(&cookie))).await;
        assert!(reply.session_lines().is_empty() && reply.status != StatusCode::OK, "{reply:?}");
    }
    let mut refresh = request(Kind::Fetch, "/refresh", Some(&cookie));
    *refresh.method_mut() = Method::POST;
    let reply = send(&app, refresh).await;
    assert_eq!((reply.body.as_str(), reply.session_lines().len()), ("false", 0));
    let mut switch = same_origin(request(Kind::FormPost, "/switch-organization", Some(&cookie)));
    *switch.body_mut() = Body::from("organization_id=org_01JGFANALYT1CALENG1NES0000");
    assert!(send(&app, switch).await.session_lines().is_empty());
    assert_eq!(world.grants(), 0);
}

#[tokio::test]
async fn sign_out_ends_no_session_of_another_kind() {
    let world = World::new();
    let app = app(&world);
    let agent = world.idp.mint_agent(&AgentKind::delegated(ADA), &TokenOptions::new()).unwrap();
    let widget = MintSession::for_user(ADA).claim("sub_type", "widget");
    let widget = world.idp.mint_session(widget).unwrap();
    for (token, id) in [(agent.token, agent.session_id), (widget.access_token, widget.session_id)] {
        let payload = json!({ "accessToken": token, "refreshToken": "r" }).to_string();
        let cookie = world.line(&world.sealkit.seal_payload(&payload).unwrap());
        let reply = send(&app, same_origin(request(Kind::FormPost, "/logout", Some(&cookie)))).await;
        assert!(!reply.location().contains(&id), "{reply:?}");
        assert!(!world.sealkit.deny_list().denies_session(&id));
        assert!(reply.session_lines().iter().any(|line| line.contains("Max-Age=0")), "the cookie goes");
    }
}
