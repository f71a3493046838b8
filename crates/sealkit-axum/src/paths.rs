//! Where the ready-made routes are.

use http::{Method, Uri};
use std::sync::Arc;

/// The paths of the ready-made routes: each one is exact, and public once the application has taken its [route](crate::routes).
///
/// The default is `/login`, `/sign-up`, `/logout`, `/switch-organization`, `/webhooks/workos`; the callback is where the redirect URI of the
/// configuration points. Change it on the layer ([`SessionLayer::paths`](crate::SessionLayer::paths)), so that layer and
/// routes agree.
///
/// ```
/// use sealkit_axum::Paths;
///
/// let paths = Paths::default().login("/auth/login").logout("/auth/logout");
/// # let _ = paths;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "give it to the layer with `SessionLayer::paths`"]
pub struct Paths {
    pub(crate) login: Arc<str>,
    pub(crate) sign_up: Arc<str>,
    pub(crate) callback: Option<Arc<str>>,
    pub(crate) logout: Arc<str>,
    pub(crate) switch_organization: Arc<str>,
    pub(crate) webhooks: Arc<str>,
    /// There are secrets to check webhooks with, so there is a route for them.
    pub(crate) takes_webhooks: bool,
}

/// Where the callback is when the redirect URI has no path of its own to say so.
pub(crate) const DEFAULT_CALLBACK: &str = "/callback";

impl Default for Paths {
    fn default() -> Self {
        Self {
            login: "/login".into(),
            sign_up: "/sign-up".into(),
            callback: None,
            logout: "/logout".into(),
            switch_organization: "/switch-organization".into(),
            webhooks: "/webhooks/workos".into(),
            takes_webhooks: false,
        }
    }
}

impl Paths {
    /// Begins a sign-in.
    pub fn login(mut self, path: impl Into<String>) -> Self {
        self.login = absolute(path.into());
        self
    }

    /// Begins a sign-in at the sign-up screen.
    pub fn sign_up(mut self, path: impl Into<String>) -> Self {
        self.sign_up = absolute(path.into());
        self
    }

    /// Ends a sign-in. Only needed when a proxy in front of the application changes paths; otherwise the redirect URI says it.
    pub fn callback(mut self, path: impl Into<String>) -> Self {
        self.callback = Some(absolute(path.into()));
        self
    }

    /// Signs out.
    pub fn logout(mut self, path: impl Into<String>) -> Self {
        self.logout = absolute(path.into());
        self
    }

    /// Switches the organization.
    pub fn switch_organization(mut self, path: impl Into<String>) -> Self {
        self.switch_organization = absolute(path.into());
        self
    }

    /// Receives the webhooks of WorkOS, where webhook secrets are configured.
    pub fn webhooks(mut self, path: impl Into<String>) -> Self {
        self.webhooks = absolute(path.into());
        self
    }

    /// The callback's path, once it is settled.
    pub(crate) fn callback_path(&self) -> &str {
        self.callback.as_deref().unwrap_or(DEFAULT_CALLBACK)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        let always =
            [&self.login, &self.sign_up, self.callback_path(), &self.logout, &self.switch_organization];
        always.into_iter().chain(self.takes_webhooks.then_some(&*self.webhooks))
    }

    /// True for the routes themselves, compared byte by byte: `/login/` and `/%6cogin` are other paths.
    pub(crate) fn are_asked_for(&self, method: &Method, uri: &Uri) -> bool {
        let path = uri.path();
        let get = matches!(*method, Method::GET | Method::HEAD);
        let post = *method == Method::POST;
        (get && [&*self.login, &*self.sign_up, self.callback_path()].contains(&path))
            // A form that chooses an organization is posted to the callback.
            || (post && path == self.callback_path())
            || ((get || post) && path == &*self.logout)
            || (post && path == &*self.switch_organization)
            || (post && self.takes_webhooks && path == &*self.webhooks)
    }
}

/// A router takes nothing but paths that begin with a slash.
fn absolute(path: String) -> Arc<str> {
    if path.starts_with('/') { path.into() } else { format!("/{path}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_path_and_method_is_a_route() {
        let paths = Paths::default().callback("auth/callback");
        let asked = |method, path| paths.are_asked_for(&method, &Uri::from_static(path));
        assert!(asked(Method::GET, "/login") && asked(Method::HEAD, "/login?return_to=/x"));
        assert!(asked(Method::GET, "/auth/callback?code=1") && asked(Method::POST, "/logout"));
        assert!(asked(Method::POST, "/switch-organization"));
        for path in ["/login/", "//login", "/%6cogin", "/LOGIN", "/login;x", "/x/login", "/callback"] {
            assert!(!asked(Method::GET, path), "{path}");
        }
        assert!(asked(Method::POST, "/auth/callback"));
        assert!(!asked(Method::POST, "/login") && !asked(Method::GET, "/switch-organization"));
        assert!(!asked(Method::DELETE, "/logout"));
    }

    #[test]
    fn webhooks_have_a_route_only_where_they_can_be_checked() {
        let mut paths = Paths::default().webhooks("hooks");
        let asked = |paths: &Paths, method, path| paths.are_asked_for(&method, &Uri::from_static(path));
        assert!(!asked(&paths, Method::POST, "/hooks") && !paths.all().any(|path| path == "/hooks"));
        paths.takes_webhooks = true;
        assert!(asked(&paths, Method::POST, "/hooks") && paths.all().any(|path| path == "/hooks"));
        assert!(!asked(&paths, Method::GET, "/hooks") && !asked(&paths, Method::POST, "/hooks/"));
        assert!(!asked(&paths, Method::POST, "/webhooks/workos"));
    }
}
