//! The log says why, and nothing that is secret.

use crate::{
    log::Log,
    world::{ADA, Browser, Kind, PASSWORD, World, request, send},
};
use axum::{Router, routing::get};
use sealkit_axum::Session;
use sealkit_devidp::{Endpoint, Fault, MintSession};
use url::Url;

#[tokio::test(start_paused = true)]
async fn no_token_cookie_code_state_or_password_is_logged_at_any_level() {
    let (log, _listening) = Log::listen();

    let world = World::new();
    let app = Router::new()
        .route("/me", get(|session: Session| async move { session.user_id().to_owned() }))
        .merge(sealkit_axum::routes(&world.layer()))
        .layer(world.layer());
    let mut secrets = vec![PASSWORD.to_owned(), world.idp.api_key().expose_secret().to_owned()];
    let mut browser = Browser::new(&world, &app);
    let start = browser.go("/me?token=in-the-query").await;
    secrets.extend(
        Url::parse(start.location())
            .unwrap()
            .query_pairs()
            .filter(|(name, _)| name == "state")
            .map(|(_, v)| v.into_owned()),
    );
    let back = browser.at_provider(start.location()).await;
    secrets.extend(
        Url::parse("http://x")
            .unwrap()
            .join(&back)
            .unwrap()
            .query_pairs()
            .filter(|(name, _)| name == "code")
            .map(|(_, v)| v.into_owned()),
    );
    browser.go(&back).await;
    secrets.extend(browser.jar.values().cloned());
    world.idp.expire_access_tokens();
    browser.go("/me").await;
    secrets.extend(browser.jar.values().cloned());
    browser.go(&back).await;
    browser.post("/logout", "", &[]).await;
    let (minted, sealed) = world.mint(MintSession::for_user(ADA).expired());
    secrets.extend([
        minted.access_token.clone(),
        minted.refresh_token.clone(),
        sealed.expose_secret().to_owned(),
    ]);
    for fault in [Fault::status(401), Fault::status(503).always()] {
        world.idp.fault(Endpoint::Authenticate, fault);
        send(&app, request(Kind::Fetch, "/me", Some(&world.expired_cookie()))).await;
    }
    world.idp.clear_faults(Endpoint::Authenticate);
    send(&app, request(Kind::Fetch, "/me", Some(&world.line(&sealed)))).await;
    send(&app, request(Kind::Fetch, "/me", Some("wos-session=broken-value"))).await;
    secrets.extend(["in-the-query".to_owned(), "broken-value".to_owned()]);

    let text = log.text();
    for expected in ["reason=no_session_cookie_provided", "reason=api_unauthorized", "reason=server_error"] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(secrets.len() >= 10);
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in\n{text}");
    }
}

/// What an operator is told while `during` runs, debugging aside.
async fn logged(during: impl Future<Output = ()>) -> String {
    let (log, _listening) = Log::listen();
    during.await;
    let told = |line: &&str| [" ERROR ", " WARN ", " INFO "].iter().any(|level| line.contains(level));
    log.text().lines().filter(told).collect()
}

#[tokio::test]
async fn a_layer_that_can_sign_nobody_in_says_so_when_it_is_made() {
    let config = sealkit::Config::builder()
        .client_id("client_01JGFSEALK1TTEST0000000000")
        .api_key("sk_test_0123456789")
        .cookie_password(PASSWORD);
    let sealkit = sealkit::Sealkit::builder(config.build().unwrap()).build().unwrap();
    let text = logged(async { drop(sealkit_axum::SessionLayer::new(sealkit)) }).await;
    assert!(text.contains("ERROR") && text.contains("WORKOS_REDIRECT_URI"), "{text}");
    let world = World::new();
    assert_eq!(logged(async { drop(world.layer()) }).await, "");
}

#[tokio::test]
async fn nested_routes_are_told_of() {
    let world = World::new();
    let layer = world.layer().optional();
    let app = Router::new().nest("/auth", sealkit_axum::routes(&layer)).layer(layer);
    for path in ["/callback?code=x&state=y", "/auth/login"] {
        let text = logged(async {
            send(&app, request(Kind::Navigation, path, None)).await;
        });
        let text = text.await;
        assert!(text.contains("ERROR") && text.contains("`Paths`"), "{path}: {text}");
    }
    let layer = world.layer();
    let app = Router::new().merge(sealkit_axum::routes(&layer)).layer(layer);
    let text = logged(async {
        send(&app, request(Kind::Navigation, "/login", None)).await;
        send(&app, request(Kind::Navigation, "/nothing", Some(&world.cookie()))).await;
    });
    assert_eq!(text.await, "");
}

#[tokio::test]
async fn a_session_that_is_split_is_logged_with_what_makes_it_large() {
    let (log, _listening) = Log::listen();

    let world = World::new();
    let app = Router::new().route("/me", get(|_: Session| async {})).layer(world.layer());
    let small = world.cookie_of(MintSession::for_user(ADA).expired());
    assert_eq!(send(&app, request(Kind::Fetch, "/me", Some(&small))).await.session_lines().len(), 1);
    assert!(!log.text().contains("largest="), "what fits is not worth a line: {}", log.text());

    let large = world.cookie_of(MintSession::for_user(ADA).expired());
    let ada = world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    world.idp.put_user(ada.with_metadata("notes", "x".repeat(6000))).unwrap();
    assert!(send(&app, request(Kind::Fetch, "/me", Some(&large))).await.set_cookies().len() > 2);
    assert!(log.text().contains("largest=\"user.metadata "), "{}", log.text());
    assert!(log.text().contains(" WARN ") && !log.text().contains("xxxx"));
}
