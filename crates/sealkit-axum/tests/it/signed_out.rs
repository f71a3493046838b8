//! `/logout` holds, although a script asked and nobody follows to WorkOS.

use crate::world::{ADA, Kind, ORIGIN, World, request, send};
use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use sealkit::{
    refresh::CoordinatorFuture,
    revocation::{DenyEntry, DenyListStore, WeakDenyList},
};
use sealkit_axum::Session;
use sealkit_devidp::{Endpoint, MintSession};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn app(world: &World) -> Router {
    let layer = world.layer();
    Router::new()
        .route("/", get(|session: Session| async move { session.user_id().to_owned() }))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer)
}

/// A script of the application's own page, which follows no redirect to another origin.
fn logout(cookie: &str) -> Request<Body> {
    let mut out = request(Kind::FormPost, "/logout", Some(cookie));
    out.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    out.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    out
}

async fn status(app: &Router, cookie: &str) -> StatusCode {
    send(app, request(Kind::Navigation, "/", Some(cookie))).await.status
}

#[tokio::test(start_paused = true)]
async fn signed_out_cookie_does_not_come_back_after_a_day() {
    let world = World::new();
    let app = app(&world);
    let cookie = world.cookie();
    assert_eq!(send(&app, logout(&cookie)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&app, &cookie).await, StatusCode::FOUND);
    // Also before WorkOS has been asked.
    world.idp.advance(DAY + Duration::from_secs(1));
    assert_eq!(
        (status(&app, &cookie).await, world.idp.count(Endpoint::RevokeSession)),
        (StatusCode::FOUND, 0)
    );
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(world.idp.count(Endpoint::RevokeSession), 1);
    world.idp.advance(DAY * 20);
    assert_eq!(status(&app, &cookie).await, StatusCode::FOUND);
}

#[tokio::test(start_paused = true)]
async fn restart_serves_a_signed_out_copy_until_its_token_expires_and_never_after() {
    let world = World::new();
    let cookie = world.cookie();
    assert_eq!(send(&app(&world), logout(&cookie)).await.status, StatusCode::SEE_OTHER);
    assert!(world.sealkit.drain(Duration::from_secs(20)).await);
    let restarted = app(&world.restarted(|builder| builder));
    assert_eq!(status(&restarted, &cookie).await, StatusCode::OK, "nobody can take the token back");
    world.idp.expire_access_tokens();
    for _ in 0..3 {
        assert_eq!(status(&restarted, &cookie).await, StatusCode::FOUND);
        world.idp.advance(DAY);
    }
}

/// Counts what is shared.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl DenyListStore for Counting {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, _: DenyEntry) -> CoordinatorFuture<'_, ()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }

    fn age(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[tokio::test(start_paused = true)]
async fn session_that_is_over_is_not_ended_again_and_again() {
    let base = World::new();
    let store = Arc::new(Counting::default());
    let shared: Arc<dyn DenyListStore> = store.clone();
    let world = base.restarted(|builder| builder.deny_list_store(shared));
    let app = app(&world);
    let (minted, sealed) = world.mint(MintSession::for_user(ADA));
    let cookie = world.line(&sealed);
    world.idp.revoke_session(&minted.session_id);
    world.idp.advance(DAY * 30);
    for _ in 0..300 {
        assert_eq!(send(&app, logout(&cookie)).await.status, StatusCode::SEE_OTHER);
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(store.0.load(Ordering::SeqCst), 1, "entries in the shared store");
    assert_eq!(world.idp.count(Endpoint::RevokeSession), 1, "requests to the API");
}
