//! Sessions in which another party acts: the extractor [`Acting`] and the layer [`deny_actors`].

use crate::{
    Forbidden,
    rejection::SessionRejection,
    slot::{SessionSlot, Standing},
};
use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Request, request::Parts};
use sealkit::{Session, session::Actor, token::ActorKind};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// A session in which another party acts: an impersonator of the staff, or what
/// [`SEALKIT_ACTORS`](sealkit::config::env::ACTORS) allows besides.
///
/// `Option<Acting>` is `None` if the user acts alone, and if there is no session. `Acting` by itself answers 403 then.
///
/// ```
/// use sealkit_axum::Acting;
///
/// async fn banner(acting: Option<Acting>) -> String {
///     acting.map_or_else(String::new, |acting| format!("{} is signed in as this user", acting.kind()))
/// }
/// # let _ = banner;
/// ```
#[derive(Clone, Debug)]
pub struct Acting {
    session: Session,
    kind: ActorKind,
}

impl Acting {
    fn of(session: Session) -> Option<Self> {
        let kind = session.actor()?.kind();
        Some(Self { session, kind })
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The kind of the acting party.
    #[must_use]
    pub const fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The acting party, as the token proves it.
    #[must_use]
    pub fn actor(&self) -> Option<Actor<'_>> {
        self.session.actor()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Acting {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let session = <crate::Session as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Self::of(session.0).ok_or_else(|| Forbidden::new().into_response())
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Acting {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, SessionRejection> {
        let session =
            <crate::Session as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(session.and_then(|session| Self::of(session.0)))
    }
}

/// A layer that answers 403 `forbidden` if one of these kinds acts in the session: for routes that an impersonator must not
/// reach, like changing a password or a payout. It goes inside the [`SessionLayer`](crate::SessionLayer), for example as a
/// `route_layer`. A request without a session passes; the session layer decides on it.
///
/// ```
/// use axum::{Router, routing::post};
/// use sealkit_axum::{deny_actors, sealkit::token::ActorKind};
///
/// let payouts: Router = Router::new()
///     .route("/payouts", post(|| async {}))
///     .route_layer(deny_actors([ActorKind::Impersonator, ActorKind::Agent]));
/// # let _ = payouts;
/// ```
pub fn deny_actors(kinds: impl IntoIterator<Item = ActorKind>) -> DenyActors {
    DenyActors { kinds: kinds.into_iter().collect() }
}

/// What [`deny_actors`] makes.
#[derive(Clone, Debug)]
pub struct DenyActors {
    kinds: Arc<[ActorKind]>,
}

impl<S> Layer<S> for DenyActors {
    type Service = DenyActorsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DenyActorsService { inner, kinds: Arc::clone(&self.kinds) }
    }
}

/// The service of [`DenyActors`].
#[derive(Clone)]
pub struct DenyActorsService<S> {
    inner: S,
    kinds: Arc<[ActorKind]>,
}

impl<S, B> Service<Request<B>> for DenyActorsService<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let kinds = Arc::clone(&self.kinds);
        // The service that is ready goes with the request.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        Box::pin(async move {
            let Some(slot) = request.extensions().get::<SessionSlot>().cloned() else {
                return Ok(SessionRejection::missing_layer().into_response());
            };
            let denied = match slot.standing().await {
                Standing::Proven(session) => {
                    session.actor().is_some_and(|actor| kinds.contains(&actor.kind()))
                }
                _ => false,
            };
            if denied { Ok(Forbidden::new().into_response()) } else { inner.call(request).await }
        })
    }
}

impl<S> fmt::Debug for DenyActorsService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenyActorsService").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}
