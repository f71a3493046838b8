//! The browser's side of sign-in: the authorize endpoint, its forms, and the page that confirms a device.

use crate::{
    DevIdp, User,
    idp::impersonated_by,
    page,
    router::Query,
    state::{SignIn, State, Wanted},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use sealkit_core::UnixMillis;
use std::time::Duration;
use url::Url;

/// Remembers in the browser who signed in last, for `prompt=none` and `max_age`.
const BROWSER_COOKIE: &str = "devidp_browser";

const PROVIDERS: [&str; 14] = [
    "authkit",
    "AppleOAuth",
    "BitbucketOAuth",
    "GitHubOAuth",
    "GitLabOAuth",
    "GoogleOAuth",
    "IntuitOAuth",
    "LinkedInOAuth",
    "MicrosoftOAuth",
    "SalesforceOAuth",
    "SlackOAuth",
    "VercelMarketplaceOAuth",
    "VercelOAuth",
    "XeroOAuth",
];

/// A browser in which somebody has signed in.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    user_id: String,
    auth_time: UnixMillis,
}

/// An authorization request that has been checked.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizeRequest {
    redirect_uri: String,
    state: Option<String>,
    challenge: Option<String>,
    organization_id: Option<String>,
    login_hint: Option<String>,
    prompt: Option<String>,
    max_age: Option<Duration>,
    pub(crate) sign_up: bool,
    /// What the tokens will say: `Password`, `SSO` or the provider's name.
    pub(crate) method: String,
}

impl AuthorizeRequest {
    /// Checks the query. The error is the answer: a page while the redirect URI is not known to be good, then a redirect.
    fn check(idp: &DevIdp, query: &Query) -> Result<Self, Box<Response<Bytes>>> {
        let refuse = |message: &str| Box::new(page::problem(StatusCode::BAD_REQUEST, message));
        if query.get("client_id") != Some(&idp.client_id()) {
            return Err(refuse("The client_id is not the one of this provider."));
        }
        let redirect_uri = query.get("redirect_uri").ok_or_else(|| refuse("The redirect_uri is missing."))?;
        if !idp.with(|state, _| state.settings.allows_redirect(redirect_uri))
            || Url::parse(redirect_uri).is_err()
        {
            return Err(refuse(
                "The redirect_uri is neither on this machine nor in the list of allowed ones.",
            ));
        }
        let text = |name: &str| query.get(name).map(str::to_owned);
        let mut checked = Self {
            redirect_uri: redirect_uri.to_owned(),
            state: text("state"),
            challenge: text("code_challenge"),
            organization_id: text("organization_id"),
            login_hint: text("login_hint"),
            prompt: text("prompt"),
            max_age: None,
            sign_up: query.get("screen_hint") == Some("sign-up"),
            method: "Password".to_owned(),
        };
        match checked.check_rest(idp, query) {
            Ok(()) => Ok(checked),
            Err((code, description)) => Err(Box::new(checked.error(StatusCode::FOUND, code, description))),
        }
    }

    fn check_rest(&mut self, idp: &DevIdp, query: &Query) -> Result<(), (&'static str, &'static str)> {
        if query.get("response_type") != Some("code") {
            return Err(("unsupported_response_type", "response_type must be code."));
        }
        match (&self.challenge, query.get("code_challenge_method")) {
            (None, None) => {}
            (Some(challenge), Some("S256")) if is_s256(challenge) => {}
            _ => {
                return Err((
                    "invalid_request",
                    "Only PKCE with a code_challenge and the method S256 is supported.",
                ));
            }
        }
        match (query.get("provider"), query.get("connection_id")) {
            (Some(_), Some(_)) => {
                return Err(("ambiguous_connection_selector", "Name a provider or a connection, not both."));
            }
            (Some(provider), None) if !PROVIDERS.contains(&provider) => {
                return Err(("connection_invalid", "This provider is unknown."));
            }
            (Some("authkit"), None) => {}
            (Some(provider), None) => self.method = provider.to_owned(),
            (None, Some(_)) => self.method = "SSO".to_owned(),
            (None, None) if self.organization_id.is_some() => self.method = "SSO".to_owned(),
            (None, None) => {
                return Err((
                    "invalid_connection_selector",
                    "One of provider, connection_id and organization_id is required.",
                ));
            }
        }
        if let Some(id) = &self.organization_id
            && idp.with(|state, _| state.organization(id).is_none())
        {
            return Err(("organization_invalid", "The organization does not exist."));
        }
        if let Some(max_age) = query.get("max_age") {
            let seconds =
                max_age.parse().map_err(|_| ("invalid_request", "max_age must be a whole number."))?;
            self.max_age = Some(Duration::from_secs(seconds));
        }
        match query.get("screen_hint") {
            None | Some("sign-in" | "sign-up") => Ok(()),
            Some(_) => Err(("invalid_request", "screen_hint must be sign-in or sign-up.")),
        }
    }

    /// Back to the application with parameters.
    fn redirect(&self, status: StatusCode, parameters: &[(&str, &str)]) -> Response<Bytes> {
        let Ok(mut url) = Url::parse(&self.redirect_uri) else {
            return page::problem(StatusCode::BAD_REQUEST, "The redirect_uri is no URL.");
        };
        url.query_pairs_mut()
            .extend_pairs(parameters)
            .extend_pairs(self.state.iter().map(|state| ("state", state.as_str())));
        page::redirect(status, url.as_str())
    }

    fn error(&self, status: StatusCode, code: &str, description: &str) -> Response<Bytes> {
        self.redirect(status, &[("error", code), ("error_description", description)])
    }

    /// Back to the application with a code, or on to the question for the organization.
    fn approve(
        &self,
        state: &mut State,
        mut sign_in: SignIn,
        status: StatusCode,
        now: UnixMillis,
    ) -> Response<Bytes> {
        if let (Some(id), Wanted::Unsaid) = (&self.organization_id, &sign_in.organization) {
            sign_in.organization = Wanted::Organization(id.clone());
        }
        let code = state.issue_code(sign_in, Some(self.redirect_uri.clone()), self.challenge.clone(), now);
        self.redirect(status, &[("code", &code)])
    }

    /// Who has signed in before in this browser, if that is recent enough and the person is one who is asked for.
    fn known_browser(&self, state: &State, headers: &HeaderMap, now: UnixMillis) -> Option<Browser> {
        let browser = browser_id(headers).and_then(|id| state.browsers.get(id)).cloned();
        browser.filter(|browser| {
            let recent = self.max_age.is_none_or(|limit| now.saturating_since(browser.auth_time) < limit);
            let hinted = |user: &User| self.login_hint.as_deref().is_none_or(|hint| user.is(hint));
            recent && self.candidates(state).iter().any(|user| user.id == browser.user_id && hinted(user))
        })
    }

    /// The origin of the redirect URI, for the page's `form-action`.
    pub(crate) fn redirect_origin(&self) -> String {
        Url::parse(&self.redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// Those who can sign in here: everybody, or the members of the organization that was asked for.
    pub(crate) fn candidates(&self, state: &State) -> Vec<User> {
        let belongs = |user: &&User| {
            self.organization_id.as_deref().is_none_or(|organization| user.membership(organization).is_some())
        };
        let mut users: Vec<User> = state.users.iter().filter(belongs).cloned().collect();
        if let Some(hint) = &self.login_hint {
            users.sort_by_key(|user| !user.is(hint));
        }
        users
    }

    pub(crate) fn login_hint(&self) -> &str {
        self.login_hint.as_deref().unwrap_or_default()
    }

    pub(crate) fn organization_id(&self) -> Option<&str> {
        self.organization_id.as_deref()
    }
}

/// `GET /user_management/authorize`.
pub(crate) fn show(idp: &DevIdp, request: &Request<Bytes>, query: &Query) -> Response<Bytes> {
    let wanted = match AuthorizeRequest::check(idp, query) {
        Ok(wanted) => wanted,
        Err(answer) => return *answer,
    };
    if idp.with(|state, _| state.settings.auto_approve) {
        return approve_at_once(idp, request.headers(), &wanted);
    }
    if wanted.prompt.as_deref() == Some("none") {
        return silently(idp, request.headers(), &wanted);
    }
    page::authorize(idp, &wanted, request.uri().query().unwrap_or_default(), None)
}

/// No page: the sign-in that this browser has, if it will do; else the user of the hint, or the first, signs in now.
fn approve_at_once(idp: &DevIdp, headers: &HeaderMap, wanted: &AuthorizeRequest) -> Response<Bytes> {
    idp.with(|state, now| {
        let demands_new = matches!(wanted.prompt.as_deref(), Some("login" | "select_account"));
        if let Some(browser) = wanted.known_browser(state, headers, now).filter(|_| !demands_new) {
            let sign_in = SignIn::new(&browser.user_id, &wanted.method, browser.auth_time);
            return wanted.approve(state, sign_in, StatusCode::FOUND, now);
        }
        let users = wanted.candidates(state);
        let user = match &wanted.login_hint {
            Some(hint) => users.iter().find(|user| user.is(hint)),
            None => users.first(),
        };
        match user {
            Some(user) => {
                let sign_in = SignIn::new(&user.id, &wanted.method, now);
                let mut response = wanted.approve(state, sign_in, StatusCode::FOUND, now);
                remember_browser(state, &user.id, &mut response, now);
                response
            }
            None => wanted.error(StatusCode::FOUND, "access_denied", "Nobody here fits the request."),
        }
    })
}

/// `prompt=none`: whoever signed in before in this browser, or nobody.
fn silently(idp: &DevIdp, headers: &HeaderMap, wanted: &AuthorizeRequest) -> Response<Bytes> {
    idp.with(|state, now| match wanted.known_browser(state, headers, now) {
        Some(browser) => {
            let sign_in = SignIn::new(&browser.user_id, &wanted.method, browser.auth_time);
            wanted.approve(state, sign_in, StatusCode::FOUND, now)
        }
        None => wanted.error(StatusCode::FOUND, "login_required", "Nobody is signed in."),
    })
}

/// `POST /user_management/authorize?…`: the page's forms. The query is the original one and is checked anew.
pub(crate) fn submit(idp: &DevIdp, request: &Request<Bytes>, query: &Query) -> Response<Bytes> {
    if !is_same_origin(request.headers()) {
        return page::problem(StatusCode::FORBIDDEN, "This form was sent from another site.");
    }
    let wanted = match AuthorizeRequest::check(idp, query) {
        Ok(wanted) => wanted,
        Err(answer) => return *answer,
    };
    let form = Query::parse(request.body());
    let again = |message: &str| {
        page::authorize(idp, &wanted, request.uri().query().unwrap_or_default(), Some(message))
    };
    if form.get("deny").is_some() {
        return wanted.error(StatusCode::SEE_OTHER, "access_denied", "The user denied the request.");
    }
    let user = match chosen_user(idp, &form) {
        Ok(user) => user,
        Err(message) => return again(message),
    };
    if wanted.organization_id().is_some_and(|organization| user.membership(organization).is_none()) {
        return again("This user is not a member of the organization that the application asked for.");
    }
    let impersonator = form.get("impersonator");
    let chosen = form.get("organization");
    let asks = idp.with(|state, _| state.settings.organization_choice) == crate::OrganizationChoice::Ask;
    if asks && wanted.organization_id().is_none() && chosen.is_none() && user.memberships.len() > 1 {
        return page::choose_organization(
            &wanted,
            request.uri().query().unwrap_or_default(),
            &user,
            impersonator,
        );
    }
    idp.with(|state, now| {
        let mut sign_in = SignIn::new(&user.id, &wanted.method, now);
        match chosen {
            Some("none") => sign_in.organization = Wanted::Nothing,
            Some(id) if user.membership(id).is_some() => {
                sign_in.organization = Wanted::Organization(id.to_owned())
            }
            _ => {}
        }
        if let Some(email) = impersonator {
            sign_in.method = "Impersonation".to_owned();
            sign_in.impersonator = Some(impersonated_by(email, form.get("reason")));
            return wanted.approve(state, sign_in, StatusCode::SEE_OTHER, now);
        }
        let mut response = wanted.approve(state, sign_in, StatusCode::SEE_OTHER, now);
        remember_browser(state, &user.id, &mut response, now);
        response
    })
}

/// Whom the form means: a button, an address with its password, or a new account.
fn chosen_user(idp: &DevIdp, form: &Query) -> Result<User, &'static str> {
    if let Some(id) = form.get("user") {
        return idp.with(|state, _| state.user(id).cloned()).ok_or("This user is gone.");
    }
    let email = form.get("email").ok_or("Type an e-mail address.")?;
    let password = form.get("password").ok_or("Type a password.")?;
    if form.get("sign_up").is_some() {
        return sign_up(idp, form, email, password);
    }
    idp.with(|state, _| state.user_by_email(email).filter(|user| user.has_password(password)).cloned())
        .ok_or("The e-mail address or the password is wrong.")
}

fn sign_up(idp: &DevIdp, form: &Query, email: &str, password: &str) -> Result<User, &'static str> {
    if !idp.with(|state, _| state.settings.sign_up) {
        return Err("New accounts are not allowed here.");
    }
    if !email.contains('@') {
        return Err("This is not an e-mail address.");
    }
    let mut user = User::new(email).with_password(password);
    if let (Some(first), Some(last)) = (form.get("first_name"), form.get("last_name")) {
        user = user.with_name(first, last);
    }
    idp.with(|state, now| {
        if state.user_by_email(email).is_some() {
            return Err("There is an account with this e-mail address.");
        }
        user.id = state.ids.id("user", now);
        (user.created_at, user.updated_at) = (now, now);
        state.users.push(user.clone());
        Ok(user)
    })
}

/// `GET /device`.
pub(crate) fn show_device(idp: &DevIdp, query: &Query) -> Response<Bytes> {
    page::device(idp, query.get("user_code").unwrap_or_default(), None)
}

/// `POST /device`.
pub(crate) fn submit_device(idp: &DevIdp, request: &Request<Bytes>) -> Response<Bytes> {
    if !is_same_origin(request.headers()) {
        return page::problem(StatusCode::FORBIDDEN, "This form was sent from another site.");
    }
    let form = Query::parse(request.body());
    let code = form.get("user_code").unwrap_or_default();
    let denied = form.get("deny").is_some();
    let user =
        form.get("user").and_then(|id| idp.with(|state, _| state.user(id).map(|user| user.id.clone())));
    if !denied && user.is_none() {
        return page::device(idp, code, Some("Choose who you are."));
    }
    let decided = idp.with(|state, now| {
        let sign_in = user.filter(|_| !denied).map(|id| SignIn::new(&id, "Password", now));
        state.decide_device(code, sign_in, now)
    });
    match (decided, denied) {
        (false, _) => page::device(idp, code, Some("Nothing waits under this code.")),
        (true, true) => page::note("Refused", "The device has been refused. You can close this page."),
        (true, false) => {
            page::note("Device connected", "You are signed in on your device. You can close this page.")
        }
    }
}

/// The browser has signed out: it is nobody's any more.
pub(crate) fn forget_browser(idp: &DevIdp, request: &Request<Bytes>, response: &mut Response<Bytes>) {
    let Some(id) = browser_id(request.headers()) else { return };
    idp.with(|state, _| {
        if let Some(browser) = state.browsers.get_mut(id) {
            browser.user_id.clear();
        }
    });
    let cookie = format!("{BROWSER_COOKIE}=; Path=/user_management; HttpOnly; SameSite=Lax; Max-Age=0");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn remember_browser(state: &mut State, user_id: &str, response: &mut Response<Bytes>, now: UnixMillis) {
    let id = state.ids.secret();
    let cookie =
        format!("{BROWSER_COOKIE}={id}; Path=/user_management; HttpOnly; SameSite=Lax; Max-Age=86400");
    state.browsers.insert(id, Browser { user_id: user_id.to_owned(), auth_time: now });
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn browser_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == BROWSER_COOKIE)
        .map(|(_, value)| value)
}

/// A form is ours if the browser says so, or if it says nothing, as scripts do.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| {
        let mut lines = headers.get_all(name).iter();
        let line = lines.next()?;
        // Of two lines, neither counts.
        Some(if lines.next().is_none() { line.to_str().unwrap_or("?") } else { "?" })
    };
    let site_fits = text(header::HeaderName::from_static("sec-fetch-site"))
        .is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin_fits = text(header::ORIGIN).is_none_or(|origin| {
        text(header::HOST).is_some_and(|host| origin.strip_prefix("http://").is_some_and(|own| own == host))
    });
    site_fits && origin_fits
}

/// The unpadded base64url of 32 bytes.
fn is_s256(challenge: &str) -> bool {
    challenge.len() == 43
        && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        for (yes, pairs) in [
            (true, &[][..]),
            (
                true,
                &[
                    ("origin", "http://localhost:1"),
                    ("host", "localhost:1"),
                    ("sec-fetch-site", "same-origin"),
                ],
            ),
            (false, &[("origin", "http://evil.example"), ("host", "localhost:1")]),
            (false, &[("origin", "null"), ("host", "localhost:1")]),
            (false, &[("origin", "https://localhost:1"), ("host", "localhost:1")]),
            (
                false,
                &[
                    ("origin", "http://localhost:1"),
                    ("origin", "http://evil.example"),
                    ("host", "localhost:1"),
                ],
            ),
            (false, &[("origin", "http://localhost:2"), ("host", "localhost:1")]),
            (false, &[("sec-fetch-site", "cross-site"), ("host", "localhost:1")]),
            (false, &[("sec-fetch-site", "same-site"), ("host", "localhost:1")]),
        ] {
            assert_eq!(is_same_origin(&headers(pairs)), yes, "{pairs:?}");
        }
    }
}
