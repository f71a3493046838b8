//! The same in Chromium, once for each wire form.

use crate::{
    servers::Servers,
    support::chromium::{Chromium, DESKTOP},
    world::{App, EMAIL, FIRST_NAME, Members, World},
};
use sealkit::format::Format;
use serde_json::Value;

/// The page's JSON.
async fn read(browser: &Chromium, url: &str) -> Value {
    browser.go(url).await;
    let text = browser.text().await;
    let mut session: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{url}: {text}"));
    assert_eq!(session["email"], EMAIL, "{url}: {session}");
    assert_eq!(session["first_name"], FIRST_NAME, "{url}: {session}");
    session["session_id"].take()
}

/// With user data of a length whose seal needs padding in base64: the wire forms of other Fernet tokens are the same.
async fn sign_in(browser: &Chromium, world: &World, app: &App) -> Value {
    for length in [0, 16, 32] {
        world.grow(length);
        let session_id = read(browser, &format!("{}/login?return_to=/who", app.url)).await;
        let cookies = browser.cookies().await;
        let cookie = cookies.iter().find(|cookie| cookie.name() == "wos-session").unwrap();
        if cookie.value().contains(['%', '=']) {
            return session_id;
        }
    }
    panic!("three lengths in a row without padding");
}

/// Signs in at axum, reads and refreshes at both; then with a cookie that the peer has set.
async fn share(browser: &Chromium, world: &World, app: &App, peer: &str, members: Members) {
    let session_id = sign_in(browser, world, app).await;
    for (server, path) in
        [(peer, "/who"), (&app.url, "/refresh"), (peer, "/who"), (peer, "/refresh"), (&app.url, "/who")]
    {
        assert_eq!(read(browser, &format!("{server}{path}")).await, session_id, "{server}{path}");
    }
    let (minted, payload) = world.expired_session(members);
    browser.go(&format!("{peer}/who")).await;
    let script = format!(
        "return fetch('{peer}/set', {{ method: 'POST', body: JSON.stringify({payload}), \
         headers: {{ 'content-type': 'application/json' }} }}).then((answer) => answer.status)"
    );
    assert_eq!(browser.run(&script).await, 200, "{peer}");
    for server in [&app.url, peer] {
        assert_eq!(read(browser, &format!("{server}/who")).await, minted.session_id.as_str(), "{server}");
    }
}

#[tokio::test]
async fn chromium_returns_an_encoded_value_that_react_router_reads() {
    let world = World::new().await;
    let Some(servers) = Servers::node(&world).await else { return };
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let app = world.app(Format::RrCookie).await;
    share(&browser, &world, &app, servers.url("react-router"), Members::Camel).await;
    browser.close().await;
}

#[tokio::test]
async fn chromium_returns_a_raw_value_that_starlette_reads() {
    let world = World::new().await;
    let Some(servers) = Servers::python(&world).await else { return };
    let Some(browser) = Chromium::open().await else { return };
    browser.view(DESKTOP).await;
    let app = world.app(Format::PythonFernet).await;
    share(&browser, &world, &app, servers.url("starlette"), Members::Snake).await;
    browser.close().await;
}
