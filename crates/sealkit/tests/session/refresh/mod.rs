//! `refresh`: every row of the table: what is answered, what becomes of the cookie, how often the API is asked, and with what.

mod ahead;
mod explicit;
mod limits;
mod refusals;
mod retries;
mod successor;

use crate::support::{ADA, ANALYTICAL, GRACE, NAVY, PASSWORD, World, new_cookie, refused, session, settle};
use sealkit::{
    CookieAction, KeyRing, ManualClock, Outcome, Reason, RefreshOptions, Resolve, UnixMillis,
    config::RefreshSettings,
    session::{Freshness, RefreshAhead, Warning},
};
use sealkit_devidp::{Endpoint, Fault, MintSession, StepUp, StepUpRule};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// A caller who waits as long as the grant takes.
fn patient() -> World {
    World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.caller_wait = Duration::from_secs(30);
        config.refresh(refresh)
    })
}

async fn refresh(world: &World, sealed: &str) -> Outcome {
    world.sealkit.refresh(sealed, RefreshOptions::default()).await
}

async fn switch(world: &World, sealed: &str, organization: &str) -> Outcome {
    world.sealkit.refresh(sealed, RefreshOptions::default().with_organization(organization)).await
}

/// Refreshes an expired session against this answer, until told otherwise.
async fn answered(fault: Fault) -> (World, Outcome) {
    let world = patient();
    let sealed = world.expired();
    session(&world.authenticate(&world.ada()).await);
    world.idp.fault(Endpoint::Authenticate, fault.always());
    let outcome = refresh(&world, &sealed).await;
    (world, outcome)
}

/// Refused with this reason after so many attempts; the cookie stays.
async fn answers(fault: Fault, reason: Reason, attempts: u64) -> (World, Outcome) {
    let shown = format!("{fault:?}");
    let (world, outcome) = answered(fault).await;
    refused(&outcome, reason);
    assert_eq!(world.grant_count(), attempts, "{reason} {shown}");
    (world, outcome)
}

fn oauth(code: &str) -> Value {
    json!({ "error": code, "error_description": "in words" })
}

fn plain(code: &str) -> Value {
    json!({ "code": code, "message": "in words" })
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_gets_new_tokens_and_a_new_cookie() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let sealed = world.seal(&minted);
    for outcome in [refresh(&world, &sealed).await, world.resolve(&sealed).await] {
        let ada = session(&outcome);
        assert_eq!((ada.user_id(), ada.id()), (world.user_id(ADA).as_str(), minted.session_id.as_str()));
        assert_eq!(ada.freshness(), Freshness::Refreshed);
        let payload = world.payload(&new_cookie(&outcome));
        assert_eq!(payload["accessToken"], ada.tokens().access_token());
        assert_ne!(payload["refreshToken"], minted.refresh_token.as_str());
        session(&world.authenticate(&new_cookie(&outcome)).await);
    }
    assert_eq!(world.grant_count(), 1, "the second one got the first one's result");
}

#[tokio::test(start_paused = true)]
async fn without_anything_to_refresh_nobody_is_asked() {
    let world = World::new();
    let outcome = refresh(&world, "").await;
    assert_eq!(outcome.reason(), Some(Reason::NoSessionCookieProvided));
    let other = KeyRing::from_password("another-password-0123456789-0123456789").unwrap();
    let other = world.another(|config| config.key_ring(other));
    let foreign = other.seal_payload(r#"{"accessToken":"a","refreshToken":"r"}"#).unwrap();
    refused(&refresh(&world, foreign.expose_secret()).await, Reason::InvalidSessionCookie);
    refused(&refresh(&world, "garbage").await, Reason::InvalidSessionCookie);
    for token in [Value::Null, json!(""), json!(7)] {
        let sealed = world.reseal(&world.ada(), |payload| payload["refreshToken"] = token);
        refused(&refresh(&world, &sealed).await, Reason::NoRefreshToken);
        // It is served as long as it is valid.
        session(&world.authenticate(&sealed).await);
    }
    let sealed = world.reseal(&world.expired(), |payload| {
        payload.as_object_mut().unwrap().remove("refreshToken");
    });
    let outcome = world.resolve(&sealed).await;
    refused(&outcome, Reason::NoRefreshToken);
    assert_eq!(outcome.failure().unwrap().expired().unwrap().user_id(), world.user_id(ADA));
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_user_in_the_seal_the_answer_brings_one() {
    let world = World::new();
    let sealed = world.reseal(&world.expired(), |payload| {
        payload.as_object_mut().unwrap().remove("user");
    });
    let outcome = refresh(&world, &sealed).await;
    assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA));
    assert_eq!(world.payload(&new_cookie(&outcome))["user"]["email"], ADA);
}

#[tokio::test(start_paused = true)]
async fn an_old_token_that_cannot_be_read_does_not_matter() {
    let world = World::new();
    for token in ["not-a-token", "a.b.c", "e30.e30.e30"] {
        let sealed = world.reseal(&world.expired(), |payload| payload["accessToken"] = token.into());
        let outcome = refresh(&world, &sealed).await;
        session(&outcome);
        let body = world.grants().last().unwrap().json();
        assert_eq!(body["organization_id"], ANALYTICAL, "from the seal, else from nowhere");
    }
    let sealed = world.reseal(&world.expired(), |payload| {
        payload["accessToken"] = "not-a-token".into();
        payload.as_object_mut().unwrap().remove("organizationId");
    });
    session(&refresh(&world, &sealed).await);
    assert!(world.grants().last().unwrap().json().get("organization_id").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_request_holds_the_documented_fields_and_nothing_else() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let sealed = world.seal(&minted);
    session(&refresh(&world, &sealed).await);
    let request = world.grants().pop().unwrap();
    assert_eq!(
        request.json(),
        json!({
            "grant_type": "refresh_token",
            "client_id": world.idp.client_id(),
            "client_secret": world.idp.api_key().expose_secret(),
            "refresh_token": minted.refresh_token,
            "organization_id": ANALYTICAL,
        })
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(request.query().is_none() && request.headers().get("cookie").is_none());
    assert!(request.headers()["idempotency-key"].to_str().unwrap().starts_with("sealkit-"));
}

#[tokio::test(start_paused = true)]
async fn no_outbound_request_ever_holds_the_cookie_password() {
    let world = World::new();
    let ada = world.mint(MintSession::for_user(ADA).expired());
    session(&refresh(&world, &world.seal(&ada)).await);
    session(&switch(&world, &world.ada(), NAVY).await);
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).times(2));
    session(&refresh(&world, &world.expired()).await);
    world.sealkit.sign_out(&ada.session_id, None).await.unwrap();
    assert!(world.idp.requests().len() >= 6);
    assert!(world.idp.leaking_requests().is_empty());
    for request in world.idp.requests() {
        let headers: Vec<_> = request.headers().values().map(|value| value.as_bytes().to_vec()).collect();
        let query = request.query().unwrap_or_default().as_bytes().to_vec();
        let parts = [request.path().as_bytes().to_vec(), query, request.body().to_vec()];
        for part in parts.iter().chain(&headers) {
            let text = String::from_utf8_lossy(part);
            assert!(!text.contains(PASSWORD) && !text.contains("Fe26.2"), "{request:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_public_client_refreshes_without_a_secret() {
    let world = World::new();
    let config = sealkit::Config::builder()
        .client_id(world.idp.client_id())
        .api_base(world.idp.base_url())
        .cookie_password(PASSWORD)
        .build()
        .unwrap();
    let public = sealkit::Sealkit::builder(config)
        .transport(std::sync::Arc::new(world.wire.clone()))
        .clock(std::sync::Arc::new(world.clock.clone()))
        .build()
        .unwrap();
    session(&public.refresh(&world.expired(), RefreshOptions::default()).await);
    assert!(world.grants()[0].json().get("client_secret").is_none());
}
