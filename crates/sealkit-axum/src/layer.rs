//! [`SessionLayer`]: what it is told when the application is put together.

use crate::{paths::Paths, same_origin::Public, service::SessionService};
use http::{Method, Uri};
use sealkit::{
    PathRules, PathRulesError, Sealkit,
    sign_in::{OwnRoutes, ReturnTo},
};
use std::{fmt, sync::Arc, time::Duration};
use tower_layer::Layer;
use url::Url;

/// Owns the session cookie of every request that passes through: resolves it, refreshes it ahead of its end, denies what is
/// protected, writes the cookie on the response.
///
/// Everything is protected unless a [`public`](Self::public) rule says otherwise, or the layer is [`optional`](Self::optional). The
/// paths of the [routes](crate::routes) are public once the application has made routes of them.
/// Preflights are answered here ([`pass_preflights`](Self::pass_preflights)). Cheap to clone.
///
/// ```
/// # fn app(sealkit: sealkit::Sealkit) -> Result<(), sealkit::PathRulesError> {
/// use axum::{Router, routing::get};
/// use sealkit_axum::{Session, SessionLayer};
///
/// let layer = SessionLayer::new(sealkit).public(["GET /healthz", "GET /assets/*"])?;
/// let app: Router = Router::new()
///     .route("/healthz", get(|| async { "ok" }))
///     .route("/", get(|session: Session| async move { session.user_id().to_owned() }))
///     .merge(sealkit_axum::routes(&layer))
///     .layer(layer);
/// # let _ = app; Ok(()) }
/// ```
#[derive(Clone)]
pub struct SessionLayer {
    pub(crate) shared: Arc<Shared>,
}

/// The layer's settings, and what follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) sealkit: Sealkit,
    pub(crate) paths: Paths,
    pub(crate) after_sign_out: Option<Url>,
    socket_origins: Vec<Url>,
    public: Rules,
    sign_up: Rules,
    own_routes: OwnRoutes,
    optional: bool,
    pub(crate) passes_preflights: bool,
}

/// Path rules that are added to.
#[derive(Clone, Debug, Default)]
struct Rules {
    texts: Vec<String>,
    parsed: PathRules,
}

impl Rules {
    fn add<I>(&mut self, rules: I) -> Result<(), PathRulesError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.texts.extend(rules.into_iter().map(Into::into));
        self.parsed = PathRules::parse(&self.texts)?;
        Ok(())
    }

    fn match_request(&self, method: &Method, uri: &Uri) -> bool {
        // Wherever `GET` is answered so is `HEAD`: with the same, less the body.
        let as_get = if *method == Method::HEAD { &Method::GET } else { method };
        [method, as_get].iter().any(|method| self.parsed.matches(method.as_str(), uri.path()))
    }
}

/// What the path rules say about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Passes without a session. Nothing is resolved until somebody asks.
    Open,
    /// Needs a session.
    Protected,
}

impl SessionLayer {
    /// A layer that protects everything, with the [routes](crate::routes) at their default places.
    ///
    /// Without a redirect URI in the configuration nobody can be led to sign in: that is logged as an error here, and pages that
    /// need a session are answered 500.
    #[must_use]
    pub fn new(sealkit: Sealkit) -> Self {
        if sealkit.config().redirect_uri().is_none() {
            tracing::error!(
                "no redirect URI is configured, so nobody can sign in here; set WORKOS_REDIRECT_URI or `ConfigBuilder::redirect_uri`"
            );
        }
        let mut shared = Shared {
            paths: Paths::default(),
            after_sign_out: None,
            socket_origins: Vec::new(),
            public: Rules::default(),
            sign_up: Rules::default(),
            own_routes: OwnRoutes::default(),
            optional: false,
            passes_preflights: false,
            sealkit,
        };
        shared.settle_paths();
        Self { shared: Arc::new(shared) }
    }

    /// Lets requests pass without a session: `GET /healthz`, `GET /assets/*`, `* /webhooks/workos` (any method). A rule
    /// for `GET` is one for `HEAD`, too.
    ///
    /// A rule names a canonical path; whatever can be read in two ways (`//`, `..`, needless escapes) never matches it and
    /// stays protected. Paths are those that the browser asks for, also inside of `Router::nest`. On a public path a cookie that
    /// is stale or broken changes nothing; it is not even looked at until somebody asks for the session.
    ///
    /// # Errors
    /// [`PathRulesError`] with every text that is no rule, and the fix.
    pub fn public<I>(mut self, rules: I) -> Result<Self, PathRulesError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.edit().public.add(rules)?;
        Ok(self)
    }

    /// On these (protected) paths, whoever is not signed in is led to the sign-up screen.
    ///
    /// # Errors
    /// [`PathRulesError`] with every text that is no rule, and the fix.
    pub fn sign_up<I>(mut self, rules: I) -> Result<Self, PathRulesError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.edit().sign_up.add(rules)?;
        Ok(self)
    }

    /// Denies nothing: extractors and handlers decide. For applications that are mostly public.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.edit().optional = true;
        self
    }

    /// Where the ready-made routes are.
    #[must_use]
    pub fn paths(mut self, paths: Paths) -> Self {
        let shared = self.edit();
        shared.paths = paths;
        shared.settle_paths();
        self
    }

    /// Where WorkOS sends the browser after a sign-out; without it, to the sign-out redirect of the dashboard.
    #[must_use]
    pub fn after_sign_out(mut self, url: Url) -> Self {
        self.edit().after_sign_out = Some(url);
        self
    }

    /// Origins whose pages may open WebSockets here with the user's session, besides the application's own: `https://app.test` for
    /// an API on `https://api.test`. Of a URL, scheme, host and port count.
    ///
    /// Browsers let every page open a WebSocket to every host, and send the cookies along. So the layer rejects a handshake of
    /// another origin with 403. On a public path the handshake passes without a session.
    #[must_use]
    pub fn socket_origins(mut self, origins: impl IntoIterator<Item = Url>) -> Self {
        self.edit().socket_origins.extend(origins);
        self
    }

    /// Lets CORS preflights (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) pass to the application, without a session and
    /// on every path. Without it the layer answers them itself: 204 with no header of CORS, so that no page of another origin gets
    /// further.
    ///
    /// For an application that answers preflights inside of this layer, and answers nothing else to `OPTIONS`: anybody can send these
    /// two headers. A CORS layer outside of this one needs no permission.
    #[must_use]
    pub fn pass_preflights(mut self) -> Self {
        self.edit().passes_preflights = true;
        self
    }

    /// What the layer works with.
    #[must_use]
    pub fn sealkit(&self) -> &Sealkit {
        &self.shared.sealkit
    }

    fn edit(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }
}

impl Shared {
    /// The callback is where the redirect URI points, unless it was said otherwise.
    fn settle_paths(&mut self) {
        if self.paths.callback.is_none() {
            self.paths.callback = self.sealkit.config().redirect_uri().map(|uri| uri.path().into());
        }
        self.paths.takes_webhooks = !self.sealkit.config().webhook_secrets().is_empty();
        self.own_routes = OwnRoutes::new(self.paths.all());
    }

    pub(crate) fn access(&self, method: &Method, uri: &Uri) -> Access {
        let open =
            self.optional || self.is_for_a_route(method, uri) || self.public.match_request(method, uri);
        if open { Access::Open } else { Access::Protected }
    }

    /// What the configuration says about the application's own origin.
    pub(crate) fn public_origin(&self) -> Public<'_> {
        let config = self.sealkit.config();
        Public { redirect_uri: config.redirect_uri(), secure: config.cookie().secure() }
    }

    pub(crate) fn allows_socket_of(&self, origin: &Url) -> bool {
        self.socket_origins.iter().any(|allowed| allowed.origin() == origin.origin())
    }

    /// Whether this request is for a ready-made route that the application has taken.
    pub(crate) fn is_for_a_route(&self, method: &Method, uri: &Uri) -> bool {
        self.paths.are_asked_for(method, uri) && self.sealkit.serves_path(uri.path())
    }

    pub(crate) fn is_sign_up(&self, method: &Method, uri: &Uri) -> bool {
        self.sign_up.match_request(method, uri)
    }

    /// Where nobody is to be returned to.
    pub(crate) const fn own_routes(&self) -> &OwnRoutes {
        &self.own_routes
    }

    /// A safe return path of any text.
    pub(crate) fn return_to(&self, text: &str) -> ReturnTo {
        ReturnTo::sanitize(text, &self.own_routes)
    }

    /// Where a sign-in begins, for a browser: on the origin of the redirect URI, since that is where its cookies are needed.
    pub(crate) fn login_url(&self, return_to: Option<&str>, sign_up: bool) -> String {
        let path = if sign_up { &self.paths.sign_up } else { &self.paths.login };
        let query = return_to.map(|path| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("return_to", path).finish()
        });
        self.absolute(match query {
            Some(query) => format!("{path}?{query}"),
            None => path.as_ref().to_owned(),
        })
    }

    /// Path and query of a sign-in that begins again with the same `max_age` and leads to the same page.
    pub(crate) fn login_again(&self, max_age: Option<Duration>, return_to: &ReturnTo) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(age) = max_age {
            query.append_pair("max_age", &age.as_secs().to_string());
        }
        query.append_pair("return_to", return_to.as_str());
        format!("{}?{}", self.paths.login, query.finish())
    }

    /// The same path on the origin of the redirect URI.
    pub(crate) fn absolute(&self, relative: String) -> String {
        match self.sealkit.config().redirect_uri().map(|base| base.join(&relative)) {
            Some(Ok(url)) => url.into(),
            _ => relative,
        }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, Arc::clone(&self.shared))
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer")
            .field("paths", &self.shared.paths)
            .field("public", &self.shared.public.texts)
            .field("sign_up", &self.shared.sign_up.texts)
            .field("optional", &self.shared.optional)
            .field("socket_origins", &self.shared.socket_origins)
            .finish_non_exhaustive()
    }
}
