//! The checks of single settings: each gives the value, or what is wrong and how to mend it.

use super::{
    builder::{ApiAddress, CookieInput},
    env::{self, Given},
    problem::{Problem, withheld},
    settings::{HttpSettings, RefreshSettings, SignOutSettings},
};
use crate::{
    api::{ApiBase, ApiBaseError, ClientId},
    keys::KeySetSettings,
    revocation::DenyListSettings,
};
use sealkit_core::{
    ApiKey, TrustedProxies,
    cookie::{CookieSettings, CookieSettingsProblem, LargeCookies, SameSite},
    token::ActorKind,
    untrusted::looks_secret,
};
use std::{fmt::Display, time::Duration};
use url::Url;

type Checked<T> = Result<T, (String, &'static str)>;

fn wrong<T>(problem: impl Into<String>, fix: &'static str) -> Checked<T> {
    Err((problem.into(), fix))
}

pub(super) fn client_id(id: String) -> Checked<ClientId> {
    let checked = if looks_secret(&id) { None } else { ClientId::new(&id).ok() };
    checked.map_or_else(
        || {
            wrong(
                format!("{} is not a client id", withheld(&id)),
                "copy the client id (client_…) from the WorkOS dashboard",
            )
        },
        Ok,
    )
}

pub(super) fn api_key(key: ApiKey) -> Checked<ApiKey> {
    let text = key.expose_secret();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return wrong(
            "is no API key: it is empty, or has white space or other characters that no key has",
            "copy the key (sk_…) from the WorkOS dashboard, without quotes and line breaks",
        );
    }
    Ok(key)
}

pub(super) fn redirect_uri(text: String) -> Checked<Url> {
    let fix = "write an absolute address like https://app.example.com/callback";
    let Ok(url) = Url::parse(&text) else {
        return wrong(format!("{} is not an absolute URL", withheld(&text)), fix);
    };
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return wrong(format!("{} is neither https nor http", withheld(&text)), fix);
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return wrong("has a fragment or credentials in it, which OAuth does not allow", fix);
    }
    Ok(url)
}

/// Seconds, perhaps with a fraction, as the Python library reads them.
pub(super) fn timeout(text: String) -> Checked<Duration> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = text.parse::<f64>().ok().filter(|seconds| plain && (0.1..=300.0).contains(seconds));
    seconds.map_or_else(
        || {
            wrong(
                format!("{} is not a number of seconds from 0.1 to 300", withheld(&text)),
                "write seconds, like 5",
            )
        },
        |seconds| Ok(Duration::from_secs_f64(seconds)),
    )
}

/// Whole seconds.
pub(super) fn seconds(text: String) -> Checked<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(seconds) if digits => Ok(Duration::from_secs(seconds.into())),
        _ => {
            wrong(format!("{} is not a number of whole seconds", withheld(&text)), "write seconds, like 300")
        }
    }
}

/// A loop has two laps at least: the first sign-in is none.
pub(super) fn loop_laps(text: String) -> Checked<u8> {
    match text.parse::<u8>() {
        Ok(laps @ (0 | 2..=20)) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(laps),
        _ => wrong(
            format!("{} is neither 0 nor 2 to 20", withheld(&text)),
            "write 3, or 0 to let every loop go on",
        ),
    }
}

pub(super) fn yes_or_no(text: String) -> Checked<bool> {
    match text.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => wrong(format!("{} is neither true nor false", withheld(&text)), "write true or false"),
    }
}

pub(super) fn issuer_list(text: String) -> Checked<Vec<String>> {
    issuers(comma_list(&text))
}

pub(super) fn issuers(list: Vec<String>) -> Checked<Vec<String>> {
    if list.is_empty() || list.iter().any(|issuer| issuer.is_empty() || issuer.contains(char::is_whitespace))
    {
        return wrong(
            "has an empty entry, or one with white space in it",
            "write the `iss` of your tokens, several separated by commas",
        );
    }
    Ok(list)
}

/// A list with commas, without the spaces around its entries.
pub(super) fn comma_list(text: &str) -> Vec<String> {
    text.split(',').map(|entry| entry.trim().to_owned()).collect()
}

pub(super) fn client_ids(list: Vec<String>) -> Checked<Vec<ClientId>> {
    let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let ids = list.iter().map(|id| ClientId::new(id).ok().filter(|_| plain(id)));
    match ids.clone().collect() {
        Some(ids) => Ok(ids),
        None => wrong(
            format!("{} is not a client id", entry(ids.map(|id| id.is_some()))),
            "write the client ids (client_…) that the WorkOS dashboard shows, separated by commas",
        ),
    }
}

/// The place of the first entry that is not good.
fn entry(good: impl IntoIterator<Item = bool>) -> String {
    let at = good.into_iter().take_while(|good| *good).count();
    format!("entry {}", at + 1)
}

pub(super) fn actors(list: Vec<String>) -> Checked<Vec<ActorKind>> {
    if list.as_slice() == ["none"] {
        return Ok(Vec::new());
    }
    let kinds = list.iter().map(|word| word.parse().ok());
    match kinds.clone().collect() {
        Some(kinds) => Ok(kinds),
        None => wrong(
            format!("{} is not a kind of actor", entry(kinds.map(|kind: Option<ActorKind>| kind.is_some()))),
            "write impersonator, agent or other, separated by commas, or none alone",
        ),
    }
}

pub(super) fn audiences(list: &[String], problems: &mut Vec<Problem>) {
    if list.iter().any(String::is_empty) {
        problems.push(Problem::new("audiences", "has an empty entry", "write the `aud` of your tokens"));
    }
}

/// What is wrong is named by its position: what stands in a wrong variable may be a secret.
pub(super) fn trusted_proxies(
    given: Option<Given<Vec<String>>>,
    problems: &mut Vec<Problem>,
) -> TrustedProxies {
    let Some(given) = given else { return TrustedProxies::default() };
    TrustedProxies::new(given.value).unwrap_or_else(|error| {
        problems.extend(error.problems().iter().map(|problem| Problem::from_message(given.setting, problem)));
        TrustedProxies::default()
    })
}

/// The API's address, from its parts or in whole; both at once must mean the same.
pub(super) fn api_base(given: ApiAddress, problems: &mut Vec<Problem>) -> ApiBase {
    let whole = given.whole.map(|whole| {
        let base = whole.value.parse::<ApiBase>().map_err(|error| {
            let problem = format!("{} is not an address of an API: {error}", withheld(&whole.value));
            problems.push(Problem::new(
                whole.setting,
                problem,
                "write an address like https://api.workos.com",
            ));
        });
        (whole.setting, base.ok())
    });
    let parts = match (&given.hostname, &given.https, &given.port) {
        (None, None, None) => None,
        _ => Some(from_parts(given.hostname, given.https, given.port, problems)),
    };
    match (whole, parts) {
        (None, None) => ApiBase::default(),
        (Some((_, base)), None) | (None, Some(base)) => base.unwrap_or_default(),
        (Some((setting, base)), Some(parts)) => {
            if let (Some(base), Some(parts)) = (&base, &parts)
                && base != parts
            {
                problems.push(Problem::new(
                    setting,
                    format!(
                        "does not agree with {}, {} and {}",
                        env::API_HOSTNAME,
                        env::API_HTTPS,
                        env::API_PORT
                    ),
                    "set one or the other only",
                ));
            }
            base.unwrap_or_default()
        }
    }
}

fn from_parts(
    hostname: Option<Given<String>>,
    https: Option<Given<String>>,
    port: Option<Given<String>>,
    problems: &mut Vec<Problem>,
) -> Option<ApiBase> {
    let before = problems.len();
    let https = https.map_or(Some(true), |https| https.check(problems, boolean));
    let port = port.map(|port| port.check(problems, port_number));
    let hostname = hostname.unwrap_or_else(|| Given::new(env::API_HOSTNAME, "api.workos.com".to_owned()));
    let hostname = hostname.check(problems, host)?;
    if problems.len() > before {
        return None;
    }
    let scheme = if https == Some(true) { "https" } else { "http" };
    let port = port.flatten().map(|port| format!(":{port}")).unwrap_or_default();
    match format!("{scheme}://{hostname}{port}").parse() {
        Ok(base) => Some(base),
        Err(ApiBaseError::PlainHttp) => {
            let problem = format!(
                "is false, and {} is not this machine: the API key would travel in the clear",
                env::API_HOSTNAME
            );
            problems.push(Problem::new(
                env::API_HTTPS,
                problem,
                "set it to true; plain http is for loopback hosts only",
            ));
            None
        }
        Err(_) => {
            let problem = format!("{} is not a host name", withheld(&hostname));
            problems.push(Problem::new(env::API_HOSTNAME, problem, HOST_FIX));
            None
        }
    }
}

const HOST_FIX: &str =
    "write the host alone, like api.workos.com; a whole address belongs into WORKOS_BASE_URL";

/// A host without anything around it; IPv6 in brackets.
fn host(text: String) -> Checked<String> {
    let url = Url::parse(&format!("https://{text}/")).ok();
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let alone =
        inner.map_or_else(|| !text.contains(':'), |_| true) && !text.contains(['/', '\\', '@', '?', '#']);
    if !alone || text.contains(char::is_whitespace) || url.is_none() {
        return wrong(format!("{} is not a host name", withheld(&text)), HOST_FIX);
    }
    Ok(text)
}

fn boolean(text: String) -> Checked<bool> {
    // The JavaScript libraries take anything but `true` for false; guessing would mean plain http.
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => wrong(format!("{} is neither true nor false", withheld(&text)), "write true or false"),
    }
}

fn port_number(text: String) -> Checked<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| *port > 0 && digits).map_or_else(
        || wrong(format!("{} is not a port", withheld(&text)), "write a number from 1 to 65535"),
        Ok,
    )
}

/// The session cookie. `Secure` follows the redirect URI unless it was said outright.
pub(super) fn cookie(
    given: CookieInput,
    redirect_uri: Option<&Url>,
    problems: &mut Vec<Problem>,
) -> Option<CookieSettings> {
    let settings =
        |given: &Option<Given<String>>, default| given.as_ref().map_or(default, |given| given.setting);
    let (name, path, domain) = (
        settings(&given.name, env::COOKIE_NAME),
        settings(&given.path, "cookie_path"),
        settings(&given.domain, env::COOKIE_DOMAIN),
    );
    let mut builder = CookieSettings::builder();
    if let Some(uri) = redirect_uri {
        builder = builder.secure_for_redirect_uri(uri.as_str());
    }
    if let Some(secure) = given.secure {
        builder = builder.secure(secure);
    }
    if let Some(name) = given.name {
        builder = builder.name(name.value);
    }
    if let Some(path) = given.path {
        builder = builder.path(path.value);
    }
    if let Some(domain) = given.domain {
        builder = builder.domain(domain.value);
    }
    if let Some(max_age) = given.max_age.and_then(|text| text.check(problems, max_age)) {
        builder = builder.max_age(max_age);
    }
    if let Some(same_site) = given.same_site.and_then(|text| text.check(problems, same_site)) {
        builder = builder.same_site(same_site);
    }
    if let Some(large) = given.large.and_then(|text| text.check(problems, large_cookies)) {
        builder = builder.large_cookies(large);
    }
    let error = match builder.build() {
        Ok(cookie) => return Some(cookie),
        Err(error) => error,
    };
    for problem in error.problems() {
        let setting = match problem {
            CookieSettingsProblem::Path | CookieSettingsProblem::HostPrefixWithPath => path,
            CookieSettingsProblem::Domain | CookieSettingsProblem::HostPrefixWithDomain => domain,
            _ => name,
        };
        problems.push(Problem::from_message(setting, problem));
    }
    None
}

fn large_cookies(text: String) -> Checked<LargeCookies> {
    match text.as_str() {
        "split" => Ok(LargeCookies::Split),
        "refuse" => Ok(LargeCookies::Refuse),
        other => wrong(format!("{} is neither split nor refuse", withheld(other)), "write split or refuse"),
    }
}

fn max_age(text: String) -> Checked<Duration> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|seconds| *seconds > 0 && digits).map_or_else(
        || {
            wrong(
                format!("{} is not a number of seconds", withheld(&text)),
                "write whole seconds, like 34560000 for 400 days",
            )
        },
        |seconds| Ok(Duration::from_secs(seconds)),
    )
}

fn same_site(text: String) -> Checked<SameSite> {
    text.parse().or_else(|_| {
        wrong(format!("{} is not a SameSite value", withheld(&text)), "write lax, strict or none")
    })
}

pub(super) fn http(http: &HttpSettings, problems: &mut Vec<Problem>) {
    at_least("http.connect_timeout", http.connect_timeout, Duration::from_millis(1), problems);
    at_least("http.attempt_timeout", http.attempt_timeout, http.connect_timeout, problems);
    at_most("http.attempt_timeout", http.attempt_timeout, Duration::from_secs(300), problems);
}

pub(super) fn refresh(refresh: &RefreshSettings, problems: &mut Vec<Problem>) {
    // The API answers a replay with the pair that it has made for 30 s; the last attempt must arrive within them.
    at_most("refresh.retry.last_attempt", refresh.retry.last_attempt, Duration::from_secs(25), problems);
    at_least("refresh.caller_wait", refresh.caller_wait, Duration::from_millis(1), problems);
    at_most("refresh.caller_wait", refresh.caller_wait, Duration::from_secs(60), problems);
    at_least("refresh.result_kept", refresh.result_kept, Duration::from_secs(30), problems);
    at_most("refresh.result_kept", refresh.result_kept, Duration::from_secs(24 * 60 * 60), problems);
    at_least("refresh.ahead_wait", refresh.ahead_wait, Duration::from_millis(1), problems);
    at_most("refresh.ahead_wait", refresh.ahead_wait, Duration::from_secs(60), problems);
    at_most("refresh.stale_while_error", refresh.stale_while_error, Duration::from_secs(3600), problems);
    at_most("refresh.ahead_pause", refresh.ahead_pause, Duration::from_secs(5 * 60), problems);
    range("refresh.breaker.failures", refresh.breaker.failures, 0, 1000, problems);
    at_least("refresh.breaker.open_for", refresh.breaker.open_for, Duration::from_millis(100), problems);
    at_most("refresh.breaker.open_for", refresh.breaker.open_for, Duration::from_secs(60), problems);
    range("refresh.ahead.percent", refresh.ahead.percent, 0, 90, problems);
    range("refresh.ahead.jitter_percent", refresh.ahead.jitter_percent, 0, 100, problems);
}

pub(super) fn deny_list(deny_list: &DenyListSettings, problems: &mut Vec<Problem>) {
    at_least("deny_list.ttl", deny_list.ttl, Duration::from_secs(60), problems);
    at_most("deny_list.ttl", deny_list.ttl, Duration::from_secs(400 * 24 * 3600), problems);
    range("deny_list.max_entries", deny_list.max_entries, 1_000, 10_000_000, problems);
    at_least("deny_list.max_stale", deny_list.max_stale, Duration::from_secs(10), problems);
}

pub(super) fn sign_out(sign_out: &SignOutSettings, problems: &mut Vec<Problem>) {
    at_most("sign_out.revoke_after", sign_out.revoke_after, Duration::from_secs(5 * 60), problems);
    at_least("sign_out.retry_longest", sign_out.retry_longest, Duration::from_secs(1), problems);
    at_most("sign_out.retry_longest", sign_out.retry_longest, Duration::from_secs(3600), problems);
    at_most("sign_out.give_up_after", sign_out.give_up_after, Duration::from_secs(24 * 3600), problems);
    range("sign_out.max_pending", sign_out.max_pending, 1, 1_000_000, problems);
}

pub(super) fn key_set(keys: &KeySetSettings, problems: &mut Vec<Problem>) {
    at_least("key_set.max_age", keys.max_age, Duration::from_secs(10), problems);
    at_least("key_set.keep", keys.keep, keys.max_age, problems);
    at_least("key_set.cool_down", keys.cool_down, Duration::from_secs(1), problems);
    at_least("key_set.retry_delay", keys.retry_delay, Duration::from_secs(1), problems);
    at_least("key_set.fetch_timeout", keys.fetch_timeout, Duration::from_millis(1), problems);
}

pub(super) fn range<T: PartialOrd + Display>(
    setting: &'static str,
    value: T,
    least: T,
    most: T,
    problems: &mut Vec<Problem>,
) {
    if value < least || value > most {
        let fix = format!("choose a number from {least} to {most}");
        problems.push(Problem::new(setting, format!("{value} is out of range"), fix));
    }
}

pub(super) fn at_most(setting: &'static str, value: Duration, most: Duration, problems: &mut Vec<Problem>) {
    if value > most {
        problems.push(Problem::new(
            setting,
            format!("{value:?} is too long"),
            format!("choose at most {most:?}"),
        ));
    }
}

fn at_least(setting: &'static str, value: Duration, least: Duration, problems: &mut Vec<Problem>) {
    if value < least {
        problems.push(Problem::new(
            setting,
            format!("{value:?} is too short"),
            format!("choose at least {least:?}"),
        ));
    }
}
