//! What one session may take of the memory, and what a refusal proves.

use super::*;

/// How long a success is kept.
const KEPT: u32 = 600;

fn invalid_grant() -> Result<usize, Failure> {
    Err(Failure::new(Reason::InvalidGrant))
}

/// Whether a refusal of this token is confirmed.
async fn confirms(house: &House, session_id: &str, token: &str) -> bool {
    let (_, answer) = house.ask_of(session_id, token, None, invalid_grant()).await;
    assert!(answer.is_refusal());
    answer.confirmed
}

#[tokio::test]
async fn one_session_takes_room_from_itself_only() {
    let house = house(InProcessSettings { max_results: 16, ..InProcessSettings::default() });
    for i in 0..8 {
        house.ask_with(&format!("late_{i}"), None, Ok(0)).await;
    }
    for i in 0..1_000 {
        house.clock.advance(SECOND / 100);
        house.ask_of("busy", &format!("rt_{i}"), None, Ok(0)).await;
        house.ask_of("busy", &format!("refused_{i}"), None, invalid_grant()).await;
        assert!(house.size().results <= 16);
    }
    assert!((0..8).all(|i| house.keeps(&format!("late_{i}"))));
    let kept: Vec<_> = (0..1_000).filter(|i| house.keeps(&format!("rt_{i}"))).collect();
    assert_eq!(kept, [996, 997, 998, 999], "the newest of the chain");
    assert_eq!(house.size().results, 8 + 2 * 4);
}

/// More than a default process of the first release could keep, in one minute.
#[tokio::test]
async fn plain_load_pushes_out_nothing_that_is_needed() {
    let house = house(InProcessSettings::default());
    for i in 0..11_000 {
        house.ask_with(&format!("rt_{i}"), None, Ok(1_000)).await;
    }
    house.clock.advance(SECOND * 60);
    assert!((0..11_000).all(|i| house.keeps(&format!("rt_{i}"))));
}

#[tokio::test]
async fn refusals_push_out_no_success_of_their_session() {
    let house = house(InProcessSettings::default());
    house.ask_of("ada", "rt", None, Ok(0)).await;
    for i in 0..100 {
        house.ask_of("ada", &format!("made up {i}"), None, invalid_grant()).await;
    }
    assert!(house.keeps("rt"));
    assert_eq!(house.size().results, 1 + 4);
}

#[tokio::test]
async fn process_younger_than_results_are_kept_confirms_no_refusal() {
    let house = house(InProcessSettings::default());
    assert!(!confirms(&house, "ada", "rt_1").await);
    house.clock.advance(SECOND * (KEPT - 1));
    assert!(!confirms(&house, "ada", "rt_2").await);
    house.clock.advance(SECOND);
    assert!(confirms(&house, "ada", "rt_3").await);
    assert!(confirms(&house, "ada", "rt_2").await, "one that is remembered counts by what is known now");
}

#[tokio::test]
async fn longer_lives_of_tokens_need_an_older_process() {
    let house = house(InProcessSettings::default());
    let place = CoordinatorSecret::from_api_key(&ApiKey::from("sk")).place("client", &"rt".into());
    let deny_list = DenyList::new(Arc::new(house.clock.clone()), DenyListSettings::default());
    let request = GrantRequest::new(place, deny_list).with_lifetime(SECOND * 3600);
    assert_eq!(request.remembered_for(), SECOND * 7200);
    for (age, known) in [(7199, false), (1, true)] {
        house.clock.advance(SECOND * age);
        let job: GrantJob = Box::new(|| Box::pin(std::future::ready(Err(Reason::InvalidGrant.into()))));
        assert_eq!(house.coordinator.run(request.clone(), job).await.confirmed, known);
    }
}

#[tokio::test]
async fn session_that_lost_a_result_to_newer_ones_has_no_confirmed_refusal() {
    let house = house(InProcessSettings::default());
    house.clock.advance(SECOND * KEPT);
    for i in 0..5 {
        house.ask_of("busy", &format!("rt_{i}"), None, Ok(0)).await;
    }
    assert!(!confirms(&house, "busy", "rt_0").await);
    assert!(confirms(&house, "ada", "rt_of_ada").await, "one session takes nothing from the others");
    house.clock.advance(SECOND * KEPT);
    assert!(confirms(&house, "busy", "rt_9").await);
}

#[tokio::test]
async fn full_memory_confirms_no_refusal_until_what_it_lost_would_be_over() {
    let house = house(InProcessSettings { max_results: 16, ..InProcessSettings::default() });
    house.clock.advance(SECOND * KEPT);
    for i in 0..40 {
        assert!(confirms(&house, &format!("session_{i}"), &format!("refused_{i}")).await, "refusals may go");
    }
    for i in 0..17 {
        house.ask_with(&format!("rt_{i}"), None, Ok(0)).await;
        house.clock.advance(SECOND);
    }
    assert!(!house.keeps("rt_0"));
    assert!(!confirms(&house, "ada", "rt_of_ada").await);
    house.clock.advance(SECOND * KEPT);
    assert!(confirms(&house, "ada", "rt_of_ada").await);
}

#[tokio::test]
async fn result_too_large_to_keep_is_known_to_be_forgotten() {
    let house = house(InProcessSettings::default());
    house.clock.advance(SECOND * KEPT);
    house.ask_of("ada", "rt", None, Ok(LARGEST)).await;
    assert!(!confirms(&house, "ada", "rt").await);
    assert!(confirms(&house, "grace", "rt_of_grace").await);
}
