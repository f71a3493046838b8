//! What a provider was told at its making, and may be told anew while it runs.

use crate::{ServerLimits, token::IssuerForm, webhooks::WebhookTarget};
use sealkit_core::ApiKey;
use serde_json::{Map, Value};
use std::time::Duration;
use url::Url;

/// What a sign-in without an organization means for somebody who belongs to several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrganizationChoice {
    /// The one that was joined first.
    #[default]
    First,
    /// The API answers `organization_selection_required`; the page asks.
    Ask,
    /// A session without organization.
    None,
}

/// What `POST /user_management/sessions/revoke` answers for a session that has ended. The OpenAPI document names 400; an emulator
/// answers 404.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedRevoke {
    /// 400 with a message.
    #[default]
    BadRequest,
    /// 404 with a message, as for a session that never was.
    NotFound,
}

/// What `GET /user_management/sessions/logout` does with a session that has ended, or never was. What WorkOS does is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedLogout {
    /// It sends the browser on, as for a session that is alive.
    #[default]
    Redirects,
    /// It answers 400, and the browser stays there.
    Rejects,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) client_id: String,
    pub(crate) api_key: ApiKey,
    pub(crate) base: String,
    pub(crate) issuer: IssuerForm,
    pub(crate) authkit_issuer: String,
    pub(crate) authkit_shares_keys: bool,
    pub(crate) audience: Option<Value>,
    pub(crate) claims: Map<String, Value>,
    /// Claims that no access token of a session has.
    pub(crate) removed_claims: Vec<String>,
    pub(crate) token_lifetime: Duration,
    pub(crate) replay_window: Duration,
    pub(crate) replays_any_organization: bool,
    pub(crate) server_limits: ServerLimits,
    pub(crate) session_length: Duration,
    pub(crate) inactivity_timeout: Option<Duration>,
    pub(crate) auto_approve: bool,
    pub(crate) radar_decides: bool,
    pub(crate) sign_up: bool,
    pub(crate) organization_choice: OrganizationChoice,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) sign_out_redirect: Option<String>,
    pub(crate) ended_revoke: EndedRevoke,
    pub(crate) ended_logout: EndedLogout,
    pub(crate) webhook_secret: String,
    pub(crate) webhook_target: Option<WebhookTarget>,
}

impl Settings {
    /// May a browser be sent there: plain HTTP on this machine, or listed word by word?
    pub(crate) fn allows_redirect(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|allowed| allowed == uri) || is_loopback_url(uri)
    }

    pub(crate) fn issuer(&self) -> String {
        self.issuer.issuer(&self.base, &self.client_id)
    }
}

/// An `http` or `https` URL whose host is this machine, without credentials in it.
pub(crate) fn is_loopback_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && match url.host() {
                Some(url::Host::Domain(name)) => is_loopback_name(name),
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            }
    })
}

/// `localhost` and the names below it (RFC 6761 §6.3).
fn is_loopback_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.len() > 10
            && name.get(name.len() - 10..).is_some_and(|end| end.eq_ignore_ascii_case(".localhost"))
}

/// A `Host` header that names this machine, with or without a port.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    !host.contains(['/', '@', '?', '#', '\\', '%', ' ', '\t']) && is_loopback_url(&format!("http://{host}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for yes in [
            "localhost",
            "localhost:3000",
            "127.0.0.1:1",
            "127.8.9.1",
            "[::1]:80",
            "app.localhost",
            "LOCALHOST",
            "localhost.",
            "localhost.:14430",
            "127.0.0.1:",
        ] {
            assert!(is_loopback_host(yes), "{yes}");
        }
        for no in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "",
            "evil@localhost",
            "127.0.0.1:80@evil.test",
            "127.0.0.1:port",
            "127.0.0.1:65536",
            "127.0.0.1, evil.test",
            "%6cocalhost",
            "local\thost",
            "localhost ",
            "[::1",
            "localhost/x",
            "notlocalhost",
            "169.254.169.254",
            "xlocalhost",
        ] {
            assert!(!is_loopback_host(no), "{no}");
        }
        assert!(!is_loopback_url("javascript://localhost/%0aalert(1)"));
        assert!(!is_loopback_url("http://user:pw@localhost/"));
        assert!(is_loopback_url("http://localhost:3000/callback?x=1"));
    }
}
