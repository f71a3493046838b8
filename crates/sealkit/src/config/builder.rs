//! Collecting settings; nothing is checked before [`ConfigBuilder::build`], and then everything is.

use super::{
    Config,
    encoding::{self, EncodingInput},
    env::{self, Environment, Given},
    limits::{LimitInput, LimitSettings},
    passwords::{self, Passwords, Surroundings},
    problem::{ConfigError, Problem},
    settings::{HttpSettings, RefreshSettings, SignOutSettings},
    shared, validate,
};
use crate::{
    api::{ApiBase, ClientId},
    keys::KeySetSettings,
    refresh::CoordinatorSecrets,
    revocation::DenyListSettings,
};
use sealkit_core::{
    ApiKey, CookiePassword, EncodingPolicy, KeyRing, WebhookSecret,
    cookie::{LargeCookies, SameSite},
    token::{ActorKind, IssuerPolicy, TokenPolicy},
    webhook,
};
use std::{path::PathBuf, time::Duration};

/// Longest cookie value that is opened by default, in bytes.
const DEFAULT_MAX_COOKIE_VALUE: usize = 24 * 1024;

/// The third start stops.
const DEFAULT_LOOP_LAPS: u8 = 3;

/// The settings of a [`Config`], not yet checked. `Debug` shows no secret.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ConfigBuilder {
    problems: Vec<Problem>,
    client_id: Option<Given<String>>,
    api_key: Option<Given<ApiKey>>,
    api: ApiAddress,
    passwords: Option<Passwords>,
    encoding: EncodingInput,
    redirect_uri: Option<Given<String>>,
    cookie: CookieInput,
    issuers: Option<Issuers>,
    kinds: TokenKindInput,
    audiences: Vec<String>,
    leeway: Option<Duration>,
    refresh: RefreshSettings,
    refresh_behind: Option<Given<String>>,
    stale_while_error: Option<Given<String>>,
    coordinator_secrets: Option<CoordinatorInput>,
    webhook_secrets: Option<Given<Vec<WebhookSecret>>>,
    webhook_tolerance: Option<Duration>,
    deny_list: DenyListSettings,
    revocation_ttl: Option<Given<String>>,
    sign_out: SignOutSettings,
    revoke_on_sign_out: Option<Given<String>>,
    limits: LimitInput,
    trusted_proxies: Option<Given<Vec<String>>>,
    http: HttpSettings,
    request_timeout: Option<Given<String>>,
    key_set: KeySetSettings,
    max_cookie_value: Option<usize>,
    loop_laps: Option<Given<String>>,
    development: bool,
}

/// The API's address in whole or in parts.
#[derive(Clone, Debug, Default)]
pub(super) struct ApiAddress {
    pub(super) whole: Option<Given<String>>,
    pub(super) hostname: Option<Given<String>>,
    pub(super) https: Option<Given<String>>,
    pub(super) port: Option<Given<String>>,
}

/// Cookie settings as they were given.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieInput {
    pub(super) name: Option<Given<String>>,
    pub(super) path: Option<Given<String>>,
    pub(super) domain: Option<Given<String>>,
    pub(super) max_age: Option<Given<String>>,
    pub(super) same_site: Option<Given<String>>,
    pub(super) secure: Option<bool>,
    pub(super) large: Option<Given<String>>,
}

/// Which tokens are sessions of this application, as it was given.
#[derive(Clone, Debug, Default)]
struct TokenKindInput {
    client_ids: Option<Given<Vec<String>>>,
    bind_client_id: Option<Given<String>>,
    require_auth_time: Option<Given<String>>,
    actors: Option<Given<Vec<String>>>,
}

#[derive(Clone, Debug)]
enum CoordinatorInput {
    Environment(Given<passwords::SecretList>),
    Secrets(Box<CoordinatorSecrets>),
}

#[derive(Clone, Debug)]
enum Issuers {
    Any,
    Environment(Given<String>),
    List(Vec<String>),
}

impl ConfigBuilder {
    /// Starts from the environment; what is set in code afterwards stands above it.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut problems = Vec::new();
        let mut environment = Environment { lookup, problems: &mut problems };
        let mut builder = Self {
            client_id: environment.filled(env::CLIENT_ID),
            api_key: environment.filled(env::API_KEY).map(|key| Given::new(key.setting, key.value.into())),
            passwords: Passwords::from_env(&mut environment),
            encoding: EncodingInput {
                policy: None,
                upstream_read: environment.optional(env::SESSION_ENCODING_READ),
                upstream_write: environment.optional(env::SESSION_ENCODING_WRITE),
                formats_read: environment.optional(env::FORMATS_READ),
                format_write: environment.optional(env::FORMAT_WRITE),
                unsealed_until: environment.optional(env::UNSEALED_UNTIL),
                rewrite: environment.optional(env::REWRITE),
            },
            api: ApiAddress {
                whole: environment.optional(env::BASE_URL),
                hostname: environment.optional(env::API_HOSTNAME),
                https: environment.optional(env::API_HTTPS),
                port: environment.optional(env::API_PORT),
            },
            redirect_uri: environment.either(env::REDIRECT_URI, env::NEXT_PUBLIC_REDIRECT_URI, str::eq),
            cookie: CookieInput {
                name: environment.optional(env::COOKIE_NAME),
                max_age: environment.optional(env::COOKIE_MAX_AGE),
                domain: environment.optional(env::COOKIE_DOMAIN),
                same_site: environment.either(
                    env::COOKIE_SAMESITE,
                    env::COOKIE_SAME_SITE,
                    str::eq_ignore_ascii_case,
                ),
                large: environment.optional(env::LARGE_COOKIES),
                ..CookieInput::default()
            },
            issuers: environment.optional(env::ISSUER).map(Issuers::Environment),
            kinds: TokenKindInput::from_env(&mut environment),
            request_timeout: environment.optional(env::REQUEST_TIMEOUT),
            refresh_behind: environment.optional(env::REFRESH_BEHIND),
            stale_while_error: environment.optional(env::STALE_WHILE_ERROR),
            coordinator_secrets: shared::list(&mut environment, env::COORDINATOR_SECRETS)
                .map(CoordinatorInput::Environment),
            webhook_secrets: shared::webhook_secrets(&mut environment),
            revocation_ttl: environment.optional(env::REVOCATION_TTL),
            revoke_on_sign_out: environment.optional(env::REVOKE_ON_SIGN_OUT),
            limits: LimitInput::from_env(&mut environment),
            trusted_proxies: environment
                .optional(env::TRUSTED_PROXIES)
                .map(|given| Given::new(given.setting, given.value.split(',').map(str::to_owned).collect())),
            loop_laps: environment.optional(env::LOOP_LAPS),
            ..Self::default()
        };
        builder.problems = problems;
        builder
    }

    /// The application's client id. Required.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.forget(&[env::CLIENT_ID]);
        self.client_id = Some(Given::new("client_id", id.into()));
        self
    }

    /// The API key. Public clients have none.
    pub fn api_key(mut self, key: impl Into<ApiKey>) -> Self {
        self.forget(&[env::API_KEY]);
        self.api_key = Some(Given::new("api_key", key.into()));
        self
    }

    /// The API's address; `https`, or `http` on a loopback host. Default `https://api.workos.com`.
    pub fn api_base(mut self, url: impl Into<String>) -> Self {
        self.forget(&[env::BASE_URL, env::API_HOSTNAME, env::API_HTTPS, env::API_PORT]);
        self.api = ApiAddress { whole: Some(Given::new("api_base", url.into())), ..ApiAddress::default() };
        self
    }

    /// The one cookie password. Without this, [`key_ring`](Self::key_ring) and
    /// [`cookie_passwords_file`](Self::cookie_passwords_file) it is derived from the API key.
    pub fn cookie_password(mut self, password: impl Into<CookiePassword>) -> Self {
        self.forget(passwords::VARIABLES);
        self.passwords = Some(Passwords::One(Given::new("cookie_password", password.into())));
        self
    }

    /// Several cookie passwords: the first that can be a key of the format that is written seals, every one opens.
    pub fn key_ring(mut self, ring: KeyRing) -> Self {
        self.forget(passwords::VARIABLES);
        self.passwords = Some(Passwords::Ring(ring));
        self
    }

    /// A file of named cookie passwords, as `SEALKIT_COOKIE_PASSWORDS_FILE` names one; it is read again when it changes.
    pub fn cookie_passwords_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.forget(passwords::VARIABLES);
        self.passwords = Some(Passwords::File(Given::new("cookie_passwords_file", path.into())));
        self
    }

    /// Which formats the session cookie is read in, and which one it is written in. Default: every sealed format that is cheap to
    /// try is read, `iron` is written.
    pub fn encoding(mut self, encoding: EncodingPolicy) -> Self {
        self.forget(encoding::VARIABLES);
        self.encoding = EncodingInput { policy: Some(encoding), ..EncodingInput::default() };
        self
    }

    /// Where WorkOS sends the browser after a sign-in.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.forget(&[env::REDIRECT_URI, env::NEXT_PUBLIC_REDIRECT_URI]);
        self.redirect_uri = Some(Given::new("redirect_uri", uri.into()));
        self
    }

    /// Name of the session cookie. Default `wos-session`.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.forget(&[env::COOKIE_NAME]);
        self.cookie.name = Some(Given::new("cookie_name", name.into()));
        self
    }

    /// `Path` of the session cookie. Default `/`.
    pub fn cookie_path(mut self, path: impl Into<String>) -> Self {
        self.cookie.path = Some(Given::new("cookie_path", path.into()));
        self
    }

    /// `Domain` of the session cookie. Default: the host alone.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.forget(&[env::COOKIE_DOMAIN]);
        self.cookie.domain = Some(Given::new("cookie_domain", domain.into()));
        self
    }

    /// `Max-Age` of the session cookie, in whole seconds. Default 400 days.
    pub fn cookie_max_age(mut self, max_age: Duration) -> Self {
        self.forget(&[env::COOKIE_MAX_AGE]);
        self.cookie.max_age = Some(Given::new("cookie_max_age", max_age.as_secs().to_string()));
        self
    }

    /// `SameSite` of the session cookie. Default `Lax`.
    pub fn cookie_same_site(mut self, same_site: SameSite) -> Self {
        self.forget(&[env::COOKIE_SAMESITE, env::COOKIE_SAME_SITE]);
        self.cookie.same_site = Some(Given::new("cookie_same_site", same_site.as_str().to_owned()));
        self
    }

    /// `Secure` of the session cookie. Default: unless the redirect URI is `http`.
    pub const fn cookie_secure(mut self, secure: bool) -> Self {
        self.cookie.secure = Some(secure);
        self
    }

    /// What becomes of a session that is too large for one cookie. Default: it is split.
    pub fn large_cookies(mut self, large: LargeCookies) -> Self {
        self.forget(&[env::LARGE_COOKIES]);
        let word = if large == LargeCookies::Refuse { "refuse" } else { "split" };
        self.cookie.large = Some(Given::new("large_cookies", word.to_owned()));
        self
    }

    /// Accepted issuers, in place of the five forms that are derived from the API's address.
    pub fn issuers(mut self, issuers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.forget(&[env::ISSUER]);
        self.issuers = Some(Issuers::List(issuers.into_iter().map(Into::into).collect()));
        self
    }

    /// Accepts tokens of any issuer whose signature verifies. Only the key set stands between you and another application then.
    pub fn with_insecure_any_issuer(mut self) -> Self {
        self.forget(&[env::ISSUER]);
        self.issuers = Some(Issuers::Any);
        self
    }

    /// Client ids of further applications of the environment whose users share this cookie. [`client_id`](Self::client_id) is
    /// always accepted.
    pub fn client_ids(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.forget(&[env::CLIENT_IDS]);
        let ids = ids.into_iter().map(Into::into).collect();
        self.kinds.client_ids = Some(Given::new("client_ids", ids));
        self
    }

    /// Whether a token whose claim `client_id` names another application is rejected. Default: true.
    pub fn bind_client_id(mut self, bind: bool) -> Self {
        self.forget(&[env::BIND_CLIENT_ID]);
        self.kinds.bind_client_id = Some(Given::new("bind_client_id", bind.to_string()));
        self
    }

    /// Whether a valid token without `auth_time` is rejected. Every AuthKit access token carries it; old emulators write none.
    /// Default: true.
    pub fn require_auth_time(mut self, require: bool) -> Self {
        self.forget(&[env::REQUIRE_AUTH_TIME]);
        self.kinds.require_auth_time = Some(Given::new("require_auth_time", require.to_string()));
        self
    }

    /// Who may act in a session beside its user (claim `act`, RFC 8693 §4.1). Default: impersonators alone.
    pub fn actors(mut self, actors: impl IntoIterator<Item = ActorKind>) -> Self {
        self.forget(&[env::ACTORS]);
        let mut words: Vec<String> = actors.into_iter().map(|kind| kind.as_str().to_owned()).collect();
        if words.is_empty() {
            words.push("none".to_owned());
        }
        self.kinds.actors = Some(Given::new("actors", words));
        self
    }

    /// Demands that tokens name one of these audiences. AuthKit tokens carry none unless a JWT template adds it.
    pub fn audiences(mut self, audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// How far `nbf` may lie in the future. Default 60 s, at most 10 min.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = Some(leeway);
        self
    }

    /// When and how sessions are refreshed. Overrides `SEALKIT_REFRESH_BEHIND` and `SEALKIT_STALE_WHILE_ERROR`.
    pub fn refresh(mut self, refresh: RefreshSettings) -> Self {
        self.forget(&[env::REFRESH_BEHIND, env::STALE_WHILE_ERROR]);
        self.refresh = refresh;
        self.refresh_behind = None;
        self.stale_while_error = None;
        self
    }

    /// What replicas find each other's refreshes by: the first writes, all are read. Default: derived from the API key.
    pub fn coordinator_secrets(mut self, secrets: impl Into<CoordinatorSecrets>) -> Self {
        self.forget(&[env::COORDINATOR_SECRETS]);
        self.coordinator_secrets = Some(CoordinatorInput::Secrets(Box::new(secrets.into())));
        self
    }

    /// What webhooks are signed with; one that any of them has signed is genuine.
    pub fn webhook_secrets(mut self, secrets: impl IntoIterator<Item = impl Into<WebhookSecret>>) -> Self {
        self.forget(&[env::WEBHOOK_SECRET, env::WEBHOOK_SECRETS]);
        self.webhook_secrets =
            Some(Given::new("webhook_secrets", secrets.into_iter().map(Into::into).collect()));
        self
    }

    /// How far the time of a webhook's signature may be from ours, either way: up to an hour. Default 3 minutes.
    pub const fn webhook_tolerance(mut self, tolerance: Duration) -> Self {
        self.webhook_tolerance = Some(tolerance);
        self
    }

    /// How long what was revoked is remembered, and how much of it. Overrides `SEALKIT_REVOCATION_TTL`.
    pub fn deny_list(mut self, deny_list: DenyListSettings) -> Self {
        self.forget(&[env::REVOCATION_TTL]);
        self.deny_list = deny_list;
        self.revocation_ttl = None;
        self
    }

    /// How a session that is signed out here is ended at WorkOS. Overrides `SEALKIT_REVOKE_ON_SIGN_OUT`.
    pub fn sign_out(mut self, sign_out: SignOutSettings) -> Self {
        self.forget(&[env::REVOKE_ON_SIGN_OUT]);
        self.sign_out = sign_out;
        self.revoke_on_sign_out = None;
        self
    }

    /// Whether the server ends a signed-out session at WorkOS, besides the browser. Default: true, with an API key.
    pub fn revoke_on_sign_out(self, revoke: bool) -> Self {
        let settings = SignOutSettings { revoke, ..self.sign_out };
        self.sign_out(settings)
    }

    /// What one visitor may use of what all visitors share. Overrides the variables of the bounds.
    pub fn limits(mut self, limits: LimitSettings) -> Self {
        self.forget(LimitInput::VARIABLES);
        self.limits = limits.into();
        self
    }

    /// Networks or addresses of the proxies whose `X-Forwarded-For` is believed. Default: none.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.forget(&[env::TRUSTED_PROXIES]);
        let networks = networks.into_iter().map(Into::into).collect();
        self.trusted_proxies = Some(Given::new("trusted_proxies", networks));
        self
    }

    /// Limits of calls to the API. Overrides `WORKOS_REQUEST_TIMEOUT`.
    pub fn http(mut self, http: HttpSettings) -> Self {
        self.forget(&[env::REQUEST_TIMEOUT]);
        self.http = http;
        self.request_timeout = None;
        self
    }

    /// How long key sets serve.
    pub const fn key_set(mut self, key_set: KeySetSettings) -> Self {
        self.key_set = key_set;
        self
    }

    /// Longest cookie value that is opened, in bytes: 4 KiB to 1 MiB. Default 24 KiB.
    pub const fn max_cookie_value(mut self, bytes: usize) -> Self {
        self.max_cookie_value = Some(bytes);
        self
    }

    /// How many sign-ins in a row, within 30 seconds and without a session that comes back, are a loop: 2 to 20; 0 lets every loop go
    /// on. Default 3. Overrides `SEALKIT_LOOP_LAPS`.
    pub fn loop_laps(mut self, laps: u8) -> Self {
        self.forget(&[env::LOOP_LAPS]);
        self.loop_laps = Some(Given::new("loop_laps", laps.to_string()));
        self
    }

    /// Says the detailed reason in answers to denied requests. Never in production.
    pub const fn development(mut self, yes: bool) -> Self {
        self.development = yes;
        self
    }

    /// Drops what was wrong with variables that a setting in code replaces.
    fn forget(&mut self, variables: &[&str]) {
        self.problems.retain(|problem| !variables.contains(&problem.setting()));
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is missing or wrong.
    pub fn build(self) -> Result<Config, ConfigError> {
        let mut problems = self.problems;
        let client_id = client_id(self.client_id, &mut problems);
        let has_api_key =
            self.api_key.is_some() || problems.iter().any(|problem| problem.setting() == env::API_KEY);
        let api_key = self.api_key.and_then(|key| key.check(&mut problems, validate::api_key));
        let api_base = validate::api_base(self.api, &mut problems);
        let encoding = self.encoding.check(&mut problems);
        let surroundings = Surroundings {
            has_api_key,
            api_key: api_key.as_ref(),
            client_id: client_id.as_ref(),
            encoding: &encoding,
            signs_in: self.redirect_uri.is_some(),
        };
        let passwords = match self.passwords {
            Some(passwords) => passwords.check(&mut problems),
            None => surroundings.without_password(&mut problems),
        };
        if let Some(passwords) = &passwords
            && let Err(error) = encoding.check_ring(&passwords.ring)
        {
            problems.push(Problem::from_message(passwords.setting, &error));
        }
        let redirect_uri = self.redirect_uri.and_then(|uri| uri.check(&mut problems, validate::redirect_uri));
        let cookie = validate::cookie(self.cookie, redirect_uri.as_ref(), &mut problems);
        let mut http = self.http;
        if let Some(timeout) =
            self.request_timeout.and_then(|text| text.check(&mut problems, validate::timeout))
        {
            http.attempt_timeout = timeout;
            http.connect_timeout = http.connect_timeout.min(timeout);
        }
        validate::http(&http, &mut problems);
        let mut refresh = self.refresh;
        if let Some(behind) =
            self.refresh_behind.and_then(|text| text.check(&mut problems, validate::yes_or_no))
        {
            refresh.behind = behind;
        }
        if let Some(stale) =
            self.stale_while_error.and_then(|text| text.check(&mut problems, validate::seconds))
        {
            refresh.stale_while_error = stale;
        }
        validate::refresh(&refresh, &mut problems);
        let mut deny_list = self.deny_list;
        if let Some(ttl) = self.revocation_ttl.and_then(|text| text.check(&mut problems, validate::seconds)) {
            deny_list.ttl = ttl;
        }
        validate::deny_list(&deny_list, &mut problems);
        let mut sign_out = self.sign_out;
        if let Some(revoke) =
            self.revoke_on_sign_out.and_then(|text| text.check(&mut problems, validate::yes_or_no))
        {
            sign_out.revoke = revoke;
        }
        validate::sign_out(&sign_out, &mut problems);
        let limits = self.limits.check(&mut problems);
        let coordinator_secrets = match self.coordinator_secrets {
            Some(CoordinatorInput::Secrets(secrets)) => Some(*secrets),
            Some(CoordinatorInput::Environment(list)) => {
                list.check(&mut problems, shared::check_coordinator_secrets)
            }
            None => None,
        };
        let webhook_secrets =
            self.webhook_secrets.and_then(|given| given.check(&mut problems, shared::check_webhook_secrets));
        let webhook_tolerance = self.webhook_tolerance.unwrap_or(webhook::DEFAULT_TOLERANCE);
        validate::at_most("webhook_tolerance", webhook_tolerance, Duration::from_secs(3600), &mut problems);
        let trusted_proxies = validate::trusted_proxies(self.trusted_proxies, &mut problems);
        validate::key_set(&self.key_set, &mut problems);
        let max_cookie_value = self.max_cookie_value.unwrap_or(DEFAULT_MAX_COOKIE_VALUE);
        validate::range("max_cookie_value", max_cookie_value, 4 * 1024, 1024 * 1024, &mut problems);
        let loop_laps = match self.loop_laps {
            Some(given) => given.check(&mut problems, validate::loop_laps).unwrap_or_default(),
            None => DEFAULT_LOOP_LAPS,
        };
        let leeway = self.leeway.unwrap_or(TokenPolicy::DEFAULT_LEEWAY);
        validate::at_most("leeway", leeway, Duration::from_secs(600), &mut problems);
        validate::audiences(&self.audiences, &mut problems);
        let token_policy = self.kinds.policy(self.issuers, &api_base, client_id.as_ref(), &mut problems);
        match (client_id, passwords, cookie) {
            (Some(client_id), Some(passwords), Some(cookie)) if problems.is_empty() => Ok(Config {
                client_id,
                api_key,
                api_base,
                key_ring: passwords.ring,
                password_source: passwords.source,
                passwords_file: passwords.file,
                encoding,
                redirect_uri,
                cookie,
                token_policy: token_policy.with_audiences(self.audiences).with_leeway(leeway),
                refresh,
                coordinator_secrets,
                webhook_secrets: webhook_secrets.unwrap_or_default(),
                webhook_tolerance,
                deny_list,
                sign_out,
                limits,
                trusted_proxies,
                http,
                key_set: self.key_set,
                max_cookie_value,
                loop_laps,
                development: self.development,
            }),
            _ => Err(ConfigError::new(problems)),
        }
    }
}

fn client_id(given: Option<Given<String>>, problems: &mut Vec<Problem>) -> Option<ClientId> {
    let Some(given) = given else {
        missing(
            env::CLIENT_ID,
            "set it to the client id (client_…) that the WorkOS dashboard shows",
            problems,
        );
        return None;
    };
    given.check(problems, validate::client_id)
}

/// Says that a required variable is missing, unless it was found and is wrong in another way.
fn missing(setting: &'static str, fix: &'static str, problems: &mut Vec<Problem>) {
    if !problems.iter().any(|problem| problem.setting() == setting) {
        problems.push(Problem::new(setting, "is not set", fix));
    }
}

impl TokenKindInput {
    fn from_env<L: Fn(&str) -> Option<String>>(environment: &mut Environment<'_, L>) -> Self {
        let mut list = |name| {
            let given = environment.optional(name)?;
            Some(Given::new(given.setting, validate::comma_list(&given.value)))
        };
        Self {
            client_ids: list(env::CLIENT_IDS),
            actors: list(env::ACTORS),
            bind_client_id: environment.optional(env::BIND_CLIENT_ID),
            require_auth_time: environment.optional(env::REQUIRE_AUTH_TIME),
        }
    }

    /// What tokens must say, but for audience and leeway.
    fn policy(
        self,
        issuers: Option<Issuers>,
        base: &ApiBase,
        client_id: Option<&ClientId>,
        problems: &mut Vec<Problem>,
    ) -> TokenPolicy {
        let others = self.client_ids.and_then(|given| given.check(problems, validate::client_ids));
        let others = others.unwrap_or_default();
        let client_ids: Vec<&str> = client_id.into_iter().chain(&others).map(ClientId::as_str).collect();
        let issuers = match issuers {
            Some(Issuers::Any) => IssuerPolicy::Any,
            None => IssuerPolicy::of_environment(base.as_url(), client_ids.iter().copied()),
            Some(Issuers::Environment(given)) => one_of(given.check(problems, validate::issuer_list)),
            Some(Issuers::List(list)) => {
                one_of(Given::new("issuers", list).check(problems, validate::issuers))
            }
        };
        let mut policy = TokenPolicy::new(issuers).with_client_ids(client_ids);
        if let Some(binds) = self.bind_client_id.and_then(|text| text.check(problems, validate::yes_or_no)) {
            policy = policy.binding_client_id(binds);
        }
        if let Some(requires) =
            self.require_auth_time.and_then(|text| text.check(problems, validate::yes_or_no))
        {
            policy = policy.requiring_auth_time(requires);
        }
        if let Some(actors) = self.actors.and_then(|given| given.check(problems, validate::actors)) {
            policy = policy.with_actors(actors);
        }
        policy
    }
}

fn one_of(issuers: Option<Vec<String>>) -> IssuerPolicy {
    IssuerPolicy::OneOf(issuers.unwrap_or_default())
}
