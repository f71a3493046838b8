//! Webhooks of WorkOS end sessions, and nobody else's do.

use crate::{
    log::Log,
    world::{ADA, Kind, Reply, World, request, send},
};
use axum::{Router, body::Body, routing::get};
use http::{Method, Request, StatusCode, header};
use proptest::{collection::vec, prelude::*};
use sealkit::{Clock as _, UnixMillis};
use sealkit_axum::{Paths, Session};
use sealkit_devidp::{MintSession, Webhook, webhook_signature};
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpListener;

const SECRET: &str = "whsec_of_the_provider_0123456789";
const HOOK: &str = "/webhooks/workos";
const LIMIT: usize = 64 * 1024;

fn world() -> World {
    World::with(|idp| idp.webhook_secret(SECRET), |config| config.webhook_secrets([SECRET]))
}

fn app(world: &World) -> Router {
    let layer = world.layer();
    let me = get(|session: Session| async move { session.claims().role().unwrap_or_default().to_owned() });
    Router::new().route("/me", me).merge(sealkit_axum::routes(&layer)).layer(layer)
}

fn post(signature: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post(HOOK).header(header::CONTENT_TYPE, "application/json");
    if let Some(signature) = signature {
        request = request.header("workos-signature", signature);
    }
    request.body(body.into()).unwrap()
}

/// The webhook as the provider delivers it.
fn delivery(webhook: &Webhook) -> Request<Body> {
    post(Some(webhook.headers["workos-signature"].to_str().unwrap()), webhook.body.clone())
}

/// A body as if the provider had signed it now.
fn signed(world: &World, secret: &str, body: &[u8]) -> Request<Body> {
    post(Some(&webhook_signature(secret, world.idp.clock().now(), body)), body.to_vec())
}

/// Ada's cookie and the webhook that says that her session was revoked.
fn revoked(world: &World) -> (String, Webhook) {
    let (minted, sealed) = world.mint(MintSession::for_user(ADA));
    assert!(world.idp.revoke_session(&minted.session_id));
    (world.line(&sealed), world.idp.webhooks().pop().unwrap())
}

async fn me(app: &Router, cookie: &str) -> Reply {
    send(app, request(Kind::Fetch, "/me", Some(cookie))).await
}

#[track_caller]
fn is(reply: &Reply, status: u16, body: &serde_json::Value) {
    assert_eq!((reply.status.as_u16(), &reply.json()), (status, body));
    assert!(reply.set_cookies().is_empty(), "{reply:?}");
    assert!(reply.header("cache-control").unwrap().contains("no-store"), "{reply:?}");
}

#[tokio::test]
async fn a_session_that_is_revoked_at_workos_is_refused_at_the_next_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{HOOK}", listener.local_addr().unwrap());
    let world = World::with(
        |idp| idp.webhook_secret(SECRET).webhook_url(url),
        |config| config.webhook_secrets(["a-secret-from-before-the-rotation", SECRET]),
    );
    let app = app(&world);
    let server = tokio::spawn(axum::serve(listener, app.clone()).into_future());
    let [(ended, cookie), (_, other)] = [(); 2].map(|()| world.mint(MintSession::for_user(ADA)));
    let [cookie, other] = [cookie, other].map(|sealed| world.line(&sealed));
    assert_eq!(me(&app, &cookie).await.status, StatusCode::OK);

    let mut changes = world.sealkit.deny_list().changes();
    assert!(world.idp.revoke_session(&ended.session_id));
    changes.changed().await.unwrap();
    let refused = me(&app, &cookie).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (401, &json!("session_revoked")));
    assert_eq!(refused.session_lines().len(), 1, "the cookie is cleared");
    assert_eq!(me(&app, &other).await.status, StatusCode::OK);

    // Everything of a user who is gone.
    let mut changes = world.sealkit.deny_list().changes();
    world.idp.advance(Duration::from_secs(1));
    assert!(world.idp.delete_user(ADA));
    while !world.sealkit.deny_list().entries().iter().any(|entry| format!("{entry:?}").contains("User")) {
        changes.changed().await.unwrap();
    }
    assert_eq!(me(&app, &other).await.status, StatusCode::UNAUTHORIZED);
    server.abort();
}

#[tokio::test]
async fn a_membership_that_changed_is_asked_for_and_one_that_is_gone_is_refused() {
    let world = world();
    let app = app(&world);
    let cookie = world.cookie();
    let deliver = async || {
        for webhook in world.idp.webhooks() {
            is(&send(&app, delivery(&webhook)).await, 200, &json!({}));
        }
    };
    deliver().await;
    assert_eq!((me(&app, &cookie).await.status, world.grants()), (StatusCode::OK, 0));
    world.idp.advance(Duration::from_secs(5));
    let ada = || world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    let first = ada().memberships()[0].clone();
    let organization = first.organization().id().to_owned();
    world.idp.put_user(ada().with_membership(first.with_roles(["viewer"]))).unwrap();
    deliver().await;
    let served = me(&app, &cookie).await;
    assert_eq!((served.status, world.grants()), (StatusCode::OK, 1), "refreshed before it is served");
    assert_eq!(served.body, "viewer");
    let cookie = served.session_lines()[0].split(';').next().unwrap().to_owned();
    assert_eq!((me(&app, &cookie).await.status, world.grants()), (StatusCode::OK, 1));
    world.idp.advance(Duration::from_secs(5));
    assert!(world.idp.delete_organization(&organization));
    deliver().await;
    let refused = me(&app, &cookie).await;
    assert_ne!(refused.status, StatusCode::OK);
    assert!(refused.session_lines().is_empty(), "the user may still belong somewhere else: {refused:?}");
}

#[tokio::test]
async fn forged_replayed_and_respelled_webhooks_are_refused() {
    let world = world();
    let app = app(&world);
    let (cookie, webhook) = revoked(&world);
    let signature = webhook.headers["workos-signature"].to_str().unwrap().to_owned();
    let other = String::from_utf8(webhook.body.to_vec()).unwrap().replace("\":", "\": ");
    let at = world.idp.clock().now();
    let by_another = webhook_signature("whsec_of_somebody_else_0123456789", at, &webhook.body);
    let time_alone = signature.replacen(&at.as_millis().to_string(), &(at.as_millis() + 1).to_string(), 1);
    for (request, status, error) in [
        (post(None, webhook.body.clone()), 400, "missing_signature"),
        (post(Some("v1"), webhook.body.clone()), 400, "malformed_signature"),
        (post(Some(&by_another), webhook.body.clone()), 401, "wrong_signature"),
        (post(Some(&time_alone), webhook.body.clone()), 401, "wrong_signature"),
        (post(Some(&signature), other), 401, "wrong_signature"),
        (post(Some(&signature), ""), 401, "wrong_signature"),
        (signed(&world, SECRET, b"{\"event\":\"session.revoked\"}"), 400, "not_an_event"),
        (signed(&world, SECRET, b"revoke all"), 400, "not_an_event"),
    ] {
        is(&send(&app, request).await, status, &json!({ "error": error }));
    }
    let mut twice = delivery(&webhook);
    twice.headers_mut().append("workos-signature", signature.parse().unwrap());
    is(&send(&app, twice).await, 400, &json!({ "error": "malformed_signature" }));
    world.idp.advance(Duration::from_millis(180_001));
    is(&send(&app, delivery(&webhook)).await, 401, &json!({ "error": "too_old" }));
    world.idp.set_now(UnixMillis::from_millis(at.as_millis() - 180_001));
    is(&send(&app, delivery(&webhook)).await, 401, &json!({ "error": "too_far_in_future" }));
    assert!(world.sealkit.deny_list().is_empty());
    world.idp.set_now(at);
    assert_eq!(me(&app, &cookie).await.status, StatusCode::OK);

    world.idp.advance(Duration::from_secs(180));
    for _ in 0..2 {
        is(&send(&app, delivery(&webhook)).await, 200, &json!({}));
    }
    assert_eq!(me(&app, &cookie).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.sealkit.deny_list().len(), 1);
}

#[tokio::test]
async fn a_body_of_64_kb_is_read_and_no_more() {
    let world = world();
    let app = app(&world);
    let (_, webhook) = revoked(&world);
    let mut body = webhook.body.to_vec();
    body.resize(LIMIT, b' ');
    is(&send(&app, signed(&world, SECRET, &body)).await, 200, &json!({}));
    body.push(b' ');
    is(&send(&app, signed(&world, SECRET, &body)).await, 413, &json!({ "error": "too_large" }));
}

#[tokio::test]
async fn whoever_sends_a_webhook_needs_no_session_and_gets_no_cookie() {
    let world = world();
    let app = app(&world);
    let (_, webhook) = revoked(&world);
    let expired = world.expired_cookie();
    let mut request = delivery(&webhook);
    request.headers_mut().insert(header::COOKIE, expired.parse().unwrap());
    is(&send(&app, request).await, 200, &json!({}));
    assert_eq!(world.grants(), 0, "nothing is refreshed for it");
    let created = br#"{"object":"event","id":"event_1","event":"session.created","data":{}}"#;
    is(&send(&app, signed(&world, SECRET, created)).await, 200, &json!({}));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = Request::builder().method(method).uri(HOOK).body(Body::empty()).unwrap();
        assert_ne!(send(&app, request).await.status, StatusCode::OK);
    }
    // It is no place to come back to after signing in.
    let login = send(&app, request_to_login()).await;
    assert!(!login.location().contains("webhooks"), "{login:?}");
}

fn request_to_login() -> Request<Body> {
    request(Kind::Navigation, "/login?return_to=%2Fwebhooks%2Fworkos", None)
}

#[tokio::test]
async fn the_route_is_there_only_where_webhooks_can_be_checked() {
    let world = World::new();
    let denied = send(&app(&world), signed(&world, SECRET, b"{}")).await;
    assert_eq!((denied.status.as_u16(), &denied.json()["error"]), (401, &json!("unauthenticated")));
    let layer = world.layer().optional();
    let alone: Router = Router::new().merge(sealkit_axum::webhooks(&layer)).layer(layer);
    is(&send(&alone, signed(&world, SECRET, b"{}")).await, 500, &json!({ "error": "misconfigured" }));
}

#[tokio::test]
async fn the_route_can_be_elsewhere_alone_and_without_the_layer() {
    let world = world();
    let (_, webhook) = revoked(&world);
    let layer = world.layer().paths(Paths::default().webhooks("/hooks/identity"));
    let alone: Router = Router::new().merge(sealkit_axum::webhooks(&layer));
    for app in [
        alone.clone(),
        alone.layer(layer.clone()),
        Router::new().merge(sealkit_axum::routes(&layer)).layer(layer),
    ] {
        let mut request = delivery(&webhook);
        *request.uri_mut() = "/hooks/identity".parse().unwrap();
        is(&send(&app, request).await, 200, &json!({}));
        assert_ne!(send(&app, delivery(&webhook)).await.status, StatusCode::OK, "the old place");
    }
}

#[tokio::test]
async fn nothing_of_a_webhook_that_is_refused_is_logged() {
    let (log, _listening) = Log::listen();
    let world = world();
    let app = app(&world);
    let (_, webhook) = revoked(&world);
    let signature = webhook.headers["workos-signature"].to_str().unwrap();
    let body = "{\"object\":\"event\",\"note\":\"of-the-body\"}";
    send(&app, post(Some(signature), body)).await;
    send(&app, signed(&world, SECRET, body.as_bytes())).await;
    send(&app, delivery(&webhook)).await;
    let text = log.text();
    assert!(text.contains("wrong_signature") && text.contains("not_an_event"), "{text}");
    let digest = signature.split("v1=").nth(1).unwrap();
    for secret in [SECRET, digest, "of-the-body"] {
        assert!(!text.contains(secret), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_of_a_webhook_passes(
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
        cut in any::<bool>(),
        noise in vec(any::<u8>(), 0..40),
    ) {
        let world = world();
        let app = app(&world);
        let (_, webhook) = revoked(&world);
        let mut body = webhook.body.to_vec();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = to }
        body.extend(noise);
        prop_assume!(body != webhook.body);
        let signature = webhook.headers["workos-signature"].to_str().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reply = runtime.block_on(send(&app, post(Some(signature), body)));
        prop_assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        prop_assert!(world.sealkit.deny_list().is_empty());
        prop_assert!(world.sealkit.clock().now() > UnixMillis::default());
    }
}
