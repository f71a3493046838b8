//! A sign-out holds until the refresh token cannot be used any more, whatever the browser does and however long it waits.

use crate::support::{ADA, World, new_cookie, session, settle};
use sealkit::{
    Outcome, Resolve, Sealkit, UnixMillis,
    refresh::CoordinatorFuture,
    revocation::{Denial, DenyEntry, DenyListStore, WeakDenyList},
};
use sealkit_devidp::MintSession;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

async fn navigate(sealkit: &Sealkit, sealed: &str) -> Outcome {
    sealkit.resolve([sealed.into()], Resolve::new(true, true)).await
}

/// A session of Ada's: its id and its cookie.
fn ada(world: &World) -> (String, String) {
    let minted = world.mint(MintSession::for_user(ADA));
    let sealed = world.seal(&minted);
    (minted.session_id, sealed)
}

#[tokio::test(start_paused = true)]
async fn copy_of_a_signed_out_cookie_stays_out_after_a_day() {
    let world = World::new();
    let (id, sealed) = ada(&world);
    session(&world.resolve(&sealed).await);
    // The browser never follows the redirect.
    world.sealkit.sign_out(&id, None).await.unwrap();
    assert!(navigate(&world.sealkit, &sealed).await.session().is_none());
    for days in [1, 2, 29] {
        world.pass(DAY * days + SECOND).await;
        settle().await;
        let outcome = navigate(&world.sealkit, &sealed).await;
        assert!(outcome.session().is_none(), "after {days} more days: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn restarted_process_serves_a_copy_until_its_token_expires() {
    let world = World::new();
    let (id, sealed) = ada(&world);
    world.sealkit.sign_out(&id, None).await.unwrap();
    assert!(world.sealkit.drain(20 * SECOND).await);
    // Without a store, the memory of the first process is gone with it.
    let restarted = world.another(|config| config);
    session(&navigate(&restarted, &sealed).await);
    world.pass(301 * SECOND).await;
    for _ in 0..3 {
        assert!(navigate(&restarted, &sealed).await.session().is_none(), "its token has expired");
        world.pass(DAY).await;
    }
}

/// Counts what is shared.
#[derive(Debug, Default)]
struct Counting(Mutex<Vec<DenyEntry>>);

impl DenyListStore for Counting {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, entry: DenyEntry) -> CoordinatorFuture<'_, ()> {
        self.0.lock().unwrap().push(entry);
        Box::pin(std::future::ready(()))
    }

    fn age(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_sign_out_of_an_old_cookie_is_shared_once_in_half_a_day() {
    let world = World::new();
    let (id, sealed) = ada(&world);
    world.idp.revoke_session(&id);
    world.pass(30 * DAY).await;
    let store = Arc::new(Counting::default());
    let shared: Arc<dyn DenyListStore> = store.clone();
    let sealkit = world.builder().deny_list_store(shared).build().unwrap();
    for _ in 0..300 {
        sealkit.sign_out(&id, None).await.unwrap();
        world.pass(SECOND).await;
    }
    assert_eq!(store.0.lock().unwrap().len(), 1);
    for _ in 0..25 {
        world.pass(Duration::from_secs(3600)).await;
        sealkit.sign_out(&id, None).await.unwrap();
    }
    assert_eq!(
        store.0.lock().unwrap().len(),
        3,
        "it is said again while it is denied, not before half of the time"
    );
    assert!(navigate(&sealkit, &sealed).await.session().is_none());
}

#[tokio::test(start_paused = true)]
async fn sessions_that_others_deny_take_no_denial_away() {
    let world = World::new();
    let (id, sealed) = ada(&world);
    let user = world.user_id(ADA);
    let list = world.sealkit.deny_list();
    let now = world.now();
    list.deny(Denial::session(&*id)).await;
    list.deny(Denial::user(user.as_str(), now)).await;
    let end = UnixMillis::from_millis(u64::MAX);
    for number in 0..260_000_u32 {
        list.apply(DenyEntry::new(Denial::session(format!("x{number}")), end));
        if number < 1_000 {
            list.apply(DenyEntry::new(Denial::user(format!("y{number}"), now), end));
        }
    }
    assert!(list.denies_session(&id));
    assert!(navigate(&world.sealkit, &sealed).await.session().is_none());
    assert!(list.entries().contains(&DenyEntry::new(Denial::user(user, now), now.saturating_add(DAY))));
}

#[tokio::test(start_paused = true)]
async fn refreshed_cookie_of_a_signed_out_session_stays_out() {
    let world = World::new();
    let (id, sealed) = ada(&world);
    world.pass(290 * SECOND).await;
    let newer = new_cookie(&world.resolve(&sealed).await);
    world.sealkit.sign_out(&id, None).await.unwrap();
    world.pass(DAY + SECOND).await;
    settle().await;
    for cookie in [&sealed, &newer] {
        assert!(navigate(&world.sealkit, cookie).await.session().is_none());
    }
}
