//! Many requests at once, one session.

use crate::world::{Kind, World, request, send};
use axum::{Router, routing::get};
use sealkit_axum::Session;
use sealkit_devidp::{Endpoint, Fault};
use std::{collections::BTreeSet, time::Duration};

fn app(world: &World) -> Router {
    Router::new()
        .route("/page", get(|session: Session| async move { session.user_id().to_owned() }))
        .layer(world.layer())
}

#[tokio::test(start_paused = true)]
async fn fifty_requests_with_one_expired_cookie_cost_one_grant_and_all_succeed() {
    let world = World::with(|idp| idp.replay_window(Duration::ZERO), |config| config);
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_millis(200)));
    let (app, cookie) = (app(&world), world.expired_cookie());
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let (app, cookie) = (app.clone(), cookie.clone());
            tokio::spawn(async move { send(&app, request(Kind::Fetch, "/page", Some(&cookie))).await })
        })
        .collect();
    let mut tokens = BTreeSet::new();
    for reply in requests {
        let reply = reply.await.unwrap();
        assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (200, 1));
        let line = reply.session_lines()[0].split(';').next().unwrap().to_owned();
        let value = line.strip_prefix("wos-session=").unwrap().to_owned();
        let value = sealkit::cookie::decode_value(&value).unwrap().into_owned();
        let (unsealed, _) = world.sealkit.unseal(&value).unwrap();
        tokens.insert(unsealed.access_token().to_owned());
    }
    assert_eq!((world.grants(), tokens.len()), (1, 1));
    // A minute later the answer with the new cookie has got lost: the old one still leads to it.
    world.idp.advance(Duration::from_secs(60));
    let late = send(&app, request(Kind::Fetch, "/page", Some(&cookie))).await;
    assert_eq!((late.status.as_u16(), late.session_lines().len(), world.grants()), (200, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_no_refresh() {
    let world = World::with(|idp| idp.replay_window(Duration::ZERO), |config| config);
    world.idp.fault(Endpoint::Authenticate, Fault::delay(Duration::from_secs(1)));
    let (app, cookie) = (app(&world), world.expired_cookie());
    let gone = send(&app, request(Kind::Fetch, "/page", Some(&cookie)));
    assert!(tokio::time::timeout(Duration::from_millis(100), gone).await.is_err());
    let reply = send(&app, request(Kind::Fetch, "/page", Some(&cookie))).await;
    assert_eq!((reply.status.as_u16(), world.grants()), (200, 1));
}

#[tokio::test]
async fn a_prefetch_starts_no_refresh_even_ahead_of_the_end() {
    let world = World::new();
    let (app, cookie) = (app(&world), world.cookie());
    // 300 s of life, so the last minute is near its end.
    world.idp.advance(Duration::from_secs(280));
    let reply = send(&app, request(Kind::Prefetch, "/page", Some(&cookie))).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 0, 0));
    let reply = send(&app, request(Kind::Fetch, "/page", Some(&cookie))).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 1));
}
