//! The switches of the rule on kinds of tokens, who may act in a session, and what other processes let through.

use crate::{
    ears::heard,
    support::{ADA, World, new_cookie, refused, session},
};
use sealkit::{
    Detail, Outcome, Reason, RefreshOptions,
    config::RefreshSettings,
    refresh::{InProcessCoordinator, InProcessSettings},
    session::Actor,
    token::ActorKind,
};
use sealkit_devidp::{AgentKind, Endpoint, Fault, MintSession, TokenOptions};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const OTHER_APPLICATION: &str = "client_01JGF0THERAPP0000000000000";

fn ada() -> MintSession {
    MintSession::for_user(ADA)
}

#[track_caller]
fn is_kind(outcome: &Outcome, kind: Detail) {
    refused(outcome, Reason::NotASessionToken);
    assert_eq!(outcome.failure().unwrap().detail(), Some(kind), "{outcome:?}");
}

async fn with_act(world: &World, act: &Value) -> Outcome {
    let minted = world.mint(ada().claim("act", act.clone()));
    world.authenticate(&world.seal(&minted)).await
}

// C08
#[tokio::test(start_paused = true)]
async fn auth_time_is_not_required_if_switched_off() {
    let world = World::configured(|config| config.require_auth_time(false));
    session(&world.authenticate(&world.seal(&world.mint(ada().without_claim("auth_time")))).await);
    // There and not a time stays what it is.
    is_kind(
        &world.authenticate(&world.seal(&world.mint(ada().claim("auth_time", "now")))).await,
        Detail::NoAuthTime,
    );
}

// K7 is for automatic refreshes: an explicit one mends such a session.
#[tokio::test(start_paused = true)]
async fn explicit_refresh_mends_a_session_without_auth_time() {
    let world = World::new();
    let old = world.seal(&world.mint(ada().without_claim("auth_time")));
    is_kind(&world.resolve(&old).await, Detail::NoAuthTime);
    let outcome = world.sealkit.refresh(&old, RefreshOptions::default()).await;
    session(&outcome);
    session(&world.authenticate(&new_cookie(&outcome)).await);
}

#[tokio::test(start_paused = true)]
async fn explicit_refresh_of_another_kind_asks_nobody() {
    let world = World::new();
    let agent = world.idp.mint_agent(&AgentKind::delegated(ADA), &TokenOptions::new()).unwrap().token;
    let foreign = world.mint(ada().claim("client_id", OTHER_APPLICATION)).access_token;
    // One that nothing here can verify says its kind all the same.
    let stranger = world.idp.sign_as_stranger(&json!({ "sid": "agent_session_1" })).unwrap();
    for (token, kind) in
        [(agent, Detail::Agent), (foreign, Detail::OtherApplication), (stranger, Detail::Agent)]
    {
        let outcome = world.sealkit.refresh(&world.around(&token), RefreshOptions::default()).await;
        is_kind(&outcome, kind);
    }
    assert_eq!(world.grant_count(), 0);
}

// C09
#[tokio::test(start_paused = true)]
async fn listed_application_shares_the_cookie() {
    let other = || ada().claim("client_id", OTHER_APPLICATION);
    let listed = World::configured(|config| config.client_ids([OTHER_APPLICATION]));
    for minted in [ada(), other()] {
        session(&listed.authenticate(&listed.seal(&listed.mint(minted))).await);
    }
    is_kind(
        &listed.authenticate(&listed.seal(&listed.mint(ada().claim("client_id", "client_03")))).await,
        Detail::OtherApplication,
    );
    let unbound = World::configured(|config| config.bind_client_id(false));
    session(&unbound.authenticate(&unbound.seal(&unbound.mint(other()))).await);
}

// C14
#[tokio::test(start_paused = true)]
async fn actors_other_than_impersonators_are_rejected_by_default() {
    let world = World::new();
    for act in [
        json!({ "sub": "agent_1", "sub_profile": "ai_agent" }),
        json!({ "sub": "user_1" }),
        json!({ "sub": "a@b@c" }),
        json!({ "sub": "support@example.com", "sub_profile": "service" }),
    ] {
        is_kind(&with_act(&world, &act).await, Detail::Agent);
    }
    let deep = (0..9).fold(Value::Null, |act, _| json!({ "sub": "a@example.com", "act": act }));
    for act in [json!({}), deep, json!([]), json!("a@example.com"), json!({ "sub": 7 })] {
        refused(&with_act(&world, &act).await, Reason::InvalidJwt);
    }
    let eight = (0..8).fold(Value::Null, |act, _| json!({ "sub": "a@example.com", "act": act }));
    assert_eq!(session(&with_act(&world, &eight).await).impersonator().unwrap().email, "a@example.com");
}

// C14
#[tokio::test(start_paused = true)]
async fn allowed_actor_is_shown_as_what_it_is() {
    let world = World::configured(|config| config.actors([ActorKind::Agent, ActorKind::Other]));
    let outcome = with_act(&world, &json!({ "sub": "agent_1", "sub_profile": "ai_agent" })).await;
    let ada = session(&outcome);
    assert_eq!(ada.actor(), Some(Actor::Agent { id: "agent_1" }));
    assert_eq!((ada.impersonator(), ada.user_id()), (None, world.user_id(ADA).as_str()));
    let outcome = with_act(&world, &json!({ "sub": "user_1", "sub_profile": "x" })).await;
    assert_eq!(session(&outcome).actor(), Some(Actor::Other { sub: "user_1", profile: Some("x") }));
    is_kind(&with_act(&world, &json!({ "sub": "a@example.com" })).await, Detail::Agent);

    let alone = World::configured(|config| config.actors([]));
    is_kind(&with_act(&alone, &json!({ "sub": "a@example.com" })).await, Detail::Agent);
    assert_eq!(session(&alone.authenticate(&alone.ada()).await).actor(), None);
}

#[tokio::test(start_paused = true)]
async fn acting_is_logged_once_per_session() {
    let world = World::new();
    let sealed = world.seal(&world.mint(ada().impersonator("support@example.com", Some("ticket"))));
    for _ in 0..3 {
        session(&world.authenticate(&sealed).await);
        session(&world.resolve(&sealed).await);
    }
    let other = world.seal(&world.mint(ada().impersonator("support@example.com", None)));
    session(&world.resolve(&other).await);
    session(&world.authenticate(&world.ada()).await);
    let said = heard();
    let events: Vec<&str> = said.lines().filter(|line| line.starts_with("sealkit.acting ")).collect();
    assert_eq!(events.len(), 2, "{events:#?}");
    assert!(events.iter().all(|event| event.contains("support@example.com")
        && event.contains("impersonator")
        && event.contains(&world.user_id(ADA))));
}

// C13: the other replica demands less, or is older.
#[tokio::test(start_paused = true)]
async fn kept_result_of_another_kind_is_rejected_when_served() {
    let world = World::configured(|config| config.require_auth_time(false).bind_client_id(false));
    let clock: Arc<dyn sealkit::Clock> = Arc::new(world.clock.clone());
    let shared = Arc::new(InProcessCoordinator::new(clock, InProcessSettings::default()));
    let lenient = world.builder_of(|config| config.require_auth_time(false).bind_client_id(false));
    let lenient = lenient.coordinator(shared.clone()).build().unwrap();
    let strict = world.builder().coordinator(shared).build().unwrap();
    for (options, kind) in [
        (TokenOptions::new().without_claim("auth_time"), Detail::NoAuthTime),
        (TokenOptions::new().claim("client_id", OTHER_APPLICATION), Detail::OtherApplication),
    ] {
        let sealed = world.expired();
        world.idp.fault(Endpoint::Authenticate, Fault::access_token(options));
        let before = world.grant_count();
        session(&lenient.resolve([sealed.as_str().into()], sealkit::Resolve::default()).await);
        let served = strict.resolve([sealed.as_str().into()], sealkit::Resolve::default()).await;
        assert_eq!(served.reason(), Some(Reason::NotASessionToken));
        assert_eq!(served.failure().unwrap().detail(), Some(kind));
        assert_eq!(world.grant_count(), before + 1, "the kept result was served");
        is_kind(&strict.authenticate(&new_cookie(&served)).await, kind);
    }
}

// A guard of a session looks for the successor when the token ends, and takes only a session.
#[tokio::test(start_paused = true)]
async fn guard_does_not_go_on_with_another_kind() {
    let world = World::new();
    let sealed = world.ada();
    let outcome = world.authenticate(&sealed).await;
    let guard = world.sealkit.guard(session(&outcome));
    world
        .idp
        .fault(Endpoint::Authenticate, Fault::access_token(TokenOptions::new().claim("sub_type", "widget")));
    let refreshed = world.sealkit.refresh(&sealed, RefreshOptions::default()).await;
    assert_eq!(refreshed.reason(), Some(Reason::NotASessionToken));
    assert_eq!(guard.await, sealkit::SessionEnd::Expired);
}

#[tokio::test(start_paused = true)]
async fn stale_session_without_auth_time_is_not_served() {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.stale_while_error = Duration::from_secs(600);
        config.refresh(refresh)
    });
    session(&world.authenticate(&world.ada()).await);
    let with = world.expired();
    let without = world.seal(&world.mint(ada().expired().without_claim("auth_time")));
    world.wire.refuse(u32::MAX);
    session(&world.resolve(&with).await);
    let outcome = world.resolve(&without).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn logout_url_needs_the_session_of_a_session_token() {
    let world = World::new();
    let agent = world.idp.mint_agent(&AgentKind::delegated(ADA), &TokenOptions::new()).unwrap().token;
    for token in [agent, world.mint(ada().claim("client_id", OTHER_APPLICATION)).access_token] {
        let loaded = world.sealkit.load_session(world.around(&token));
        assert_eq!(loaded.logout_url(None).unwrap_err().reason(), Reason::InvalidJwt);
    }
    let expired = world.sealkit.load_session(world.expired());
    assert!(expired.logout_url(None).unwrap().query().unwrap().contains("session_id=session_"));
}
