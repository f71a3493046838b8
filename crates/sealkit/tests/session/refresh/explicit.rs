//! What an explicit refresh goes by: the old token's subject, else the API's answer. The stored user anchors nothing.

use super::{refresh, switch};
use crate::support::{ADA, GRACE, NAVY, World, new_cookie, refused, session};
use sealkit::{
    CookieAction, Detail, EncodingPolicy, Outcome, Reason, Resolve, SealedSession,
    format::{Format, FormatSet},
    session::Style,
};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use serde_json::{Value, json};

/// Every format, written as this one.
fn writing(format: Format) -> World {
    World::configured(|config| config.encoding(EncodingPolicy::writing(format).with_read(FormatSet::all())))
}

/// The payload of the first bug report: a refresh token, a stand-in for the user, and nothing else.
fn reported(refresh_token: &str, style: Style) -> Value {
    match style {
        Style::Snake => json!({ "refresh_token": refresh_token, "user": { "id": "x" } }),
        _ => json!({ "refreshToken": refresh_token, "user": { "id": "x" } }),
    }
}

/// A payload, sealed whatever it holds.
fn sealed(world: &World, payload: &Value) -> String {
    let config = world.sealkit.config();
    let (ring, format) = (config.key_ring(), config.encoding().write);
    let random = sealkit::SystemRandom;
    let seal = format.seal(payload.to_string().as_bytes(), ring, world.now(), &random).unwrap();
    SealedSession::from(seal).expose_secret().to_owned()
}

#[tokio::test(start_paused = true)]
async fn refresh_token_alone_refreshes_to_a_session() {
    for style in [Style::Camel, Style::Snake] {
        let world = writing(if style == Style::Snake { Format::GoGcm } else { Format::Iron });
        let minted = world.mint(MintSession::for_user(ADA));
        let cookie = sealed(&world, &reported(&minted.refresh_token, style));
        let outcome = refresh(&world, &cookie).await;
        let ada = session(&outcome);
        assert_eq!((ada.user_id(), ada.user().unwrap().email()), (world.user_id(ADA).as_str(), Some(ADA)));
        let next = new_cookie(&outcome);
        assert_eq!(world.payload(&next)["user"]["id"], world.user_id(ADA));
        session(&world.authenticate(&next).await);
        session(&refresh(&world, &next).await);
    }
}

#[tokio::test(start_paused = true)]
async fn refresh_token_alone_never_authenticates() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA));
    for token in [None, Some(Value::Null), Some(json!("")), Some(json!(7))] {
        let mut payload = reported(&minted.refresh_token, Style::Camel);
        if let Some(token) = token {
            payload["accessToken"] = token;
        }
        let cookie = sealed(&world, &payload);
        let unsealed = world.sealkit.unseal(&cookie).unwrap_err();
        assert_eq!(unsealed.detail(), Some(Detail::NotASession));
        // A web layer resolves; it refreshes nothing, whatever the request allows.
        let every = Resolve::new(true, true).refreshing_behind(true).settling(true);
        let resolved = world.sealkit.resolve([cookie.as_str().into()], every).await;
        for outcome in [world.authenticate(&cookie).await, resolved] {
            refused(&outcome, Reason::InvalidSessionCookie);
            assert_eq!(outcome.failure().unwrap().detail(), Some(Detail::NotASession));
        }
    }
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn unsealed_refresh_token_alone_is_not_a_session() {
    let world = writing(Format::Iron);
    let minted = world.mint(MintSession::for_user(ADA));
    let plain = reported(&minted.refresh_token, Style::Camel).to_string();
    let outcome = refresh(&world, &plain).await;
    refused(&outcome, Reason::InvalidSessionCookie);
    assert_eq!(outcome.failure().unwrap().detail(), Some(Detail::NotASession));
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn payload_without_any_token_is_not_a_session() {
    let world = World::new();
    for payload in [json!({}), json!({ "user": { "id": "x" } }), json!({ "refreshToken": "" }), json!([])] {
        let outcome = refresh(&world, &sealed(&world, &payload)).await;
        refused(&outcome, Reason::InvalidSessionCookie);
        assert_eq!(outcome.failure().unwrap().detail(), Some(Detail::NotASession), "{payload}");
    }
}

#[tokio::test(start_paused = true)]
async fn stored_stand_in_gives_way_to_the_old_tokens_subject() {
    let world = World::new();
    for minted in [MintSession::for_user(ADA), MintSession::for_user(ADA).expired()] {
        let stand_in = json!({ "id": "x", "email": "x@example.com", "own": 1 });
        let cookie = world.reseal(&world.seal(&world.mint(minted)), |payload| {
            payload["user"] = stand_in;
            payload["own"] = json!({ "kept": true });
        });
        let outcome = refresh(&world, &cookie).await;
        assert_eq!(session(&outcome).user().unwrap().email(), Some(ADA));
        let payload = world.payload(&new_cookie(&outcome));
        assert_eq!(payload["own"], json!({ "kept": true }), "members of the application survive");
        assert_eq!(payload["user"].get("own"), None, "those of another user do not");
        // Automatic: the stored user is compared, as ever.
        refused(&world.resolve(&cookie).await, Reason::SubjectMismatch);
    }
}

#[tokio::test(start_paused = true)]
async fn answer_without_a_user_names_the_subject() {
    let world = World::new();
    world.idp.fault(
        Endpoint::Authenticate,
        Fault::edit(|answer| drop(answer.as_object_mut().unwrap().remove("user"))).always(),
    );
    let minted = world.mint(MintSession::for_user(ADA));
    let stand_in = world.reseal(&world.seal(&minted), |payload| payload["user"] = json!({ "id": "x" }));
    let alone =
        sealed(&world, &reported(&world.mint(MintSession::for_user(ADA)).refresh_token, Style::Camel));
    for cookie in [stand_in, alone] {
        let next = new_cookie(&refresh(&world, &cookie).await);
        assert_eq!(world.payload(&next)["user"], json!({ "id": world.user_id(ADA) }));
        session(&world.authenticate(&next).await);
    }
}

/// The API answers with the session of another user.
async fn swapped(world: &World, cookie: &str) -> Outcome {
    let grace = world.mint(MintSession::for_user(GRACE)).response_json;
    world.idp.fault(Endpoint::Authenticate, Fault::edit(move |answer| *answer = grace.clone()));
    refresh(world, cookie).await
}

#[tokio::test(start_paused = true)]
async fn another_subject_is_a_mismatch_now_and_later() {
    for stored in [json!({ "id": "x" }), Value::Null] {
        let world = World::new();
        let cookie = world.reseal(&world.ada(), |payload| payload["user"] = stored);
        let outcome = swapped(&world, &cookie).await;
        assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch));
        let next = new_cookie(&outcome);
        assert_eq!(world.payload(&next)["user"]["id"], world.user_id(ADA), "the old token's subject");
        refused(&world.authenticate(&next).await, Reason::SubjectMismatch);
        refused(&world.resolve(&next).await, Reason::SubjectMismatch);
        // Asking again does not make the other user of it, however often.
        let mut cookie = next;
        for _ in 0..3 {
            let outcome = refresh(&world, &cookie).await;
            assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch));
            cookie = new_cookie(&outcome);
            refused(&world.authenticate(&cookie).await, Reason::SubjectMismatch);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn session_in_which_an_agent_acts_sends_nothing() {
    let world = World::new();
    let act = json!({ "sub": "agent_1", "sub_profile": "ai_agent" });
    let cookie = world.seal(&world.mint(MintSession::for_user(ADA).claim("act", act)));
    refused(&world.authenticate(&cookie).await, Reason::NotASessionToken);
    refused(&refresh(&world, &cookie).await, Reason::NotASessionToken);
    assert_eq!(world.grant_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn answer_is_the_user_if_there_was_no_token() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA));
    let cookie = sealed(&world, &reported(&minted.refresh_token, Style::Camel));
    let outcome = swapped(&world, &cookie).await;
    assert_eq!(session(&outcome).user_id(), world.user_id(GRACE));
    session(&world.authenticate(&new_cookie(&outcome)).await);
}

#[tokio::test(start_paused = true)]
async fn answer_that_contradicts_itself_is_a_mismatch() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA));
    let cookie = sealed(&world, &reported(&minted.refresh_token, Style::Camel));
    world
        .idp
        .fault(Endpoint::Authenticate, Fault::edit(|answer| answer["user"] = json!({ "id": "user_other" })));
    let outcome = refresh(&world, &cookie).await;
    assert_eq!(outcome.reason(), Some(Reason::SubjectMismatch));
    refused(&world.authenticate(&new_cookie(&outcome)).await, Reason::SubjectMismatch);
}

#[tokio::test(start_paused = true)]
async fn late_callers_of_a_token_alone_share_one_grant() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA));
    let cookie = sealed(&world, &reported(&minted.refresh_token, Style::Camel));
    for _ in 0..3 {
        session(&refresh(&world, &cookie).await);
    }
    assert_eq!(world.grant_count(), 1);
    let outcome = switch(&world, &cookie, NAVY).await;
    assert_eq!(session(&outcome).organization_id(), Some(NAVY));
    assert_eq!(session(&outcome).user_id(), world.user_id(ADA));
}

#[tokio::test(start_paused = true)]
async fn signed_out_session_does_not_come_back_by_its_refresh_token() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA));
    world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
    let cookie = sealed(&world, &reported(&minted.refresh_token, Style::Camel));
    let outcome = refresh(&world, &cookie).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::SessionRevoked), &CookieAction::Clear));
}
