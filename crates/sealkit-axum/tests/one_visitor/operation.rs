//! Everything that one visitor can repeat.

use super::house::{ADA, CHOKING, House, NAVIGATION, ORIGIN, Reply, navigation, request, send};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use sealkit::{
    Clock as _, KeyRing, SystemRandom,
    config::LimitSettings,
    format::{Cost, Format},
    session::payload_of,
};
use sealkit_devidp::MintSession;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

const ORGANIZATIONS: [&str; 2] = ["org_01JGFANALYT1CALENG1NES0000", "org_01JGFNAVYC0MP1LERS00000000"];

/// The format that takes as long to open as a password to check.
const COSTLY: Format = Format::DotnetGcm;

/// What the visitor does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A cookie whose token is valid.
    Valid,
    /// A cookie whose token has expired; the new cookie is never stored.
    Expired,
    /// The same, by every kind of request that a browser makes.
    ExpiredByEveryKind,
    /// A cookie of a session that WorkOS has ended.
    Ended,
    /// A cookie whose token is about to expire.
    NearlyOver,
    /// A cookie that was signed out here.
    SignedOut,
    /// Cookies that are none.
    Junk,
    /// Values that look like this format's.
    Forged(Format),
    /// An own access token that has expired, with refresh tokens of the visitor's making.
    MadeUpRefreshTokens,
    /// The same, near the end of the token.
    MadeUpRefreshTokensAhead,
    /// Tokens that name signing keys which nobody has.
    UnknownKeys,
    /// Back and forth between two organizations.
    Switch,
    /// Into what is no organization's id.
    SwitchToMalformed,
    /// Into organizations that do not exist.
    SwitchToUnknown,
    /// Into an organization that the API fails on.
    SwitchToChoking,
    /// Without a session.
    SwitchByNobody,
    /// Out, with the same cookie.
    SignOut,
    /// Out of a session that ended long ago.
    SignOutOfEnded,
    /// Out, with cookies of the visitor's making.
    SignOutForged,
    /// The same, with values of a costly format.
    SignOutCostly,
    /// Out, by a link.
    SignOutByLink,
    /// A new sign-in is begun.
    Login,
    /// The same, with everything that a link can say, malformed.
    LoginMalformed,
    /// A new sign-up is begun.
    SignUp,
    /// One sign-in comes back with many codes.
    Codes,
    /// A sign-in that waits for a choice of organization, with many that do not exist.
    Choices,
    /// The same, with what is no organization's id.
    ChoicesMalformed,
    /// A callback that nobody has begun.
    CallbackByNobody,
    /// A callback that the provider refused.
    CallbackRefused,
    /// Webhooks that WorkOS has not signed.
    WebhookForged,
    /// One genuine webhook.
    WebhookAgain,
}

impl Operation {
    /// Cookies of every kind, on a page of the application.
    pub(crate) const COOKIES: [Self; 10] = [
        Self::Valid,
        Self::Expired,
        Self::ExpiredByEveryKind,
        Self::Ended,
        Self::NearlyOver,
        Self::SignedOut,
        Self::Junk,
        Self::MadeUpRefreshTokens,
        Self::MadeUpRefreshTokensAhead,
        Self::UnknownKeys,
    ];

    /// The ready-made routes.
    pub(crate) const ROUTES: [Self; 20] = [
        Self::Switch,
        Self::SwitchToMalformed,
        Self::SwitchToUnknown,
        Self::SwitchToChoking,
        Self::SwitchByNobody,
        Self::SignOut,
        Self::SignOutOfEnded,
        Self::SignOutForged,
        Self::SignOutCostly,
        Self::SignOutByLink,
        Self::Login,
        Self::LoginMalformed,
        Self::SignUp,
        Self::Codes,
        Self::Choices,
        Self::ChoicesMalformed,
        Self::CallbackByNobody,
        Self::CallbackRefused,
        Self::WebhookForged,
        Self::WebhookAgain,
    ];

    /// Forged values of every format.
    pub(crate) fn forgeries() -> impl Iterator<Item = Self> {
        Format::ALL.iter().copied().map(Self::Forged)
    }

    /// The format that everybody's cookies have meanwhile.
    pub(crate) fn write(self) -> Format {
        match self {
            Self::Forged(format) if format.cost() == Cost::Costly => format,
            Self::SignOutCostly => COSTLY,
            _ => Format::Iron,
        }
    }

    /// How many of so many repetitions come in turn; the others come at once. Of a costly format, whose values would else never
    /// meet others, none does.
    fn in_turn(self, times: usize) -> usize {
        if self.write().cost() == Cost::Costly { 0 } else { times - times / 3 }
    }

    /// Most calls to the API, whatever the number of repetitions.
    pub(crate) fn most_calls(self, limits: &LimitSettings) -> usize {
        // A first fetch of the key set is included, and what ends a session at WorkOS.
        const FEW: usize = 3;
        // Each grant is sent again, as one that may have been lost.
        const ATTEMPTS: usize = 4;
        match self {
            Self::SwitchToChoking => limits.grants_per_session * ATTEMPTS + FEW,
            Self::MadeUpRefreshTokens
            | Self::MadeUpRefreshTokensAhead
            | Self::Switch
            | Self::SwitchToUnknown => limits.grants_per_session + FEW,
            Self::Codes | Self::Choices => limits.codes_per_sign_in + FEW,
            _ => FEW,
        }
    }

    /// Repeats it, and gives how often the visitor was told to come again.
    pub(crate) async fn repeat(self, house: Arc<House>, times: usize) -> usize {
        let mut visitor = Visitor::new(self, &house).await;
        let mut unavailable = 0;
        for i in 0..self.in_turn(times) {
            let reply = house.send(visitor.request(self, i)).await;
            unavailable += usize::from(self.check(&reply));
            if let (Self::Switch, Some(cookie)) = (self, reply.session_cookie()) {
                visitor.cookie = cookie;
            }
        }
        let mut at_once = JoinSet::new();
        for i in self.in_turn(times)..times {
            at_once.spawn(send(house.app.clone(), visitor.request(self, i)));
        }
        unavailable + at_once.join_all().await.iter().filter(|reply| self.check(reply)).count()
    }

    /// Whether the visitor was told to come again. If so, the cookie must be kept.
    fn check(self, reply: &Reply) -> bool {
        assert!(reply.status != StatusCode::INTERNAL_SERVER_ERROR, "{self:?}: {reply:?}");
        let unavailable = reply.status == StatusCode::SERVICE_UNAVAILABLE;
        if unavailable {
            let kept = reply.set_cookies().all(|line| !line.contains("Max-Age=0"));
            assert!(kept && reply.headers.contains_key(header::RETRY_AFTER), "{self:?}: {reply:?}");
        }
        unavailable
    }
}

/// What the visitor has.
struct Visitor {
    cookie: String,
    access_token: String,
    session_id: String,
    /// The address that a sign-in comes back to, without its code; of one that waits for a choice, which it is.
    callback: String,
    forgery: String,
    webhook: Option<sealkit_devidp::Webhook>,
}

impl Visitor {
    async fn new(operation: Operation, house: &House) -> Self {
        let session = MintSession::for_user(ADA);
        let session = match operation {
            Operation::Expired
            | Operation::ExpiredByEveryKind
            | Operation::Ended
            | Operation::MadeUpRefreshTokens
            | Operation::SignOutOfEnded => session.expired(),
            Operation::NearlyOver | Operation::MadeUpRefreshTokensAhead => {
                session.lifetime(Duration::from_secs(20))
            }
            _ => session,
        };
        let minted = house.mint(session);
        if matches!(operation, Operation::NearlyOver | Operation::MadeUpRefreshTokensAhead) {
            house.idp.advance(Duration::from_secs(18));
        }
        let sealed = house.sealkit.seal_session(&House::response(&minted)).unwrap();
        let mut visitor = Self {
            cookie: House::line(sealed.expose_secret()),
            access_token: minted.access_token.clone(),
            session_id: minted.session_id.clone(),
            callback: String::new(),
            forgery: String::new(),
            webhook: None,
        };
        match operation {
            Operation::Ended | Operation::SignOutOfEnded | Operation::WebhookAgain => {
                assert!(house.idp.revoke_session(&minted.session_id));
                visitor.webhook = house.idp.webhooks().pop();
            }
            Operation::SignedOut => {
                house.send(form("/logout", "", Some(&visitor.cookie))).await;
            }
            Operation::Forged(format) => visitor.forgery = forgery(format, house),
            Operation::SignOutForged => visitor.forgery = forgery(Format::Iron, house),
            Operation::SignOutCostly => visitor.forgery = forgery(COSTLY, house),
            Operation::Codes | Operation::CallbackRefused => {
                let begun = house.navigate("/login", None).await;
                let location = begun.headers[header::LOCATION].to_str().unwrap();
                let state = location.split("state=").nth(1).unwrap().split('&').next().unwrap();
                visitor.callback = format!("/callback?state={state}");
                visitor.cookie = begun.set_cookies().next().unwrap().split(';').next().unwrap().to_owned();
            }
            Operation::Choices | Operation::ChoicesMalformed => {
                let begun = house.navigate("/login", None).await;
                let verifier = begun.set_cookies().next().unwrap().split(';').next().unwrap().to_owned();
                let back = house.at_provider(begun.headers[header::LOCATION].to_str().unwrap()).await;
                let asked = house.navigate(&back, Some(&verifier)).await;
                let pending = asked.set_cookies().find(|line| line.starts_with("wos-auth-pending-")).unwrap();
                visitor.cookie = pending.split(';').next().unwrap().to_owned();
                visitor.callback =
                    visitor.cookie.split('=').next().unwrap().rsplit('-').next().unwrap().to_owned();
            }
            _ => {}
        }
        visitor
    }

    /// The request that the visitor repeats.
    fn request(&self, operation: Operation, i: usize) -> Request<Body> {
        let cookie = Some(self.cookie.as_str());
        match operation {
            Operation::Valid
            | Operation::Expired
            | Operation::Ended
            | Operation::NearlyOver
            | Operation::SignedOut => navigation("/", cookie),
            Operation::ExpiredByEveryKind => {
                let (method, headers) = KINDS[i % KINDS.len()];
                request(method.parse().unwrap(), "/", headers, cookie)
            }
            Operation::Junk => {
                let junk = format!("wos-session=junk-{i}; wos-session=a*b~{i}; wos-session.0={i}; x={i}");
                navigation("/", Some(&junk))
            }
            Operation::Forged(_) => navigation("/", Some(&House::line(&altered(&self.forgery, i)))),
            Operation::MadeUpRefreshTokens | Operation::MadeUpRefreshTokensAhead => {
                let refresh_token = format!("made up {i}");
                let payload = json!({ "accessToken": self.access_token, "refreshToken": refresh_token });
                navigation("/", Some(&House::line(&payload.to_string())))
            }
            Operation::UnknownKeys => {
                let head =
                    base64(&json!({ "alg": "RS256", "typ": "JWT", "kid": format!("k{i}") }).to_string());
                let (_, rest) = self.access_token.split_once('.').unwrap();
                let payload = json!({ "accessToken": format!("{head}.{rest}"), "refreshToken": "r" });
                navigation("/", Some(&House::line(&payload.to_string())))
            }
            Operation::Switch => switch(ORGANIZATIONS[i % 2], cookie),
            Operation::SwitchToMalformed => {
                let malformed = ["org_%00", "%0a", "org_1%20", "..%2f..%2f", "%C3%A9", "org_%7f"];
                switch(malformed[i % malformed.len()], cookie)
            }
            Operation::SwitchToUnknown => switch(&format!("org_NOSUCH{i}"), cookie),
            Operation::SwitchToChoking => switch(CHOKING, cookie),
            Operation::SwitchByNobody => switch(ORGANIZATIONS[0], None),
            Operation::SignOut | Operation::SignOutOfEnded => form("/logout", "", cookie),
            Operation::SignOutForged | Operation::SignOutCostly => {
                let forged = House::line(&altered(&self.forgery, i));
                form("/logout", "", Some(&forged))
            }
            Operation::SignOutByLink => {
                let headers = [NAVIGATION, &[("sec-fetch-site", "same-origin")]].concat();
                request(Method::GET, "/logout", &headers, cookie)
            }
            Operation::Login => navigation(&format!("/login?return_to=/{i}"), None),
            Operation::LoginMalformed => {
                let long = "x".repeat(i % 4_000);
                let query = format!(
                    "organization_id=org_%00&login_hint=a%0ab{long}&invitation_token=%C3%A9&prompt=%00&max_age=x"
                );
                navigation(&format!("/login?{query}"), None)
            }
            Operation::SignUp => navigation("/sign-up", None),
            Operation::Codes => navigation(&format!("{}&code=made-up-{i}", self.callback), cookie),
            Operation::Choices => {
                form("/callback", &format!("sign_in={}&organization_id=org_NOSUCH{i}", self.callback), cookie)
            }
            Operation::ChoicesMalformed => {
                form("/callback", &format!("sign_in={}&organization_id=org_%00{i}", self.callback), cookie)
            }
            Operation::CallbackByNobody => navigation(&format!("/callback?code=c{i}&state=s{i}"), None),
            Operation::CallbackRefused => {
                navigation(&format!("{}&error=access_denied", self.callback), cookie)
            }
            Operation::WebhookForged => {
                let body = json!({ "event": "session.revoked", "data": { "id": self.session_id }, "i": i });
                webhook("t=1800000000000, v1=00", body.to_string())
            }
            Operation::WebhookAgain => {
                let delivered = self.webhook.as_ref().unwrap();
                let signature = delivered.headers["workos-signature"].to_str().unwrap();
                webhook(signature, delivered.body.clone())
            }
        }
    }
}

/// Kinds of requests, as browsers send them.
const KINDS: [(&str, &[(&str, &str)]); 8] = [
    ("GET", NAVIGATION),
    ("HEAD", NAVIGATION),
    ("POST", NAVIGATION),
    ("GET", &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]),
    ("GET", &[("sec-fetch-mode", "cors"), ("hx-request", "true")]),
    ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")]),
    ("GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]),
    ("GET", &[("accept", "text/event-stream"), ("sec-fetch-mode", "cors")]),
];

fn form(uri: &str, body: &str, cookie: Option<&str>) -> Request<Body> {
    let headers = [
        NAVIGATION,
        &[
            ("origin", ORIGIN),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
    ]
    .concat();
    let mut request = request(Method::POST, uri, &headers, cookie);
    *request.body_mut() = Body::from(body.to_owned());
    request
}

fn switch(organization_id: &str, cookie: Option<&str>) -> Request<Body> {
    form("/switch-organization", &format!("organization_id={organization_id}"), cookie)
}

fn webhook(signature: &str, body: impl Into<Body>) -> Request<Body> {
    let headers = [("content-type", "application/json"), ("workos-signature", signature)];
    let mut request = request(Method::POST, "/webhooks/workos", &headers, None);
    *request.body_mut() = body.into();
    request
}

/// A value of this format that somebody else has sealed; of formats that nobody seals, one with a token that does not verify.
fn forgery(format: Format, house: &House) -> String {
    let mut answer = house.mint(MintSession::for_user(ADA)).response_json;
    let token = answer["access_token"].as_str().unwrap();
    answer["access_token"] = json!(altered(token, 7));
    let answer = sealkit::session::AuthResponse::from_json(answer.to_string().as_bytes()).unwrap();
    let theirs = format.key_shape().generate(&SystemRandom).unwrap();
    let ring = KeyRing::builder().password("theirs", theirs).build().unwrap();
    let now = house.sealkit.clock().now();
    let payload = payload_of(&answer, format.style());
    let text = format.wrap(&payload, now, Duration::ZERO);
    format.seal(text.as_bytes(), &ring, now, &SystemRandom).unwrap()
}

/// Another value of the same shape for each `i`: letters and digits near the end are exchanged.
fn altered(value: &str, i: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut bytes = value.as_bytes().to_vec();
    let alphanumeric: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_alphanumeric()).collect();
    let mut rest = i;
    for at in alphanumeric.iter().rev().skip(8).take(4) {
        bytes[*at] = LETTERS[rest % LETTERS.len()];
        rest /= LETTERS.len();
    }
    String::from_utf8(bytes).unwrap()
}

fn base64(text: &str) -> String {
    use std::fmt::Write as _;
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    text.as_bytes().chunks(3).fold(String::new(), |mut out, chunk| {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * at) & 63;
            let _ = write!(out, "{}", char::from(DIGITS[usize::try_from(digit).unwrap()]));
        }
        out
    })
}
