//! The coordinator's memory, looked at from inside.

mod bounds;

use super::memory::{LARGEST, MAX_REFUSALS, Size};
use super::*;
use crate::{
    clock::ManualClock,
    refresh::CoordinatorSecret,
    revocation::{DenyList, DenyListSettings},
};
use sealkit_core::{ApiKey, RefreshToken, session::AuthResponse};
use std::sync::atomic::{AtomicU32, Ordering};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    clock: ManualClock,
    coordinator: InProcessCoordinator,
    grants: Arc<AtomicU32>,
}

fn house(settings: InProcessSettings) -> House {
    let clock = ManualClock::new(UnixMillis::from_secs(1_000_000));
    let coordinator = InProcessCoordinator::new(Arc::new(clock.clone()), settings);
    House { clock, coordinator, grants: Arc::default() }
}

impl House {
    /// Asks for `organization`, with a job that is answered like this; how many grants there have been, and the result.
    async fn ask(&self, organization: Option<&str>, answer: Result<(), Reason>) -> (u32, Published) {
        self.ask_with("rt", organization, answer.map(|()| 0).map_err(Failure::new)).await
    }

    /// The same for any token; a success has a member of so many bytes.
    async fn ask_with(
        &self,
        token: &str,
        organization: Option<&str>,
        answer: Result<usize, Failure>,
    ) -> (u32, Published) {
        // A session for each token, unless a test says otherwise.
        self.ask_of(&format!("session of {token}"), token, organization, answer).await
    }

    /// The same in the name of this session.
    async fn ask_of(
        &self,
        session_id: &str,
        token: &str,
        organization: Option<&str>,
        answer: Result<usize, Failure>,
    ) -> (u32, Published) {
        let place = CoordinatorSecret::from_api_key(&ApiKey::from("sk")).place("client", &token.into());
        let deny_list = DenyList::new(Arc::new(self.clock.clone()), DenyListSettings::default());
        let request = GrantRequest::new(place, deny_list)
            .with_session(Some(session_id))
            .with_organization(organization);
        let grants = Arc::clone(&self.grants);
        let job: GrantJob = Box::new(move || {
            grants.fetch_add(1, Ordering::SeqCst);
            let answer = answer.map(|bytes| {
                let fill = "x".repeat(bytes);
                let body = format!(r#"{{"access_token":"a","refresh_token":"r","fill":"{fill}"}}"#);
                Arc::new(AuthResponse::from_json(body.as_bytes()).unwrap())
            });
            Box::pin(std::future::ready(answer))
        });
        let published = self.coordinator.run(request, job).await;
        (self.grants.load(Ordering::SeqCst), published)
    }

    /// True when this token's success is served without another grant.
    fn keeps(&self, token: &str) -> bool {
        let secret = CoordinatorSecret::from_api_key(&ApiKey::from("sk"));
        self.coordinator.knows(&secret.key("client", &RefreshToken::from(token)))
    }

    fn size(&self) -> Size {
        self.coordinator.shared.memory().size()
    }

    fn tokens(&self) -> usize {
        self.coordinator.shared.memory().tokens()
    }
}

#[tokio::test]
async fn a_result_says_whether_it_was_kept_and_what_was_asked() {
    let house = house(InProcessSettings::default());
    let (grants, first) = house.ask(Some("org_1"), Ok(())).await;
    assert_eq!((grants, first.kept, first.organization_id.as_deref()), (1, false, Some("org_1")));
    let (grants, later) = house.ask(None, Ok(())).await;
    assert_eq!((grants, later.kept, later.organization_id.as_deref()), (1, true, Some("org_1")));
}

#[tokio::test]
async fn a_clock_that_is_set_back_prolongs_nothing_that_is_kept() {
    let house = house(InProcessSettings::default());
    let (day, now) = (Duration::from_secs(86_400), house.clock.now());
    house.clock.advance(day);
    house.ask(None, Ok(())).await;
    assert_eq!(house.ask(None, Ok(())).await.0, 1);
    house.clock.set(now);
    let (grants, asked) = house.ask(None, Ok(())).await;
    assert_eq!((grants, asked.kept), (2, false));
}

#[tokio::test]
async fn so_many_refusals_are_remembered_and_a_success_forgets_them() {
    let house = house(InProcessSettings::default());
    let refused = Err(Reason::OrganizationNotFound);
    let name = |i: usize| format!("org_{i}");
    for i in 0..=MAX_REFUSALS {
        house.ask(Some(&name(i)), refused).await;
    }
    for i in 1..=MAX_REFUSALS {
        let (grants, answer) = house.ask(Some(&name(i)), Ok(())).await;
        assert_eq!((grants, answer.kept, answer.result.is_err()), (9, true, true));
    }
    let (grants, answer) = house.ask(Some(&name(0)), Ok(())).await;
    assert_eq!((grants, answer.kept, answer.result.is_ok()), (10, false, true));
    assert!(house.ask(Some(&name(1)), refused).await.1.result.is_ok());
    assert_eq!(house.tokens(), 1);
}

#[tokio::test]
async fn nothing_stays_of_a_failure_that_may_pass() {
    let house = house(InProcessSettings::default());
    house.ask(None, Err(Reason::ServerError)).await;
    assert_eq!((house.tokens(), house.size()), (0, Size::default()));
}

#[tokio::test]
async fn a_clock_that_is_set_back_a_little_takes_nothing_away() {
    let house = house(InProcessSettings::default());
    let now = house.clock.now();
    house.clock.advance(5 * SECOND);
    house.ask(None, Ok(())).await;
    house.clock.set(now);
    let (grants, asked) = house.ask(None, Ok(())).await;
    assert_eq!((grants, asked.kept), (1, true), "a token is not spent twice because of the clock");
}

#[test]
fn a_result_is_kept_twice_as_long_as_its_token_lives_and_as_long_as_is_said() {
    let kept = |claims: &str, at_least: u32| {
        let body = format!(r#"{{"access_token":"e30.{claims}.x","refresh_token":"r"}}"#);
        let response = AuthResponse::from_json(body.as_bytes()).unwrap();
        Published::fresh(Ok(Arc::new(response)), None).keep_for(SECOND * at_least)
    };
    // `iat` and `exp` five minutes, an hour and a year apart, and none.
    let (minutes, hour, year) = (
        "eyJpYXQiOjEwMDAsImV4cCI6MTMwMH0",
        "eyJpYXQiOjEwMDAsImV4cCI6NDYwMH0",
        "eyJpYXQiOjEwMDAsImV4cCI6MzE1MzcwMDB9",
    );
    assert_eq!([kept(minutes, 600), kept(hour, 600)], [SECOND * 600, SECOND * 7200]);
    assert_eq!([kept(minutes, 86_400), kept(year, 600)], [SECOND * 86_400; 2]);
    assert_eq!([kept(minutes, 30), kept("e30", 30)], [SECOND * 600, SECOND * 30]);
    let refusal = Published::fresh(Err(Failure::new(Reason::InvalidGrant)), None);
    assert_eq!(refusal.keep_for(SECOND), SECOND);
}

#[tokio::test]
async fn so_many_results_are_kept_and_the_oldest_go_first() {
    let settings = InProcessSettings { max_results: 16, ..InProcessSettings::default() };
    let house = house(settings);
    let refused = || Err(Failure::new(Reason::OrganizationNotFound));
    for i in 0..17 {
        house.clock.advance(SECOND);
        house.ask_with(&format!("rt_{i}"), None, Ok(0)).await;
    }
    assert_eq!((house.size().results, house.tokens()), (14, 14), "an eighth more than must go");
    assert!(!house.keeps("rt_2") && house.keeps("rt_3") && house.keeps("rt_16"));
    // A flood of refusals takes an eighth of the room from the successes, and no more.
    for i in 0..100 {
        house.clock.advance(SECOND / 100);
        house.ask_with("rt_16", Some(&format!("org_{i}")), refused()).await;
        house.ask_with(&format!("refused_{i}"), None, refused()).await;
        assert!(house.size().results <= 16);
    }
    assert!((5..17).all(|i| house.keeps(&format!("rt_{i}"))));
}

#[tokio::test]
async fn so_many_bytes_are_kept_and_no_more() {
    let settings = InProcessSettings { max_bytes: 100_000, ..InProcessSettings::default() };
    let house = house(settings);
    for i in 0..40 {
        house.clock.advance(SECOND);
        let (grants, answer) = house.ask_with(&format!("rt_{i}"), None, Ok(10_000)).await;
        assert_eq!((grants, answer.result.is_ok()), (i + 1, true));
        assert!(house.size().bytes <= 100_000, "{:?}", house.size());
        assert!(house.keeps(&format!("rt_{i}")), "the newest is kept");
    }
    assert!((7..=9).contains(&house.size().results), "{:?}", house.size());
}

#[tokio::test]
async fn what_is_too_large_for_any_cookie_is_given_and_not_kept() {
    let house = house(InProcessSettings::default());
    let (_, answer) = house.ask_with("rt", None, Ok(LARGEST)).await;
    assert!(answer.result.is_ok());
    let mut step_up = sealkit_core::StepUp::default();
    step_up.connection_ids = vec!["x".repeat(LARGEST); 2];
    let refusal = Failure::new(Reason::SsoRequired).with_step_up(step_up);
    let (_, answer) = house.ask_with("rt", None, Err(refusal)).await;
    assert_eq!(answer.result.unwrap_err().reason(), Reason::SsoRequired);
    assert_eq!((house.tokens(), house.size()), (0, Size::default()));
}

#[tokio::test]
async fn what_is_over_is_let_go_although_nobody_needs_its_room() {
    let house = house(InProcessSettings::default());
    for i in 0..10 {
        house.ask_with(&format!("rt_{i}"), None, Ok(100)).await;
    }
    let before = house.size();
    assert_eq!(before.results, 10);
    house.clock.advance(600 * SECOND);
    house.ask_with("rt_new", None, Ok(100)).await;
    assert_eq!((house.size().results, house.tokens()), (1, 1));
    assert!(house.size().bytes < before.bytes / 9);
}

#[tokio::test]
async fn memory_is_counted_right_whatever_comes_and_goes() {
    let settings = InProcessSettings { max_results: 20, max_bytes: 30_000, ..InProcessSettings::default() };
    let house = house(settings);
    let mut seed = 7_u64;
    for _ in 0..5000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (token, kind, step) = ((seed >> 33) % 60, (seed >> 40) % 7, (seed >> 45) % 40);
        let organization = format!("org_{}", (seed >> 50) % 12);
        let answer = match kind {
            0..=2 => Ok(usize::try_from((seed >> 20) % 5000).unwrap()),
            3 => Err(Failure::new(Reason::ServerError)),
            _ => Err(Failure::new(Reason::OrganizationNotFound).with_hint("x".repeat(100))),
        };
        house.ask_with(&format!("rt_{token}"), Some(&organization), answer).await;
        house.clock.advance(SECOND * u32::try_from(step).unwrap());
        let memory = house.coordinator.shared.memory();
        assert_eq!(memory.size(), memory.counted());
        assert_eq!(memory.in_chains(), memory.tokens());
        assert!(memory.size().results <= 20 && memory.size().bytes <= 30_000);
        assert_eq!(memory.count_running(), 0);
    }
}

#[tokio::test]
async fn too_many_grants_at_once_are_a_failure_that_may_pass_and_joining_is_always_possible() {
    let settings = InProcessSettings { max_running: 2, ..InProcessSettings::default() };
    let house = house(settings);
    let ask = |token: &'static str| house.ask_with(token, None, Ok(0));
    let (one, two, joined, over) = tokio::join!(ask("rt_1"), ask("rt_2"), ask("rt_1"), ask("rt_3"));
    assert!([one, two, joined].iter().all(|(_, answer)| answer.result.is_ok()));
    let failure = over.1.result.unwrap_err();
    assert_eq!((failure.reason(), failure.retry_after()), (Reason::ServerError, Some(SECOND)));
    assert!(failure.is_retryable());
    assert!(ask("rt_3").await.1.result.is_ok());
}
