//! A hundred thousand pairs of sessions at once: nobody is ever given a byte of another session.

use sealkit::{
    ManualClock, RefreshToken, UnixMillis,
    refresh::{
        CoordinatorSecret, GrantJob, GrantRequest, InProcessCoordinator, InProcessSettings, Place,
        RefreshCoordinator as _,
    },
    revocation::{DenyList, DenyListSettings},
    session::AuthResponse,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::task::{JoinSet, yield_now};

const PAIRS: u64 = 100_000;

/// Pairs that are on their way together.
const WAVE: u64 = 500;

/// Enough chance for schedules, and the same in every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[derive(Clone)]
struct House {
    secret: CoordinatorSecret,
    deny_list: DenyList,
    coordinator: InProcessCoordinator,
    grants: Arc<AtomicU64>,
    answers: Arc<AtomicU64>,
}

/// One session of a pair. Everything in its answers names it.
struct Mine {
    house: House,
    id: u64,
    place: Place,
}

impl Mine {
    fn new(house: &House, id: u64) -> Self {
        let place = house.secret.place("client_1", &RefreshToken::from(format!("rt_{id}_0")));
        Self { house: house.clone(), id, place }
    }

    /// The only answer that a caller of this session may be given, after so many refreshes and for this organization.
    fn body(&self, generation: u32, organization: Option<&str>) -> String {
        let id = self.id;
        let organization = organization.unwrap_or("none");
        format!(
            r#"{{"user":{{"id":"user_{id}","email":"{id}@example.com"}},"organization_id":"org_{id}_{organization}","access_token":"head.sid_session_{id}.sign","refresh_token":"rt_{id}_{generation}","sealed":"{id}"}}"#
        )
    }

    fn job(&self, generation: u32, organization: Option<&'static str>, yields: u64) -> GrantJob {
        let (body, grants) = (self.body(generation, organization), Arc::clone(&self.house.grants));
        Box::new(move || {
            Box::pin(async move {
                grants.fetch_add(1, Ordering::Relaxed);
                for _ in 0..yields {
                    yield_now().await;
                }
                Ok(Arc::new(AuthResponse::from_json(body.as_bytes()).unwrap()))
            })
        })
    }

    /// Asks, and looks at every byte of the answer. The organization that it is for.
    async fn ask(
        &self,
        place: &Place,
        generation: u32,
        organization: Option<&'static str>,
        yields: u64,
    ) -> Option<Arc<str>> {
        let session_id = format!("session_{}", self.id);
        let request = GrantRequest::new(place.clone(), self.house.deny_list.clone())
            .with_session(Some(&session_id))
            .with_organization(organization);
        let published = self.house.coordinator.run(request, self.job(generation, organization, yields)).await;
        let response = published.result.unwrap();
        let expected = self.body(generation, published.organization_id.as_deref());
        assert_eq!(*response.to_json(), expected, "a byte of somebody else's");
        assert_eq!(response.refresh_token().expose_secret(), format!("rt_{}_{generation}", self.id));
        assert!(response.access_token().expose_secret().contains(&session_id));
        self.house.answers.fetch_add(1, Ordering::Relaxed);
        published.organization_id
    }

    /// A caller who comes after a while, and goes on with the successor's token when the answer is for another organization.
    async fn caller(&self, organization: Option<&'static str>, delay: u64, yields: u64) {
        for _ in 0..delay {
            yield_now().await;
        }
        let given = self.ask(&self.place, 1, organization, yields).await;
        if organization.is_some() && given.as_deref() != organization {
            let successor = RefreshToken::from(format!("rt_{}_1", self.id));
            let place = self.house.secret.place("client_1", &successor);
            self.ask(&place, 2, organization, yields).await;
        }
    }
}

/// Two sessions with two callers each, in an order that chance makes.
async fn pair(house: House, number: u64) {
    let (one, other) = (Mine::new(&house, 2 * number), Mine::new(&house, 2 * number + 1));
    let mut chance = Chance(number);
    let mut caller = || {
        let organization = match chance.below(10) {
            0 => Some("a"),
            1 => Some("b"),
            _ => None,
        };
        let late = if chance.below(4) == 0 { 12 } else { 0 };
        (organization, late + chance.below(4), chance.below(4))
    };
    let callers: [_; 4] = std::array::from_fn(|_| caller());
    let come =
        async |mine: &Mine, (organization, delay, yields)| mine.caller(organization, delay, yields).await;
    tokio::join!(
        come(&one, callers[0]),
        come(&other, callers[1]),
        come(&one, callers[2]),
        come(&other, callers[3]),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_thousand_pairs_of_sessions_never_exchange_a_byte() {
    let clock = Arc::new(ManualClock::new(UnixMillis::from_secs(1_000_000)));
    let house = House {
        secret: CoordinatorSecret::new(b"a secret of the tests").unwrap(),
        deny_list: DenyList::new(clock.clone(), DenyListSettings::default()),
        coordinator: InProcessCoordinator::new(clock, InProcessSettings::default()),
        grants: Arc::default(),
        answers: Arc::default(),
    };
    let mut pairs = JoinSet::new();
    for number in 0..PAIRS {
        if number >= WAVE {
            pairs.join_next().await.unwrap().unwrap();
        }
        pairs.spawn(pair(house.clone(), number));
    }
    while let Some(done) = pairs.join_next().await {
        done.unwrap();
    }
    let (grants, answers) = (house.grants.load(Ordering::Relaxed), house.answers.load(Ordering::Relaxed));
    println!("{PAIRS} pairs, {answers} answers of {grants} grants");
    assert!(answers >= 4 * PAIRS, "every caller was answered");
    assert!(grants >= 2 * PAIRS && grants < answers, "grants were shared, and only within a session");
    assert!(house.coordinator.drain(std::time::Duration::ZERO).await);
}
