//! The ready-made routes: sign in, sign up, come back, sign out, switch organization.

mod callback;
mod choose;
mod login;
mod logout;
mod switch;
mod webhook;

pub use webhook::webhooks;

use crate::{SessionLayer, answer, slot::SessionSlot};
use axum::{Router, body::Body, routing};
use bytes::Bytes;
use http::{HeaderMap, Response};
use sealkit::{PublicCode, RequestKind};

/// The routes of a layer, to merge into the application's router, under the same layer.
///
/// | route | method | what it does |
/// |---|---|---|
/// | `/login`, `/sign-up` | `GET` | begins a sign-in; takes `return_to`, `organization_id`, `login_hint`, `screen_hint`, `prompt`, `max_age` (seconds; the callback checks it) |
/// | the path of the redirect URI | `GET` | completes it: sets the session and goes to the return path, or asks for an organization where the user has several |
/// | the same | `POST` from that page | completes it in the organization that was chosen |
/// | `/logout` | `POST`, or `GET` from the application's own pages | ends the session here and at WorkOS; typed into the address bar it asks first |
/// | `/switch-organization` | `POST` from the application's own pages | takes `organization_id` and `return_to` as a form, or JSON |
/// | `/webhooks/workos` | `POST` from WorkOS | ends the sessions that were revoked there; only where webhook secrets are configured, see [`webhooks`] |
///
/// `HEAD` begins nothing: it is answered as `GET` would be, without the verifier cookie. Their answers are never cached.
///
/// Other paths: [`SessionLayer::paths`]. Merge the router, do not nest it: the paths are those that the browser asks for, and the
/// layer knows them only as such. `Router::nest("/auth", routes(&layer))` is told in the log, at the first request that it
/// breaks; `Paths::default().login("/auth/login")` and so on say the same and work.
///
/// # Panics
/// When the router is put together, as `Router::route` does: two of the paths are the same, or the redirect URI has no path of
/// its own and the application answers there already.
pub fn routes<S>(layer: &SessionLayer) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let paths = &layer.shared.paths;
    for path in paths.all() {
        layer.sealkit().serve_path(path);
    }
    let router = Router::new()
        .route(&paths.login, routing::get(login::login))
        .route(&paths.sign_up, routing::get(login::sign_up))
        .route(paths.callback_path(), routing::get(callback::callback).post(choose::choose_organization))
        .route(&paths.logout, routing::get(logout::by_link).post(logout::by_form))
        .route(&paths.switch_organization, routing::post(switch::switch_organization));
    if paths.takes_webhooks { router.route(&paths.webhooks, webhook::route(layer)) } else { router }
}

/// Said when the routes are not where the layer knows them.
pub(crate) const NOT_NESTED: &str = "the ready-made routes are not where the layer expects them: merge `sealkit_axum::routes(&layer)` into the router under the layer, not nested, and move them with `Paths`";

type Reply = axum::response::Response;

fn reply(response: Response<Bytes>) -> Reply {
    response.map(Body::from)
}

/// A request from somewhere else, or one that nobody meant.
fn forbidden(slot: &SessionSlot) -> Reply {
    reply(answer::explained(slot, PublicCode::Forbidden, None))
}

/// Whether the sign-in that begins with this request will come back to a browser that keeps the verifier cookie: a navigation,
/// or a plain client that says nothing about itself.
fn may_begin(slot: &SessionSlot, headers: &HeaderMap) -> bool {
    let silent = !headers.contains_key("sec-fetch-mode") && !headers.contains_key("sec-fetch-dest");
    slot.facts().profile.may_set_verifier_cookie() || (silent && slot.facts().kind() == RequestKind::Other)
}
