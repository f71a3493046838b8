//! One application, one provider, one visitor who repeats themselves, and others who must not notice.

use super::operation::Operation;
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Method, Request, Response, StatusCode, header},
    routing,
};
use sealkit::{
    Clock, Config, EncodingPolicy, KeyRing, Sealkit, SystemRandom, UnixMillis,
    api::{HttpTransport, TransportError, TransportErrorKind, TransportFuture},
    breaker::BreakerState,
    config::{LimitSettings, RefreshSettings},
    cookie::encode_value,
    format::{Format, FormatSet},
    refresh::CoordinatorFuture,
    revocation::{DenyEntry, DenyListStore, WeakDenyList},
    session::AuthResponse,
};
use sealkit_axum::{Session, SessionLayer};
use sealkit_devidp::{DevIdp, Endpoint, IdpClock, MintSession, MintedSession, OrganizationChoice};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const GRACE: &str = "grace@example.com";
pub(crate) const ORIGIN: &str = "http://localhost:3000";
pub(crate) const WEBHOOK_SECRET: &str = "whsec_of_the_provider_0123456789";

/// The API fails on what names this organization, as one that was not made for such an id.
pub(crate) const CHOKING: &str = "org_01JGFCHOKES000000000000000";

/// How many sessions have been refreshed and wait for their browsers to come back with the old cookie.
const LATE: usize = 8;

/// How long another visitor may wait because of this one.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Everything of one run.
pub(crate) struct House {
    pub(crate) idp: DevIdp,
    pub(crate) sealkit: Sealkit,
    pub(crate) app: Router,
    pub(crate) seen: Arc<Mutex<BTreeSet<(Method, String)>>>,
    limits: LimitSettings,
    calls: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    late: Vec<String>,
}

/// What a run came to. `problems` is empty when nobody else noticed.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) calls: usize,
    pub(crate) most_calls: usize,
    pub(crate) writes: usize,
    pub(crate) unavailable: usize,
    /// The longest that another visitor waited.
    pub(crate) waited: Duration,
    pub(crate) problems: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, most_calls, writes, unavailable, waited, problems } = self;
        write!(
            f,
            "{calls:>4} calls (most {most_calls:>3}) {writes:>3} writes {unavailable:>6} told to wait, others waited {waited:>9.3?}"
        )?;
        problems.iter().try_for_each(|problem| write!(f, "\n  NOTICED: {problem}"))
    }
}

/// The way to the API, counted.
#[derive(Debug)]
struct Wire {
    idp: DevIdp,
    calls: Arc<AtomicUsize>,
}

impl HttpTransport for Wire {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            if String::from_utf8_lossy(request.body()).contains(CHOKING) {
                let mut failed = Response::new(Bytes::new());
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                return Ok(failed);
            }
            let answer = self.idp.handle(request).await;
            answer.map_err(|_| TransportError::new(TransportErrorKind::Interrupted))
        })
    }
}

#[derive(Debug)]
struct IdpTime(IdpClock);

impl Clock for IdpTime {
    fn now(&self) -> UnixMillis {
        self.0.now()
    }
}

/// The shared deny list, of which only writes are seen.
#[derive(Debug)]
struct Store(Arc<AtomicUsize>);

impl DenyListStore for Store {
    fn follow(&self, _: WeakDenyList) {}

    fn share(&self, _: DenyEntry) -> CoordinatorFuture<'_, ()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }

    fn age(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Reply {
    pub(crate) fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok())
    }

    /// `NAME=VALUE` of the session cookie that is set.
    pub(crate) fn session_cookie(&self) -> Option<String> {
        let set = self
            .set_cookies()
            .find(|line| line.starts_with("wos-session=") && !line.contains("Max-Age=0"))?;
        set.split(';').next().map(str::to_owned)
    }
}

impl House {
    /// `write`: the format of everybody's cookies.
    pub(crate) async fn new(limits: LimitSettings, write: Format) -> Self {
        let clock = IdpClock::frozen_at(UnixMillis::from_secs(1_800_000_000));
        let idp = DevIdp::builder()
            .auto_approve(true)
            .organization_choice(OrganizationChoice::Ask)
            .webhook_secret(WEBHOOK_SECRET)
            .clock(clock.clone());
        let idp = idp.build().unwrap();
        let ring = KeyRing::builder()
            .password("text", "a cookie password of enough characters")
            .password("own", write.key_shape().generate(&SystemRandom).unwrap())
            .build()
            .unwrap();
        let mut refresh = RefreshSettings::default();
        refresh.retry.waits = [Duration::from_millis(1); 3];
        let config = Config::builder()
            .client_id(idp.client_id())
            .api_key(idp.api_key())
            .api_base(idp.base_url())
            .key_ring(ring)
            .encoding(EncodingPolicy::writing(write).with_read(FormatSet::all()))
            .redirect_uri(format!("{ORIGIN}/callback"))
            .webhook_secrets([WEBHOOK_SECRET])
            .refresh(refresh)
            .limits(limits);
        let (calls, writes): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let sealkit = Sealkit::builder(config.build().unwrap())
            .transport(Arc::new(Wire { idp: idp.clone(), calls: Arc::clone(&calls) }))
            .clock(Arc::new(IdpTime(clock)))
            .deny_list_store(Arc::new(Store(Arc::clone(&writes))))
            .build()
            .unwrap();
        let layer = SessionLayer::new(sealkit.clone());
        let app = Router::new()
            .route("/", routing::any(|session: Session| async move { session.user_id().to_owned() }))
            .merge(sealkit_axum::routes(&layer))
            .layer(layer);
        let mut house =
            Self { idp, sealkit, app, seen: Arc::default(), limits, calls, writes, late: Vec::new() };
        for _ in 0..LATE {
            let cookie = house.cookie(MintSession::for_user(GRACE).expired());
            // Served, and its new cookie never reaches the browser.
            let reply = house.navigate("/", Some(&cookie)).await;
            assert!(reply.status == StatusCode::OK && reply.session_cookie().is_some(), "{reply:?}");
            house.late.push(cookie);
        }
        house.idp.advance(Duration::from_secs(60));
        house
    }

    pub(crate) fn mint(&self, session: MintSession) -> MintedSession {
        self.idp.mint_session(session).unwrap()
    }

    pub(crate) fn response(minted: &MintedSession) -> AuthResponse {
        AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap()
    }

    /// The `Cookie` line of a new session.
    pub(crate) fn cookie(&self, session: MintSession) -> String {
        let sealed = self.sealkit.seal_session(&Self::response(&self.mint(session))).unwrap();
        Self::line(sealed.expose_secret())
    }

    pub(crate) fn line(value: &str) -> String {
        format!("wos-session={}", encode_value(value))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        self.seen.lock().unwrap().insert((request.method().clone(), request.uri().path().to_owned()));
        send(self.app.clone(), request).await
    }

    pub(crate) async fn navigate(&self, uri: &str, cookie: Option<&str>) -> Reply {
        self.send(navigation(uri, cookie)).await
    }

    /// Follows a redirect to the provider; gives the path and query that it sends the browser back to.
    pub(crate) async fn at_provider(&self, location: &str) -> String {
        let at = location.find("/user_management").unwrap();
        let request = Request::get(&location[at..]).header(header::HOST, "127.0.0.1").body(Bytes::new());
        let response = self.idp.handle(request.unwrap()).await.unwrap();
        let back = response.headers()[header::LOCATION].to_str().unwrap();
        back.strip_prefix(ORIGIN).unwrap().to_owned()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// One visitor repeats the operation, and the others come.
    pub(crate) async fn repeat(self, operation: Operation, times: usize) -> Report {
        let [valid, expired] = [MintSession::for_user(GRACE), MintSession::for_user(GRACE).expired()];
        let (valid, expired) = (self.cookie(valid), self.cookie(expired));
        let mut problems = Vec::new();
        let mut waited = Duration::ZERO;
        self.other(&valid, "before", &mut waited, &mut problems).await;
        let house = Arc::new(self);
        let (calls, writes) = (house.calls(), house.writes.load(Ordering::SeqCst));
        let visitor = tokio::spawn(operation.repeat(Arc::clone(&house), times));
        while !visitor.is_finished() {
            house.other(&valid, "in between", &mut waited, &mut problems).await;
            sleep(Duration::from_millis(1)).await;
        }
        let unavailable = visitor.await.unwrap();
        let calls = house.calls() - calls;
        let writes = house.writes.load(Ordering::SeqCst) - writes;
        let most_calls = operation.most_calls(&house.limits);
        if calls > most_calls {
            problems.push(format!("{calls} calls to the API, at most {most_calls} are due"));
        }
        if writes > MOST_WRITES {
            problems.push(format!("{writes} writes to the store"));
        }
        if house.sealkit.api_breaker() != BreakerState::Closed {
            problems.push("the breaker is open for everybody".to_owned());
        }
        house.idp.advance(Duration::from_secs(60));
        house.other(&valid, "afterwards", &mut waited, &mut problems).await;
        let grants = || house.idp.requests_to(Endpoint::Authenticate).len();
        let before = grants();
        for late in &house.late {
            let reply = house.other(late, "late", &mut waited, &mut problems).await;
            if reply.session_cookie().is_none() {
                problems.push("a late browser did not get its new cookie".to_owned());
            }
        }
        if grants() != before {
            problems.push("a result that was needed is gone".to_owned());
        }
        house.other(&expired, "expired", &mut waited, &mut problems).await;
        Report { calls, most_calls, writes, unavailable, waited, problems }
    }

    /// Another visitor comes, and must be served.
    async fn other(
        &self,
        cookie: &str,
        who: &str,
        waited: &mut Duration,
        problems: &mut Vec<String>,
    ) -> Reply {
        let begun = Instant::now();
        let reply = send(self.app.clone(), navigation("/", Some(cookie))).await;
        let took = begun.elapsed();
        *waited = took.max(*waited);
        if reply.status != StatusCode::OK || took > LONGEST_WAIT {
            problems.push(format!("{who}: {} after {took:?}", reply.status));
        }
        reply
    }
}

/// Most writes to the shared store, whatever one visitor repeats.
const MOST_WRITES: usize = 4;

pub(crate) async fn send(app: Router, request: Request<Body>) -> Reply {
    let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
    to_bytes(body, usize::MAX).await.unwrap();
    Reply { status: parts.status, headers: parts.headers }
}

/// A request with these headers, to the application's host.
pub(crate) fn request(
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    cookie: Option<&str>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri).header(header::HOST, "localhost:3000");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    request.body(Body::empty()).unwrap()
}

pub(crate) const NAVIGATION: &[(&str, &str)] =
    &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("accept", "text/html")];

pub(crate) fn navigation(uri: &str, cookie: Option<&str>) -> Request<Body> {
    request(Method::GET, uri, NAVIGATION, cookie)
}
