//! [`SessionService`]: what the layer does to each request.

use crate::{
    answer,
    facts::RequestFacts,
    layer::{Access, Shared},
    slot::{SessionSlot, Standing},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use sealkit::{PublicCode, RequestKind, Untrusted};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service that [`SessionLayer`](crate::SessionLayer) makes.
///
/// Works for every request body. The response body must be one that can be made of bytes, because a denial has a body of its
/// own; axum's is, and so is `Full<Bytes>`. Errors of the inner service pass through.
#[derive(Clone)]
pub struct SessionService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> SessionService<S> {
    pub(crate) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<Bytes> + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = SessionFuture<Response<R>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that has been polled ready answers; its clone waits for the next request.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        SessionFuture(Box::pin(respond(inner, Arc::clone(&self.shared), request)))
    }
}

async fn respond<S, B, R>(
    mut inner: S,
    shared: Arc<Shared>,
    mut request: Request<B>,
) -> Result<Response<R>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    // A layer within a layer of the same application protects more, and leaves the cookie to the outer one. Of another
    // application it decides for itself.
    let outer = request.extensions().get::<SessionSlot>();
    if outer.is_some_and(|outer| !outer.is_of(&shared) && outer.collides_with(&shared)) {
        return Ok(two_owners(&shared, request).map(R::from));
    }
    let outer = outer.filter(|outer| outer.is_of(&shared)).cloned();
    let owns_cookie = outer.is_none();
    let slot =
        outer.unwrap_or_else(|| SessionSlot::new(Arc::clone(&shared), RequestFacts::of(&request, &shared)));
    if let Some(denial) = denial(&slot, &shared).await {
        let mut response = denial.map(R::from);
        if owns_cookie {
            slot.finish(&mut response);
        }
        return Ok(response);
    }
    if owns_cookie {
        request.extensions_mut().insert(slot.clone());
    }
    let mut response = inner.call(request).await?;
    if response.status() == StatusCode::NOT_FOUND
        && shared.is_for_a_route(&slot.facts().method, &slot.facts().uri)
    {
        tracing::error!(
            path = %Untrusted::new(slot.facts().uri.path()),
            "nothing answers there; {}",
            crate::routes::NOT_NESTED
        );
    }
    if owns_cookie {
        slot.finish(&mut response);
    }
    Ok(response)
}

/// Two applications cannot keep their sessions in one cookie: what the inner one writes, the outer one would drop, and a pair of
/// tokens that has just been rotated with it.
fn two_owners<B>(shared: &Arc<Shared>, request: Request<B>) -> Response<Bytes> {
    let cookie = shared.sealkit.config().cookie().name();
    tracing::error!(
        cookie = %Untrusted::new(cookie).as_name(),
        "a `SessionLayer` within one of another application writes the same cookie, so its requests are denied; give one of them another cookie name, or both clones of one `Sealkit`"
    );
    let slot = SessionSlot::new(Arc::clone(shared), RequestFacts::of(&request, shared));
    let mut response = answer::explained(&slot, PublicCode::Misconfigured, None);
    slot.touch();
    slot.finish(&mut response);
    response
}

/// The answer, if the request does not get through.
async fn denial(slot: &SessionSlot, shared: &Shared) -> Option<Response<Bytes>> {
    let facts = slot.facts();
    if facts.kind() == RequestKind::Preflight {
        return (!shared.passes_preflights).then(answer::preflight);
    }
    if shared.access(&facts.method, &facts.uri) == Access::Open {
        return None;
    }
    if facts.foreign_socket {
        tracing::info!(
            path = %Untrusted::new(facts.uri.path()),
            "a WebSocket handshake of another origin is rejected; if its pages are the application's, name the origin in `SessionLayer::socket_origins`"
        );
        slot.touch();
        return Some(answer::explained(slot, PublicCode::Forbidden, None));
    }
    match slot.standing().await {
        Standing::Proven(_) => None,
        standing => Some(answer::denied(slot, &standing)),
    }
}

/// The answer that is under way.
#[must_use = "futures do nothing unless polled"]
pub struct SessionFuture<T, E>(Pin<Box<dyn Future<Output = Result<T, E>> + Send>>);

impl<T, E> Future for SessionFuture<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T, E> fmt::Debug for SessionFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
