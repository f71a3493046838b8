//! What outlives its request: event streams, WebSockets, long jobs. They end with the session.

#[cfg(feature = "ws")]
mod socket;
mod stream;

#[cfg(feature = "ws")]
pub use socket::{GuardedSocket, SessionEnded};
pub use stream::EndWithSession;

use crate::{
    rejection::SessionRejection,
    slot::{SessionSlot, Standing},
};
use axum::extract::FromRequestParts;
use futures_util::Stream;
use http::request::Parts;
use sealkit::SessionEnd;
use std::{
    future::Future,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll},
};

/// Resolves when the session of the request ends, see [`sealkit::SessionGuard`]. A handler that takes it runs for nobody without a
/// session; the answer is then that of [`Session`](crate::Session).
///
/// It keeps nothing of the request. It never refreshes: no cookie can be set any more. So the page must make an
/// ordinary request more often than its tokens end, or what is guarded ends with the token, and the browser connects again.
///
/// ```
/// use sealkit_axum::SessionGuard;
///
/// async fn export(guard: SessionGuard) -> &'static str {
///     tokio::spawn(async move {
///         tokio::select! {
///             end = guard => println!("given up: the session is over ({end})"),
///             () = long_job() => println!("done"),
///         }
///     });
///     "begun"
/// }
/// # async fn long_job() {}
/// # let _ = export;
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
#[expect(clippy::exhaustive_structs, reason = "a newtype that handlers take apart in their arguments")]
pub struct SessionGuard(pub sealkit::SessionGuard);

impl SessionGuard {
    /// The stream, until the session ends. For server-sent events: a browser's `EventSource` then connects again and finds out
    /// with a 401.
    ///
    /// The stream is dropped at the end. Nothing that it has to give is given after the end.
    ///
    /// ```
    /// use axum::response::sse::{Event, KeepAlive, Sse};
    /// use futures_util::{Stream, stream};
    /// use sealkit_axum::SessionGuard;
    /// use std::convert::Infallible;
    ///
    /// async fn news(guard: SessionGuard) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    ///     let news = stream::repeat_with(|| Ok(Event::default().data("nothing new")));
    ///     let news = guard.end(news).with_last(|end| Ok(Event::default().event("session-ended").data(end.public_str())));
    ///     Sse::new(news).keep_alive(KeepAlive::default())
    /// }
    /// # let _ = news;
    /// ```
    pub fn end<S: Stream>(self, stream: S) -> EndWithSession<S> {
        EndWithSession::new(self.0, stream)
    }

    /// The WebSocket, until the session ends.
    ///
    /// ```
    /// use axum::{
    ///     extract::ws::WebSocketUpgrade,
    ///     response::Response,
    /// };
    /// use sealkit_axum::SessionGuard;
    ///
    /// async fn echo(guard: SessionGuard, upgrade: WebSocketUpgrade) -> Response {
    ///     upgrade.on_upgrade(async move |socket| {
    ///         let mut socket = guard.socket(socket);
    ///         while let Some(Ok(message)) = socket.recv().await {
    ///             if socket.send(message).await.is_err() {
    ///                 break;
    ///             }
    ///         }
    ///     })
    /// }
    /// # let _ = echo;
    /// ```
    #[cfg(feature = "ws")]
    #[must_use]
    pub fn socket(self, socket: axum::extract::ws::WebSocket) -> GuardedSocket {
        GuardedSocket::new(self.0, socket)
    }
}

impl Future for SessionGuard {
    type Output = SessionEnd;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<SessionEnd> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl Deref for SessionGuard {
    type Target = sealkit::SessionGuard;

    fn deref(&self) -> &sealkit::SessionGuard {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionGuard {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        let slot = SessionSlot::of(parts)?;
        match slot.standing().await {
            Standing::Proven(session) => Ok(Self(slot.shared().sealkit.guard(&session))),
            standing => Err(SessionRejection::denied(&slot, standing)),
        }
    }
}
