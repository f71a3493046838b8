//! No answer that depends on a session is cached, and no other answer is touched.

use crate::world::{Kind, World, request, send};
use axum::{Router, routing::get};
use http::header;
use sealkit_axum::{PubliclyCacheable, Session};

const LONG: &str = "public, max-age=31536000, immutable";

fn app(world: &World) -> Router {
    Router::new()
        .route("/unread", get(|| async { ([(header::CACHE_CONTROL, LONG)], "same for all") }))
        .route(
            "/read",
            get(|_: Option<Session>| async {
                ([(header::CACHE_CONTROL, LONG), (header::VARY, "Accept-Encoding")], "yours")
            }),
        )
        .route(
            "/opted-out",
            get(|_: Option<Session>| async {
                (PubliclyCacheable, [(header::CACHE_CONTROL, LONG)], "same for all")
            }),
        )
        .layer(world.layer().optional())
}

#[tokio::test]
async fn an_answer_that_read_the_session_is_private_whether_there_was_one_or_not() {
    let world = World::new();
    let app = app(&world);
    for cookie in [None, Some(world.cookie()), Some(world.expired_cookie()), Some("wos-session=x".to_owned())]
    {
        let reply = send(&app, request(Kind::Navigation, "/read", cookie.as_deref())).await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("cache-control"),
            Some("private, no-cache, no-store, must-revalidate, max-age=0"),
            "{cookie:?}"
        );
        assert_eq!(reply.header("vary"), Some("Accept-Encoding, Cookie"));
    }
}

#[tokio::test]
async fn an_answer_that_did_not_is_left_alone() {
    let world = World::new();
    let reply = send(&app(&world), request(Kind::Navigation, "/unread", Some(&world.expired_cookie()))).await;
    assert_eq!((reply.header("cache-control"), reply.header("vary")), (Some(LONG), None));
    assert_eq!(reply.session_lines().len(), 0);
}

#[tokio::test]
async fn vary_names_authorization_when_the_request_had_it() {
    let world = World::new();
    let mut request = request(Kind::Fetch, "/read", None);
    request.headers_mut().insert(header::AUTHORIZATION, "Bearer x".parse().unwrap());
    assert_eq!(
        send(&app(&world), request).await.header("vary"),
        Some("Accept-Encoding, Cookie, Authorization")
    );
}

#[tokio::test]
async fn the_opt_out_holds_until_there_is_a_cookie_to_write() {
    let world = World::new();
    let app = app(&world);
    let reply = send(&app, request(Kind::Navigation, "/opted-out", Some(&world.cookie()))).await;
    assert_eq!(reply.header("cache-control"), Some(LONG));
    let reply = send(&app, request(Kind::Navigation, "/opted-out", Some(&world.expired_cookie()))).await;
    assert_eq!(reply.session_lines().len(), 1);
    assert!(reply.is_uncacheable());
}
