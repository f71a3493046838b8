//! What the provider has seen: every request, in order, for assertions on what left the process under test.

use crate::{DevIdp, faults::Endpoint};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use sealkit_core::UnixMillis;
use serde_json::Value;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
};

/// How many requests are remembered.
pub(crate) const REMEMBERED: usize = 10_000;

/// Members that no request may have: sealing happens in the client, and its password stays there.
const UNDOCUMENTED: [&str; 4] = ["session", "seal_session", "cookie_password", "sealed_session"];

/// One request as it arrived. `Debug` shows no query, header or body, for these hold secrets; the accessors do.
#[derive(Clone)]
pub struct RecordedRequest {
    at: UnixMillis,
    endpoint: Option<Endpoint>,
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    body: Bytes,
}

impl RecordedRequest {
    pub(crate) fn new(request: &Request<Bytes>, endpoint: Option<Endpoint>, at: UnixMillis) -> Self {
        Self {
            at,
            endpoint,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers: request.headers().clone(),
            body: request.body().clone(),
        }
    }

    /// When, by the provider's clock.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        self.at
    }

    /// Which endpoint it met, if any.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.endpoint
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What stood behind the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body's bytes.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as an object of members, from JSON or from a form. `Null` if it is neither.
    #[must_use]
    pub fn json(&self) -> Value {
        crate::grants::parse_body(&self.headers, &self.body).map_or(Value::Null, Value::Object)
    }

    /// Members of the body that are no part of the API and that no client should send: `session`, `seal_session`,
    /// `cookie_password`, `sealed_session`.
    #[must_use]
    pub fn undocumented_members(&self) -> Vec<&'static str> {
        let body = self.json();
        UNDOCUMENTED.into_iter().filter(|name| contains_member(&body, name)).collect()
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("at", &self.at)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn contains_member(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(members) => {
            members.contains_key(name) || members.values().any(|value| contains_member(value, name))
        }
        Value::Array(values) => values.iter().any(|value| contains_member(value, name)),
        _ => false,
    }
}

/// What became of the refresh tokens that were presented for one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshCounts {
    /// Exchanged for a new pair.
    pub rotated: u64,
    /// Spent before and, within the replay window, answered with the same pair again.
    pub replayed: u64,
    /// Refused with `invalid_grant`.
    pub refused: u64,
}

/// The last requests and the number of all.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    requests: VecDeque<RecordedRequest>,
    counts: HashMap<Endpoint, u64>,
}

impl Recorder {
    pub(crate) fn push(&mut self, request: RecordedRequest) {
        if let Some(endpoint) = request.endpoint {
            let count = self.counts.entry(endpoint).or_default();
            *count = count.saturating_add(1);
        }
        if self.requests.len() >= REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> u64 {
        self.counts.get(&endpoint).copied().unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
        self.counts.clear();
    }
}

impl DevIdp {
    /// Every request seen, oldest first, the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.with(|state, _| state.recorder.requests())
    }

    /// The requests seen by one endpoint, oldest first.
    #[must_use]
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<RecordedRequest> {
        self.requests().into_iter().filter(|request| request.endpoint() == Some(endpoint)).collect()
    }

    /// Requests whose body had members that no client should send, first of all the cookie password.
    #[must_use]
    pub fn leaking_requests(&self) -> Vec<RecordedRequest> {
        self.requests().into_iter().filter(|request| !request.undocumented_members().is_empty()).collect()
    }

    /// How many requests an endpoint has seen, those with faults included.
    #[must_use]
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.with(|state, _| state.recorder.count(endpoint))
    }

    /// What became of the refresh tokens that were presented for a session, for as long as the session is known.
    #[must_use]
    pub fn refresh_counts(&self, session_id: &str) -> Option<RefreshCounts> {
        self.with(|state, _| state.sessions.get(session_id).map(|session| session.refreshes))
    }

    /// Forgets requests and their counts.
    pub fn clear_requests(&self) {
        self.with(|state, _| state.recorder.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> RecordedRequest {
        let request = Request::post("/user_management/authenticate?x=secret")
            .header("content-type", "application/json")
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        RecordedRequest::new(&request, Some(Endpoint::Authenticate), UnixMillis::default())
    }

    #[test]
    fn undocumented_members_are_found_at_any_depth() {
        let leaky = request(r#"{"session":{"seal_session":true,"cookie_password":"p"}}"#);
        assert_eq!(leaky.undocumented_members(), ["session", "seal_session", "cookie_password"]);
        assert!(request(r#"{"client_id":"c","refresh_token":"session"}"#).undocumented_members().is_empty());
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", request(r#"{"client_secret":"sk_test_secret"}"#));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn the_ring_forgets_and_the_count_does_not() {
        let mut recorder = Recorder::default();
        for _ in 0..=REMEMBERED {
            recorder.push(request("{}"));
        }
        assert_eq!(recorder.requests().len(), REMEMBERED);
        assert_eq!(recorder.count(Endpoint::Authenticate), 10_001);
        assert_eq!(recorder.count(Endpoint::Jwks), 0);
    }
}
