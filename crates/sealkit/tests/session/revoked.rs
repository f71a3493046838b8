//! Sessions whose tokens verify and are not accepted any more: the deny list as requests feel it.

use crate::support::{ADA, ANALYTICAL, GRACE, NAVY, World, new_cookie, refused, session};
use sealkit::{
    CookieAction, Outcome, Reason, RefreshOptions, Resolve, UnixMillis,
    config::ConfigBuilder,
    refresh::CoordinatorFuture,
    revocation::{Denial, DenyEntry, DenyList, DenyListSettings, DenyListStore, StalePolicy, WeakDenyList},
};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A minute after this session began.
async fn a_minute_old(world: &World, session: MintSession) -> String {
    let sealed = world.seal(&world.mint(session));
    world.pass(MINUTE).await;
    sealed
}

async fn navigate(world: &World, sealed: &str) -> Outcome {
    world.sealkit.resolve([sealed.into()], Resolve::new(true, true)).await
}

async fn prefetch(world: &World, sealed: &str) -> Outcome {
    world.sealkit.resolve([sealed.into()], Resolve::new(false, false)).await
}

/// Refused for now: nothing is served, and the cookie stays.
async fn is_overruled(world: &World, sealed: &str) {
    refused(&world.authenticate(sealed).await, Reason::SessionRevoked);
    refused(&prefetch(world, sealed).await, Reason::SessionRevoked);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_user_means_a_refresh_before_the_session_is_served() {
    let world = World::new();
    let old = a_minute_old(&world, MintSession::for_user(ADA)).await;
    let grace = a_minute_old(&world, MintSession::for_user(GRACE)).await;
    session(&world.authenticate(&old).await);
    world.sealkit.deny_list().deny(Denial::user(world.user_id(ADA), world.now())).await;
    is_overruled(&world, &old).await;
    assert_eq!(world.grant_count(), 0);

    let refreshed = world.resolve(&old).await;
    assert_eq!((world.grant_count(), session(&refreshed).claims().subject()), (1, &*world.user_id(ADA)));
    let new = new_cookie(&refreshed);
    session(&world.authenticate(&new).await);
    session(&world.resolve(&new).await);
    session(&world.resolve(&old).await);
    session(&world.authenticate(&grace).await);
    assert_eq!(world.grant_count(), 1, "the new token is from after the rule");
}

#[tokio::test(start_paused = true)]
async fn a_rule_with_a_refresh_that_cannot_be_had_now_serves_nothing_and_keeps_the_cookie() {
    let world = World::new();
    let old = a_minute_old(&world, MintSession::for_user(ADA)).await;
    world.sealkit.deny_list().deny(Denial::user(world.user_id(ADA), world.now())).await;
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).always());
    let outcome = navigate(&world, &old).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    assert_eq!(*outcome.cookie(), CookieAction::Keep);
    world.idp.clear_faults(Endpoint::Authenticate);
    world.pass(MINUTE).await;
    session(&navigate(&world, &old).await);
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_then_refuses_is_over_and_its_cookie_goes_when_its_token_has_ended() {
    let world = World::new();
    // Old enough to know what it has granted.
    world.pass(10 * MINUTE).await;
    let old = a_minute_old(&world, MintSession::for_user(ADA)).await;
    let id = world.user_id(ADA);
    assert!(world.idp.delete_user(ADA));
    session(&world.authenticate(&old).await);
    world.sealkit.deny_list().deny(Denial::user(id, world.now())).await;
    refused(&world.resolve(&old).await, Reason::SessionRevoked);
    let outcome = navigate(&world, &old).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::SessionRevoked), &CookieAction::Keep));
    assert_eq!(world.grant_count(), 1, "a refusal is remembered");
    world.pass(5 * MINUTE).await;
    let outcome = navigate(&world, &old).await;
    assert_eq!((outcome.reason(), outcome.cookie()), (Some(Reason::InvalidGrant), &CookieAction::Clear));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_an_organization_or_a_membership_concerns_no_other() {
    for membership in [false, true] {
        let world = World::new();
        let user = world.user_id(ADA);
        let here = a_minute_old(&world, MintSession::for_user(ADA).organization(ANALYTICAL)).await;
        let nowhere = a_minute_old(&world, MintSession::for_user(ADA).no_organization()).await;
        let elsewhere = a_minute_old(&world, MintSession::for_user(GRACE).organization(NAVY)).await;
        let list = world.sealkit.deny_list();
        let now = world.now();
        if membership {
            list.deny(Denial::membership(world.user_id(GRACE), ANALYTICAL, now)).await;
            list.deny(Denial::membership(user.clone(), NAVY, now)).await;
            session(&world.authenticate(&here).await);
            list.deny(Denial::membership(user, ANALYTICAL, now)).await;
        } else {
            list.deny(Denial::organization(ANALYTICAL, now)).await;
        }
        session(&world.authenticate(&nowhere).await);
        session(&world.authenticate(&elsewhere).await);
        is_overruled(&world, &here).await;
        let refreshed = world.resolve(&here).await;
        assert_eq!(session(&refreshed).organization_id(), Some(ANALYTICAL));
        session(&world.authenticate(&new_cookie(&refreshed)).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_kept_from_before_the_rule_is_not_served() {
    let world = World::new();
    let old = world.expired();
    let first = new_cookie(&world.resolve(&old).await);
    world.pass(MINUTE).await;
    assert_eq!(new_cookie_token(&world, &old).await, token(&world, &first), "kept, and good so far");
    world.sealkit.deny_list().deny(Denial::user(world.user_id(ADA), world.now())).await;
    let second = new_cookie_token(&world, &old).await;
    assert_ne!(second, token(&world, &first));
    assert_eq!(world.grant_count(), 2);
    // Whoever has the cookie in between gets the same.
    assert_eq!(new_cookie_token(&world, &first).await, second);
    assert_eq!(world.grant_count(), 2);
}

async fn new_cookie_token(world: &World, old: &str) -> String {
    token(world, &new_cookie(&world.resolve(old).await))
}

fn token(world: &World, sealed: &str) -> String {
    world.payload(sealed)["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_overruled_by_the_time_it_was_issued_and_without_one_by_any_rule() {
    let world = World::new();
    let (user, issued) = (world.user_id(ADA), world.now());
    let claims = |minted| async {
        let minted = world.seal(&world.mint(minted));
        session(&world.authenticate(&minted).await).claims().clone()
    };
    let dated = claims(MintSession::for_user(ADA).organization(ANALYTICAL)).await;
    let undated = claims(MintSession::for_user(ADA).organization(ANALYTICAL).without_claim("iat")).await;
    let rules: [fn(&str, UnixMillis) -> Denial; 3] = [
        |user, time| Denial::user(user, time),
        |_, time| Denial::organization(ANALYTICAL, time),
        |user, time| Denial::membership(user, ANALYTICAL, time),
    ];
    for rule in rules {
        for (issued_before, expected) in
            [(issued, false), (issued.saturating_add(Duration::from_millis(1)), true)]
        {
            let list = DenyList::new(Arc::new(world.clock.clone()), DenyListSettings::default());
            let until = world.now().saturating_add(MINUTE);
            list.apply(DenyEntry::new(rule(&user, issued_before), until));
            assert_eq!((list.overrules(&dated), list.overrules(&undated)), (expected, true));
            world.pass(MINUTE).await;
            assert!(!list.overrules(&dated) && !list.overrules(&undated), "no rule lasts for ever");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_session_is_cleared_everywhere_and_nothing_brings_it_back() {
    let world = World::new();
    let old = world.expired();
    let new = new_cookie(&world.resolve(&old).await);
    let id = session(&world.authenticate(&new).await).id().to_owned();
    world.sealkit.deny_list().deny(Denial::session(id)).await;
    for sealed in [&old, &new] {
        for outcome in [
            world.authenticate(sealed).await,
            world.resolve(sealed).await,
            prefetch(&world, sealed).await,
            world.sealkit.refresh(sealed, RefreshOptions::default()).await,
        ] {
            let expected = (Some(Reason::SessionRevoked), &CookieAction::Clear);
            assert_eq!((outcome.reason(), outcome.cookie()), expected, "{outcome:?}");
        }
    }
    assert_eq!(world.grant_count(), 1);
}

/// A store whose copy is as old as the test says.
#[derive(Debug, Default)]
struct Aged(Mutex<Option<Duration>>);

impl Aged {
    fn set(&self, age: Duration) {
        *self.0.lock().unwrap() = Some(age);
    }
}

impl DenyListStore for Aged {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, _: DenyEntry) -> CoordinatorFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn age(&self) -> Option<Duration> {
        *self.0.lock().unwrap()
    }
}

fn denying(config: ConfigBuilder) -> ConfigBuilder {
    let mut settings = DenyListSettings::default();
    settings.on_stale = StalePolicy::Deny;
    config.deny_list(settings)
}

#[tokio::test(start_paused = true)]
async fn where_it_is_asked_for_nothing_is_served_while_nobody_knows_what_was_revoked() {
    let world = World::new();
    let store = Arc::new(Aged::default());
    let build = |world: &World| {
        let shared: Arc<dyn DenyListStore> = store.clone();
        world.builder_of(denying).deny_list_store(shared).build().unwrap()
    };
    let sealkit = build(&world);
    let (valid, expired) = (world.ada(), world.expired());
    let outcomes = async |sealed: &str| {
        [sealkit.authenticate(sealed).await, sealkit.resolve([sealed.into()], Resolve::new(true, true)).await]
    };
    for age in [None, Some(MINUTE + Duration::from_millis(1))] {
        age.inspect(|age| store.set(*age));
        for outcome in [outcomes(&valid).await, outcomes(&expired).await].concat() {
            refused(&outcome, Reason::NetworkError);
            assert!(outcome.failure().unwrap().hint().unwrap().contains("deny list"));
        }
    }
    assert_eq!(world.grant_count(), 0);
    let garbage = sealkit.authenticate("garbage").await;
    refused(&garbage, Reason::InvalidSessionCookie);
    // What is known to be over is refused as such.
    let id = session(&world.authenticate(&valid).await).id().to_owned();
    let other = world.seal(&world.mint(MintSession::for_user(GRACE)));
    sealkit.deny_list().deny(Denial::session(id)).await;
    assert_eq!(*outcomes(&valid).await[0].cookie(), CookieAction::Clear);

    store.set(MINUTE);
    for outcome in outcomes(&other).await {
        session(&outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_sessions_are_served_while_the_store_is_away() {
    let world = World::new();
    let sealkit = world.builder().deny_list_store(Arc::new(Aged::default())).build().unwrap();
    session(&sealkit.authenticate(&world.ada()).await);
}
