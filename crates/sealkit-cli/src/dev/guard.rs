//! What every request must be and every response must say: own pages only, nothing inline, nothing kept. That a request names this
//! machine is checked by the server.

use super::app::Demo;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use sealkit::{RequestKind, RequestProfile};

/// Around everything, the session layer included.
pub(super) async fn guard(State(demo): State<Demo>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut response = if let Some(canonical) = canonical_address(&request, demo.url()) {
        Redirect::temporary(&canonical).into_response()
    } else if changes_something(request.method()) && comes_from_elsewhere(headers, demo.url()) {
        (StatusCode::FORBIDDEN, "this came from a page of another site\n").into_response()
    } else {
        next.run(request).await
    };
    secure(response.headers_mut(), demo.idp_url());
    response
}

/// Where a page is to be opened that was asked for under another name of this machine (`localhost`). To a browser that is another
/// host: the cookies of a sign-in begun there would not be sent to the callback.
fn canonical_address(request: &Request, own: &str) -> Option<String> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    let own_name = own.strip_prefix("http://").map(host_name)?;
    let profile =
        RequestProfile::of(request.method().as_str(), |name| request.headers().get(name)?.to_str().ok());
    let moves = profile.kind() == RequestKind::Navigation && !changes_something(request.method());
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    (moves && host_name(host) != own_name).then(|| format!("{own}{target}"))
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Without the port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// Browsers write `Sec-Fetch-Site`, older ones `Origin`; a request with neither does not come from a browser. Of two
/// lines neither counts.
fn comes_from_elsewhere(headers: &HeaderMap, own: &str) -> bool {
    let lines =
        |name: HeaderName| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let sites = lines(HeaderName::from_static("sec-fetch-site"));
    if !sites.is_empty() {
        return !matches!(sites.as_slice(), [b"same-origin" | b"none"]);
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match lines(header::ORIGIN).as_slice() {
        [] => false,
        [origin] => *origin != own.as_bytes() && *origin != format!("http://{host}").as_bytes(),
        _ => true,
    }
}

/// A sign-out leads to the provider, so forms may end there; nothing else may leave.
fn secure(headers: &mut HeaderMap, idp_url: &str) {
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self' {idp_url}; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn pages_under_another_name_of_this_machine_move_to_the_one_that_sign_in_comes_back_to() {
        let own = "http://127.0.0.1:4430";
        let moved = |method: &str, host: &str, accept: &str| {
            let request = Request::builder().method(method).uri("//evil.example/x?y=1");
            let request = request.header("host", host).header("accept", accept);
            canonical_address(&request.body(axum::body::Body::empty()).unwrap(), own)
        };
        let target = Some(format!("{own}//evil.example/x?y=1"));
        assert_eq!(moved("GET", "localhost:4430", "text/html"), target);
        assert_eq!(moved("GET", "[::1]:4430", "text/html"), target);
        assert_eq!(moved("GET", "127.0.0.1:4430", "text/html"), None);
        assert_eq!(moved("GET", "127.0.0.1", "text/html"), None, "whatever the port: no loop");
        assert_eq!(moved("GET", "localhost:4430", "application/json"), None);
        assert_eq!(moved("POST", "localhost:4430", "text/html"), None);
    }

    #[test]
    fn posts_from_other_sites_are_told_apart() {
        let own = "http://127.0.0.1:4430";
        let elsewhere = |lines: &[(&'static str, &'static str)]| comes_from_elsewhere(&headers(lines), own);
        assert!(elsewhere(&[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:4430")]));
        assert!(elsewhere(&[("sec-fetch-site", "same-site")]));
        assert!(elsewhere(&[("origin", "http://127.0.0.1:4431"), ("host", "127.0.0.1:4430")]));
        assert!(elsewhere(&[("origin", "null"), ("host", "127.0.0.1:4430")]));
        assert!(elsewhere(&[("origin", "https://127.0.0.1:4430"), ("host", "127.0.0.1:4430")]));
        let own_origin = ("origin", "http://127.0.0.1:4430");
        assert!(elsewhere(&[own_origin, own_origin, ("host", "127.0.0.1:4430")]));
        assert!(elsewhere(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]));
        assert!(!elsewhere(&[("sec-fetch-site", "same-origin")]));
        assert!(!elsewhere(&[("origin", "http://localhost:4430"), ("host", "localhost:4430")]));
        assert!(!elsewhere(&[]));
    }
}
