//! Events that are asked for.

use crate::{
    ears,
    house::{House, refusal, settle},
    recorder::Seen,
};
use sealkit::{
    Reason,
    api::{ApiErrorKind, EventsFrom},
    revocation::{EVENTS, EventsPollSettings, EventsPoller},
};
use sealkit_devidp::{Endpoint, Fault};
use std::{sync::atomic::Ordering, time::Duration};

const LATEST: Duration = Duration::from_millis(6_250);

fn poller(house: &House) -> EventsPoller {
    house.sealkit.events_poller(EventsPollSettings::default())
}

#[tokio::test]
async fn it_begins_a_day_ago_and_follows_every_page_and_then_every_event() {
    let house = House::new();
    house.end_sessions(1);
    house.idp.advance(Duration::from_secs(86_400));
    house.end_sessions(250);
    let mut poller = poller(&house);
    let polled = poller.poll_once().await.unwrap();
    assert_eq!((polled.applied, polled.passed_over), (251, 0));
    let polls = house.polls();
    assert_eq!(polls.len(), 3);
    let names = EVENTS.join("%2C");
    assert!(
        polls[0].starts_with(&format!(
            "events={names}&limit=100&order=asc&range_start=2027-01-15T08%3A00%3A00.000Z"
        )),
        "{}",
        polls[0]
    );
    assert!(polls[1..].iter().all(|poll| poll.contains("&after=event_") && !poll.contains("range_start")));
    assert_eq!(house.sealkit.deny_list().len(), 251);

    let polled = poller.poll_once().await.unwrap();
    assert_eq!((polled.applied, polled.passed_over), (0, 0), "nothing is asked for again");
    let (minted, cookie) = house.session();
    assert_eq!(refusal(&house.sealkit, &cookie).await, None);
    house.idp.revoke_session(&minted.session_id);
    assert_eq!(poller.poll_once().await.unwrap().applied, 1);
    assert_eq!(refusal(&house.sealkit, &cookie).await, Some(Reason::SessionRevoked));
    assert_eq!(house.polls().len(), 5, "one request each");
}

#[tokio::test]
async fn events_from_before_the_day_are_not_asked_for_and_webhooks_are_not_applied_again() {
    let house = House::new();
    house.end_sessions(1);
    house.idp.advance(Duration::from_secs(86_401));
    let (minted, _) = house.session();
    house.idp.revoke_session(&minted.session_id);
    let webhook = house.idp.webhooks().pop().unwrap();
    let signature = webhook.headers["workos-signature"].to_str().unwrap();
    house.sealkit.receive_webhook(Some(signature), &webhook.body).await.unwrap();
    let polled = poller(&house).poll_once().await.unwrap();
    assert_eq!((polled.applied, polled.passed_over), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn three_replicas_that_share_nothing_refuse_a_revoked_session_within_the_interval() {
    let house = House::new();
    let replicas = [(); 3].map(|()| house.builder().build().unwrap());
    for replica in &replicas {
        tokio::spawn(replica.events_poller(EventsPollSettings::default()).run());
    }
    settle().await;
    let (minted, cookie) = house.session();
    for replica in &replicas {
        assert_eq!(refusal(replica, &cookie).await, None);
    }
    house.idp.revoke_session(&minted.session_id);
    tokio::time::sleep(LATEST).await;
    settle().await;
    for replica in &replicas {
        assert_eq!(refusal(replica, &cookie).await, Some(Reason::SessionRevoked));
    }
    assert!(house.polls().len() <= 6, "one request for each poll of each replica");
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_asked_less_and_less_often_and_told_once() {
    let house = House::new();
    house.idp.fault(Endpoint::Events, Fault::status(503).times(6));
    let began = tokio::time::Instant::now();
    let task = tokio::spawn(poller(&house).run());
    let mut waits = Vec::new();
    for polls in 1..=7 {
        while house.polls().len() < polls {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        waits.push(began.elapsed().as_secs_f64());
    }
    let waits: Vec<f64> = waits.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, full) in waits.iter().zip([5.0, 10.0, 20.0, 40.0, 60.0, 60.0]) {
        assert!((full * 0.74..=full * 1.26 + 0.2).contains(wait), "{waits:?}");
    }
    house.idp.fault(Endpoint::Events, Fault::status(429).header("retry-after", "300"));
    let polls = house.polls().len();
    tokio::time::sleep(Duration::from_secs(290)).await;
    assert_eq!(house.polls().len(), polls + 1, "the API's own wait is kept");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(house.polls().len() > polls + 1);
    let told = |text: &str| ears::heard().matches(text).count();
    assert_eq!((told("do not arrive"), told("arrive again")), (2, 2));
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_failure_counts_and_nothing_is_missed() {
    let house = House::new();
    house.end_sessions(150);
    let mut poller = poller(&house);
    assert!(poller_fails_at_its_second_page(&house, &mut poller).await);
    assert_eq!(house.sealkit.deny_list().len(), 100);
    assert_eq!(poller.poll_once().await.unwrap().applied, 50);
    assert!(house.polls()[2].contains("&after=event_"), "it goes on behind the first page");
}

async fn poller_fails_at_its_second_page(house: &House, poller: &mut EventsPoller) -> bool {
    // The faults of an endpoint come in order; a delay of nothing is the true answer.
    house.idp.fault(Endpoint::Events, Fault::delay(Duration::ZERO));
    house.idp.fault(Endpoint::Events, Fault::cut_connection());
    matches!(poller.poll_once().await.unwrap_err().kind(), ApiErrorKind::Transport(_))
}

#[tokio::test]
async fn an_event_that_nobody_knows_any_more_is_no_dead_end() {
    let house = House::new();
    house.end_sessions(3);
    let mut poller = poller(&house);
    poller.poll_once().await.unwrap();
    house.idp.fault(Endpoint::Events, Fault::status(422));
    assert!(poller.poll_once().await.is_err());
    house.end_sessions(1);
    let polled = poller.poll_once().await.unwrap();
    assert_eq!((polled.applied, polled.passed_over), (1, 3));
    assert!(house.polls()[2].contains("&range_start="));
}

#[tokio::test]
async fn pages_that_are_too_large_become_smaller() {
    let house = House::new();
    house.end_sessions(60);
    house.wire.largest.store(16 * 1024, Ordering::SeqCst);
    let mut poller = poller(&house);
    let mut failures = 0;
    while poller.poll_once().await.is_err() {
        failures += 1;
        assert!(failures < 8, "it must get through");
    }
    assert!(failures > 0);
    assert_eq!(house.sealkit.deny_list().len(), 60);
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_handle_that_made_it() {
    let House { idp, sealkit, wire: _ } = House::new();
    let other = sealkit.clone();
    let task = tokio::spawn(sealkit.events_poller(EventsPollSettings::default()).run());
    drop(sealkit);
    tokio::time::sleep(LATEST).await;
    settle().await;
    assert!(!task.is_finished() && idp.count(Endpoint::Events) >= 2);
    drop(other);
    task.await.unwrap();
}

#[tokio::test]
async fn polls_are_counted_by_what_came_of_them() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let house = House::new();
    let mut poller = poller(&house);
    poller.poll_once().await.unwrap();
    for (fault, outcome) in [
        (Fault::status(401), "api_unauthorized"),
        (Fault::status(429), "rate_limit_exceeded"),
        (Fault::status(500), "server_error"),
        (Fault::status(404), "rejected"),
        (Fault::garbage(), "invalid_response"),
        (Fault::cut_connection(), "network_error"),
    ] {
        house.idp.fault(Endpoint::Events, fault);
        assert!(poller.poll_once().await.is_err(), "{outcome}");
        assert_eq!(seen.count(&format!("sealkit_events_poll_total outcome={outcome}")), 1, "{outcome}");
    }
    assert_eq!(seen.count("sealkit_events_poll_total outcome=ok"), 1);
}

#[tokio::test]
async fn the_api_takes_every_name_that_is_asked_for_in_one_request() {
    let house = House::new();
    house.end_sessions(1);
    assert!(house.idp.delete_user(crate::house::ADA));
    let from = EventsFrom::Time(house.idp.clock().now());
    let page = house.sealkit.api().events(&EVENTS, &from, 100).await.unwrap().into_body();
    let names: Vec<_> = page.events.iter().map(|event| &*event.name).collect();
    let member = "organization_membership.deleted";
    assert_eq!(names, ["session.revoked", member, member, "user.deleted"]);
    assert_eq!(page.after, None);
}
