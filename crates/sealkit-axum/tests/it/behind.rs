//! Refreshing beside the handler: its response carries the cookie if that is ready, and whatever the handler decides wins.

use crate::world::{Kind, Reply, World, request, send};
use axum::{Router, routing::get};
use sealkit::config::RefreshSettings;
use sealkit_axum::{Session, SessionHandle};
use sealkit_devidp::{Endpoint, Fault, MintSession};
use std::time::Duration;

const GRANT: Duration = Duration::from_secs(2);

fn world() -> World {
    World::with(
        |idp| idp.replay_window(Duration::ZERO),
        |config| {
            let mut refresh = RefreshSettings::default();
            refresh.behind = true;
            config.refresh(refresh)
        },
    )
}

/// The time of paused tests: it passes when nobody has anything to do.
async fn longer_than_the_grant() {
    tokio::time::sleep(GRANT * 2).await;
}

fn app(world: &World) -> Router {
    let slow = get(|session: Session| async move {
        longer_than_the_grant().await;
        session.user_id().to_owned()
    });
    let sign_out = get(|handle: SessionHandle, _: Session| async move {
        longer_than_the_grant().await;
        handle.sign_out().await;
    });
    let switch = get(|handle: SessionHandle, _: Session| async move {
        longer_than_the_grant().await;
        let session = handle.switch_organization("org_01JGFNAVYC0MP1LERS00000000").await.unwrap();
        session.organization_id().unwrap().to_owned()
    });
    let (_, other) = world.mint(MintSession::for_user("grace@example.com"));
    let replace = get(move |handle: SessionHandle, _: Session| async move {
        longer_than_the_grant().await;
        handle.replace(other).await.unwrap().user_id().to_owned()
    });
    let fast = |session: Session| async move { session.user_id().to_owned() };
    Router::new()
        .route("/fast", get(fast).post(fast))
        .route("/slow", slow)
        .route("/sign-out", sign_out)
        .route("/switch", switch)
        .route("/replace", replace)
        .layer(world.layer())
}

/// A session in its last minute, and a provider that takes its time.
async fn due() -> (World, Router, String) {
    let world = world();
    let (app, cookie) = (app(&world), world.cookie());
    // So the key set is known.
    assert_eq!(ask(&app, Kind::Fetch, "/fast", &cookie).await.status, 200);
    world.idp.advance(Duration::from_secs(280));
    world.idp.fault(Endpoint::Authenticate, Fault::delay(GRANT).after_effect());
    (world, app, cookie)
}

async fn ask(app: &Router, kind: Kind, path: &str, cookie: &str) -> Reply {
    send(app, request(kind, path, Some(cookie))).await
}

/// The session of the one cookie that was written.
async fn written(world: &World, reply: &Reply) -> sealkit::Session {
    let pair = reply.session_lines()[0].split(';').next().unwrap();
    let value = pair.strip_prefix("wos-session=").unwrap();
    let sealed = sealkit::cookie::decode_value(value).unwrap().into_owned();
    world.sealkit.authenticate(&sealed).await.session().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_response_that_takes_longer_than_the_refresh_carries_the_cookie() {
    let (world, app, cookie) = due().await;
    let reply = ask(&app, Kind::Navigation, "/slow", &cookie).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 1));
    let new = reply.session_lines()[0].split(';').next().unwrap().to_owned();
    assert_ne!(new, cookie);
    world.idp.advance(Duration::from_secs(120));
    assert_eq!(ask(&app, Kind::Fetch, "/fast", &new).await.status, 200);
    assert_eq!(world.grants(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_faster_waits_for_nothing_and_the_next_one_carries_it() {
    let (world, app, cookie) = due().await;
    let begun = tokio::time::Instant::now();
    for kind in [Kind::Navigation, Kind::Head, Kind::Fetch] {
        let reply = ask(&app, kind, "/fast", &cookie).await;
        assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (200, 0), "{kind:?}");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    longer_than_the_grant().await;
    let reply = ask(&app, Kind::Fetch, "/fast", &cookie).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_changes_something_waits_and_what_a_page_is_made_of_does_not_refresh_at_all() {
    let (world, app, cookie) = due().await;
    for kind in [Kind::Image, Kind::Prefetch] {
        let reply = ask(&app, kind, "/slow", &cookie).await;
        assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (200, 0), "{kind:?}");
    }
    assert_eq!(world.grants(), 0);
    let (world, app, cookie) = due().await;
    world.idp.clear_faults(Endpoint::Authenticate);
    let reply = ask(&app, Kind::FormPost, "/fast", &cookie).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_image_refreshes_a_session_that_is_over() {
    let world = world();
    let (app, cookie) = (app(&world), world.expired_cookie());
    let reply = ask(&app, Kind::Image, "/fast", &cookie).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_in_the_handler_wins() {
    let (world, app, cookie) = due().await;
    let reply = ask(&app, Kind::Navigation, "/sign-out", &cookie).await;
    let lines = reply.session_lines();
    assert_eq!((lines.len(), world.grants()), (1, 1));
    assert!(lines[0].contains("Max-Age=0"), "{lines:?}");
    assert_eq!(ask(&app, Kind::Fetch, "/fast", &cookie).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_switch_of_organization_in_the_handler_wins() {
    let (world, app, cookie) = due().await;
    let reply = ask(&app, Kind::Navigation, "/switch", &cookie).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 2));
    assert_eq!(written(&world, &reply).await.organization_id(), Some(reply.body.as_str()));
}

#[tokio::test(start_paused = true)]
async fn another_session_that_the_handler_puts_there_wins() {
    let (world, app, cookie) = due().await;
    let reply = ask(&app, Kind::Navigation, "/replace", &cookie).await;
    assert_eq!((reply.status.as_u16(), reply.session_lines().len(), world.grants()), (200, 1, 1));
    assert_eq!(written(&world, &reply).await.user_id(), reply.body);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_another_request_has_signed_out_meanwhile_is_not_written() {
    let (world, app, cookie) = due().await;
    let slow = {
        let (app, cookie) = (app.clone(), cookie.clone());
        tokio::spawn(async move { ask(&app, Kind::Navigation, "/slow", &cookie).await })
    };
    // The grant is over, the handler is not.
    tokio::time::sleep(GRANT + GRANT / 2).await;
    assert_eq!(world.grants(), 1);
    let value = cookie.strip_prefix("wos-session=").unwrap();
    let sealed = sealkit::cookie::decode_value(value).unwrap().into_owned();
    let id = world.sealkit.authenticate(&sealed).await.session().unwrap().id().to_owned();
    world.sealkit.sign_out(&id, None).await.unwrap();
    let reply = slow.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.session_lines().len()), (200, 0));
}
