//! How a request gets to the API and its answer back: one small trait, so that tests and other HTTP clients fit in.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use std::{error::Error as StdError, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

/// What [`HttpTransport::send`] gives.
pub type TransportFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

/// How long one request may take, from connecting to the last byte of its answer, in place of the transport's own limit: in the
/// extensions of a [`Request`].
///
/// A refresh whose answer is late is sent again, and still listened to: the late answer may be the only one with the new tokens.
/// A transport that does not know this limit ends such a request by its own, and that answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit(Duration);

impl TimeLimit {
    /// So long.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self(limit)
    }

    /// The limit of this request, if it has one of its own.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Option<Duration> {
        request.extensions().get::<Self>().map(|limit| limit.0)
    }
}

/// Sends one request and reads the whole answer.
///
/// An implementation must not follow redirects, must not send a request twice, must end after a bounded time (the request's
/// [`TimeLimit`], else its own limit), and must read a bounded number of bytes. It must keep `Authorization`, body and answer out
/// of every log.
pub trait HttpTransport: fmt::Debug + Send + Sync {
    /// Sends the request, once.
    ///
    /// Dropping the future may or may not stop a request that is on its way; callers that must know the answer run it in a task
    /// of its own.
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_>;
}

impl<T: HttpTransport + ?Sized> HttpTransport for Arc<T> {
    fn send(&self, request: Request<Bytes>) -> TransportFuture<'_> {
        (**self).send(request)
    }
}

/// What went wrong between here and the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: name, network or TLS. The request was not sent.
    Connect,
    /// No complete answer in time.
    Timeout,
    /// The answer began and did not end.
    Interrupted,
    /// The answer is larger than the limit.
    TooLarge,
    /// Anything else, such as a connection that was closed before an answer began.
    Other,
}

/// A request that got no usable answer. `Display` says how, and never repeats address, headers or bodies.
#[derive(Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    may_have_been_sent: bool,
    head: Option<Arc<(StatusCode, HeaderMap)>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// An error of this kind. Whether the request may have been sent follows from the kind: not for
    /// [`Connect`](TransportErrorKind::Connect), for all others it may.
    #[must_use]
    pub const fn new(kind: TransportErrorKind) -> Self {
        let may_have_been_sent = !matches!(kind, TransportErrorKind::Connect);
        Self { kind, may_have_been_sent, head: None, source: None }
    }

    /// Says that the request certainly did not leave.
    #[must_use]
    pub const fn not_sent(mut self) -> Self {
        self.may_have_been_sent = false;
        self
    }

    /// Adds the status and headers of an answer whose body did not come in full.
    #[must_use]
    pub fn with_head(mut self, status: StatusCode, headers: HeaderMap) -> Self {
        self.head = Some(Arc::new((status, headers)));
        self
    }

    /// Adds the cause. Its text must hold no secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether the API may have seen the request, and so have spent what was in it.
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        self.may_have_been_sent
    }

    /// Status of an answer whose body did not come in full.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.head.as_ref().map(|head| head.0)
    }

    /// Headers of an answer whose body did not come in full.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.head.as_ref().map(|head| &head.1)
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.kind)
            .field("may_have_been_sent", &self.may_have_been_sent)
            .field("status", &self.status())
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "no connection to the API",
            TransportErrorKind::Timeout => "no complete answer of the API in time",
            TransportErrorKind::Interrupted => "the API's answer was cut off",
            TransportErrorKind::TooLarge => "the API's answer is too large",
            TransportErrorKind::Other => "the request to the API failed",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}
