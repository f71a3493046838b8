//! The upstream fix (workos-python #666 and its like) as checks: refreshing seals here, works with what the API really answers,
//! and says documented reasons.

use crate::support::{ADA, PASSWORD, World, new_cookie, refused, session};
use sealkit::{Reason, RefreshOptions};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use std::time::Duration;
use url::Url;

#[tokio::test(start_paused = true)]
async fn a_refresh_seals_here_and_the_result_unseals_to_the_new_tokens() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let outcome = world.sealkit.refresh(&world.seal(&minted), RefreshOptions::default()).await;
    let sealed = new_cookie(&outcome);
    assert!(sealed.starts_with("Fe26.2*1*"));
    let (unsealed, _) = world.sealkit.unseal(&sealed).unwrap();
    assert_eq!(unsealed.access_token(), session(&outcome).tokens().access_token());
    assert_ne!(unsealed.access_token(), minted.access_token);
    assert_ne!(unsealed.refresh_token().unwrap().expose_secret(), minted.refresh_token);
    // The refresh token in it is the one that the provider takes next.
    world.pass(Duration::from_secs(301)).await;
    session(&world.resolve(&sealed).await);
    assert_eq!(world.grants()[1].json()["refresh_token"], unsealed.refresh_token().unwrap().expose_secret());
}

#[tokio::test(start_paused = true)]
async fn a_later_authenticate_on_the_same_object_uses_the_new_tokens() {
    let world = World::new();
    let mut loaded = world.sealkit.load_session(world.expired());
    refused(&loaded.authenticate().await, Reason::ExpiredJwt);
    let outcome = loaded.refresh(RefreshOptions::default()).await;
    assert_eq!(loaded.sealed().expose_secret(), new_cookie(&outcome));
    let later = loaded.authenticate().await;
    assert_eq!(session(&later).tokens().access_token(), session(&outcome).tokens().access_token());
}

#[tokio::test(start_paused = true)]
async fn an_invalid_cookie_and_a_missing_refresh_token_are_documented_reasons() {
    let world = World::new();
    let mut garbage = world.sealkit.load_session("garbage");
    refused(&garbage.refresh(RefreshOptions::default()).await, Reason::InvalidSessionCookie);
    let without = world.reseal(&world.ada(), |payload| {
        payload.as_object_mut().unwrap().remove("refreshToken");
    });
    let mut without = world.sealkit.load_session(without);
    refused(&without.refresh(RefreshOptions::default()).await, Reason::NoRefreshToken);
    session(&without.authenticate().await);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_request_carries_neither_a_wish_to_seal_nor_the_password() {
    let world = World::new();
    session(&world.sealkit.refresh(&world.expired(), RefreshOptions::default()).await);
    let request = world.grants().pop().unwrap();
    assert!(request.undocumented_members().is_empty());
    assert!(!String::from_utf8_lossy(request.body()).contains(PASSWORD));
}

#[tokio::test(start_paused = true)]
async fn a_200_without_a_sealed_session_is_an_ordinary_success() {
    let world = World::new();
    let sealed = world.expired();
    session(&world.sealkit.refresh(&sealed, RefreshOptions::default()).await);
    let sealed = world.expired();
    let null = |answer: &mut serde_json::Value| answer["sealed_session"] = serde_json::Value::Null;
    world.idp.fault(Endpoint::Authenticate, Fault::edit(null));
    let outcome = world.sealkit.refresh(&sealed, RefreshOptions::default()).await;
    session(&world.authenticate(&new_cookie(&outcome)).await);
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_can_still_be_logged_out() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let loaded = world.sealkit.load_session(world.seal(&minted));
    let back = Url::parse("http://localhost:3000/bye?x=1&y").unwrap();
    let url = loaded.logout_url(Some(&back)).unwrap();
    assert_eq!(
        url.as_str(),
        format!(
            "http://127.0.0.1/user_management/sessions/logout?session_id={}&return_to=http%3A%2F%2Flocalhost%3A3000%2Fbye%3Fx%3D1%26y",
            minted.session_id
        )
    );
    let request = http::Request::get(url.as_str()).body(bytes::Bytes::new()).unwrap();
    let answer = world.idp.handle(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].as_bytes()),
        (302, back.as_str().as_bytes())
    );
    assert!(!world.idp.revoke_session(&minted.session_id), "the session has ended there already");
    assert_eq!(loaded.logout_url(None).unwrap().query(), Some(&*format!("session_id={}", minted.session_id)));
    let unreadable = world.sealkit.load_session("garbage").logout_url(None).unwrap_err();
    assert_eq!(unreadable.reason(), Reason::InvalidSessionCookie);
    let without_sid = world.sealkit.load_session(world.around("a.b.c")).logout_url(None).unwrap_err();
    assert_eq!(without_sid.reason(), Reason::InvalidJwt);
}
