//! The demo application: its state and its routes.

use super::{actions, assets, assets::Assets, guard, pages};
use axum::{
    Router, middleware,
    routing::{get, post},
};
use sealkit::Sealkit;
use sealkit_axum::SessionLayer;
use sealkit_devidp::{DevIdp, User};
use std::sync::Arc;
use url::Url;

/// What every handler works with. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Demo(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    idp: DevIdp,
    sealkit: Sealkit,
    url: Url,
    origin: String,
    idp_url: String,
    assets: Assets,
}

impl Demo {
    pub(super) fn new(idp: DevIdp, sealkit: Sealkit, origin: &str, idp_url: &str) -> anyhow::Result<Self> {
        let url = Url::parse(origin)?;
        let inner = Inner {
            idp,
            sealkit,
            url,
            origin: origin.to_owned(),
            idp_url: idp_url.to_owned(),
            assets: Assets::new(),
        };
        Ok(Self(Arc::new(inner)))
    }

    pub(super) fn idp(&self) -> &DevIdp {
        &self.0.idp
    }

    pub(super) fn sealkit(&self) -> &Sealkit {
        &self.0.sealkit
    }

    /// The demo's origin.
    pub(super) fn url(&self) -> &str {
        &self.0.origin
    }

    /// The provider's origin.
    pub(super) fn idp_url(&self) -> &str {
        &self.0.idp_url
    }

    pub(super) fn assets(&self) -> &Assets {
        &self.0.assets
    }

    /// The user as the provider knows it: organizations that the session could be switched to.
    pub(super) fn user(&self, id: &str) -> Option<User> {
        self.idp().users().into_iter().find(|user| user.id() == id)
    }

    /// What people call an organization.
    pub(super) fn organization_name(&self, id: &str) -> String {
        let known = self.idp().organizations().into_iter().find(|organization| organization.id() == id);
        known.map_or_else(|| id.to_owned(), |organization| organization.name().to_owned())
    }
}

/// Everything under one session layer; what is not named public needs a session.
pub(super) fn router(demo: &Demo) -> anyhow::Result<Router> {
    let layer = SessionLayer::new(demo.sealkit().clone())
        .public([
            "GET /",
            "GET /inspect",
            "POST /inspect",
            "GET /api/me",
            "GET /assets/*",
            "GET /favicon.ico",
        ])?
        .after_sign_out(demo.0.url.clone());
    Ok(Router::new()
        .route("/", get(pages::home::page))
        .route("/inspect", get(pages::inspect::current).post(pages::inspect::pasted))
        .route("/api/me", get(pages::home::me))
        .route("/demo/refresh", post(actions::refresh))
        .route("/demo/expire", post(actions::expire))
        .route("/demo/rotate-keys", post(actions::rotate_keys))
        .route("/demo/fail-refresh", post(actions::fail_refresh))
        .route("/demo/switch", post(actions::switch))
        .route("/demo/impersonate", post(actions::impersonate))
        .route("/demo/stop-impersonating", post(actions::stop_impersonating))
        .route("/assets/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::icon))
        .fallback(pages::not_found)
        .merge(sealkit_axum::routes(&layer))
        .layer(layer)
        .layer(middleware::from_fn_with_state(demo.clone(), guard::guard))
        .with_state(demo.clone()))
}
