//! The `WORKOS_*` settings, all checked before anything is done, and the key set.

use anyhow::{Context as _, bail};
use sealkit::{
    Clock, Config, CookiePassword, EncodingPolicy, KeyRing, KeySetCache, SystemRandom,
    config::{ConfigBuilder, ConfigError, Problem, RefreshSettings, env, process_environment, shown_path},
    format::Format,
    token::{IssuerPolicy, KeySet, TokenPolicy},
};
use std::{path::Path, sync::Arc, time::Duration};
use zeroize::Zeroizing;

use crate::input;

/// Stands in for a client id that is not set.
const NO_CLIENT_ID: &str = "client_not_set";

/// How long a refresh is waited for. Nobody but us will ever see its result, so not as long as a web page may wait, but for the
/// last replay (sent after 20 s) and its answer; it is the longest wait that there is.
const CALLER_WAIT: Duration = Duration::from_secs(60);

/// What the environment says about API, issuers and cookie.
#[derive(Debug)]
pub(crate) struct Settings {
    config: Config,
    client_id: bool,
}

impl Settings {
    /// Reads and checks everything but the cookie password, which has flags of its own.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let client_id = process_environment(env::CLIENT_ID).is_some();
        let builder = ConfigBuilder::from_env(|name| match name {
            env::CLIENT_ID if !client_id => Some(NO_CLIENT_ID.to_owned()),
            name => process_environment(name),
        });
        let config = builder.key_ring(Self::no_ring()?).build();
        Ok(Self { config: config.map_err(|error| anyhow::anyhow!(listed(&error)))?, client_id })
    }

    /// What a token must say. Without a client id and a list of issuers every issuer is accepted, without a client id every
    /// application's; the caller says so.
    pub(crate) fn token_policy(&self) -> TokenPolicy {
        let mut policy = self.config.token_policy().clone();
        if !self.client_id && !is_set(&[env::ISSUER]) {
            policy.issuers = IssuerPolicy::Any;
        }
        policy.client_ids.retain(|id| id != NO_CLIENT_ID);
        policy
    }

    /// The password that open branches of the JavaScript libraries derive, if API key and client id are set.
    pub(crate) fn derived_password(&self) -> Option<CookiePassword> {
        let (key, id) = (self.config.api_key()?, process_environment(env::CLIENT_ID)?);
        let password = Zeroizing::new(format!("wos-ck:{}:{id}", key.expose_secret()));
        Some(CookiePassword::from(password.as_str()))
    }

    /// A ring that opens nothing, for when there is no password. Its password has the shape of the format that is written, or
    /// the configuration would be at fault.
    pub(crate) fn no_ring() -> anyhow::Result<KeyRing> {
        let written = process_environment(env::FORMAT_WRITE).and_then(|id| id.parse().ok());
        let shape = written.unwrap_or(Format::Iron).key_shape();
        KeyRing::from_password(shape.generate(&SystemRandom)?).context("no stand-in password")
    }

    /// Which formats are read.
    pub(crate) fn encoding(&self) -> EncodingPolicy {
        *self.config.encoding()
    }

    /// `WORKOS_COOKIE_NAME`, else the libraries' default.
    pub(crate) fn cookie_name(&self) -> &str {
        self.config.cookie().name()
    }
}

/// True when one of these variables is set. An empty value counts as not set, as it does for [`Config`].
fn is_set(variables: &[&str]) -> bool {
    variables.iter().any(|name| process_environment(name).is_some_and(|value| !value.is_empty()))
}

/// True when the environment names the format that is written.
pub(crate) fn names_written_format() -> bool {
    is_set(&[env::FORMAT_WRITE, env::SESSION_ENCODING_WRITE])
}

/// True when the environment names the formats that are read.
pub(crate) fn names_read_formats() -> bool {
    is_set(&[env::FORMATS_READ, env::SESSION_ENCODING_READ])
}

/// Everything that a refresh needs; what is wrong with passwords and settings is told together. `write` overrides the format that
/// the environment names.
pub(crate) fn complete(ring: anyhow::Result<KeyRing>, write: Option<Format>) -> anyhow::Result<Config> {
    let (ring, password_problem) = match ring {
        Ok(ring) => (ring, None),
        Err(error) => (Settings::no_ring()?, Some(error)),
    };
    let mut refresh = RefreshSettings::default();
    refresh.caller_wait = CALLER_WAIT;
    let settings = |name: &str| match (name, write) {
        (env::FORMAT_WRITE, Some(format)) => Some(format.id().to_owned()),
        (env::SESSION_ENCODING_WRITE, Some(_)) => None,
        _ => process_environment(name),
    };
    let builder = ConfigBuilder::from_env(settings).key_ring(ring).refresh(refresh);
    match (builder.build(), password_problem) {
        (Ok(config), None) => Ok(config),
        (Ok(_), Some(error)) => Err(error),
        (Err(error), None) => bail!(listed(&error)),
        (Err(error), Some(password)) => bail!("{}\n  {password:#}", listed(&error)),
    }
}

/// Every problem on a line of its own.
fn listed(error: &ConfigError) -> String {
    let lines: Vec<String> = error.problems().iter().map(Problem::to_string).collect();
    format!("the configuration cannot be used\n  {}", lines.join("\n  "))
}

/// The keys to verify with: those of a file, else those that the API answers, fetched when they are asked for.
pub(crate) fn keys(
    file: Option<&Path>,
    settings: &Settings,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<KeySetCache> {
    let Some(path) = file else {
        if !settings.client_id {
            bail!("{} is not set; set it, or give the key set with --jwks FILE", env::CLIENT_ID);
        }
        let transport = settings.config.transport()?;
        let api = settings.config.api_client(Arc::new(transport), Arc::clone(&clock));
        return Ok(KeySetCache::new(api, clock, *settings.config.key_set()));
    };
    let keys = KeySet::parse(&input::file(path)?).with_context(|| shown_path(path))?;
    if keys.is_empty() {
        anstream::eprintln!("warning: {} holds no key that can verify an RS256 signature", shown_path(path));
    }
    for skipped in keys.skipped() {
        anstream::eprintln!("warning: {}: skipped {skipped}", shown_path(path));
    }
    let rest = keys.skipped_count().saturating_sub(keys.skipped().len());
    if rest > 0 {
        anstream::eprintln!("warning: {}: skipped {rest} more", shown_path(path));
    }
    Ok(KeySetCache::fixed(keys))
}
