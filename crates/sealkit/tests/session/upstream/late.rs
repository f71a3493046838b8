//! An answer that comes late is listened to, beside the replay that was sent in case it was lost.

use super::*;

/// A provider that takes every refresh token exactly once.
fn strict(idp: DevIdpBuilder) -> DevIdpBuilder {
    idp.replay_window(Duration::ZERO)
}

/// One caller, who asks again with the old cookie after a 503; the session goes on, and its token was exchanged exactly once.
async fn survives(fault: Fault, grants: u64) {
    let shown = format!("{fault:?}");
    let world = World::of(strict, |config| config);
    warm(&world).await;
    let minted = world.mint(MintSession::for_user(ADA).expired());
    let old = world.seal(&minted);
    world.idp.fault(Endpoint::Authenticate, fault);
    let begun = Instant::now();
    let outcome = world.resolve(&old).await;
    assert_eq!(begun.elapsed(), 5 * SECOND, "{shown}");
    refused(&outcome, Reason::Timeout);
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{shown}: {outcome:?}");
    assert_eq!(outcome.failure().unwrap().retry_after(), Some(SECOND));
    // The browser asks again, also with a navigation, which could clear the cookie.
    let allowed = Resolve::new(true, true);
    let outcome = world.sealkit.resolve([old.as_str().into()], allowed).await;
    let new = new_cookie(&outcome);
    assert!(begun.elapsed() <= 7 * SECOND, "{shown}");
    assert!(world.sealkit.drain(30 * SECOND).await);
    let counts = world.idp.refresh_counts(&minted.session_id).unwrap();
    assert_eq!((counts.rotated, counts.replayed), (1, 0), "{shown}");
    assert_eq!(world.grant_count(), grants, "{shown}");
    // Whoever comes with the old cookie still gets the same session, and the new pair is good for the next refresh.
    assert_eq!(session(&world.resolve(&old).await).id(), minted.session_id);
    world.pass(301 * SECOND).await;
    assert_eq!(session(&world.resolve(&new).await).id(), minted.session_id);
}

#[tokio::test(start_paused = true)]
async fn a_strict_provider_that_takes_seven_seconds_logs_nobody_out() {
    survives(Fault::delay(7 * SECOND).times(2), 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_is_refused_is_not_the_end_while_the_first_answer_is_on_its_way() {
    survives(Fault::delay(7 * SECOND).after_effect(), 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_is_overtaken_by_its_replay_is_not_the_end_either() {
    // The first one arrives when the second has been answered already.
    survives(Fault::delay(7 * SECOND), 2).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_before_the_end_of_the_budget_is_taken() {
    let world = World::of(strict, refreshing(|refresh| refresh.caller_wait = 30 * SECOND));
    warm(&world).await;
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_millis(24_900)).after_effect());
    let begun = Instant::now();
    assert_eq!(session(&world.resolve(&sealed).await).freshness(), Freshness::Refreshed);
    assert_eq!(begun.elapsed(), Duration::from_millis(24_900));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_when_the_budget_is_over() {
    let world = World::of(strict, refreshing(|refresh| refresh.caller_wait = 30 * SECOND));
    warm(&world).await;
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::hang().after_effect());
    let begun = Instant::now();
    refused(&world.resolve(&sealed).await, Reason::InvalidGrant);
    assert_eq!((begun.elapsed(), world.grant_count()), (25 * SECOND, 2), "a refused token is not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_nothing_under_way_is_final_at_once() {
    let world = World::of(strict, |config| config);
    warm(&world).await;
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::cut_connection().after_effect());
    let begun = Instant::now();
    refused(&world.resolve(&sealed).await, Reason::InvalidGrant);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(world.grant_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_asks_for_no_further_replay() {
    let world = World::configured(refreshing(|refresh| refresh.caller_wait = 30 * SECOND));
    warm(&world).await;
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::status(503).delayed(6 * SECOND));
    world.idp.fault(Endpoint::Authenticate, Fault::delay(3 * SECOND));
    let begun = Instant::now();
    session(&world.resolve(&sealed).await);
    assert_eq!(world.grant_count(), 2);
    assert!(begun.elapsed() < 9 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_may_put_the_replay_off() {
    let world = World::configured(refreshing(|refresh| refresh.caller_wait = 30 * SECOND));
    warm(&world).await;
    let sealed = world.expired();
    let busy = Fault::status(429).header("retry-after", "4").delayed(Duration::from_millis(5_100));
    world.idp.fault(Endpoint::Authenticate, busy);
    session(&world.resolve(&sealed).await);
    let grants = world.grants();
    let apart = grants[1].at().saturating_since(grants[0].at());
    assert_eq!((grants.len(), apart), (2, Duration::from_millis(9_100)));
}

#[tokio::test(start_paused = true)]
async fn every_replay_is_counted_with_its_reason() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let world = World::configured(refreshing(|refresh| refresh.caller_wait = 30 * SECOND));
    warm(&world).await;
    for fault in [Fault::hang(), Fault::status(502).times(2), Fault::cut_mid_body()] {
        world.idp.fault(Endpoint::Authenticate, fault);
        session(&world.resolve(&world.expired()).await);
    }
    let replays = |reason: &str| seen.count(&format!("sealkit_grant_replays_total reason={reason}"));
    assert_eq!(["timeout", "server_error", "invalid_response"].map(replays), [1, 2, 1]);
    assert_eq!(seen.values("sealkit_grant_replays_total").len(), 3, "and nothing else");
}
