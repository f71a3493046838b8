//! Everything that can be set: from code, from the environment, or both. No network, and no file but one with
//! passwords; all problems are told at once.
//!
//! ```
//! use sealkit::config::Config;
//!
//! let environment = |name: &str| match name {
//!     "WORKOS_CLIENT_ID" => Some("client_01EXAMPLE".to_owned()),
//!     "WORKOS_API_KEY" => Some("sk_example".to_owned()),
//!     "WORKOS_COOKIE_PASSWORD" => Some("a password of at least 32 characters".to_owned()),
//!     _ => None,
//! };
//! let config = Config::from_env(environment)?;
//! assert_eq!(config.cookie().name(), "wos-session");
//! # Ok::<(), sealkit::config::ConfigError>(())
//! ```
//!
//! Programs pass [`process_environment`] as the lookup.

mod builder;
mod encoding;
pub mod env;
mod limits;
pub(crate) mod password_list;
mod passwords;
mod problem;
mod settings;
mod shared;
#[cfg(test)]
mod tests;
mod validate;

pub use builder::ConfigBuilder;
pub use env::process_environment;
pub use limits::LimitSettings;
pub use passwords::PasswordSource;
pub use problem::{ConfigError, Problem, shown_path};
pub use settings::{HttpSettings, RefreshSettings, SignOutSettings};

use crate::{
    api::{ApiBase, ApiClient, ClientId, HttpTransport, ReqwestTransport, TransportBuildError},
    clock::Clock,
    keys::KeySetSettings,
    refresh::CoordinatorSecrets,
    revocation::DenyListSettings,
};
use password_list::PasswordsFile;
use sealkit_core::{
    ApiKey, EncodingPolicy, KeyRing, TrustedProxies, WebhookSecret, cookie::CookieSettings,
    token::TokenPolicy,
};
use std::{path::Path, sync::Arc, time::Duration};
use url::Url;

/// A checked configuration. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    client_id: ClientId,
    api_key: Option<ApiKey>,
    api_base: ApiBase,
    key_ring: KeyRing,
    password_source: PasswordSource,
    passwords_file: Option<PasswordsFile>,
    encoding: EncodingPolicy,
    redirect_uri: Option<Url>,
    cookie: CookieSettings,
    token_policy: TokenPolicy,
    refresh: RefreshSettings,
    coordinator_secrets: Option<CoordinatorSecrets>,
    webhook_secrets: Vec<WebhookSecret>,
    webhook_tolerance: Duration,
    deny_list: DenyListSettings,
    sign_out: SignOutSettings,
    limits: LimitSettings,
    trusted_proxies: TrustedProxies,
    http: HttpSettings,
    key_set: KeySetSettings,
    max_cookie_value: usize,
    loop_laps: u8,
    development: bool,
}

impl Config {
    /// A configuration to fill in code.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// The configuration that the environment describes; `lookup` gives the value of a variable.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is missing or wrong.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        ConfigBuilder::from_env(lookup).build()
    }

    /// The application.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The API key; a public client has none.
    #[must_use]
    pub const fn api_key(&self) -> Option<&ApiKey> {
        self.api_key.as_ref()
    }

    /// The API's address.
    #[must_use]
    pub const fn api_base(&self) -> &ApiBase {
        &self.api_base
    }

    /// The cookie passwords, as they were read at the start: [`Sealkit::replace_keys`](crate::Sealkit::replace_keys) and a changed
    /// file do not show here.
    #[must_use]
    pub const fn key_ring(&self) -> &KeyRing {
        &self.key_ring
    }

    /// Where they came from.
    #[must_use]
    pub const fn password_source(&self) -> PasswordSource {
        self.password_source
    }

    /// The file that they came from, if they did.
    #[must_use]
    pub fn passwords_file(&self) -> Option<&Path> {
        self.passwords_file.as_ref().map(PasswordsFile::path)
    }

    pub(crate) const fn passwords(&self) -> Option<&PasswordsFile> {
        self.passwords_file.as_ref()
    }

    /// Which formats the session cookie is read in, and which one it is written in.
    #[must_use]
    pub const fn encoding(&self) -> &EncodingPolicy {
        &self.encoding
    }

    /// Where WorkOS sends the browser after a sign-in; sign-ins need it.
    #[must_use]
    pub const fn redirect_uri(&self) -> Option<&Url> {
        self.redirect_uri.as_ref()
    }

    /// How the session cookie is written.
    #[must_use]
    pub const fn cookie(&self) -> &CookieSettings {
        &self.cookie
    }

    /// What an access token must say.
    #[must_use]
    pub const fn token_policy(&self) -> &TokenPolicy {
        &self.token_policy
    }

    /// When and how a session is refreshed.
    #[must_use]
    pub const fn refresh(&self) -> &RefreshSettings {
        &self.refresh
    }

    /// What replicas find each other's refreshes by, if it was given.
    #[must_use]
    pub const fn coordinator_secrets(&self) -> Option<&CoordinatorSecrets> {
        self.coordinator_secrets.as_ref()
    }

    /// What webhooks are signed with; none are accepted without.
    #[must_use]
    pub fn webhook_secrets(&self) -> &[WebhookSecret] {
        &self.webhook_secrets
    }

    /// How far the time of a webhook's signature may be from ours, either way.
    #[must_use]
    pub const fn webhook_tolerance(&self) -> Duration {
        self.webhook_tolerance
    }

    /// How long what was revoked is remembered, and how much of it.
    #[must_use]
    pub const fn deny_list(&self) -> &DenyListSettings {
        &self.deny_list
    }

    /// How a session that is signed out here is ended at WorkOS.
    #[must_use]
    pub const fn sign_out(&self) -> &SignOutSettings {
        &self.sign_out
    }

    /// What one visitor may use of what all visitors share.
    #[must_use]
    pub const fn limits(&self) -> &LimitSettings {
        &self.limits
    }

    /// The proxies whose `X-Forwarded-For` is believed. Fronts get the client's address from
    /// [`TrustedProxies::client_address`].
    #[must_use]
    pub const fn trusted_proxies(&self) -> &TrustedProxies {
        &self.trusted_proxies
    }

    /// Limits of calls to the API.
    #[must_use]
    pub const fn http(&self) -> &HttpSettings {
        &self.http
    }

    /// How long key sets serve.
    #[must_use]
    pub const fn key_set(&self) -> &KeySetSettings {
        &self.key_set
    }

    /// Longest cookie value that is opened, in bytes.
    #[must_use]
    pub const fn max_cookie_value(&self) -> usize {
        self.max_cookie_value
    }

    /// How many sign-ins in a row without a session that comes back are a loop; 0: they are not counted. See [`laps`](crate::laps).
    #[must_use]
    pub const fn loop_laps(&self) -> u8 {
        self.loop_laps
    }

    /// Answers to denied requests say the detailed reason. Never in production.
    #[must_use]
    pub const fn is_development(&self) -> bool {
        self.development
    }

    /// The transport that these settings describe.
    ///
    /// # Errors
    /// [`TransportBuildError`] when TLS cannot be set up on this machine.
    pub fn transport(&self) -> Result<ReqwestTransport, TransportBuildError> {
        ReqwestTransport::builder()
            .for_base(&self.api_base)
            .connect_timeout(self.http.connect_timeout)
            .attempt_timeout(self.http.attempt_timeout)
            .proxy_from_environment(self.http.proxy_from_environment)
            .build()
    }

    /// A client for the API over this transport.
    #[must_use]
    pub fn api_client(&self, transport: Arc<dyn HttpTransport>, clock: Arc<dyn Clock>) -> ApiClient {
        ApiClient::new(self.api_base.clone(), self.client_id.clone(), self.api_key.clone(), transport, clock)
    }
}
