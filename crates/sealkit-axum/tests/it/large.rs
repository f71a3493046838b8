//! Sessions that are larger than a browser keeps in one cookie: split, put together, and nothing stale left behind.

use crate::world::{ADA, Browser, Kind, ORIGIN, World, request, send};
use axum::{Router, routing};
use http::StatusCode;
use sealkit::{
    CookieAction, Reason,
    cookie::{LargeCookies, MAX_COOKIE_BYTES, Presence},
};
use sealkit_axum::Session;
use sealkit_devidp::MintSession;
use std::time::Duration;

fn app(world: &World) -> Router {
    let page = |session: Session| async move { session.user_id().to_owned() };
    let layer = world.layer();
    Router::new().route("/", routing::get(page)).merge(sealkit_axum::routes(&layer)).layer(layer)
}

/// Makes Ada's metadata this large.
fn weigh(world: &World, bytes: usize) {
    let ada = world.idp.users().into_iter().find(|user| user.email() == ADA).unwrap();
    world.idp.put_user(ada.with_metadata("notes", "x".repeat(bytes))).unwrap();
}

/// The session's cookies in a jar: `[unsplit, pieces…]`.
fn held(browser: &Browser) -> (bool, Vec<u8>) {
    let present = Presence::of([browser.cookie_line().as_str()], "wos-session");
    (present.unsplit(), present.pieces().collect())
}

#[tokio::test]
async fn a_large_session_is_split_read_again_and_leaves_no_piece_behind_when_it_shrinks() {
    let world = World::new();
    weigh(&world, 6000);
    let mut browser = Browser::new(&world, &app(&world));
    let begun = browser.go("/login").await;
    let back = browser.at_provider(begun.location()).await;
    let signed_in = browser.go(&back).await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER);
    assert_eq!(held(&browser), (false, vec![0, 1, 2]));
    for line in signed_in.set_cookies() {
        let pair = line.split(';').next().unwrap();
        assert!(pair.len() - 1 <= MAX_COOKIE_BYTES, "{} bytes", pair.len());
    }
    let page = browser.go("/").await;
    assert_eq!((page.status, page.session_lines().len()), (StatusCode::OK, 0));

    // A refresh brings less: one cookie, and the pieces are deleted in the same answer.
    weigh(&world, 0);
    world.idp.advance(Duration::from_secs(3600));
    let page = browser.go("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(held(&browser), (true, vec![]));

    // And more again: the one cookie is deleted in the answer that sets the pieces.
    weigh(&world, 3000);
    world.idp.advance(Duration::from_secs(3600));
    assert_eq!(browser.go("/").await.status, StatusCode::OK);
    assert_eq!(held(&browser), (false, vec![0, 1]));
    let page = browser.go("/").await;
    assert_eq!((page.status, page.session_lines().len()), (StatusCode::OK, 0));

    let out = browser.post("/logout", "", &[("origin", ORIGIN), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert_eq!(held(&browser), (false, vec![]));
}

#[tokio::test]
async fn a_session_that_is_there_twice_is_stored_once_and_the_later_one_counts() {
    let world = World::new();
    weigh(&world, 6000);
    let (old, sealed) = world.mint(MintSession::for_user(ADA));
    let mut browser = Browser::new(&world, &app(&world));
    for line in world.sealkit.set_cookies(&CookieAction::Set(sealed), Presence::NONE).unwrap() {
        browser.store(line.to_header_value());
    }
    weigh(&world, 0);
    world.idp.advance(Duration::from_secs(10));
    let (new, sealed) = world.mint(MintSession::for_user(ADA));
    browser.store(&world.line(&sealed));
    assert_eq!(held(&browser), (true, vec![0, 1, 2]));
    assert_ne!(old.session_id, new.session_id);

    let page = browser.go("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(held(&browser), (true, vec![]));
    assert_eq!(browser.jar["wos-session"], world.line(&sealed).split_once('=').unwrap().1);
    assert!(browser.go("/").await.set_cookies().is_empty());
}

#[tokio::test]
async fn pieces_of_two_sessions_are_no_session() {
    let world = World::new();
    weigh(&world, 6000);
    let mut browser = Browser::new(&world, &app(&world));
    for pieces in [1..3, 0..1] {
        let (_, sealed) = world.mint(MintSession::for_user(ADA));
        let lines = world.sealkit.set_cookies(&CookieAction::Set(sealed), Presence::NONE).unwrap();
        for line in lines.get(pieces).unwrap() {
            browser.store(line.to_header_value());
        }
    }
    assert_eq!(held(&browser), (false, vec![0, 1, 2]));
    let page = browser.go_with(Kind::Fetch, "/", &[]).await;
    assert_eq!((page.status, page.reason), (StatusCode::UNAUTHORIZED, None), "nobody, and nothing wrong");
    assert_eq!(held(&browser), (false, vec![0, 1, 2]), "nothing is proven, so nothing is deleted");
}

#[tokio::test]
async fn where_the_application_wants_it_a_large_session_is_refused_with_what_makes_it_large() {
    let world = World::with(|idp| idp, |config| config.large_cookies(LargeCookies::Refuse).development(true));
    weigh(&world, 6000);
    let mut browser = Browser::new(&world, &app(&world));
    let begun = browser.go("/login").await;
    let back = browser.at_provider(begun.location()).await;
    let refused = browser.go(&back).await;
    assert_eq!(
        (refused.status, refused.reason),
        (StatusCode::INTERNAL_SERVER_ERROR, Some(Reason::CookieTooLarge))
    );
    assert!(refused.body.contains("user.metadata"), "{}", refused.body);
    assert_eq!(held(&browser), (false, vec![]));
}

#[tokio::test]
async fn a_handlers_own_piece_of_the_session_cookie_is_dropped() {
    let world = World::new();
    let handler = || async { [("set-cookie", "wos-session.0=mine; Path=/")] };
    let app = Router::new().route("/", routing::get(handler)).layer(world.layer());
    let reply = send(&app, request(Kind::Fetch, "/", Some(&world.cookie()))).await;
    assert_eq!((reply.status, reply.set_cookies().len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn a_session_larger_than_what_is_read_is_refused_and_never_written() {
    let world = World::with(|idp| idp, |config| config.max_cookie_value(4 * 1024).development(true));
    weigh(&world, 6000);
    let mut browser = Browser::new(&world, &app(&world));
    let begun = browser.go("/login").await;
    let back = browser.at_provider(begun.location()).await;
    let refused = browser.go(&back).await;
    assert_eq!(refused.reason, Some(Reason::CookieTooLarge));
    assert!(
        refused.body.contains("max_cookie_value") && refused.body.contains("user.metadata"),
        "{}",
        refused.body
    );
    assert_eq!(held(&browser), (false, vec![]));
}

#[tokio::test]
async fn a_refreshed_session_that_does_not_fit_is_told_with_the_answer() {
    let world = World::with(|idp| idp, |config| config.large_cookies(LargeCookies::Refuse));
    let cookie = world.cookie_of(MintSession::for_user(ADA).expired());
    weigh(&world, 6000);
    let reply = send(&app(&world), request(Kind::Navigation, "/", Some(&cookie))).await;
    assert_eq!((reply.status, reply.reason), (StatusCode::OK, Some(Reason::CookieTooLarge)));
    assert!(reply.set_cookies().is_empty());
}

/// Five deletions of pieces that were never there are 480 bytes of a response head of which nginx takes 4,096.
#[tokio::test]
async fn pieces_are_deleted_only_when_the_request_showed_them() {
    let world = World::new();
    let app = app(&world);
    let deleted = |reply: &crate::world::Reply| -> Vec<String> {
        let gone = reply.set_cookies().into_iter().filter(|line| line.contains("Max-Age=0"));
        let names =
            gone.filter_map(|line| line.split('=').next()).filter(|name| name.starts_with("wos-session"));
        names.map(str::to_owned).collect()
    };
    let mut browser = Browser::new(&world, &app);
    let begun = browser.go("/login").await;
    let back = browser.at_provider(begun.location()).await;
    let signed_in = browser.go(&back).await;
    assert_eq!((signed_in.status, deleted(&signed_in)), (StatusCode::SEE_OTHER, vec![]));
    let same_origin = [("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
    let out = browser.post("/logout", "", &same_origin).await;
    assert_eq!((out.status, deleted(&out)), (StatusCode::SEE_OTHER, vec!["wos-session".to_owned()]));

    // What a request shows goes, whoever wrote it: at a sign-in, and at a sign-out beside the unsplit cookie.
    let begun = browser.go("/login").await;
    let back = browser.at_provider(begun.location()).await;
    browser.store("wos-session.1=old; Path=/");
    browser.store("wos-session.7=old; Path=/");
    assert_eq!(deleted(&browser.go(&back).await), ["wos-session.1", "wos-session.7"]);
    browser.store("wos-session.2=old; Path=/");
    let out = browser.post("/logout", "", &same_origin).await;
    assert_eq!(deleted(&out), ["wos-session", "wos-session.2"]);
    assert_eq!(held(&browser), (false, vec![]));
}
