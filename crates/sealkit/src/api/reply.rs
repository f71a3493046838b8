//! An answer of the API, and the facts that come with it.

use super::retry_after::date;
use http::{HeaderMap, StatusCode};
use sealkit_core::UnixMillis;

/// Longest request id that is kept, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// What stands in the head of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplyMeta {
    /// HTTP status; `None` when there was no answer.
    pub status: Option<u16>,
    /// `X-Request-ID`: at most 128 visible ASCII characters, else left out.
    pub request_id: Option<String>,
    /// `Date`: the API's clock, for judging our own.
    pub date: Option<UnixMillis>,
}

impl ReplyMeta {
    pub(super) fn read(status: StatusCode, headers: &HeaderMap) -> Self {
        let request_id = headers
            .get("x-request-id")
            .and_then(|id| id.to_str().ok())
            .filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
            .map(str::to_owned);
        Self { status: Some(status.as_u16()), request_id, date: date(headers) }
    }
}

/// A successful answer with its head.
#[derive(Clone, Debug)]
pub struct ApiReply<T> {
    body: T,
    meta: ReplyMeta,
}

impl<T> ApiReply<T> {
    pub(super) const fn new(body: T, meta: ReplyMeta) -> Self {
        Self { body, meta }
    }

    /// What was answered.
    #[must_use]
    pub const fn body(&self) -> &T {
        &self.body
    }

    /// What was answered, by value.
    #[must_use]
    pub fn into_body(self) -> T {
        self.body
    }

    /// Status, request id and date.
    #[must_use]
    pub const fn meta(&self) -> &ReplyMeta {
        &self.meta
    }
}
