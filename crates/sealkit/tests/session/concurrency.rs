//! Many callers, one refresh token: one grant, one result, and a sign-out that always wins.

mod organizations;
mod threads;

use crate::support::{ADA, ANALYTICAL, NAVY, World, new_cookie, refused, session, settle};
use sealkit::{
    Clock as _, CookieAction, Outcome, Reason, RefreshOptions, Resolve, Sealkit,
    config::RefreshSettings,
    refresh::{InProcessCoordinator, InProcessSettings},
    token::KeySet,
};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::Instant,
};

const SECOND: Duration = Duration::from_secs(1);

/// `resolve` in a task of its own, as a request would run it.
fn request(sealkit: &Sealkit, sealed: &str) -> JoinHandle<Outcome> {
    let (sealkit, sealed) = (sealkit.clone(), sealed.to_owned());
    tokio::spawn(async move { sealkit.resolve([sealed.into()], Resolve::default()).await })
}

async fn requests(sealkit: &Sealkit, sealed: &str, count: usize) -> Vec<Outcome> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (sealkit, sealed) = (sealkit.clone(), sealed.to_owned());
        tasks.spawn(async move { sealkit.resolve([sealed.into()], Resolve::default()).await });
    }
    tasks.join_all().await
}

/// A world whose key set is known, so that nothing but grants goes over the wire; answers take their time.
async fn slow(delay: Duration) -> World {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    world.idp.fault(Endpoint::Authenticate, Fault::delay(delay).after_effect().always());
    world
}

#[tokio::test(start_paused = true)]
async fn sixty_requests_with_one_expired_cookie_make_one_grant() {
    let world = slow(SECOND).await;
    let outcomes = requests(&world.sealkit, &world.expired(), 60).await;
    assert_eq!((outcomes.len(), world.grant_count()), (60, 1));
    let token = session(&outcomes[0]).tokens().access_token();
    for outcome in &outcomes {
        assert_eq!(session(outcome).tokens().access_token(), token);
        session(&world.authenticate(&new_cookie(outcome)).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_cold_requests_fetch_the_key_set_once() {
    let world = World::new();
    world.idp.fault(Endpoint::Jwks, Fault::delay(SECOND));
    for outcome in requests(&world.sealkit, &world.ada(), 1000).await {
        session(&outcome);
    }
    assert_eq!(world.key_set_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_request_with_the_old_cookie_gets_the_successor_without_a_call() {
    let world = World::new();
    let old = world.expired();
    let first = world.resolve(&old).await;
    for seconds in [29, 60, 120] {
        world.pass(Duration::from_secs(seconds)).await;
        let late = world.resolve(&old).await;
        assert_eq!(session(&late).tokens().access_token(), session(&first).tokens().access_token());
        session(&world.authenticate(&new_cookie(&late)).await);
    }
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nine_minutes_late_the_chain_is_followed_to_its_end() {
    let world = World::new();
    let old = world.expired();
    let first = new_cookie(&world.resolve(&old).await);
    world.pass(Duration::from_secs(301)).await;
    let second = world.resolve(&first).await;
    world.pass(Duration::from_secs(230)).await;
    assert_eq!(world.grant_count(), 2);
    let late = world.resolve(&old).await;
    assert_eq!(session(&late).tokens().access_token(), session(&second).tokens().access_token());
    assert_eq!(world.grant_count(), 2, "others had asked for everything already");
}

#[tokio::test(start_paused = true)]
async fn nine_minutes_late_the_successors_own_successor_is_asked_for() {
    let world = World::new();
    let old = world.expired();
    let first = new_cookie(&world.resolve(&old).await);
    world.pass(Duration::from_secs(540)).await;
    let late = world.resolve(&old).await;
    session(&late);
    assert_eq!(world.grant_count(), 2);
    assert_eq!(world.grants()[1].json()["refresh_token"], world.payload(&first)["refreshToken"]);
    world.pass(Duration::from_secs(61)).await;
    // The first result is forgotten now, and the provider's replay window is long over.
    refused(&world.resolve(&old).await, Reason::InvalidGrant);
}

#[tokio::test(start_paused = true)]
async fn a_cookie_that_was_lost_at_a_refresh_long_before_the_end_is_made_good_at_the_end() {
    let world = World::of(|idp| idp.token_lifetime(Duration::from_secs(3600)), |config| config);
    let old = world.ada();
    session(&world.sealkit.refresh(&old, RefreshOptions::default().with_organization(ANALYTICAL)).await);
    // The new cookie never came; the old one is good for most of an hour, and then for as long again to be followed.
    for minutes in [11, 47, 3, 50] {
        world.pass(Duration::from_secs(60 * minutes)).await;
        session(&world.resolve(&old).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_cancels_nothing() {
    let world = slow(3 * SECOND).await;
    let old = world.expired();
    let gone = request(&world.sealkit, &old);
    settle().await;
    assert_eq!(world.grant_count(), 1, "the grant is under way");
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    // While it runs, and after it has ended.
    let (while_running, _) = tokio::join!(request(&world.sealkit, &old), world.pass(SECOND));
    session(&while_running.unwrap());
    session(&world.resolve(&old).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_before_anybody_else_comes_cancels_nothing() {
    let world = slow(3 * SECOND).await;
    let old = world.expired();
    let gone = request(&world.sealkit, &old);
    settle().await;
    gone.abort();
    world.pass(10 * SECOND).await;
    settle().await;
    session(&world.resolve(&old).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_cancels_nothing() {
    let world = slow(3 * SECOND).await;
    let old = world.expired();
    let (sealkit, cookie) = (world.sealkit.clone(), old.clone());
    let handler = tokio::spawn(async move {
        let refreshing = sealkit.resolve([cookie.into()], Resolve::default());
        let _ = tokio::time::timeout(SECOND, refreshing).await;
        std::panic::resume_unwind(Box::new("the handler panics"));
    });
    let waiting = request(&world.sealkit, &old);
    assert!(handler.await.unwrap_err().is_panic());
    assert_eq!(world.grant_count(), 1, "the grant is under way");
    session(&waiting.await.unwrap());
    session(&world.resolve(&old).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_panics_is_a_retryable_failure_and_leaves_nothing_behind() {
    let world = slow(SECOND).await;
    let old = world.expired();
    world.wire.panic_once();
    for outcome in requests(&world.sealkit, &old, 5).await {
        refused(&outcome, Reason::ServerError);
        assert!(matches!(outcome, Outcome::Unavailable { .. }));
    }
    assert_eq!(world.grant_count(), 0);
    session(&world.resolve(&old).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_during_a_grant_is_the_end_for_everybody() {
    let world = slow(SECOND).await;
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let old = world.seal(&minted);
    let waiting: Vec<_> = (0..10).map(|_| request(&world.sealkit, &old)).collect();
    settle().await;
    assert_eq!(world.grant_count(), 1);
    world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
    for waiting in waiting {
        let outcome = waiting.await.unwrap();
        assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{outcome:?}");
        assert_eq!(*outcome.cookie(), CookieAction::Clear);
    }
    assert_eq!(world.resolve(&old).await.reason(), Some(Reason::SessionRevoked));
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_after_the_grant_wins_although_the_new_token_waits_for_its_key() {
    for keys in [Fault::delay(SECOND), Fault::status(503).delayed(SECOND).always()] {
        let world = World::new();
        session(&world.authenticate(&world.ada()).await);
        world.pass(31 * SECOND).await;
        let minted = world.mint(MintSession::for_user(ADA).expired());
        let old = world.seal(&minted);
        world.idp.rotate_keys(true).unwrap();
        world.idp.fault(Endpoint::Jwks, keys);
        let waiting = request(&world.sealkit, &old);
        world.pass(SECOND / 2).await;
        settle().await;
        assert_eq!((world.grant_count(), world.key_set_count(), waiting.is_finished()), (1, 2, false));
        world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
        let outcome = waiting.await.unwrap();
        assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{outcome:?}");
        assert_eq!(*outcome.cookie(), CookieAction::Clear);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_during_a_refresh_ahead_wins_however_that_ends() {
    for fault in [
        Fault::json(400, &json!({ "error": "invalid_grant" })).delayed(SECOND / 2),
        Fault::json(401, &json!({})).delayed(SECOND / 2),
        Fault::delay(SECOND / 2),
        Fault::hang(),
    ] {
        let world = World::new();
        let minted = world.mint(MintSession::for_user(ADA));
        let sealed = world.seal(&minted);
        session(&world.authenticate(&sealed).await);
        world.pass(290 * SECOND).await;
        world.idp.fault(Endpoint::Authenticate, fault.clone().always());
        let waiting = request(&world.sealkit, &sealed);
        settle().await;
        assert_eq!((world.grant_count(), waiting.is_finished()), (1, false));
        world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
        let outcome = waiting.await.unwrap();
        assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{fault:?}: {outcome:?}");
        assert_eq!(*outcome.cookie(), CookieAction::Clear);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_also_ends_a_result_that_is_kept() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let old = world.seal(&minted);
    let new = new_cookie(&world.resolve(&old).await);
    world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
    for cookie in [old, new] {
        let outcome = world.resolve(&cookie).await;
        assert_eq!(outcome.reason(), Some(Reason::SessionRevoked));
        assert_eq!(*outcome.cookie(), CookieAction::Clear);
    }
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn fifty_refreshes_and_a_sign_out_at_any_point_end_signed_out() {
    for point in
        (0..12).map(|yields| (yields, Duration::ZERO)).chain((1..12).map(|step| (0, step * SECOND / 10)))
    {
        let world = slow(SECOND).await;
        let minted = world.mint(MintSession::for_user(ADA).expired());
        let old = world.seal(&minted);
        let waiting: Vec<_> = (0..50).map(|_| request(&world.sealkit, &old)).collect();
        for _ in 0..point.0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(point.1).await;
        let finished = waiting.iter().filter(|task| task.is_finished()).count();
        world.sealkit.sign_out(&minted.session_id, None).await.unwrap();
        let mut served = 0;
        let mut cookies = vec![old];
        for task in waiting {
            match task.await.unwrap() {
                Outcome::Authenticated { cookie: CookieAction::Set(sealed), .. } => {
                    served += 1;
                    cookies.push(sealed.expose_secret().to_owned());
                }
                outcome => {
                    assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{point:?}");
                    assert_eq!(*outcome.cookie(), CookieAction::Clear);
                }
            }
        }
        assert!(served <= finished, "{point:?}: {served} were served after the sign-out");
        for cookie in cookies {
            let outcome = world.resolve(&cookie).await;
            assert_eq!(outcome.reason(), Some(Reason::SessionRevoked), "{point:?}");
            assert_eq!(*outcome.cookie(), CookieAction::Clear);
        }
        assert!(world.grant_count() <= 1, "{point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_for_thirty_seconds_and_then_asked_for_again() {
    let world = World::new();
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let old = world.seal(&minted);
    world.idp.revoke_session(&minted.session_id);
    for _ in 0..3 {
        for outcome in requests(&world.sealkit, &old, 10).await {
            refused(&outcome, Reason::InvalidGrant);
        }
        world.pass(9 * SECOND).await;
    }
    assert_eq!(world.grant_count(), 1);
    world.pass(3 * SECOND).await;
    refused(&world.resolve(&old).await, Reason::InvalidGrant);
    assert_eq!(world.grant_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_shared_and_not_kept() {
    let world = World::configured(|config| {
        let mut refresh = RefreshSettings::default();
        refresh.caller_wait = Duration::from_secs(30);
        config.refresh(refresh)
    });
    session(&world.authenticate(&world.ada()).await);
    let old = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).times(4));
    for outcome in requests(&world.sealkit, &old, 20).await {
        refused(&outcome, Reason::ServerError);
    }
    assert_eq!(world.grant_count(), 4, "one grant, four attempts");
    session(&world.resolve(&old).await);
    assert_eq!(world.grant_count(), 5);
}

#[tokio::test(start_paused = true)]
async fn few_kept_results_cost_calls_and_nothing_else() {
    let world = slow(SECOND).await;
    let mut settings = InProcessSettings::default();
    settings.max_results = 8;
    let coordinator = InProcessCoordinator::new(Arc::new(world.clock.clone()), settings);
    let sealkit = world.builder().coordinator(Arc::new(coordinator)).build().unwrap();
    session(&sealkit.authenticate(&world.ada()).await);
    let sessions: Vec<_> = (0..40).map(|_| world.mint(MintSession::for_user(ADA).expired())).collect();
    let mut tasks = Vec::new();
    for minted in &sessions {
        tasks.extend((0..3).map(|_| (request(&sealkit, &world.seal(minted)), minted.session_id.as_str())));
    }
    for (task, id) in tasks {
        assert_eq!(session(&task.await.unwrap()).id(), id);
    }
    assert_eq!(world.grant_count(), 40, "grants under way are never dropped");
    // Whoever's result has been dropped asks the provider, which replays it.
    for minted in &sessions {
        world.idp.set_replay_window(Duration::from_secs(3600));
        assert_eq!(session(&request(&sealkit, &world.seal(minted)).await.unwrap()).id(), minted.session_id);
    }
    assert!(world.grant_count() > 40);
}

#[tokio::test(start_paused = true)]
async fn a_caller_for_another_organization_goes_on_with_the_successors_token() {
    for switch_first in [true, false] {
        let world = slow(SECOND).await;
        let old = world.expired();
        let switch = || {
            let (sealkit, old) = (world.sealkit.clone(), old.clone());
            let options = RefreshOptions::default().with_organization(NAVY);
            tokio::spawn(async move { sealkit.refresh(&old, options).await })
        };
        let (switched, plain) = if switch_first {
            let switched = switch();
            (switched, request(&world.sealkit, &old))
        } else {
            let plain = request(&world.sealkit, &old);
            (switch(), plain)
        };
        let (switched, plain) = (switched.await.unwrap(), plain.await.unwrap());
        assert_eq!(session(&switched).organization_id(), Some(NAVY));
        let grants = world.grants();
        if switch_first {
            assert_eq!((grants.len(), session(&plain).organization_id()), (1, Some(NAVY)));
        } else {
            assert_eq!((grants.len(), session(&plain).organization_id()), (2, Some(ANALYTICAL)));
            let successor = world.payload(&new_cookie(&plain));
            assert_eq!(grants[1].json()["refresh_token"], successor["refreshToken"]);
            assert_eq!(grants[1].json()["organization_id"], NAVY);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_refused_on_the_way_keeps_the_rotated_pair() {
    let world = World::new();
    let old = world.ada();
    session(&world.sealkit.refresh(&old, RefreshOptions::default()).await);
    let refusal = json!({ "error": "organization_membership_not_found" });
    world.idp.fault(Endpoint::Authenticate, Fault::json(400, &refusal));
    let outcome = world.sealkit.refresh(&old, RefreshOptions::default().with_organization(NAVY)).await;
    assert_eq!(outcome.reason(), Some(Reason::OrganizationMembershipNotFound));
    assert_eq!(session(&world.authenticate(&new_cookie(&outcome)).await).organization_id(), Some(ANALYTICAL));
}

#[tokio::test(start_paused = true)]
async fn drain_waits_for_the_grants_under_way() {
    let world = slow(3 * SECOND).await;
    let old = world.expired();
    assert!(world.sealkit.drain(Duration::ZERO).await, "nothing to wait for");
    let gone = request(&world.sealkit, &old);
    settle().await;
    gone.abort();
    assert!(!world.sealkit.drain(SECOND).await, "it takes three seconds");
    let begun = Instant::now();
    assert!(world.sealkit.drain(20 * SECOND).await);
    assert_eq!(begun.elapsed(), 2 * SECOND);
    session(&world.resolve(&old).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_publishes_what_it_has_begun() {
    let world = slow(3 * SECOND).await;
    let sessions: Vec<_> = (0..20).map(|_| world.expired()).collect();
    let mut serving: JoinSet<_> = JoinSet::new();
    for old in &sessions {
        let (sealkit, old) = (world.sealkit.clone(), old.clone());
        serving.spawn(async move { sealkit.resolve([old.into()], Resolve::default()).await });
    }
    settle().await;
    assert_eq!(world.grant_count(), 20);
    // Every connection is cut, as a server does that has waited long enough for its requests.
    serving.shutdown().await;
    assert!(world.sealkit.drain(20 * SECOND).await, "finished, and published");
    for old in &sessions {
        session(&world.resolve(old).await);
    }
    assert_eq!(world.grant_count(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_five_seconds_and_the_grant_goes_on() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    let old = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).delayed(3 * SECOND).times(2));
    let begun = Instant::now();
    let outcome = world.resolve(&old).await;
    assert_eq!(begun.elapsed(), 5 * SECOND);
    refused(&outcome, Reason::Timeout);
    assert!(matches!(outcome, Outcome::Unavailable { .. }));
    assert_eq!(outcome.failure().unwrap().retry_after(), Some(SECOND));
    assert!(outcome.failure().unwrap().expired().is_some());
    session(&world.resolve(&old).await);
    assert_eq!(world.grant_count(), 3, "three attempts of one grant");
    assert!(world.clock.now().as_secs() > 0);
}

#[test]
fn outside_of_a_runtime_a_refresh_is_a_failure_that_says_so_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (world, sealkit, old) = runtime.block_on(async {
        let world = World::new();
        let old = world.expired();
        let keys = KeySet::parse(world.idp.jwks_json().to_string().as_bytes()).unwrap();
        let sealkit = world.builder().key_set(keys).build().unwrap();
        (world, sealkit, old)
    });
    let mut resolving = std::pin::pin!(sealkit.resolve([old.as_str().into()], Resolve::default()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(outcome) = resolving.as_mut().poll(&mut context) else {
        panic!("nothing to wait for")
    };
    refused(&outcome, Reason::ServerError);
    assert!(outcome.failure().unwrap().hint().unwrap().contains("tokio runtime"));
    assert_eq!(world.grant_count(), 0);
}
