//! What may pass: tried again inside the replay window, and not beyond it.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_four_times_within_twenty_seconds() {
    for (fault, reason) in [
        (Fault::status(408), Reason::Timeout),
        (Fault::json(429, &oauth("too_many_requests")), Reason::RateLimitExceeded),
        (Fault::json(400, &plain("rate_limit_exceeded")), Reason::RateLimitExceeded),
        (Fault::status(500), Reason::ServerError),
        (Fault::status(502).body("<html>"), Reason::ServerError),
        (Fault::status(503), Reason::ServerError),
        (Fault::status(504), Reason::ServerError),
        (Fault::json(503, &oauth("invalid_grant")), Reason::ServerError),
        (Fault::cut_connection(), Reason::NetworkError),
        (Fault::cut_mid_body(), Reason::InvalidResponse),
        (Fault::status(503).delayed(Duration::from_millis(4900)), Reason::ServerError),
    ] {
        let begun = Instant::now();
        let (world, outcome) = answers(fault, reason, 4).await;
        assert!(matches!(outcome, Outcome::Unavailable { .. }));
        let grants = world.grants();
        let sent = |i: usize| grants[i].at().saturating_since(grants[0].at());
        assert!(sent(3) <= Duration::from_secs(20), "{reason}: {:?}", sent(3));
        assert!(sent(1) >= Duration::from_millis(375) && begun.elapsed() <= Duration::from_secs(25));
        // One logical request: the same body, the same idempotency key.
        assert!(grants.iter().all(|grant| grant.body() == grants[0].body()));
        assert!(
            grants
                .iter()
                .all(|grant| grant.headers()["idempotency-key"] == grants[0].headers()["idempotency-key"])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_ends_in_time_is_not_noticed() {
    for fault in [Fault::status(503), Fault::status(408), Fault::cut_connection(), Fault::garbage()] {
        let world = World::new();
        world.idp.fault(Endpoint::Authenticate, fault);
        session(&world.resolve(&world.expired()).await);
        assert_eq!(world.grant_count(), 2);
    }
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    let (sealed, before) = (world.expired(), world.wire.attempts());
    world.wire.refuse(3);
    session(&world.resolve(&sealed).await);
    assert_eq!((world.wire.attempts() - before, world.grant_count()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_a_network_error() {
    let world = patient();
    session(&world.authenticate(&world.ada()).await);
    let sealed = world.expired();
    world.wire.refuse(u32::MAX);
    refused(&world.resolve(&sealed).await, Reason::NetworkError);
    assert_eq!(world.grant_count(), 0);
    world.wire.refuse(0);
    session(&world.resolve(&sealed).await);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_slept_inside_the_window_as_seconds_or_as_a_date() {
    for (value, wait) in [("3", 3), ("Fri, 15 Jan 2027 08:00:04 GMT", 4)] {
        let world = patient();
        let sealed = world.expired();
        session(&world.authenticate(&world.ada()).await);
        assert_eq!(world.now(), UnixMillis::from_secs(1_800_000_000), "Fri, 15 Jan 2027 08:00:00 GMT");
        let fault = Fault::json(429, &oauth("too_many_requests")).header("retry-after", value);
        world.idp.fault(Endpoint::Authenticate, fault);
        session(&refresh(&world, &sealed).await);
        let grants = world.grants();
        assert_eq!(grants[1].at().saturating_since(grants[0].at()), Duration::from_secs(wait), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_window_is_handed_on_and_not_slept() {
    for (value, wait) in
        [("21", 21), ("3600", 3600), ("Fri, 15 Jan 2027 08:01:00 GMT", 60), ("999999999999", 86_400)]
    {
        let begun = Instant::now();
        let fault = Fault::json(429, &oauth("too_many_requests")).header("retry-after", value);
        let (_, outcome) = answers(fault, Reason::RateLimitExceeded, 1).await;
        assert_eq!(outcome.failure().unwrap().retry_after(), Some(Duration::from_secs(wait)));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
    for garbage in ["soon", "-1", "NaN"] {
        let fault = Fault::status(503).header("retry-after", garbage);
        let (_, outcome) = answers(fault, Reason::ServerError, 4).await;
        assert_eq!(outcome.failure().unwrap().retry_after(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_after_the_rotation_is_had_again() {
    for fault in [
        Fault::hang().after_effect(),
        Fault::cut_connection().after_effect(),
        Fault::cut_mid_body(),
        Fault::garbage().after_effect(),
        Fault::status(502).after_effect(),
        Fault::json(200, &json!({})).after_effect(),
    ] {
        let world = patient();
        let minted = world.mint(MintSession::for_user(ADA).expired());
        world.idp.fault(Endpoint::Authenticate, fault.clone());
        let outcome = refresh(&world, &world.seal(&minted)).await;
        session(&outcome);
        let grants = world.grants();
        assert_eq!(grants.len(), 2, "{fault:?}");
        assert_eq!(grants[1].json()["refresh_token"], minted.refresh_token.as_str());
        // The pair is the one that the first request made: its refresh token works.
        let next = world.reseal(&new_cookie(&outcome), |_| {});
        world.pass(Duration::from_secs(301)).await;
        session(&refresh(&world, &next).await);
    }
}

#[tokio::test(start_paused = true)]
async fn time_outs_only_end_as_a_time_out() {
    let (world, outcome) = answered(Fault::hang()).await;
    refused(&outcome, Reason::Timeout);
    let grants = world.grants();
    assert!((3..=4).contains(&grants.len()), "{}", grants.len());
    let last = grants[grants.len() - 1].at().saturating_since(grants[0].at());
    assert!(last <= Duration::from_secs(20), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_complete_answer_without_use_is_replayed_once_and_nothing_is_sealed() {
    let user = json!({ "object": "user", "id": "user_1" });
    for body in [
        json!({}),
        json!({ "user": user }),
        json!({ "user": user, "access_token": null, "refresh_token": null }),
        json!({ "access_token": "", "refresh_token": "" }),
        json!({ "access_token": "a", "user": user }),
        json!({ "refresh_token": "r", "user": user }),
        json!([]),
        Value::Null,
    ] {
        let (_, outcome) = answers(Fault::json(200, &body), Reason::InvalidResponse, 2).await;
        assert_eq!(outcome.failure().unwrap().upstream().unwrap().status, Some(200), "{body}");
    }
    for fault in [Fault::garbage(), Fault::status(200), Fault::status(204)] {
        let (_, outcome) = answers(fault, Reason::InvalidResponse, 2).await;
        assert!(outcome.failure().unwrap().is_retryable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_so_long_in_all_and_a_pair_that_rotated_meanwhile_is_set() {
    let world = World::new();
    session(&world.authenticate(&world.ada()).await);
    world.pass(Duration::from_secs(31)).await;
    let sealed = world.expired();
    world.idp.rotate_keys(true).unwrap();
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(3)).after_effect());
    world.idp.fault(Endpoint::Jwks, Fault::delay(Duration::from_secs(4)));
    let begun = Instant::now();
    let outcome = world.resolve(&sealed).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5), "{outcome:?}");
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    assert_eq!(outcome.reason(), Some(Reason::Timeout));
    assert_eq!(outcome.failure().unwrap().retry_after(), Some(Duration::from_secs(1)));
    session(&world.resolve(&new_cookie(&outcome)).await);
    assert_eq!(world.grant_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_suspended_between_two_attempts_does_not_send_the_second() {
    let world = patient();
    session(&world.authenticate(&world.ada()).await);
    let sealed = world.expired();
    world.idp.fault(Endpoint::Authenticate, Fault::status(503));
    let (outcome, ()) = tokio::join!(world.resolve(&sealed), async {
        settle().await;
        assert_eq!(world.grant_count(), 1);
        // The wall clock goes on while the machine sleeps, the one that waits are measured with does not.
        world.idp.clock().advance(Duration::from_secs(21));
    });
    refused(&outcome, Reason::ServerError);
    assert_eq!(world.grant_count(), 1, "a replay beyond the window would be refused for good");
}
