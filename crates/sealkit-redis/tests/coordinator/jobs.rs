//! The coordinators alone, with grants that do what the test says.

use crate::{
    support::eventually,
    world::{Replica, World},
};
use sealkit::{
    Failure, Reason, RefreshToken,
    refresh::{CoordinatorSecret, GrantJob, GrantRequest, GrantResult, Published, RefreshCoordinator as _},
    revocation::Denial,
    session::AuthResponse,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle};

pub(crate) fn request(replica: &Replica, organization: Option<&str>) -> GrantRequest {
    let secret = CoordinatorSecret::new(b"a secret of the coordinators").unwrap();
    let place = secret.place("client", &RefreshToken::from("rt"));
    GrantRequest::new(place, replica.sealkit.deny_list().clone())
        .with_session(Some("session_1"))
        .with_organization(organization)
}

pub(crate) fn success(access_token: &str) -> GrantResult {
    let body = format!(r#"{{"access_token":"{access_token}","refresh_token":"next"}}"#);
    Ok(Arc::new(AuthResponse::from_json(body.as_bytes()).unwrap()))
}

pub(crate) fn token(published: &Published) -> &str {
    published.result.as_ref().unwrap().access_token().expose_secret()
}

/// A grant that has begun, and ends when it is told how.
pub(crate) struct Grant {
    result: oneshot::Sender<GrantResult>,
    caller: JoinHandle<Published>,
}

impl Grant {
    pub(crate) async fn begin(replica: &Replica, organization: Option<&str>) -> Self {
        let (began, has_begun) = oneshot::channel();
        let (result, receiver) = oneshot::channel();
        let job: GrantJob = Box::new(move || {
            began.send(()).unwrap();
            Box::pin(async move { receiver.await.unwrap() })
        });
        let caller = ask(replica, organization, job);
        has_begun.await.unwrap();
        Self { result, caller }
    }

    pub(crate) async fn end(self, result: GrantResult) -> Published {
        assert!(self.result.send(result).is_ok());
        self.caller.await.unwrap()
    }
}

pub(crate) fn ask(replica: &Replica, organization: Option<&str>, job: GrantJob) -> JoinHandle<Published> {
    let (coordinator, request) = (replica.store.coordinator(), request(replica, organization));
    tokio::spawn(async move { coordinator.run(request, job).await })
}

/// A job that must not run.
pub(crate) fn never() -> GrantJob {
    Box::new(|| panic!("a second grant"))
}

#[tokio::test]
async fn who_waited_gets_a_new_result_and_who_comes_late_a_kept_one() {
    let Some(world) = World::strict().await else { return };
    let (a, b, c) = (world.replica().await, world.replica().await, world.replica().await);
    let grant = Grant::begin(&a, Some("org_1")).await;
    let waiting = ask(&b, None, never());
    let looks = async || -> u64 {
        let stats: String = world.redis.query(&["INFO", "commandstats"]).await.unwrap();
        let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:"));
        line.and_then(|line| line.split(['=', ',']).nth(1)?.parse().ok()).unwrap_or_default()
    };
    eventually("the other waits", async || looks().await >= 4).await;
    let ours = grant.end(success("new")).await;
    let waited = waiting.await.unwrap();
    let late = ask(&c, None, never()).await.unwrap();
    assert_eq!([&ours, &waited, &late].map(|published| published.kept), [false, false, true]);
    for published in [&ours, &waited, &late] {
        assert_eq!((token(published), published.organization_id.as_deref()), ("new", Some("org_1")));
        assert!(published.confirmed);
    }
}

#[tokio::test]
async fn a_result_is_kept_as_long_as_is_asked_and_twice_as_long_as_its_token_lives() {
    let Some(world) = World::strict().await else { return };
    // `iat` and `exp` an hour apart.
    let hour = "e30.eyJpYXQiOjEwMDAsImV4cCI6NDYwMH0.x";
    for (access_token, asked, kept) in [("opaque", 600, 600), (hour, 600, 7200), (hour, 10_000, 10_000)] {
        let a = world.replica().await;
        let request = request(&a, None).with_result_kept(Duration::from_secs(asked));
        let job: GrantJob = Box::new(move || Box::pin(async move { success(access_token) }));
        a.store.coordinator().run(request, job).await.result.unwrap();
        let place = world.places().await.remove(0);
        let left: u64 = world.redis.query(&["PTTL", &place]).await.unwrap();
        assert!(left <= kept * 1000 && left > (kept - 300) * 1000, "{left} ms are left of {kept} s");
        world.redis.flush().await;
    }
}

#[tokio::test]
async fn the_first_result_is_everybodys() {
    let Some(world) = World::strict().await else { return };
    let (a, b, c) = (world.replica().await, world.replica().await, world.replica().await);
    let slow = Grant::begin(&a, None).await;
    world.redis.flush().await;
    let fast = Grant::begin(&b, None).await;
    assert_eq!(token(&fast.end(success("first")).await), "first");
    assert_eq!(token(&slow.end(success("second")).await), "first");
    assert_eq!(token(&ask(&c, None, never()).await.unwrap()), "first");
}

#[tokio::test]
async fn a_refusal_takes_the_place_of_its_own_lease_only() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let first = Grant::begin(&a, Some("org_1")).await;
    world.redis.flush().await;
    let second = Grant::begin(&b, Some("org_1")).await;
    let refused = first.end(Err(Failure::new(Reason::OrganizationNotFound))).await;
    assert!(refused.result.is_err() && !refused.confirmed, "nobody knows what the other comes to");
    assert_eq!(world.stored().await, Some(b'L'));
    assert_eq!(token(&second.end(success("second")).await), "second");
}

#[tokio::test]
async fn a_grant_that_panics_leaves_the_place_to_the_next() {
    let Some(world) = World::strict().await else { return };
    let mut settings = world.settings();
    settings.lease = Duration::from_secs(600);
    let (a, b) = (world.replica_with(settings).await, world.replica().await);
    let job: GrantJob = Box::new(|| Box::pin(async { panic!("as the test says") }));
    let broken = ask(&a, None, job).await.unwrap();
    assert!(broken.result.unwrap_err().is_retryable());
    let next = Grant::begin(&b, None).await;
    assert_eq!(token(&next.end(success("next")).await), "next");
}

#[tokio::test]
async fn refusals_for_several_organizations_stand_side_by_side_until_a_success() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let refused = || Err(Failure::new(Reason::OrganizationNotFound));
    for organization in ["org_1", "org_2"] {
        let published = Grant::begin(&a, Some(organization)).await.end(refused()).await;
        assert!(published.result.is_err() && published.confirmed);
    }
    // A failure that may pass takes nothing away.
    let passing = Grant::begin(&b, Some("org_3")).await.end(Err(Failure::new(Reason::ServerError))).await;
    assert_eq!(passing.result.unwrap_err().reason(), Reason::ServerError);
    for organization in ["org_1", "org_2"] {
        let answer = ask(&b, Some(organization), never()).await.unwrap();
        assert_eq!(answer.result.unwrap_err().reason(), Reason::OrganizationNotFound);
        assert_eq!((answer.kept, answer.organization_id.as_deref()), (true, Some(organization)));
    }
    assert_eq!(token(&Grant::begin(&b, None).await.end(success("new")).await), "new");
    assert_eq!(world.stored().await, Some(b'R'));
}

#[tokio::test]
async fn a_tombstone_alone_ends_a_grant_before_it_begins_and_after_it_is_over() {
    let Some(world) = World::strict().await else { return };
    let (a, b) = (world.replica().await, world.replica().await);
    let grant = Grant::begin(&a, None).await;
    world.redis.query::<()>(&["SET", "sealkit:ended:session_1", "1", "PX", "600000"]).await.unwrap();
    let ended = grant.end(success("too late")).await;
    assert_eq!(ended.result.unwrap_err().reason(), Reason::SessionRevoked);
    assert!(a.sealkit.deny_list().denies_session("session_1"), "this process knows it now");
    let ended = ask(&b, None, never()).await.unwrap();
    assert_eq!(ended.result.unwrap_err().reason(), Reason::SessionRevoked);
    world.redis.flush().await;
    let c = world.replica().await;
    world.redis.query::<()>(&["SET", "sealkit:ended:session_1", "1", "PX", "600000"]).await.unwrap();
    let ended = ask(&c, None, never()).await.unwrap();
    assert_eq!(ended.result.unwrap_err().reason(), Reason::SessionRevoked);
    // The place was not left taken.
    assert_ne!(world.stored().await, Some(b'L'));
}

#[tokio::test]
async fn what_the_store_does_not_say_this_process_knows_itself() {
    let Some(world) = World::strict().await else { return };
    let a = world.replica().await;
    let grant = Grant::begin(&a, None).await;
    world.redis.kill();
    a.sealkit.deny_list().deny(Denial::session("session_1")).await;
    let ended = grant.end(success("too late")).await;
    assert_eq!(ended.result.unwrap_err().reason(), Reason::SessionRevoked);
}
