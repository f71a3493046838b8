//! What an extractor answers when it cannot give what was asked for.

use crate::{
    answer,
    slot::{SessionSlot, Standing},
};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use sealkit::{Failure, PublicCode, Reason};
use std::fmt;

/// Why an extractor of this crate has nothing to give. As a response it is the same answer that the layer gives on a protected
/// path: a redirect to sign-in, 401, 403, 503 or 500, as it fits the request.
pub struct SessionRejection(Kind);

enum Kind {
    Denied { response: Box<http::Response<Bytes>>, failure: Failure },
    MissingLayer,
}

/// The line that is missing.
const ADD_THE_LAYER: &str = "sealkit-axum: this route is not under a `SessionLayer`; add `.layer(SessionLayer::new(sealkit))` to the router, after its routes";

impl SessionRejection {
    /// The session does not do.
    pub(crate) fn denied(slot: &SessionSlot, standing: Standing) -> Self {
        let response = Box::new(answer::denied(slot, &standing));
        let failure = standing.into_session().err().unwrap_or(Failure::new(Reason::NoSessionCookieProvided));
        Self(Kind::Denied { response, failure })
    }

    /// The session is good, and something else about it is wrong with our own settings or code.
    pub(crate) fn misconfigured(slot: &SessionSlot, failure: Failure) -> Self {
        tracing::error!(%failure, hint = failure.hint(), "the session is not what the handler expects");
        let mut response = Box::new(answer::explained(slot, PublicCode::Misconfigured, Some(&failure)));
        response.extensions_mut().insert(failure.clone());
        Self(Kind::Denied { response, failure })
    }

    pub(crate) fn missing_layer() -> Self {
        tracing::error!("{ADD_THE_LAYER}");
        Self(Kind::MissingLayer)
    }

    /// The failure; `None` when the layer is missing. Without a session cookie it is [`Reason::NoSessionCookieProvided`].
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.0 {
            Kind::Denied { failure, .. } => Some(failure),
            Kind::MissingLayer => None,
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match &self.0 {
            Kind::Denied { response, .. } => response.status(),
            Kind::MissingLayer => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        match self.0 {
            Kind::Denied { response, .. } => response.map(Body::from),
            Kind::MissingLayer => text(StatusCode::INTERNAL_SERVER_ERROR, ADD_THE_LAYER),
        }
    }
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Denied { failure, .. } => write!(f, "no usable session: {failure}"),
            Kind::MissingLayer => f.write_str(ADD_THE_LAYER),
        }
    }
}

impl fmt::Debug for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionRejection({self}, status {})", self.status().as_u16())
    }
}

impl std::error::Error for SessionRejection {}

/// Signed in, and not allowed: 403 with `{"error":"forbidden"}`, whatever kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forbidden;

impl Forbidden {
    pub(crate) const fn new() -> Self {
        Self
    }
}

impl IntoResponse for Forbidden {
    fn into_response(self) -> Response {
        answer::forbidden().map(Body::from)
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session does not grant this")
    }
}

impl std::error::Error for Forbidden {}

fn text(status: StatusCode, text: &'static str) -> Response {
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    (status, [content_type], text).into_response()
}
