//! Pages of other origins: forms that they post and WebSockets that they open, with the user's cookie.

use crate::world::{Kind, World, request, send};
use axum::{Router, body::Body, routing::get};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use sealkit_axum::{Session, SessionHandle};
use url::Url;

fn https() -> World {
    World::with(|idp| idp, |config| config.redirect_uri("https://app.test/callback"))
}

#[tokio::test]
async fn http_page_cannot_post_to_https_routes() {
    let world = https();
    let layer = world.layer();
    let app = Router::new().merge(sealkit_axum::routes(&layer)).layer(layer);
    for path in ["/logout", "/switch-organization"] {
        for (origin, accepted) in [
            ("https://app.test", true),
            ("http://app.test", false),
            ("https://app.test:8443", false),
            ("https://user@app.test", false),
            ("https://app.test/page", false),
            ("https://app.test.", false),
            ("null", false),
        ] {
            let post = Request::builder().method("POST").uri(path).header("host", "app.test");
            let post = post.header("origin", origin).header("cookie", world.cookie());
            let reply = send(&app, post.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.status != StatusCode::FORBIDDEN, accepted, "{path} {origin}: {}", reply.status);
        }
    }
}

fn handshake(world: &World, lines: &[(&'static str, &'static str)]) -> Request<Body> {
    let mut handshake = request(Kind::WebSocket, "/ws", Some(&world.cookie()));
    // Browsers say the mode only where they also say the site.
    handshake.headers_mut().remove("sec-fetch-mode");
    for (name, value) in lines {
        handshake.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    handshake
}

/// Handshakes of pages elsewhere, as browsers with and without `Sec-Fetch-Site` send them to `http://localhost:3000`.
const FOREIGN: [&[(&str, &str)]; 7] = [
    &[("origin", "https://evil.test"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "websocket")],
    &[
        ("origin", "https://evil.localhost:3000"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-mode", "websocket"),
    ],
    &[("origin", "https://evil.test")],
    &[("origin", "http://evil.localhost:3000")],
    &[("origin", "http://localhost:3001")],
    &[("origin", "null")],
    &[("origin", "http://localhost:3000"), ("origin", "http://localhost:3000")],
];

const OWN: [&[(&str, &str)]; 3] = [
    &[
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "websocket"),
    ],
    &[("origin", "http://localhost:3000")],
    // Not a browser.
    &[],
];

#[tokio::test]
async fn foreign_websocket_handshake_is_rejected() {
    let world = World::new();
    let user = |session: Session| async move { session.user_id().to_owned() };
    let app = Router::new().route("/ws", get(user)).layer(world.layer());
    for lines in FOREIGN {
        let reply = send(&app, handshake(&world, lines)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{lines:?}");
        assert_eq!(reply.json()["error"], "forbidden", "{lines:?}");
        assert!(reply.set_cookies().is_empty() && reply.is_uncacheable(), "{reply:?}");
    }
    for lines in OWN {
        let reply = send(&app, handshake(&world, lines)).await;
        assert_eq!(reply.status, StatusCode::OK, "{lines:?}");
    }
    assert_eq!(world.grants(), 0);
}

#[tokio::test]
async fn foreign_handshake_starts_no_refresh() {
    let world = World::new();
    let app = Router::new().route("/ws", get(|_: Session| async {})).layer(world.layer());
    let expired = world.expired_cookie();
    let mut handshake = handshake(&world, FOREIGN[0]);
    handshake.headers_mut().insert("cookie", expired.parse().unwrap());
    assert_eq!(send(&app, handshake).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.grants(), 0);
}

#[tokio::test]
async fn foreign_handshake_on_public_path_is_anonymous() {
    let world = World::new();
    let user = |session: SessionHandle| async move {
        session
            .session()
            .await
            .map_or_else(|_| "anonymous".to_owned(), |session| session.user_id().to_owned())
    };
    let routes = Router::new().route("/ws", get(user));
    let public = routes.clone().layer(world.layer().public(["GET /ws"]).unwrap());
    let optional = routes.layer(world.layer().optional());
    for app in [public, optional] {
        for lines in FOREIGN {
            let reply = send(&app, handshake(&world, lines)).await;
            assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "anonymous"), "{lines:?}");
        }
        for lines in OWN {
            let reply = send(&app, handshake(&world, lines)).await;
            assert!(reply.body.starts_with("user_"), "{lines:?}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn named_origin_may_open_sockets() {
    let world = World::new();
    let origin = Url::parse("https://evil.test/any/path").unwrap();
    let layer = world.layer().socket_origins([origin]);
    let app = Router::new()
        .route("/ws", get(|_: Session| async {}))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer);
    assert_eq!(send(&app, handshake(&world, FOREIGN[0])).await.status, StatusCode::OK);
    assert_eq!(send(&app, handshake(&world, FOREIGN[1])).await.status, StatusCode::FORBIDDEN);
    let mut post = request(Kind::FormPost, "/logout", Some(&world.cookie()));
    post.headers_mut().insert("origin", HeaderValue::from_static("https://evil.test"));
    assert_eq!(send(&app, post).await.status, StatusCode::FORBIDDEN, "sockets only");
}

/// Some proxies add `Upgrade` to every request that they pass on.
#[tokio::test]
async fn link_with_upgrade_header_is_not_a_handshake() {
    let world = World::new();
    let app = Router::new().route("/", get(|_: Session| async {})).layer(world.layer());
    let mut link = request(Kind::Navigation, "/", Some(&world.cookie()));
    link.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    link.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
    assert_eq!(send(&app, link).await.status, StatusCode::OK);
}
