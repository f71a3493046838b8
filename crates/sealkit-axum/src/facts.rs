//! What of a request the answers depend on, kept beside the request while the handler owns it.

use crate::{
    layer::Shared,
    same_origin::{self, Initiator},
};
use axum::extract::OriginalUri;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header, uri::PathAndQuery};
use sealkit::{Arrival, RequestKind, RequestProfile};

/// The facts of one request.
#[derive(Debug)]
pub(crate) struct RequestFacts {
    pub(crate) profile: RequestProfile,
    pub(crate) method: Method,
    /// As the browser asked for it: outside of any `Router::nest`.
    pub(crate) uri: Uri,
    /// On a sign-up path: whoever is not signed in is led to the sign-up screen.
    pub(crate) sign_up: bool,
    /// Where the request was made.
    pub(crate) initiator: Initiator,
    cookies: Vec<HeaderValue>,
    /// The `Host` line, if there is one.
    host: Option<HeaderValue>,
    page: Option<String>,
    pub(crate) had_authorization: bool,
    forwarded_scheme: Option<HeaderValue>,
    /// A WebSocket handshake of a page of another origin: the session is not looked at.
    pub(crate) foreign_socket: bool,
}

impl RequestFacts {
    pub(crate) fn of<B>(request: &Request<B>, shared: &Shared) -> Self {
        let mut facts = Self::read(request);
        facts.sign_up = shared.is_sign_up(&facts.method, &facts.uri);
        facts.initiator = Initiator::of(request.headers(), &facts.uri, shared.public_origin());
        if facts.is_foreign_socket(request.headers(), shared) {
            facts.foreign_socket = true;
            facts.cookies.clear();
        }
        facts
    }

    fn read<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let uri = match request.extensions().get::<OriginalUri>() {
            Some(OriginalUri(uri)) => uri,
            None => request.uri(),
        };
        Self {
            profile: profile(request.method(), headers),
            method: request.method().clone(),
            uri: uri.clone(),
            sign_up: false,
            initiator: Initiator::Unknown,
            cookies: headers.get_all(header::COOKIE).iter().cloned().collect(),
            host: same_origin::only(headers, &header::HOST).cloned(),
            page: htmx_page(headers),
            had_authorization: headers.contains_key(header::AUTHORIZATION),
            forwarded_scheme: headers.get("x-forwarded-proto").cloned(),
            foreign_socket: false,
        }
    }

    /// The same-origin policy does not hold for WebSockets: any page can open one, and the browser sends the cookies along. What
    /// navigates is not a handshake, whatever `Upgrade` header a proxy has added.
    fn is_foreign_socket(&self, headers: &HeaderMap, shared: &Shared) -> bool {
        self.kind() == RequestKind::Upgrade
            && self.initiator == Initiator::Elsewhere
            && headers.get("sec-fetch-mode").is_none_or(|mode| mode == "websocket")
            && !same_origin::origin(headers).is_some_and(|origin| shared.allows_socket_of(&origin))
    }

    pub(crate) fn kind(&self) -> RequestKind {
        self.profile.kind()
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// What a sign-in that begins with this request needs to know of it. The scheme explains and decides nothing, so that anybody may
    /// say it.
    pub(crate) fn arrival(&self) -> Arrival<'_> {
        let forwarded = self.forwarded_scheme.as_ref().and_then(|scheme| scheme.to_str().ok());
        let scheme = forwarded.and_then(|schemes| schemes.split(',').next()).map(str::trim);
        let navigates = self.kind() == RequestKind::Navigation && self.method == Method::GET;
        Arrival::new()
            .host(self.host())
            .scheme(scheme.or_else(|| self.uri.scheme_str()))
            .page(self.uri.path_and_query().map(PathAndQuery::as_str).filter(|_| navigates))
            .cross_site(self.initiator == Initiator::Elsewhere)
            .own(matches!(self.initiator, Initiator::User | Initiator::SameOrigin))
    }

    /// The `Cookie` lines as bytes: one bad byte hides nothing but its own pair.
    pub(crate) fn cookie_lines(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.cookies.iter().map(HeaderValue::as_bytes)
    }

    /// Host and port that the request was sent to, as far as it says.
    pub(crate) fn host(&self) -> Option<&str> {
        same_origin::sent_to(self.host.as_ref(), &self.uri)
    }

    /// Where the user wants to be after signing in: the page in the address bar. For a script's request nobody knows it.
    pub(crate) fn return_path(&self) -> Option<&str> {
        match self.kind() {
            RequestKind::Navigation => self.uri.path_and_query().map(PathAndQuery::as_str),
            RequestKind::Htmx => self.page.as_deref(),
            _ => None,
        }
    }
}

fn profile(method: &Method, headers: &HeaderMap) -> RequestProfile {
    RequestProfile::of(method.as_str(), |name| headers.get(name).and_then(|value| value.to_str().ok()))
}

/// Path and query of the page that an htmx request comes from. Its origin is left out: wherever the header says that the page
/// is, the way back leads into this application.
fn htmx_page(headers: &HeaderMap) -> Option<String> {
    let uri: Uri = headers.get("hx-current-url")?.to_str().ok()?.parse().ok()?;
    uri.path_and_query().map(|path| path.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(headers: &[(&str, &str)], uri: &str) -> RequestFacts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        RequestFacts::read(&request.body(()).unwrap())
    }

    #[test]
    fn a_navigation_returns_to_its_own_path_and_query_never_to_a_host() {
        let navigation = facts(&[("accept", "text/html")], "http://evil.test/a?b=c");
        assert_eq!(navigation.return_path(), Some("/a?b=c"));
        assert_eq!(facts(&[("accept", "application/json")], "/a").return_path(), None);
    }

    #[test]
    fn htmx_returns_to_the_page_that_it_runs_on() {
        let page = |url| facts(&[("hx-request", "true"), ("hx-current-url", url)], "/part");
        assert_eq!(page("https://app.test/list?page=2").return_path(), Some("/list?page=2"));
        assert_eq!(page("https://evil.test/x").return_path(), Some("/x"));
        assert_eq!(page("::").return_path(), None);
        assert_eq!(facts(&[("hx-request", "true")], "/part").return_path(), None);
    }

    #[test]
    fn inside_a_nested_router_the_path_is_still_the_browsers() {
        let mut request = Request::builder().uri("/b").header("accept", "text/html").body(()).unwrap();
        request.extensions_mut().insert(OriginalUri(Uri::from_static("/a/b?c")));
        assert_eq!(RequestFacts::read(&request).return_path(), Some("/a/b?c"));
    }
}
