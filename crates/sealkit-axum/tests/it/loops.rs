//! Deployments in which a sign-in never comes to an end: each is stopped within three laps, and the right cause is named.

use crate::world::{ADA, Browser, Kind, ORIGIN, Reply, World, request, send};
use axum::{Router, body::Body, routing::get};
use http::{HeaderValue, Method, Request, header};
use sealkit::Sealkit;
use sealkit_axum::Session;
use sealkit_devidp::{Endpoint, User};
use std::{collections::BTreeMap, time::Duration};
use url::Url;

/// Who answers which path: replicas with settings of their own, behind one address.
struct Deployment {
    world: World,
    /// Answers the callback.
    callback: Router,
    /// Answers everything else.
    pages: Router,
    browser: Jar,
    /// What a request carries that a proxy has added.
    added: Vec<(&'static str, &'static str)>,
    /// Seconds that pass between two requests.
    pause: u64,
    codes: usize,
}

/// A cookie jar, and what becomes of its cookies.
struct Jar {
    cookies: BTreeMap<String, String>,
    /// Keeps a cookie of this name, and brings it back.
    keeps: fn(&str) -> bool,
}

fn everything(_: &str) -> bool {
    true
}

fn no_session(name: &str) -> bool {
    !name.starts_with("wos-session")
}

fn application(sealkit: &Sealkit) -> Router {
    let layer = sealkit_axum::SessionLayer::new(sealkit.clone());
    Router::new()
        .route("/", get(|session: Session| async move { session.user_id().to_owned() }))
        .merge(sealkit_axum::routes(&layer))
        .layer(layer)
}

impl Deployment {
    /// One process.
    fn of(world: World) -> Self {
        let app = application(&world.sealkit);
        Self {
            callback: app.clone(),
            pages: app,
            browser: Jar { cookies: BTreeMap::new(), keeps: everything },
            added: Vec::new(),
            pause: 0,
            codes: 0,
            world,
        }
    }

    fn keeping(mut self, keeps: fn(&str) -> bool) -> Self {
        self.browser.keeps = keeps;
        self
    }

    async fn get(&mut self, target: &str) -> Reply {
        self.world.idp.advance(Duration::from_secs(self.pause));
        let app = if target.starts_with("/callback") { &self.callback } else { &self.pages };
        let mut request = request(Kind::Navigation, target, None);
        for (name, value) in &self.added {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let cookies: Vec<_> =
            self.browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let reply = send(app, request).await;
        for line in reply.set_cookies() {
            let (name, rest) = line.split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.browser.cookies.remove(name);
            } else if (self.browser.keeps)(name) {
                let value = rest.split(';').next().unwrap();
                self.browser.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    /// Follows redirects from the page on, as far as a browser would; gives where it ends.
    async fn open(&mut self, page: &str) -> Reply {
        let mut target = page.to_owned();
        for _ in 0..40 {
            let reply = self.get(&target).await;
            let Some(location) = reply.header("location") else { return reply };
            target = match location.strip_prefix(ORIGIN) {
                Some(path) => path.to_owned(),
                None if location.starts_with('/') => location.to_owned(),
                None => {
                    self.codes += 1;
                    Browser::new(&self.world, &self.pages).at_provider(location).await
                }
            };
        }
        panic!("the browser follows redirects for ever")
    }

    /// Opens the page and expects the loop to be stopped in the lap, with that cause. Gives the page.
    async fn stops(mut self, lap: usize, cause: &str) -> String {
        let stopped = self.open("/").await;
        assert_eq!((stopped.status.as_u16(), self.codes), (500, lap - 1), "{cause}: {}", stopped.body);
        assert!(stopped.body.contains(&format!("<code>{cause}</code>")), "{cause}: {}", stopped.body);
        let stored = stopped.session_lines().into_iter().any(|line| !line.contains("Max-Age=0"));
        // Whatever a refresh has brought is kept, even here.
        assert!((!stored || cause == "clock") && stopped.verifier_lines().is_empty());
        let grants = self.world.idp.requests_to(Endpoint::Authenticate).len();
        assert!(grants <= 2 * lap, "{cause}: {grants} grants");
        stopped.body
    }
}

fn development() -> World {
    World::with(|idp| idp, |config| config.development(true))
}

/// A replica that uses the same provider with other settings.
fn replica(world: &World, config: impl FnOnce(sealkit::ConfigBuilder) -> sealkit::ConfigBuilder) -> Sealkit {
    world.replica(|base| config(base.development(true)))
}

#[tokio::test(start_paused = true)]
async fn a_cookie_that_something_removes() {
    let page = Deployment::of(development()).keeping(no_session).stops(3, "not_returned").await;
    assert!(page.contains("a proxy removes it"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_cookie_that_is_too_large() {
    let user = User::new("grace@example.com").with_metadata("notes", "x".repeat(600));
    let large = (0..6).fold(user, |user, n| user.with_metadata(format!("notes-{n}"), "x".repeat(600)));
    let world = World::with(|idp| idp.users([large]), |config| config.development(true));
    let page = Deployment::of(world).keeping(no_session).stops(3, "not_returned_size").await;
    assert!(page.contains("SEALKIT_LARGE_COOKIES"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_second_piece_is_lost() {
    let user = User::new("grace@example.com");
    let large = (0..8).fold(user, |user, n| user.with_metadata(format!("notes-{n}"), "x".repeat(600)));
    let world = World::with(|idp| idp.users([large]), |config| config.development(true));
    let page = Deployment::of(world).keeping(|name| !name.ends_with(".1")).stops(3, "not_returned").await;
    assert!(page.contains("cookies that hold the session came back"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_scheme_that_the_redirect_uri_does_not_have() {
    let mut deployment = Deployment::of(development()).keeping(no_session);
    deployment.added.push(("x-forwarded-proto", "https"));
    let page = deployment.stops(3, "not_returned_secure").await;
    assert!(page.contains("WORKOS_REDIRECT_URI"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_does_not_cover_the_host() {
    let world = World::with(|idp| idp, |config| config.development(true).cookie_domain("app.test"));
    let page = Deployment::of(world).keeping(no_session).stops(3, "not_returned_domain").await;
    assert!(page.contains("WORKOS_COOKIE_DOMAIN is app.test"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_path_that_does_not_cover_the_page() {
    let world = World::with(|idp| idp, |config| config.development(true).cookie_path("/app"));
    Deployment::of(world).keeping(no_session).stops(3, "not_returned_domain").await;
}

#[tokio::test(start_paused = true)]
async fn replicas_with_different_passwords() {
    let world = development();
    let mut deployment = Deployment::of(world.clone());
    let other = "another cookie password of enough characters";
    let ring = |first: (&'static str, &'static str), more: &[(&'static str, &'static str)]| {
        let builder = sealkit::KeyRing::builder().password(first.0, first.1);
        more.iter()
            .fold(builder, |builder, (name, password)| builder.password(*name, *password))
            .build()
            .unwrap()
    };
    let pages = ring(("old", crate::world::PASSWORD), &[]);
    let callback = ring(("new", other), &[("old", crate::world::PASSWORD)]);
    deployment.pages = application(&replica(&world, |config| config.key_ring(pages)));
    deployment.callback = application(&replica(&world, |config| config.key_ring(callback)));
    let page = deployment.stops(3, "not_readable").await;
    assert!(page.contains("the password new, and this process has old"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn replicas_with_different_formats() {
    let world = development();
    let mut deployment = Deployment::of(world.clone());
    deployment.callback = application(&replica(&world, |config| {
        config.encoding(sealkit::EncodingPolicy::writing(sealkit::format::Format::SignedJson))
    }));
    deployment.stops(3, "not_readable").await;
}

#[tokio::test(start_paused = true)]
async fn replicas_with_different_demands_on_tokens() {
    type Demand = fn(sealkit::ConfigBuilder) -> sealkit::ConfigBuilder;
    let demands: [(Demand, &str); 2] = [
        (|config| config.issuers(["https://other.test"]), "invalid_issuer"),
        (|config| config.audiences(["https://other.test"]), "invalid_audience"),
    ];
    for (config, names) in demands {
        let world = development();
        let mut deployment = Deployment::of(world.clone());
        deployment.pages = application(&replica(&world, config));
        let page = deployment.stops(3, "refused").await;
        assert!(page.contains(names), "{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_clock_is_ahead() {
    let short = |idp: sealkit_devidp::DevIdpBuilder| idp.token_lifetime(Duration::from_secs(20));
    let world = World::with(short, |config| config.development(true));
    let mut deployment = Deployment::of(world.clone());
    deployment.pages = application(&world.replica_ahead(Duration::from_secs(50)));
    let page = deployment.stops(3, "clock").await;
    assert!(page.contains("s ahead of the API"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_ended_at_once() {
    let world = development();
    let mut deployment = Deployment::of(world.clone());
    let sealkit = world.sealkit.clone();
    // An application that signs everybody out whom it does not like, and does not clear the cookie.
    let layer = sealkit_axum::SessionLayer::new(sealkit.clone());
    let ends = axum::middleware::from_fn(move |request: Request<Body>, next: axum::middleware::Next| {
        let sealkit = sealkit.clone();
        async move {
            let response = next.run(request).await;
            for line in response.headers().get_all(header::SET_COOKIE) {
                let line = line.to_str().unwrap();
                let Some(value) = line.strip_prefix("wos-session=").and_then(|rest| rest.split(';').next())
                else {
                    continue;
                };
                if let Some(session) = sealkit.authenticate(value).await.session() {
                    sealkit.sign_out(session.id(), None).await.unwrap();
                }
            }
            response
        }
    });
    deployment.callback = Router::new().merge(sealkit_axum::routes(&layer)).layer(layer).layer(ends);
    let page = deployment.stops(3, "ended").await;
    assert!(page.contains("session_revoked"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_is_never_reached() {
    let world = development();
    let mut deployment = Deployment::of(world);
    let mut last = None;
    for _ in 0..5 {
        last = Some(deployment.get("/").await);
    }
    let page = last.unwrap();
    assert_eq!(page.status, 500);
    assert!(
        page.body.contains("<code>callback_not_reached</code>") && page.body.contains("/callback"),
        "{}",
        page.body
    );
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_a_rule_protects() {
    let world = development();
    let layer = world.layer();
    // The routes were never taken, so the callback is a page like any other.
    let app = Router::new().fallback(get(|_: Session| async { "page" })).layer(layer);
    let mut deployment = Deployment::of(world);
    (deployment.pages, deployment.callback) = (app.clone(), app);
    let page = deployment.stops(5, "callback_not_reached").await;
    assert!(page.contains("no rule protects that path"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leads_to_the_login_route_itself() {
    let world = World::with(|idp| idp, |config| config.development(true));
    let layer = world.layer().optional();
    let app = Router::new()
        .route(
            "/",
            get(|session: Option<Session>| async move {
                session.map(|_| "signed in").ok_or(axum::response::Redirect::to("/login"))
            }),
        )
        .merge(sealkit_axum::routes(&layer))
        .layer(layer);
    let mut deployment = Deployment::of(world).keeping(no_session);
    (deployment.pages, deployment.callback) = (app.clone(), app);
    deployment.stops(3, "not_returned").await;
}

#[tokio::test(start_paused = true)]
async fn in_production_the_page_names_the_kind_of_cause_alone() {
    let page = Deployment::of(World::new()).keeping(no_session).stops(3, "not_returned").await;
    assert!(page.contains("blocks it") && !page.contains("bytes"), "{page}");
    let world = World::new();
    let mut deployment = Deployment::of(world.clone());
    let ring = sealkit::KeyRing::builder().password("secret-name", crate::world::PASSWORD).build().unwrap();
    let callback = sealkit::KeyRing::builder()
        .password("other-name", "another cookie password of enough characters")
        .password("secret-name", crate::world::PASSWORD)
        .build()
        .unwrap();
    deployment.pages = application(&world.replica(|config| config.key_ring(ring)));
    deployment.callback = application(&world.replica(|config| config.key_ring(callback)));
    let page = deployment.stops(3, "not_readable").await;
    assert!(!page.contains("-name"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn after_the_page_another_try_begins_with_the_first_lap() {
    let mut deployment = Deployment::of(World::new()).keeping(no_session);
    assert_eq!(deployment.open("/").await.status, 500);
    deployment.browser.keeps = everything;
    let mended = deployment.open("/").await;
    assert_eq!(mended.status, 200, "{}", mended.body);
    assert!(
        deployment.browser.cookies.keys().all(|name| !name.contains("lap")),
        "{:?}",
        deployment.browser.cookies
    );
}

#[tokio::test(start_paused = true)]
async fn two_tabs_that_sign_in_side_by_side_are_no_loop() {
    let mut deployment = Deployment::of(World::new());
    for _ in 0..4 {
        let (first, second) = (deployment.get("/").await, deployment.get("/").await);
        let browser = Browser::new(&deployment.world, &deployment.pages);
        for start in [first, second] {
            let back = browser.at_provider(start.location()).await;
            assert_eq!(deployment.get(&back).await.status, 303);
        }
        assert_eq!(deployment.get("/").await.status, 200);
        assert_eq!(deployment.get("/").await.status, 200);
        deployment.browser.cookies.remove("wos-session");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_user_is_no_loop() {
    let mut deployment = Deployment::of(World::new()).keeping(no_session);
    // Three requests a lap.
    deployment.pause = 11;
    for _ in 0..6 {
        let start = deployment.get("/").await;
        assert_eq!(start.status, 302, "{}", start.body);
        let back = Browser::new(&deployment.world, &deployment.pages).at_provider(start.location()).await;
        assert_eq!(deployment.get(&back).await.status, 303);
        deployment.world.idp.advance(Duration::from_secs(11));
    }
}

#[tokio::test(start_paused = true)]
async fn signing_out_and_in_again_is_no_loop() {
    let mut deployment = Deployment::of(World::new());
    for _ in 0..6 {
        assert_eq!(deployment.open("/").await.status, 200);
        let mut out = request(Kind::FormPost, "/logout", None);
        *out.method_mut() = Method::POST;
        let line: Vec<_> =
            deployment.browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        out.headers_mut().insert(header::COOKIE, line.join("; ").parse().unwrap());
        assert_eq!(send(&deployment.pages, out).await.status, 303);
        deployment.browser.cookies.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn tabs_that_the_user_opens_at_once_are_no_loop() {
    let mut deployment = Deployment::of(World::new());
    deployment.added.push(("sec-fetch-site", "none"));
    for _ in 0..20 {
        assert_eq!(deployment.get("/").await.status, 302);
    }
}

/// Whoever asks for a new sign-in again and again, and has a session, goes round in no circle.
#[tokio::test(start_paused = true)]
async fn asking_to_sign_in_while_signed_in_is_no_loop() {
    let mut deployment = Deployment::of(World::new());
    for _ in 0..6 {
        let start = deployment.get("/login").await;
        let back = Browser::new(&deployment.world, &deployment.pages).at_provider(start.location()).await;
        assert_eq!(deployment.get(&back).await.status, 303);
    }
}

#[tokio::test(start_paused = true)]
async fn zero_laps_let_every_loop_go_on() {
    let world = World::with(|idp| idp, |config| config.loop_laps(0));
    let mut deployment = Deployment::of(world).keeping(no_session);
    for _ in 0..8 {
        let start = deployment.get("/").await;
        let back = Browser::new(&deployment.world, &deployment.pages).at_provider(start.location()).await;
        let done = deployment.get(&back).await;
        assert_eq!(done.status, 303);
        assert!(done.set_cookies().iter().all(|line| !line.contains("sealkit-lap=")));
    }
}

#[tokio::test(start_paused = true)]
async fn the_marker_is_a_small_cookie_of_this_host_alone() {
    let world = World::with(
        |idp| idp.allow_redirect_uri("https://app.test/callback"),
        |config| config.redirect_uri("https://app.test/callback").cookie_domain("app.test"),
    );
    let app = application(&world.sealkit);
    let start = send(&app, request(Kind::Navigation, "/", None)).await;
    let url = Url::parse(start.location()).unwrap();
    let at_provider = Request::get(&url[url::Position::BeforePath..])
        .header(header::HOST, "127.0.0.1")
        .body(bytes::Bytes::new())
        .unwrap();
    let back = world.idp.handle(at_provider).await.unwrap();
    let back = Url::parse(back.headers()[header::LOCATION].to_str().unwrap()).unwrap();
    let verifier = start.verifier_lines()[0].split(';').next().unwrap().to_owned();
    let done =
        send(&app, request(Kind::Navigation, &back[url::Position::BeforePath..], Some(&verifier))).await;
    let lines = done.set_cookies();
    let lap = lines.iter().find(|line| line.contains("sealkit-lap=")).unwrap();
    assert!(lap.starts_with("__Host-sealkit-lap="), "{lap}");
    assert!(lap.ends_with("; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"), "{lap}");
    assert!(lap.len() < 500 && !lap.contains(ADA), "{lap}");
    // The first request that is authenticated deletes it.
    let cookies: Vec<_> = lines
        .iter()
        .map(|line| line.split(';').next().unwrap())
        .filter(|pair| !pair.ends_with('='))
        .collect();
    let page = send(&app, request(Kind::Image, "/", Some(&cookies.join("; ")))).await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.set_cookies(),
        [
            "__Host-sealkit-lap=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax"
        ]
    );
}
