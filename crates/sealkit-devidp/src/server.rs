//! The provider on a socket: loopback only, and for browsers that mean loopback only.

use crate::{DevIdp, errors::ApiError, faults::Cut, settings::is_loopback_host};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// How large a request's body may be.
const BODY_LIMIT: usize = 1024 * 1024;

/// How long a shutdown waits for requests that are being answered.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Why the provider does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address can be reached from other machines.
    #[error("{0} is not a loopback address; the development provider serves this machine only")]
    NotLoopback(SocketAddr),
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A provider that serves on loopback. Dropping it stops it at once; [`Server::shutdown`] lets requests finish.
#[derive(Debug)]
#[must_use = "the server stops when it is dropped"]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Its origin, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more connections and waits until those that are open have had their answer.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        // A scripted hang would keep it for ever.
        drop(tokio::time::timeout(SHUTDOWN, finished).await);
    }
}

impl DevIdp {
    /// Serves on a loopback address; port 0 takes a free one. The base URL, and with it the issuer, becomes the server's.
    ///
    /// # Errors
    /// [`ServeError::NotLoopback`] for any other address, [`ServeError::Bind`] when it is taken.
    pub async fn serve(&self, address: SocketAddr) -> Result<Server, ServeError> {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let bind = |source| ServeError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let server_url = format!("http://{address}");
        self.with(|state, _| state.settings.base = server_url);
        tasks.spawn(accept(self.clone(), listener, stopped));
        Ok(Server { address, stop, tasks })
    }
}

async fn accept(idp: DevIdp, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(idp.clone(), stream, stopped.clone()))),
                // Out of file descriptors, most likely: let others finish.
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stop(&mut stopped) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(idp: DevIdp, stream: TcpStream, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| exchange(idp.clone(), request));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop(&mut stopped) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Resolves when the server is to stop, or is gone.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// One request. An error makes hyper drop the connection without a word, which is what a cut is.
async fn exchange(idp: DevIdp, request: Request<Incoming>) -> Result<Response<Reply>, Cut> {
    let (parts, body) = request.into_parts();
    if !host_is_loopback(&parts) {
        let message = "the Host header does not name this machine";
        return Ok(Reply::whole(ApiError::message(StatusCode::MISDIRECTED_REQUEST, message).to_response()));
    }
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        let refusal = ApiError::message(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or incomplete");
        return Ok(Reply::whole(refusal.to_response()));
    };
    match idp.handle(Request::from_parts(parts, body.to_bytes())).await {
        Ok(response) => Ok(Reply::whole(response)),
        Err(cut) => match cut.partial() {
            Some(partial) => Ok(Reply::torn(partial.clone())),
            None => Err(cut),
        },
    }
}

/// Against DNS rebinding: a page of another site that has made its name point here still sends that name.
fn host_is_loopback(parts: &http::request::Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(is_loopback_host)
        && parts.uri.authority().is_none_or(|authority| is_loopback_host(authority.as_str()))
}

/// A body that may break off.
struct Reply {
    steps: VecDeque<Step>,
    length: u64,
}

enum Step {
    Data(Bytes),
    /// Gives hyper the moment in which it writes out what it has.
    Flush,
    Cut,
}

impl Reply {
    fn whole(response: Response<Bytes>) -> Response<Self> {
        response.map(|body| Self { length: length(&body), steps: VecDeque::from([Step::Data(body)]) })
    }

    /// The head promises more than comes.
    fn torn(response: Response<Bytes>) -> Response<Self> {
        let promised = response
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .unwrap_or_else(|| length(response.body()).saturating_add(1));
        response.map(|body| {
            let steps = VecDeque::from([Step::Data(body), Step::Flush, Step::Cut]);
            Self { length: promised, steps }
        })
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.steps.pop_front() {
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Step::Flush) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Cut) => Poll::Ready(Some(Err(Cut::whole()))),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}

fn length(body: &Bytes) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}
