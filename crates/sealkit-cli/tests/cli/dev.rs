//! `sealkit dev`, signed in to over plain HTTP.

use crate::printing::hostile::{assert_harmless, hostile, token};
use reqwest::{Client, Response, StatusCode, Url, header, redirect::Policy};
use serde_json::{Value, json};
use std::{collections::BTreeMap, process::Stdio, sync::Mutex, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// Far longer than anything here takes; a test that hangs shall end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `sealkit dev` and what it announced.
struct Running {
    child: Child,
    announced: Value,
}

impl Running {
    async fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealkit"))
            .args(["dev", "--json", "--port", "0", "--idp-port", "0", "--auto-approve"])
            .env_clear()
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        Self { child, announced: serde_json::from_str(&line).unwrap() }
    }

    fn told(&self, member: &str) -> &str {
        self.announced[member].as_str().unwrap()
    }

    /// Asks it to stop, as Ctrl-C does, and gives its exit code.
    async fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap().code()
    }
}

/// As much of a browser as sign-in needs: cookies by host, redirects followed one by one.
struct Browser {
    client: Client,
    base: Url,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    fn new(base: &str) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { client, base: base.parse().unwrap(), cookies: Mutex::default() }
    }

    async fn get(&self, path: &str) -> Response {
        self.follow(self.base.join(path).unwrap(), None).await
    }

    async fn post(&self, path: &str, form: &'static str) -> Response {
        self.follow(self.base.join(path).unwrap(), Some(form)).await
    }

    /// The page at the end of all redirects.
    async fn follow(&self, mut url: Url, mut form: Option<&'static str>) -> Response {
        for _ in 0..10 {
            let response = self.once(url.clone(), form.take()).await;
            let Some(next) = response.headers().get(header::LOCATION) else { return response };
            url = url.join(next.to_str().unwrap()).unwrap();
        }
        panic!("a loop of redirects at {url}");
    }

    async fn once(&self, url: Url, form: Option<&'static str>) -> Response {
        let mut request = match form {
            Some(form) => self
                .client
                .post(url)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
                .body(form),
            None => self.client.get(url),
        };
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let request = request
            .header(header::ACCEPT, "text/html")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-user", "?1");
        let response = request.send().await.unwrap();
        for line in response.headers().get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if line.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    fn session_cookie(&self) -> Option<String> {
        self.cookies.lock().unwrap().get("wos-session").cloned()
    }

    async fn me(&self) -> (StatusCode, Value) {
        let response = self.get("/api/me").await;
        (response.status(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

async fn page(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::OK, "{}", response.url());
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_loop_runs_end_to_end() {
    let running = Running::start().await;
    let browser = Browser::new(running.told("demo_url"));

    let (status, denied) = browser.me().await;
    assert_eq!((status, &denied["error"]), (StatusCode::UNAUTHORIZED, &"unauthenticated".into()));
    assert_eq!(denied["login_url"], format!("{}/login", running.told("demo_url")));
    let welcome = page(browser.get("/").await).await;
    assert!(welcome.contains("id=\"sign-in\"") && welcome.contains("ada@example.com"), "{welcome}");

    let home = page(browser.get("/login").await).await;
    assert!(home.contains("Ada Lovelace") && home.contains("id=\"sign-out\""), "{home}");
    let (status, me) = browser.me().await;
    assert_eq!((status, &me["user"]["email"]), (StatusCode::OK, &"ada@example.com".into()));
    assert!(me["expires_at"].is_u64() && me["session_id"].is_string(), "{me}");

    let before = browser.session_cookie().unwrap();
    let expired = page(browser.post("/demo/expire", "").await).await;
    assert!(expired.contains("id=\"flash\"") && expired.contains("refreshed it on the way"), "{expired}");
    assert_ne!(browser.session_cookie().unwrap(), before, "refreshed without a visible step");
    let (status, later) = browser.me().await;
    assert_eq!((status, &later["session_id"]), (StatusCode::OK, &me["session_id"]));
    assert!(later["expires_at"].as_u64() > me["expires_at"].as_u64());
    let again = page(browser.get("/").await).await;
    assert!(!again.contains("id=\"flash\""), "a message is told once");

    let out = page(browser.post("/logout", "").await).await;
    assert!(out.contains("id=\"sign-in\""), "{out}");
    assert_eq!((browser.session_cookie(), browser.me().await.0), (None, StatusCode::UNAUTHORIZED));
    assert_eq!(running.interrupt().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_button_does_what_it_says() {
    let running = Running::start().await;
    let browser = Browser::new(running.told("demo_url"));
    page(browser.get("/login").await).await;
    let cookie = || browser.session_cookie().unwrap();

    let old = cookie();
    assert!(page(browser.post("/demo/refresh", "").await).await.contains("Refreshed:"));
    assert_ne!(cookie(), old);

    assert!(page(browser.post("/demo/rotate-keys", "").await).await.contains("a new key"));
    assert!(page(browser.post("/demo/refresh", "").await).await.contains("Refreshed:"), "by the new key");

    let organizations = running.announced["users"][0]["organizations"].as_array().unwrap();
    assert_eq!(organizations.len(), 2);
    let here = browser.me().await.1["organization_id"].clone();
    let other = organizations.iter().find(|one| one["id"] != here).unwrap();
    let form: &'static str = format!("organization_id={}", other["id"].as_str().unwrap()).leak();
    let switched = page(browser.post("/demo/switch", form).await).await;
    assert!(
        switched.contains("Switched:") && switched.contains(other["name"].as_str().unwrap()),
        "{switched}"
    );
    assert_eq!(browser.me().await.1["organization_id"], other["id"]);
    let refused = page(browser.post("/demo/switch", "organization_id=org_none").await).await;
    assert!(refused.contains("Not switched:"), "{refused}");

    let impersonated = page(browser.post("/demo/impersonate", "").await).await;
    assert!(impersonated.contains("id=\"impersonation\"") && impersonated.contains("support@example.com"));
    assert_eq!(browser.me().await.1["impersonator"]["email"], "support@example.com");
    let own = page(browser.post("/demo/stop-impersonating", "").await).await;
    assert!(!own.contains("id=\"impersonation\""), "{own}");
    assert_eq!(browser.me().await.1["impersonator"], Value::Null);

    page(browser.post("/demo/fail-refresh", "").await).await;
    let old = cookie();
    assert!(
        page(browser.post("/demo/refresh", "").await).await.contains("rate_limit_exceeded"),
        "served as it is"
    );
    assert_eq!(cookie(), old);
    page(browser.post("/demo/fail-refresh", "").await).await;
    let unavailable = browser.post("/demo/expire", "").await;
    assert_eq!(unavailable.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(unavailable.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(cookie(), old, "the cookie is kept");
    assert!(page(browser.get("/").await).await.contains("refreshed it on the way"));
    assert_eq!(running.interrupt().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_taken_apart_in_the_browser_too() {
    let running = Running::start().await;
    let browser = Browser::new(running.told("demo_url"));
    assert!(page(browser.get("/inspect").await).await.contains("id=\"no-cookie\""));
    page(browser.get("/login").await).await;
    let shown = page(browser.get("/inspect").await).await;
    for expected in ["Works", "iron", "WORKOS_COOKIE_PASSWORD", "refreshToken", "signature", "verified"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let pasted = page(browser.post("/inspect", "cookie=Fe26.2*1*nonsense").await).await;
    assert!(pasted.contains("Does not work") && pasted.contains("truncated"), "{pasted}");
    let none = page(browser.post("/inspect", "cookie=Cookie%3A+a%3D1").await).await;
    assert!(none.contains("there is no cookie"), "{none}");
    assert_eq!(running.interrupt().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_announcement_has_all_that_another_application_needs() {
    let running = Running::start().await;
    for member in ["demo_url", "idp_url"] {
        assert!(running.told(member).starts_with("http://127.0.0.1:"), "{member}");
    }
    assert!(
        running.told("client_id").starts_with("client_") && running.told("api_key").starts_with("sk_test_")
    );
    let password = running.told("cookie_password");
    assert!(password.len() == 44 && !password.contains(['+', '/', '-', '_']), "{password}");
    let passwords = running.announced["cookie_passwords"].as_object().unwrap();
    assert_eq!(
        (passwords.len(), &passwords["iron"]),
        (13, &password.into()),
        "one for each format that has one"
    );
    for user in running.announced["users"].as_array().unwrap() {
        assert!(
            user["email"].is_string() && user["password"].is_string() && user["organizations"].is_array(),
            "{user}"
        );
    }
    assert_eq!(running.interrupt().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_inline_nothing_is_kept_and_other_sites_get_nothing() {
    let running = Running::start().await;
    let browser = Browser::new(running.told("demo_url"));
    page(browser.get("/login").await).await;
    for path in ["/", "/inspect", "/api/me", "/nothing-here"] {
        let response = browser.get(path).await;
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert!(header("cache-control").unwrap().contains("no-store"), "{path}");
        let policy = header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let text = response.text().await.unwrap();
        assert!(
            !text.contains("<style") && !text.contains(" style=") && !text.contains(" onclick="),
            "{path}"
        );
        assert_eq!(text.matches("<script").count(), text.matches("<script src=\"/assets/").count(), "{path}");
    }
    let home = page(browser.get("/").await).await;
    for (start, kind) in
        [("/assets/style-", "text/css"), ("/assets/app-", "text/javascript"), ("/assets/icon-", "image/svg")]
    {
        let at = home.find(start).unwrap();
        let path = home[at..].split('"').next().unwrap();
        let asset = browser.get(path).await;
        let header = |name: &str| asset.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert!(
            header("content-type").starts_with(kind) && header("cache-control").contains("immutable"),
            "{path}"
        );
    }

    let url = browser.base.join("/demo/refresh").unwrap();
    let before = browser.session_cookie().unwrap();
    let post = |name: &'static str, value: &'static str| {
        let cookie = format!("wos-session={before}");
        browser.client.post(url.clone()).header(header::COOKIE, cookie).header(name, value).send()
    };
    assert_eq!(post("sec-fetch-site", "cross-site").await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(post("origin", "http://evil.example.com").await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(post("host", "evil.example.com").await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(running.interrupt().await, Some(0));
}

/// Whoever types `localhost` signs in all the same, although the redirect URI names 127.0.0.1.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_opened_as_localhost_signs_in_too() {
    let running = Running::start().await;
    let browser = Browser::new(&running.told("demo_url").replace("127.0.0.1", "localhost"));
    let moved = browser.once(browser.base.join("/inspect?a=b").unwrap(), None).await;
    let target = format!("{}/inspect?a=b", running.told("demo_url"));
    assert_eq!(moved.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(moved.headers()[header::LOCATION], target);
    let home = page(browser.get("/login").await).await;
    assert!(home.contains("Ada Lovelace"), "{home}");
    assert_eq!(running.interrupt().await, Some(0));
}

/// What a shell or a `.env` file needs for `Sealkit::from_env`, and what the provider sends a browser back to.
#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_every_setting_that_an_application_needs() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sealkit"))
        .args(["dev", "--port", "0", "--idp-port", "0", "--auto-approve"])
        .env_clear()
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = BTreeMap::new();
    while !told.contains_key("WORKOS_REDIRECT_URI") {
        let line =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("all are told");
        if let Some((name, value)) = line.trim().split_once('=') {
            told.insert(name.to_owned(), value.to_owned());
        }
    }
    let config = sealkit::Config::from_env(|name| told.get(name).cloned()).unwrap();
    let redirect_uri = config.redirect_uri().unwrap().to_string();
    assert_eq!(redirect_uri, "http://localhost:3000/callback");
    let mut authorize =
        Url::parse(&format!("http://127.0.0.1:{}/user_management/authorize", told["WORKOS_API_PORT"]))
            .unwrap();
    authorize.query_pairs_mut().extend_pairs([
        ("client_id", told["WORKOS_CLIENT_ID"].as_str()),
        ("redirect_uri", &redirect_uri),
        ("response_type", "code"),
        ("provider", "authkit"),
        ("state", "s"),
    ]);
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    let answer = client.get(authorize).send().await.unwrap();
    let back = answer.headers()[header::LOCATION].to_str().unwrap();
    assert!(back.starts_with("http://localhost:3000/callback?code="), "{back}");
}

/// The pages escape what stands in a pasted cookie and in names of users.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_escaped_on_the_demos_pages() {
    let running = Running::start().await;
    let browser = Browser::new(running.told("demo_url"));
    let header = json!({"alg": hostile("alg"), "kid": hostile("kid"), hostile("name"): hostile("value")});
    let claims = json!({
        "sub": hostile("sub"), "sid": hostile("sid"), "iss": hostile("iss"), "roles": [hostile("role")],
        "act": {"sub": hostile("actor")}, hostile("name"): {hostile("inner"): hostile("value")},
    });
    let session = json!({
        "accessToken": token(&header, &claims), "organizationId": hostile("org"), hostile("name"): hostile("value"),
        "user": {"id": hostile("id"), "email": hostile("email"), "metadata": {hostile("key"): hostile("value")}},
    });
    // A semicolon would end the name.
    let name = hostile("name").replace(';', "");
    for text in [session.to_string(), format!("Cookie: {name}=1"), format!("Set-Cookie: {name}=e30")] {
        let form: String =
            Url::parse_with_params("http://x/", [("cookie", text)]).unwrap().query().unwrap().to_owned();
        let shown = page(browser.post("/inspect", form.leak()).await).await;
        assert_harmless(&shown, "the page");
        assert!(
            shown.contains(r"\u{1b}") || shown.contains(r"\u001b") || shown.contains("not shown"),
            "{shown}"
        );
    }
}
