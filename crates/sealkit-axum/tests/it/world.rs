//! A provider, an application and a browser.

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use sealkit::{
    Clock, Config, CookieAction, Failure, Reason, SealedSession, Sealkit, SealkitBuilder, UnixMillis,
    api::{HttpTransport, TransportError, TransportErrorKind, TransportFuture},
    cookie::Presence,
    session::AuthResponse,
};
use sealkit_axum::SessionLayer;
use sealkit_devidp::{DevIdp, Endpoint, IdpClock, MintSession, MintedSession};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tower::ServiceExt as _;
use url::Url;

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const ORIGIN: &str = "http://localhost:3000";
pub(crate) const PASSWORD: &str = "a cookie password of enough characters";

/// The provider, and a session layer that reaches it in process.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) idp: DevIdp,
    pub(crate) sealkit: Sealkit,
}

#[derive(Debug)]
struct InProcess(DevIdp);

impl HttpTransport for InProcess {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            let answered = self.0.handle(request).await;
            let mut answer = answered.map_err(|_| TransportError::new(TransportErrorKind::Interrupted))?;
            // As every server writes it.
            let date = UNIX_EPOCH + Duration::from_millis(self.0.clock().now().as_millis());
            answer.headers_mut().insert(header::DATE, httpdate::fmt_http_date(date).parse().unwrap());
            Ok(answer)
        })
    }
}

#[derive(Debug)]
struct IdpTime {
    clock: IdpClock,
    /// By how much this machine's clock is ahead of the provider's.
    ahead: Duration,
}

impl Clock for IdpTime {
    fn now(&self) -> UnixMillis {
        self.clock.now().saturating_add(self.ahead)
    }
}

fn process(
    idp: &DevIdp,
    ahead: Duration,
    config: impl FnOnce(sealkit::ConfigBuilder) -> sealkit::ConfigBuilder,
) -> Sealkit {
    let base = Config::builder()
        .client_id(idp.client_id())
        .api_key(idp.api_key())
        .api_base(idp.base_url())
        .cookie_password(PASSWORD)
        .redirect_uri(format!("{ORIGIN}/callback"));
    Sealkit::builder(config(base).build().unwrap())
        .transport(Arc::new(InProcess(idp.clone())))
        .clock(Arc::new(IdpTime { clock: idp.clock(), ahead }))
        .build()
        .unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|idp| idp, |config| config)
    }

    pub(crate) fn with(
        idp: impl FnOnce(sealkit_devidp::DevIdpBuilder) -> sealkit_devidp::DevIdpBuilder,
        config: impl FnOnce(sealkit::ConfigBuilder) -> sealkit::ConfigBuilder,
    ) -> Self {
        let clock = IdpClock::frozen_at(UnixMillis::from_secs(1_800_000_000));
        let idp = idp(DevIdp::builder().auto_approve(true).clock(clock)).build().unwrap();
        let sealkit = process(&idp, Duration::ZERO, config);
        Self { idp, sealkit }
    }

    /// Another process that works with the same provider.
    pub(crate) fn replica(
        &self,
        config: impl FnOnce(sealkit::ConfigBuilder) -> sealkit::ConfigBuilder,
    ) -> Sealkit {
        process(&self.idp, Duration::ZERO, config)
    }

    /// Another process, on a machine whose clock is ahead.
    pub(crate) fn replica_ahead(&self, ahead: Duration) -> Sealkit {
        process(&self.idp, ahead, |config| config.development(true))
    }

    /// Another process with the same configuration, beside the same provider.
    pub(crate) fn restarted(&self, change: impl FnOnce(SealkitBuilder) -> SealkitBuilder) -> Self {
        let builder = Sealkit::builder(self.sealkit.config().clone())
            .transport(Arc::new(InProcess(self.idp.clone())))
            .clock(Arc::new(IdpTime { clock: self.idp.clock(), ahead: Duration::ZERO }));
        Self { idp: self.idp.clone(), sealkit: change(builder).build().unwrap() }
    }

    pub(crate) fn layer(&self) -> SessionLayer {
        SessionLayer::new(self.sealkit.clone())
    }

    pub(crate) fn mint(&self, session: MintSession) -> (MintedSession, SealedSession) {
        let minted = self.idp.mint_session(session).unwrap();
        let response = AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap();
        (minted, self.sealkit.seal_session(&response).unwrap())
    }

    /// A `Cookie` line with a session of Ada's.
    pub(crate) fn cookie(&self) -> String {
        self.cookie_of(MintSession::for_user(ADA))
    }

    /// The same with an access token that is over.
    pub(crate) fn expired_cookie(&self) -> String {
        self.cookie_of(MintSession::for_user(ADA).expired())
    }

    pub(crate) fn cookie_of(&self, session: MintSession) -> String {
        self.line(&self.mint(session).1)
    }

    pub(crate) fn line(&self, sealed: &SealedSession) -> String {
        let set = CookieAction::Set(sealed.clone());
        let lines = self.sealkit.set_cookies(&set, Presence::NONE).unwrap();
        let set: Vec<_> = lines.iter().filter(|line| !line.is_deletion()).collect();
        let [cookie] = &set[..] else { panic!("more than one cookie") };
        cookie.to_header_value().split(';').next().unwrap().to_owned()
    }

    /// How many grants the provider has seen.
    pub(crate) fn grants(&self) -> usize {
        self.idp.requests_to(Endpoint::Authenticate).len()
    }
}

/// A kind of request, as a browser sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Navigation,
    Head,
    FormPost,
    Fetch,
    Xhr,
    Htmx,
    Prefetch,
    WebSocket,
    EventStream,
    Preflight,
    Image,
    Curl,
}

impl Kind {
    pub(crate) const ALL: [Self; 12] = [
        Self::Navigation,
        Self::Head,
        Self::FormPost,
        Self::Fetch,
        Self::Xhr,
        Self::Htmx,
        Self::Prefetch,
        Self::WebSocket,
        Self::EventStream,
        Self::Preflight,
        Self::Image,
        Self::Curl,
    ];

    pub(crate) fn method(self) -> Method {
        match self {
            Self::Head => Method::HEAD,
            Self::FormPost => Method::POST,
            Self::Preflight => Method::OPTIONS,
            _ => Method::GET,
        }
    }

    pub(crate) fn headers(self) -> Vec<(&'static str, &'static str)> {
        let navigate = [
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("accept", "text/html,*/*;q=0.8"),
        ];
        let script = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("accept", "*/*")];
        match self {
            Self::Navigation | Self::Head => navigate.to_vec(),
            Self::FormPost => {
                [&navigate[..], &[("content-type", "application/x-www-form-urlencoded")]].concat()
            }
            Self::Fetch => script.to_vec(),
            Self::Xhr => vec![("x-requested-with", "XMLHttpRequest"), ("accept", "text/html")],
            Self::Htmx => [
                &script[..],
                &[("hx-request", "true"), ("hx-current-url", "http://localhost:3000/list?page=2")],
            ]
            .concat(),
            Self::Prefetch => [&navigate[..], &[("sec-purpose", "prefetch;prerender")]].concat(),
            Self::WebSocket => vec![
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("sec-fetch-mode", "websocket"),
            ],
            Self::EventStream => vec![("accept", "text/event-stream"), ("sec-fetch-mode", "cors")],
            Self::Preflight => {
                vec![
                    ("origin", "https://other.test"),
                    ("access-control-request-method", "PUT"),
                    ("accept", "*/*"),
                ]
            }
            Self::Image => {
                vec![("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("accept", "image/*")]
            }
            Self::Curl => vec![("accept", "*/*")],
        }
    }
}

/// A request of this kind.
pub(crate) fn request(kind: Kind, uri: &str, cookie: Option<&str>) -> Request<Body> {
    let mut request =
        Request::builder().method(kind.method()).uri(uri).header(header::HOST, "localhost:3000");
    for (name, value) in kind.headers() {
        request = request.header(name, value);
    }
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    request.body(Body::empty()).unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) reason: Option<Reason>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect()
    }

    /// The lines for the session cookie.
    pub(crate) fn session_lines(&self) -> Vec<&str> {
        self.set_cookies().into_iter().filter(|line| line.starts_with("wos-session=")).collect()
    }

    pub(crate) fn verifier_lines(&self) -> Vec<&str> {
        self.set_cookies().into_iter().filter(|line| line.starts_with("wos-auth-verifier-")).collect()
    }

    pub(crate) fn is_uncacheable(&self) -> bool {
        self.header("cache-control").is_some_and(|value| value.starts_with("private, no-cache, no-store"))
            && self.header("vary").is_some_and(|value| value.contains("Cookie"))
    }
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Reply {
    let response = app.clone().oneshot(request).await.unwrap();
    let reason = response.extensions().get::<Failure>().map(Failure::reason);
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        reason,
    }
}

/// A browser with one cookie jar, for the application's host.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    world: World,
    app: Router,
    pub(crate) jar: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(world: &World, app: &Router) -> Self {
        Self { world: world.clone(), app: app.clone(), jar: BTreeMap::new() }
    }

    pub(crate) fn cookie_line(&self) -> String {
        self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// The cookies that it holds, the marker of a lap aside.
    pub(crate) fn names_but_the_lap(&self) -> Vec<&str> {
        self.jar.keys().map(String::as_str).filter(|name| *name != "sealkit-lap").collect()
    }

    pub(crate) fn store(&mut self, line: &str) {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=').unwrap();
        if attributes.contains("Max-Age=0;") || attributes.ends_with("Max-Age=0") {
            self.jar.remove(name);
        } else {
            self.jar.insert(name.to_owned(), value.to_owned());
        }
    }

    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> Reply {
        if !self.jar.is_empty() {
            request.headers_mut().insert(header::COOKIE, HeaderValue::try_from(self.cookie_line()).unwrap());
        }
        let reply = send(&self.app, request).await;
        for line in reply.set_cookies() {
            self.store(line);
        }
        reply
    }

    pub(crate) async fn go(&mut self, uri: &str) -> Reply {
        self.send(request(Kind::Navigation, uri, None)).await
    }

    pub(crate) async fn go_with(&mut self, kind: Kind, uri: &str, headers: &[(&'static str, &str)]) -> Reply {
        let mut request = request(kind, uri, None);
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        self.send(request).await
    }

    pub(crate) async fn post(
        &mut self,
        uri: &str,
        body: &'static str,
        headers: &[(&'static str, &str)],
    ) -> Reply {
        let mut request = request(Kind::FormPost, uri, None);
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        *request.body_mut() = Body::from(body);
        self.send(request).await
    }

    /// Follows a redirect to the provider; gives the path and query that it sends the browser back to.
    pub(crate) async fn at_provider(&self, location: &str) -> String {
        let url = Url::parse(location).unwrap();
        let target = &url[url::Position::BeforePath..];
        let request = Request::get(target).header(header::HOST, "127.0.0.1").body(Bytes::new()).unwrap();
        let response = self.world.idp.handle(request).await.unwrap();
        let back = Url::parse(response.headers()[header::LOCATION].to_str().unwrap()).unwrap();
        assert_eq!(back.origin().ascii_serialization(), ORIGIN);
        back[url::Position::BeforePath..].to_owned()
    }

    /// Signs in from a protected page; gives the last answer.
    pub(crate) async fn sign_in(&mut self, uri: &str) -> Reply {
        let denied = self.go(uri).await;
        let back = self.at_provider(denied.location()).await;
        self.go(&back).await
    }
}
