//! Unsealed cookies and cookies of another format, as the layer handles them.

use crate::world::{ADA, Kind, ORIGIN, PASSWORD, World, request, send};
use axum::{Router, routing};
use http::StatusCode;
use sealkit::{
    EncodingPolicy, KeyRing, Rewrite, SealedSession,
    format::{Format, FormatSet},
};
use sealkit_axum::{Session, SessionHandle};
use sealkit_devidp::MintSession;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Notify;

fn everything(write: Format) -> EncodingPolicy {
    EncodingPolicy::writing(write).with_read(FormatSet::all())
}

/// The victim's session id is public to nobody, but whoever learns it must not be able to end the session with a cookie of
/// their own making.
#[tokio::test]
async fn an_unsealed_cookie_signs_nobody_else_out() {
    let world = World::with(|idp| idp, |config| config.encoding(everything(Format::Iron)));
    let layer = world.layer();
    let page = |session: Session| async move { session.user_id().to_owned() };
    let app = Router::new().route("/", routing::get(page)).merge(sealkit_axum::routes(&layer)).layer(layer);
    let (victim, sealed) = world.mint(MintSession::for_user(ADA));
    let claims = json!({ "sid": victim.session_id, "sub": "user_x" }).to_string();
    let token = format!("e30.{}.x", base64(&claims));
    let forged = format!("wos-session={}", percent(&json!({ "accessToken": token }).to_string()));
    let mut out = request(Kind::FormPost, "/logout", Some(&forged));
    out.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    out.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(send(&app, out).await.status, StatusCode::SEE_OTHER);
    let reply = send(&app, request(Kind::Navigation, "/", Some(&world.line(&sealed)))).await;
    assert_eq!(reply.status, StatusCode::OK, "the victim is still signed in");
}

#[tokio::test]
async fn a_rewritten_cookie_never_follows_the_refresh_of_another_request() {
    let world = World::with(
        |idp| idp,
        |config| {
            let ring = KeyRing::builder().password("new", "a new cookie password of enough characters");
            let ring = ring.password("old", PASSWORD).build().unwrap();
            config.key_ring(ring).encoding(everything(Format::Iron).with_rewrite(Rewrite::OnRead))
        },
    );
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (entered, go_on) = (Arc::clone(&entered), Arc::clone(&go_on));
        move |_: Session| async move {
            entered.notify_one();
            go_on.notified().await;
        }
    };
    let refreshing = |handle: SessionHandle| async move { handle.refresh().await.is_ok().to_string() };
    let app = Router::new()
        .route("/slow", routing::get(slow))
        .route("/refresh", routing::get(refreshing))
        .route("/", routing::get(|_: Session| async {}))
        .layer(world.layer());
    let (minted, _) = world.mint(MintSession::for_user(ADA));
    let old = KeyRing::from_password(PASSWORD).unwrap();
    let payload =
        json!({ "accessToken": minted.access_token, "refreshToken": minted.refresh_token }).to_string();
    let now = sealkit::Clock::now(&**world.sealkit.clock());
    let sealed = Format::Iron.seal(payload.as_bytes(), &old, now, &sealkit::SystemRandom).unwrap();
    let line = world.line(&SealedSession::from(sealed));

    // Nobody refreshes: it is written anew at once.
    assert_eq!(send(&app, request(Kind::Fetch, "/", Some(&line))).await.session_lines().len(), 1);
    // While this one is handled, another refreshes: its pair stands.
    let first = tokio::spawn({
        let (app, line) = (app.clone(), line.clone());
        async move { send(&app, request(Kind::Fetch, "/slow", Some(&line))).await }
    });
    entered.notified().await;
    let second = send(&app, request(Kind::Fetch, "/refresh", Some(&line))).await;
    assert_eq!((second.body.as_str(), second.session_lines().len()), ("true", 1));
    go_on.notify_one();
    assert!(first.await.unwrap().session_lines().is_empty());
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn percent(text: &str) -> String {
    sealkit::cookie::encode_value(text)
}
