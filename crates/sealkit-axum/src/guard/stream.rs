//! A stream that ends with the session.

use futures_util::Stream;
use sealkit::{SessionEnd, SessionGuard};
use std::{
    fmt,
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
};

/// A stream until the session ends: what [`SessionGuard::end`](crate::SessionGuard::end) makes. Costs one allocation beside the
/// guard's.
#[must_use = "streams do nothing unless polled"]
pub struct EndWithSession<S: Stream> {
    guard: SessionGuard,
    /// Gone at the end, with all that it holds.
    stream: Option<Pin<Box<S>>>,
    last: Option<Last<S::Item>>,
}

type Last<T> = Box<dyn FnOnce(SessionEnd) -> T + Send>;

impl<S: Stream> EndWithSession<S> {
    pub(super) fn new(guard: SessionGuard, stream: S) -> Self {
        Self { guard, stream: Some(Box::pin(stream)), last: None }
    }

    /// Gives one thing more when the session ends, so that the page knows why. Not when the stream ends by itself.
    pub fn with_last(self, last: impl FnOnce(SessionEnd) -> S::Item + Send + 'static) -> Self {
        Self { last: Some(Box::new(last)), ..self }
    }
}

impl<S: Stream> Stream for EndWithSession<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = &mut *self;
        let Some(stream) = &mut this.stream else { return Poll::Ready(None) };
        // The guard first: after the end nothing more is given, however much there is.
        if let Poll::Ready(end) = Pin::new(&mut this.guard).poll(context) {
            this.stream = None;
            return Poll::Ready(this.last.take().map(|last| last(end)));
        }
        let next = stream.as_mut().poll_next(context);
        if matches!(next, Poll::Ready(None)) {
            this.stream = None;
        }
        next
    }
}

impl<S: Stream> fmt::Debug for EndWithSession<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndWithSession").field("guard", &self.guard).finish_non_exhaustive()
    }
}
