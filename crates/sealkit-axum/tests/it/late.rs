//! A response that goes out late, after another has gone on from the session that it would store.

use crate::world::{Kind, Reply, World, request, send};
use axum::{Router, routing::get};
use sealkit_axum::{Session, SessionHandle};
use sealkit_devidp::MintSession;
use std::time::Duration;

const ANALYTICAL: &str = "org_01JGFANALYT1CALENG1NES0000";
const NAVY: &str = "org_01JGFNAVYC0MP1LERS00000000";
const LATE: Duration = Duration::from_secs(10);

fn app(world: &World) -> Router {
    let late = get(|session: Session| async move {
        tokio::time::sleep(LATE).await;
        session.organization_id().unwrap_or_default().to_owned()
    });
    let switch = get(|handle: SessionHandle, _: Session| async move {
        let session = handle.switch_organization(NAVY).await.unwrap();
        session.organization_id().unwrap_or_default().to_owned()
    });
    let now = get(|session: Session| async move { session.organization_id().unwrap_or_default().to_owned() });
    Router::new().route("/late", late).route("/switch", switch).route("/now", now).layer(world.layer())
}

async fn ask(app: &Router, path: &str, cookie: &str) -> Reply {
    send(app, request(Kind::Navigation, path, Some(cookie))).await
}

fn cookie_of(reply: &Reply) -> String {
    reply.session_lines()[0].split(';').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_cookie_of_a_late_response_never_replaces_the_one_that_came_of_it() {
    let world = World::with(|idp| idp.replay_window(Duration::ZERO), |config| config);
    let app = app(&world);
    let session = MintSession::for_user("ada@example.com").organization(ANALYTICAL).expired();
    let cookie = world.cookie_of(session);
    let (late, switched) = tokio::join!(ask(&app, "/late", &cookie), ask(&app, "/switch", &cookie));
    assert_eq!((switched.body.as_str(), switched.session_lines().len()), (NAVY, 1));
    assert_eq!((late.body.as_str(), late.session_lines().len()), (ANALYTICAL, 0), "served, and not stored");
    assert_eq!(ask(&app, "/now", &cookie_of(&switched)).await.body, NAVY);
    // A browser that never got the other response still holds the old cookie, which leads on.
    let again = ask(&app, "/now", &cookie).await;
    assert_eq!((again.status.as_u16(), again.session_lines().len(), world.grants()), (200, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_late_response_that_nobody_went_on_from_carries_its_cookie() {
    let world = World::with(|idp| idp.replay_window(Duration::ZERO), |config| config);
    let app = app(&world);
    let cookie = world.cookie_of(MintSession::for_user("ada@example.com").organization(ANALYTICAL).expired());
    let late = ask(&app, "/late", &cookie).await;
    assert_eq!((late.status.as_u16(), late.session_lines().len(), world.grants()), (200, 1, 1));
    assert_eq!(ask(&app, "/now", &cookie_of(&late)).await.body, ANALYTICAL);
}
