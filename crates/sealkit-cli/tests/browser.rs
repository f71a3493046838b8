//! `sealkit dev` in a real browser, as a newcomer meets it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod support {
    pub(crate) mod chromium;
    pub(crate) mod dev;
    pub(crate) mod find;
}

use serde_json::{Value, json};
use support::{
    chromium::{Chromium, DESKTOP, VIEWS},
    dev::Dev,
};

const SESSION_COOKIE: &str = "wos-session";

/// Browser and demo; `None` skips the test.
async fn open() -> Option<(Chromium, Dev)> {
    let browser = Chromium::open().await?;
    browser.view(DESKTOP).await;
    Some((browser, Dev::start().await))
}

/// Signs in on the provider's page by picking somebody.
async fn sign_in_as(browser: &Chromium, dev: &Dev, name: &str) {
    browser.go(&demo(dev, "/")).await;
    browser.follow("Sign in").await;
    assert!(browser.url().await.starts_with(dev.idp()), "{}", browser.url().await);
    browser.follow(name).await;
    assert_eq!(browser.url().await, demo(dev, "/"));
    assert_eq!(text_of(browser, "user-name").await, name);
}

/// The visible text of an element.
async fn text_of(browser: &Chromium, id: &str) -> String {
    let text = browser.run(&format!("return document.getElementById('{id}')?.innerText ?? null")).await;
    text.as_str().unwrap_or_else(|| panic!("there is no #{id}")).to_owned()
}

/// The end of the access token, in milliseconds.
async fn expiry(browser: &Chromium) -> u64 {
    let end = browser.run("return Number(document.getElementById('life').dataset.end)").await;
    end.as_u64().unwrap()
}

/// The value of a claim as the page shows it.
async fn claim(browser: &Chromium, name: &str) -> Option<String> {
    let script = format!(
        "const row = [...document.querySelectorAll('#claims tr')].find((row) => row.cells[0].innerText === '{name}'); \
         return row?.cells[1].innerText ?? null"
    );
    browser.run(&script).await.as_str().map(str::to_owned)
}

async fn session_cookie(browser: &Chromium) -> Option<String> {
    let cookies = browser.cookies().await;
    cookies.into_iter().find(|cookie| cookie.name() == SESSION_COOKIE).map(|cookie| cookie.value().to_owned())
}

/// `/api/me` as a script of the page sees it: status and body.
async fn me(browser: &Chromium) -> (Value, Value) {
    let script = "const answer = await fetch('/api/me'); return [answer.status, await answer.json()]";
    let mut told = browser.run(&format!("return (async () => {{ {script} }})()")).await;
    (told[0].take(), told[1].take())
}

/// Neither errors nor warnings, from pages, scripts or policies.
async fn assert_console_is_quiet(browser: &Chromium) {
    assert_eq!(browser.console().await, Vec::<Value>::new());
}

/// No script of any page can read a cookie, and none is sent to another site's forms.
async fn assert_cookies_are_closed(browser: &Chromium) {
    for cookie in browser.cookies().await {
        assert_eq!(cookie.http_only(), Some(true), "{}", cookie.name());
        let same_site = cookie.same_site().expect("SameSite is said").to_string();
        assert_eq!(same_site, "Lax", "{}", cookie.name());
    }
    assert_eq!(browser.run("return document.cookie").await, "");
}

/// A page of the demo.
fn demo(dev: &Dev, path: &str) -> String {
    format!("{}{path}", dev.told("demo_url"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_from_sign_in_to_sign_out_and_nothing_of_it_stays() {
    let Some((browser, dev)) = open().await else { return };
    sign_in_as(&browser, &dev, "Ada Lovelace").await;
    assert_eq!(text_of(&browser, "organization").await, "Analytical Engines");
    assert_eq!(text_of(&browser, "role").await, "admin");
    assert_cookies_are_closed(&browser).await;
    let names: Vec<String> = browser.cookies().await.iter().map(|cookie| cookie.name().to_owned()).collect();
    assert!(!names.iter().any(|name| name.starts_with("wos-auth-verifier")), "{names:?}");
    let session_id = claim(&browser, "sid").await.unwrap();

    // Reloading changes nothing: not even the cookie.
    let cookie = session_cookie(&browser).await.unwrap();
    browser.reload().await;
    assert_eq!(text_of(&browser, "user-name").await, "Ada Lovelace");
    assert_eq!(session_cookie(&browser).await.unwrap(), cookie);
    assert!(text_of(&browser, "freshness").await.contains("as it came"));

    // The token expires; whoever looks at the page notices nothing but a later end.
    let end = expiry(&browser).await;
    browser.follow("Let the token expire").await;
    assert_eq!(browser.url().await, demo(&dev, "/"));
    assert_eq!(text_of(&browser, "user-name").await, "Ada Lovelace");
    assert!(text_of(&browser, "freshness").await.contains("refreshed it on the way"));
    assert!(expiry(&browser).await > end);
    assert_ne!(session_cookie(&browser).await.unwrap(), cookie);
    assert_eq!(claim(&browser, "sid").await.unwrap(), session_id);
    let cookie = session_cookie(&browser).await.unwrap();
    browser.reload().await;
    assert_eq!(session_cookie(&browser).await.unwrap(), cookie, "refreshed once");

    let (status, told) = me(&browser).await;
    assert_eq!(status, 200);
    assert_eq!(told["session_id"], session_id.as_str());
    assert_eq!(told["user"]["email"], dev.user(0).0);

    browser.follow("Switch organization").await;
    assert_eq!(text_of(&browser, "organization").await, "Navy Compilers");
    assert_eq!(claim(&browser, "permissions").await.as_deref(), Some("compilers:read"));
    assert_eq!(claim(&browser, "sid").await.unwrap(), session_id);

    browser.follow("Be impersonated").await;
    assert!(
        text_of(&browser, "impersonation").await.contains("support@example.com is signed in as this user")
    );
    assert!(claim(&browser, "act").await.unwrap().contains("support@example.com"));
    assert_eq!(text_of(&browser, "user-name").await, "Ada Lovelace");
    browser.follow("Stop").await;
    assert_eq!(browser.run("return document.getElementById('impersonation')").await, Value::Null);
    assert_eq!(claim(&browser, "act").await, None);

    assert_cookies_are_closed(&browser).await;
    browser.follow("Sign out").await;
    assert_eq!(browser.url().await, demo(&dev, "/"));
    assert_eq!(session_cookie(&browser).await, None);
    assert!(browser.text().await.contains("Sign in"));

    browser.back().await;
    let source = browser.source().await;
    for trace in ["Ada Lovelace", "support@example.com", session_id.as_str()] {
        assert!(!source.contains(trace), "the page after going back holds {trace:?}");
    }
    assert_console_is_quiet(&browser).await;

    let (status, told) = me(&browser).await;
    assert_eq!((status, &told["error"]), (json!(401), &json!("unauthenticated")));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_keys_can_be_rotated_and_the_cookie_taken_apart() {
    let Some((browser, dev)) = open().await else { return };
    sign_in_as(&browser, &dev, "Grace Hopper").await;
    let key_id = async || {
        browser.go(&demo(&dev, "/inspect")).await;
        assert!(text_of(&browser, "verdict").await.starts_with("Works"), "{}", browser.text().await);
        assert!(text_of(&browser, "format").await.starts_with("iron"));
        assert_eq!(text_of(&browser, "key").await, "WORKOS_COOKIE_PASSWORD");
        let members = text_of(&browser, "members").await;
        for member in ["accessToken", "refreshToken", "user", "organizationId"] {
            assert!(members.contains(member), "{member} in {members}");
        }
        let failed = browser.run("return [...document.querySelectorAll('#checks .bad')].map((one) => one.parentElement.innerText)").await;
        assert_eq!(failed, json!([]));
        let page = browser.text().await;
        page.split("\"kid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let old = key_id().await;
    browser.follow("Session").await;
    browser.follow("Rotate the signing keys").await;
    assert_eq!(text_of(&browser, "user-name").await, "Grace Hopper");
    assert_eq!(key_id().await, old, "the token in the cookie is still signed by the old key");
    browser.follow("Session").await;
    browser.follow("Refresh now").await;
    assert_eq!(text_of(&browser, "user-name").await, "Grace Hopper");
    assert_ne!(key_id().await, old);

    // Somebody else's cookie, or a damaged one, is told for what it is.
    let cookie = session_cookie(&browser).await.unwrap();
    browser.fill("cookie", &cookie.replacen("Fe26.2*1*", "Fe26.2*1*0", 1)).await;
    browser.follow("Take it apart").await;
    assert!(text_of(&browser, "verdict").await.starts_with("Does not work"), "{}", browser.text().await);
    assert_console_is_quiet(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_can_be_typed_and_the_sign_in_leads_where_one_wanted_to_go() {
    let Some((browser, dev)) = open().await else { return };
    let (email, password) = dev.user(2);
    browser.go(&demo(&dev, "/login?return_to=%2Finspect%3Fx%3D1")).await;
    browser.fill("email", email).await;
    browser.fill("password", "not this one").await;
    browser.follow("Sign in").await;
    assert!(browser.text().await.contains("password is wrong"), "{}", browser.text().await);
    assert!(browser.url().await.starts_with(dev.idp()));

    browser.fill("email", email).await;
    browser.fill("password", password).await;
    browser.follow("Sign in").await;
    assert_eq!(browser.url().await, demo(&dev, "/inspect?x=1"));
    assert!(text_of(&browser, "verdict").await.starts_with("Works"));
    assert!(browser.source().await.contains(email));
    assert_cookies_are_closed(&browser).await;
    assert_console_is_quiet(&browser).await;

    browser.go(&demo(&dev, "/login")).await;
    browser.follow("Cancel and go back").await;
    let text = browser.text().await;
    assert!(text.contains("Signing in did not succeed") && text.contains("access_denied"), "{text}");
    let names: Vec<String> = browser.cookies().await.iter().map(|cookie| cookie.name().to_owned()).collect();
    assert!(
        names.iter().any(|name| name == SESSION_COOKIE),
        "whoever changes their mind stays signed in: {names:?}"
    );
    assert!(!names.iter().any(|name| name.starts_with("wos-auth-verifier")), "{names:?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_fails_for_now_signs_nobody_out() {
    let Some((browser, dev)) = open().await else { return };
    sign_in_as(&browser, &dev, "Alan Turing").await;
    let cookie = session_cookie(&browser).await.unwrap();
    browser.follow("Fail the next refresh").await;
    browser.follow("Let the token expire").await;
    let text = browser.text().await;
    assert!(text.contains("you are not signed out") && text.contains("rate_limit_exceeded"), "{text}");
    assert!(!text.contains("Alan Turing"));
    assert_eq!(session_cookie(&browser).await.unwrap(), cookie, "the cookie is kept as it was");
    browser.follow("Try again").await;
    assert_eq!(text_of(&browser, "user-name").await, "Alan Turing");
    assert_ne!(session_cookie(&browser).await.unwrap(), cookie);
    browser.close().await;
}

const LOOK: &str = include_str!("support/look.js");

/// What is wrong with the pages, all of it, so that one run tells everything.
struct Looks<'a> {
    browser: &'a Chromium,
    problems: Vec<String>,
}

impl Looks<'_> {
    /// Looks at the page that is open on every device, and takes its pictures.
    async fn at(&mut self, page: &str) {
        let mut grounds = Vec::new();
        for view in VIEWS {
            self.browser.view(view).await;
            let seen = self.browser.run(LOOK).await;
            for problem in seen["problems"].as_array().unwrap() {
                self.problems.push(format!("{page} on {}: {problem}", view.name));
            }
            grounds.push(seen["background"].clone());
            self.browser.picture(&format!("{page}-{}", view.name)).await;
        }
        let [phone_light, phone_dark, desktop_dark, desktop_light] = &grounds[..] else {
            panic!("four views")
        };
        if phone_light == phone_dark || desktop_light == desktop_dark {
            self.problems.push(format!("{page} looks the same in the dark: {grounds:?}"));
        }
        self.browser.view(DESKTOP).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_readable_on_phone_and_desktop_in_light_and_dark() {
    let Some((browser, dev)) = open().await else { return };
    let mut look = Looks { browser: &browser, problems: Vec::new() };
    browser.go(&demo(&dev, "/")).await;
    look.at("welcome").await;
    browser.go(&demo(&dev, "/inspect")).await;
    look.at("inspect-nothing").await;
    browser.go(&demo(&dev, "/login")).await;
    look.at("provider").await;
    browser.click("Create an account").await;
    browser.click("Impersonate somebody").await;
    look.at("provider-forms").await;
    browser.fill("email", "nobody@example.com").await;
    browser.fill("password", "wrong").await;
    browser.follow("Sign in").await;
    look.at("provider-refused").await;
    browser.go(&format!("{}/", dev.idp())).await;
    look.at("provider-home").await;

    sign_in_as(&browser, &dev, "Ada Lovelace").await;
    look.at("session").await;
    browser.follow("Be impersonated").await;
    look.at("session-impersonated").await;
    browser.go(&demo(&dev, "/inspect")).await;
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true").await;
    look.at("inspect").await;
    browser.go(&demo(&dev, "/")).await;
    browser.follow("Fail the next refresh").await;
    look.at("session-told").await;
    browser.follow("Let the token expire").await;
    look.at("unavailable").await;
    browser.go(&demo(&dev, "/nothing-here")).await;
    look.at("not-found").await;
    assert_eq!(look.problems, [""; 0]);
    browser.close().await;
}

/// The judge judged: it must see what it is there for.
#[tokio::test(flavor = "multi_thread")]
async fn the_look_at_a_page_finds_what_is_wrong_with_it() {
    let Some(browser) = Chromium::open().await else { return };
    browser.view(VIEWS[0]).await;
    let page = |body: &str| {
        format!("data:text/html,<!doctype html><meta name=viewport content='width=device-width'><body>{body}")
    };
    for (body, problem) in [
        ("<p style='width:900px'>x</p>", "scrolls sideways"),
        ("<button style='height:20px'>Go</button>", "is 20 px high"),
        ("<p style='color:rgb(150 150 150)'>faint</p>", "contrast 2.9"),
        (
            "<div style='background:black'><p style='opacity:.99;color:oklch(0.3 0 0)'>dark</p></div>",
            "contrast 1.",
        ),
    ] {
        browser.go(&page(body)).await;
        let seen = browser.run(LOOK).await;
        assert!(seen["problems"].to_string().contains(problem), "{problem}: {seen}");
    }
    browser
        .go(&page("<p>fine</p><button style='height:44px'>Go</button><p hidden style='color:white'>no</p>"))
        .await;
    assert_eq!(browser.run(LOOK).await["problems"], json!([]));
    browser.close().await;
}
