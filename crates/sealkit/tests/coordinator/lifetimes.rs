//! What becomes of a grant, and of those who wait for it, when a runtime is missing, goes away or is shut down; and what is
//! measured of it.

use sealkit::{
    Failure, ManualClock, Reason, RefreshToken, UnixMillis,
    refresh::{
        CoordinatorSecret, GrantJob, GrantRequest, GrantResult, InProcessCoordinator, InProcessSettings,
        Published, RefreshCoordinator as _,
    },
    revocation::{Denial, DenyList, DenyListSettings},
    session::AuthResponse,
    telemetry,
};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{runtime::Builder, sync::Notify};

#[path = "../session/recorder.rs"]
mod recorder;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct House {
    coordinator: InProcessCoordinator,
    deny_list: DenyList,
    begun: Arc<AtomicU32>,
    gate: Arc<Notify>,
}

fn house() -> House {
    let clock = Arc::new(ManualClock::new(UnixMillis::from_secs(1_000_000)));
    House {
        coordinator: InProcessCoordinator::new(clock.clone(), InProcessSettings::default()),
        deny_list: DenyList::new(clock, DenyListSettings::default()),
        begun: Arc::default(),
        gate: Arc::default(),
    }
}

fn answer() -> GrantResult {
    // The payload of the token: {"sid":"session_1"}.
    let body = br#"{"access_token":"e30.eyJzaWQiOiJzZXNzaW9uXzEifQ.","refresh_token":"rt_2"}"#;
    Ok(Arc::new(AuthResponse::from_json(body).unwrap()))
}

impl House {
    fn request(&self, session_id: Option<&str>) -> GrantRequest {
        let secret = CoordinatorSecret::new(b"a secret of the tests").unwrap();
        let place = secret.place("client_1", &RefreshToken::from("rt_1"));
        GrantRequest::new(place, self.deny_list.clone()).with_session(session_id)
    }

    /// A grant that waits for the gate, then answers so.
    fn job(&self, answer: GrantResult) -> GrantJob {
        let (begun, gate) = (Arc::clone(&self.begun), Arc::clone(&self.gate));
        Box::new(move || {
            Box::pin(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                gate.notified().await;
                answer
            })
        })
    }

    async fn ask(&self, session_id: Option<&str>) -> Published {
        self.coordinator.run(self.request(session_id), self.job(answer())).await
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::SeqCst)
    }

    fn is_busy(&self) -> bool {
        self.coordinator.knows(self.request(None).key())
    }
}

fn reason(published: &Published) -> Option<Reason> {
    published.result.as_ref().err().map(Failure::reason)
}

#[test]
fn without_a_runtime_nothing_is_sent_and_the_hint_says_why() {
    let house = house();
    let mut asking = pin!(house.ask(None));
    let Poll::Ready(published) = asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("there is nothing to wait for");
    };
    let failure = published.result.unwrap_err();
    assert!(failure.is_retryable() && failure.hint().unwrap().contains("tokio"), "{failure:?}");
    assert_eq!((house.begun(), house.is_busy()), (0, false));
    // Nothing is left of it: the next caller, who has a runtime, gets the session.
    let runtime = Builder::new_current_thread().build().unwrap();
    house.gate.notify_one();
    assert_eq!(reason(&runtime.block_on(house.ask(None))), None);
}

#[test]
fn when_a_runtime_is_dropped_callers_in_others_are_answered_and_may_begin_anew() {
    let house = house();
    let (first, second) = [(); 2].map(|()| Builder::new_current_thread().build().unwrap()).into();
    let gone = house.clone();
    first.block_on(async move {
        tokio::spawn(async move { gone.ask(None).await });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    });
    assert_eq!((house.begun(), house.is_busy()), (1, true));
    let joined = house.clone();
    let joined = second.spawn(async move { joined.ask(None).await });
    second.block_on(tokio::task::yield_now());
    drop(first);
    assert!(!house.is_busy(), "the grant has gone with its runtime");
    let published = second.block_on(joined).unwrap();
    assert_eq!((reason(&published), published.kept), (Some(Reason::ServerError), false));
    house.gate.notify_one();
    assert_eq!(reason(&second.block_on(house.ask(None))), None);
    assert_eq!(house.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_begins_while_a_process_drains_is_waited_for_too() {
    let house = house();
    let first = tokio::spawn({
        let house = house.clone();
        async move { house.ask(None).await }
    });
    tokio::task::yield_now().await;
    let drained = tokio::spawn({
        let house = house.clone();
        async move { house.coordinator.drain(20 * SECOND).await }
    });
    tokio::task::yield_now().await;
    // Another token's grant begins when the drain is on its way, and ends later.
    let secret = CoordinatorSecret::new(b"a secret of the tests").unwrap();
    let other = secret.place("client_1", &RefreshToken::from("rt_of_another"));
    let late: GrantJob = Box::new(|| {
        Box::pin(async {
            tokio::time::sleep(10 * SECOND).await;
            answer()
        })
    });
    let late = tokio::spawn({
        let house = house.clone();
        async move { house.coordinator.run(GrantRequest::new(other, house.deny_list.clone()), late).await }
    });
    tokio::task::yield_now().await;
    house.gate.notify_one();
    assert_eq!(reason(&first.await.unwrap()), None);
    tokio::time::sleep(SECOND).await;
    assert!(!drained.is_finished(), "the second grant is under way");
    assert_eq!(reason(&late.await.unwrap()), None);
    assert!(drained.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_up_in_time_and_says_so() {
    let house = house();
    let waiting = tokio::spawn({
        let house = house.clone();
        async move { house.ask(None).await }
    });
    tokio::task::yield_now().await;
    let begun = tokio::time::Instant::now();
    assert!(!house.coordinator.drain(20 * SECOND).await);
    assert_eq!(begun.elapsed(), 20 * SECOND);
    house.gate.notify_one();
    assert_eq!(reason(&waiting.await.unwrap()), None, "a drain that gives up ends nothing");
    assert!(house.coordinator.drain(Duration::ZERO).await);
}

#[tokio::test]
async fn a_sign_out_wins_for_a_caller_that_did_not_know_its_session() {
    let house = house();
    house.gate.notify_one();
    assert_eq!(reason(&house.ask(None).await), None);
    assert!(house.coordinator.kept_success(&house.request(None)).is_some());
    house.deny_list.deny(Denial::session("session_1")).await;
    assert!(house.coordinator.kept_success(&house.request(None)).is_none());
    assert_eq!(reason(&house.ask(None).await), Some(Reason::SessionRevoked));
    assert_eq!(house.begun(), 1);
}

#[tokio::test]
async fn callers_who_wait_are_on_the_gauge_and_those_who_join_are_counted() {
    let seen = recorder::Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let house = house();
    let waiting = || seen.last(telemetry::REFRESH_WAITERS);
    let mut callers: Vec<_> = (0..3).map(|_| Box::pin(house.ask(None))).collect();
    let mut context = Context::from_waker(Waker::noop());
    for caller in &mut callers {
        assert!(caller.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!((waiting(), seen.count(telemetry::REFRESH_JOINS)), (Some(3.0), 2));
    // One goes away; the others are answered.
    callers.pop();
    assert_eq!(waiting(), Some(2.0));
    house.gate.notify_one();
    for caller in callers {
        assert_eq!(reason(&caller.await), None);
    }
    assert_eq!((waiting(), seen.count(telemetry::REFRESH_JOINS)), (Some(0.0), 2));
    // Who comes late waits for nothing.
    assert!(house.ask(None).await.kept);
    assert_eq!(seen.values(telemetry::REFRESH_WAITERS)[0].1.len(), 6);
}
