//! A WebSocket that ends with the session.

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{
    Sink, SinkExt, Stream, StreamExt as _,
    task::{ArcWake, AtomicWaker, waker},
};
use sealkit::{SessionEnd, SessionGuard};
use std::{
    fmt,
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// How long the other side has to take note that it is over. One that does not read would keep the socket otherwise.
const FAREWELL: Duration = Duration::from_secs(5);

/// A WebSocket until the session ends: what [`SessionGuard::socket`](crate::SessionGuard::socket) makes.
///
/// When the session ends, the other side gets a close frame: code 1008 (policy), reason `session ended: expired` or
/// `session ended: revoked`. What it still sends is thrown away, [`recv`](Self::recv) gives `None`, and [`send`](Self::send) an
/// error ([`SessionEnded`]). A side that does not take the frame within five seconds is left without.
///
/// It is a [`Stream`] and a [`Sink`] as axum's [`WebSocket`] is, and can be split into two halves for two tasks. As with any
/// WebSocket somebody must receive: what neither receives nor sends does not learn of the end before it does.
pub struct GuardedSocket {
    socket: WebSocket,
    state: State,
    wakers: Arc<Wakers>,
}

enum State {
    Open(SessionGuard),
    Closing { end: SessionEnd, step: Step, at_most: Pin<Box<Sleep>> },
    Over(SessionEnd),
}

/// What comes next while it closes.
#[derive(Clone, Copy)]
enum Step {
    Send,
    Flush,
    /// Until the other side has answered: whoever hangs up with unread bytes takes the close frame back.
    Drain,
}

/// How a socket stands to its session.
enum Standing {
    Open,
    Closing,
    Over(SessionEnd),
}

/// Who waits for the guard: the reading half and the writing half may belong to two tasks, and a future wakes only one.
#[derive(Default)]
struct Wakers {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl ArcWake for Wakers {
    fn wake_by_ref(this: &Arc<Self>) {
        this.reader.wake();
        this.writer.wake();
    }
}

/// Why a [`GuardedSocket`] sends nothing more. It is the inner error of the [`axum::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnded(SessionEnd);

impl SessionEnded {
    /// How.
    #[must_use]
    pub const fn end(self) -> SessionEnd {
        self.0
    }
}

impl fmt::Display for SessionEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session ended: {}", self.0)
    }
}

impl std::error::Error for SessionEnded {}

impl GuardedSocket {
    pub(super) fn new(guard: SessionGuard, socket: WebSocket) -> Self {
        Self { socket, state: State::Open(guard), wakers: Arc::default() }
    }

    /// The next message; `None` when the other side or the session is gone.
    ///
    /// Dropping the future loses no message.
    pub async fn recv(&mut self) -> Option<Result<Message, axum::Error>> {
        self.next().await
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`SessionEnded`] within the [`axum::Error`] once the session is over, else as axum's.
    pub async fn send(&mut self, message: Message) -> Result<(), axum::Error> {
        SinkExt::send(self, message).await
    }

    /// How the session has ended, if the socket has learnt of it.
    #[must_use]
    pub const fn session_end(&self) -> Option<SessionEnd> {
        match self.state {
            State::Open(_) => None,
            State::Closing { end, .. } | State::Over(end) => Some(end),
        }
    }

    /// Watches the session; when it is over, goes on closing.
    fn poll_session(&mut self) -> Standing {
        let waker = waker(Arc::clone(&self.wakers));
        let context = &mut Context::from_waker(&waker);
        if let State::Open(guard) = &mut self.state {
            let Poll::Ready(end) = Pin::new(guard).poll(context) else { return Standing::Open };
            tracing::debug!(%end, "a WebSocket is closed, for its session is over");
            self.state = State::Closing { end, step: Step::Send, at_most: Box::pin(sleep(FAREWELL)) };
            // The half that is not here to see it waits for the socket alone.
            ArcWake::wake_by_ref(&self.wakers);
        }
        let (end, step, at_most) = match &mut self.state {
            State::Open(_) => return Standing::Open,
            State::Over(end) => return Standing::Over(*end),
            State::Closing { end, step, at_most } => (*end, step, at_most),
        };
        if at_most.as_mut().poll(context).is_pending()
            && poll_closing(&mut self.socket, step, end, context).is_pending()
        {
            return Standing::Closing;
        }
        self.state = State::Over(end);
        ArcWake::wake_by_ref(&self.wakers);
        Standing::Over(end)
    }

    fn poll_open(&mut self) -> Poll<Result<(), axum::Error>> {
        match self.poll_session() {
            Standing::Open => Poll::Ready(Ok(())),
            Standing::Closing => Poll::Pending,
            Standing::Over(end) => Poll::Ready(Err(refused(end))),
        }
    }
}

/// Says goodbye. Ready when the other side knows, or cannot be told.
fn poll_closing(
    socket: &mut WebSocket,
    step: &mut Step,
    end: SessionEnd,
    context: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let went_well = match step {
            Step::Send => match socket.poll_ready_unpin(context) {
                Poll::Ready(Ok(())) => socket.start_send_unpin(farewell(end)).is_ok(),
                Poll::Ready(Err(_)) => false,
                Poll::Pending => return Poll::Pending,
            },
            Step::Flush => match socket.poll_flush_unpin(context) {
                Poll::Ready(flushed) => flushed.is_ok(),
                Poll::Pending => return Poll::Pending,
            },
            Step::Drain => match socket.poll_next_unpin(context) {
                Poll::Ready(message) => matches!(message, Some(Ok(_))),
                Poll::Pending => return Poll::Pending,
            },
        };
        if !went_well {
            return Poll::Ready(());
        }
        *step = match step {
            Step::Send => Step::Flush,
            Step::Flush | Step::Drain => Step::Drain,
        };
    }
}

fn farewell(end: SessionEnd) -> Message {
    let reason = format!("session ended: {}", end.public_str()).into();
    Message::Close(Some(CloseFrame { code: close_code::POLICY, reason }))
}

fn refused(end: SessionEnd) -> axum::Error {
    axum::Error::new(SessionEnded(end))
}

impl Stream for GuardedSocket {
    type Item = Result<Message, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.wakers.reader.register(context.waker());
        match self.poll_session() {
            Standing::Open => self.socket.poll_next_unpin(context),
            Standing::Closing => Poll::Pending,
            Standing::Over(_) => Poll::Ready(None),
        }
    }
}

impl Sink<Message> for GuardedSocket {
    type Error = axum::Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        self.wakers.writer.register(context.waker());
        match self.poll_open() {
            Poll::Ready(Ok(())) => self.socket.poll_ready_unpin(context),
            other => other,
        }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), axum::Error> {
        match self.session_end() {
            None => self.socket.start_send_unpin(message),
            Some(end) => Err(refused(end)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        self.wakers.writer.register(context.waker());
        match self.poll_open() {
            Poll::Ready(Ok(())) => self.socket.poll_flush_unpin(context),
            other => other,
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        self.wakers.writer.register(context.waker());
        match self.poll_session() {
            Standing::Open => self.socket.poll_close_unpin(context),
            Standing::Closing => Poll::Pending,
            Standing::Over(_) => Poll::Ready(Ok(())),
        }
    }
}

impl fmt::Debug for GuardedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedSocket").field("session_end", &self.session_end()).finish_non_exhaustive()
    }
}
