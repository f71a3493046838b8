//! A server on a socket: loopback only, for browsers that mean loopback only, with bounds on what clients hold open. The provider
//! runs on it, and so does the demo application of `sealkit dev`.

use crate::{DevIdp, errors::ApiError, faults::Cut, settings::is_loopback_host};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::VecDeque,
    error::Error,
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

/// How long a [`Server`] waits for its clients, and how many it serves at once.
///
/// ```
/// use sealkit_devidp::ServerLimits;
/// use std::time::Duration;
///
/// let limits = ServerLimits::default().with_patience(Duration::from_secs(5)).with_connections(100);
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    patience: Duration,
    connections: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { patience: Duration::from_secs(20), connections: 512 }
    }
}

impl ServerLimits {
    /// For how long a client may take to send the head of a request, and again for its body. An idle connection is closed after
    /// the same time. Default: 20 s.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many connections are open at most; further clients wait. Default: 512.
    #[must_use]
    pub const fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }
}

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

/// A server on loopback. Dropping it stops it at once; [`Server::shutdown`] lets requests finish.
#[derive(Debug)]
#[must_use = "the server stops when it is dropped"]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Serves HTTP/1.1 on a listener with `answer`. A request that does not name this machine is rejected with 421, a body over 1 MiB
    /// with 413, a body that does not come in time with 408. An error of `answer` cuts the connection. The client's [`SocketAddr`]
    /// is an extension of the request.
    ///
    /// # Errors
    /// [`ServeError::NotLoopback`] for a listener that other machines reach, [`ServeError::Bind`] when it has no address.
    pub fn on<A, F, B, E>(listener: TcpListener, limits: ServerLimits, answer: A) -> Result<Self, ServeError>
    where
        A: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let unbound = SocketAddr::from(([127, 0, 0, 1], 0));
        let address =
            listener.local_addr().map_err(|source| ServeError::Bind { address: unbound, source })?;
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, limits, answer, stopped));
        Ok(Self { address, stop, tasks })
    }

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
        let server_url = format!("http://{}", listener.local_addr().map_err(bind)?);
        let limits = self.with(|state, _| {
            state.settings.base = server_url;
            state.settings.server_limits
        });
        let idp = self.clone();
        Server::on(listener, limits, move |request| exchange(idp.clone(), request))
    }
}

async fn accept<A, F, B, E>(
    listener: TcpListener,
    limits: ServerLimits,
    answer: A,
    mut stopped: watch::Receiver<bool>,
) where
    A: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, peer)) => {
                    let (answer, stopped) = (answer.clone(), stopped.clone());
                    drop(connections.spawn(connection(stream, peer, limits, answer, stopped)));
                }
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

async fn connection<A, F, B, E>(
    stream: TcpStream,
    peer: SocketAddr,
    limits: ServerLimits,
    answer: A,
    mut stopped: watch::Receiver<bool>,
) where
    A: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move {
            match admitted(request, limits).await {
                Ok(mut request) => {
                    request.extensions_mut().insert(peer);
                    answer(request).await.map(|response| response.map(Either::Left))
                }
                Err(refusal) => Ok(refusal.map(|body| Either::Right(Full::new(body)))),
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .serve_connection(TokioIo::new(stream), service);
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

/// A request that names this machine, with its body.
async fn admitted(
    request: Request<Incoming>,
    limits: ServerLimits,
) -> Result<Request<Bytes>, Response<Bytes>> {
    let (parts, body) = request.into_parts();
    if !names_this_machine(&parts) {
        let message = "the Host header does not name this machine";
        return Err(ApiError::message(StatusCode::MISDIRECTED_REQUEST, message).to_response());
    }
    let body = Limited::new(body, BODY_LIMIT).collect();
    let (status, message) = match tokio::time::timeout(limits.patience, body).await {
        Ok(Ok(body)) => return Ok(Request::from_parts(parts, body.to_bytes())),
        Ok(Err(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or incomplete"),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let mut refusal = ApiError::message(status, message).to_response();
    // The rest of the body may still come.
    refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Err(refusal)
}

/// Against DNS rebinding: a page of another site that has made its name point here still sends that name. One `Host` is needed,
/// and it counts together with the authority of the target. The port does not count: it may be that of a tunnel.
fn names_this_machine(parts: &http::request::Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(is_loopback_host)
        && parts.uri.authority().is_none_or(|authority| is_loopback_host(authority.as_str()))
}

/// One request to the provider. An error makes hyper drop the connection without a word, which is what a cut is.
async fn exchange(idp: DevIdp, request: Request<Bytes>) -> Result<Response<Reply>, Cut> {
    match idp.handle(request).await {
        Ok(response) => Ok(Reply::whole(response)),
        Err(cut) => match cut.partial() {
            Some(partial) => Ok(Reply::torn(partial.clone())),
            None => Err(cut),
        },
    }
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
