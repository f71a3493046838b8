//! What a configuration takes, and what it says when it does not.

use super::*;
use crate::{api::testing::ScriptedTransport, breaker::BreakerSettings, clock::ManualClock};
use sealkit_core::{
    UnixMillis,
    cookie::SameSite,
    token::{ActorKind, IssuerPolicy},
};
use std::time::Duration;

mod encoding;
mod passwords;
mod secrets;
mod shared;

const PASSWORD: &str = "cookie-password-for-tests-only-0123456789";

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::from_env(move |wanted| {
        variables.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    })
}

/// The required variables, and these.
fn with(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut variables = vec![
        ("WORKOS_CLIENT_ID", "client_1"),
        ("WORKOS_API_KEY", "sk_1"),
        ("WORKOS_COOKIE_PASSWORD", PASSWORD),
    ];
    variables.extend(more);
    read(&variables)
}

fn problems(more: &[(&str, &str)]) -> String {
    with(more).unwrap_err().to_string()
}

#[test]
fn the_required_variables_are_enough_and_the_rest_are_the_documented_defaults() {
    let config = with(&[]).unwrap();
    assert_eq!(config.client_id().as_str(), "client_1");
    assert_eq!(config.api_key().unwrap().expose_secret(), "sk_1");
    assert_eq!(config.api_base().to_string(), "https://api.workos.com");
    assert_eq!(config.redirect_uri(), None);
    assert_eq!(*config.cookie(), CookieSettings::default());
    assert_eq!(config.token_policy().leeway, Duration::from_secs(60));
    assert!(config.token_policy().audiences.is_empty());
    assert_eq!(config.max_cookie_value(), 24 * 1024);
    assert!(!config.is_development());
    let IssuerPolicy::Environment(issuers) = &config.token_policy().issuers else { panic!("an environment") };
    assert_eq!(issuers.listed().count(), 5);
    assert!(issuers.accepts("https://api.workos.com/user_management/client_1", None));
    insta::assert_debug_snapshot!((config.refresh(), config.http()), @r#"
    (
        RefreshSettings {
            retry: RetrySettings {
                last_attempt: 20s,
                waits: [
                    500ms,
                    1s,
                    2.5s,
                ],
            },
            caller_wait: 5s,
            result_kept: 600s,
            ahead_wait: 1s,
            ahead_pause: 10s,
            ahead: RefreshAhead {
                at_most: 60s,
                percent: 20,
                jitter_percent: 25,
            },
            behind: false,
            stale_while_error: 0ns,
            breaker: BreakerSettings {
                failures: 5,
                open_for: 5s,
            },
        },
        HttpSettings {
            connect_timeout: 2s,
            attempt_timeout: 5s,
            proxy_from_environment: false,
        },
    )
    "#);
}

#[test]
fn an_empty_environment_is_told_everything_that_is_missing() {
    insta::assert_snapshot!(read(&[]).unwrap_err(), @"
    WORKOS_CLIENT_ID: is not set; set it to the client id (client_…) that the WorkOS dashboard shows
    WORKOS_COOKIE_PASSWORD: is not set, and without an API key none can be derived; make a password with `sealkit key new` and set it
    ");
    insta::assert_snapshot!(Config::builder().build().unwrap_err(), @"
    WORKOS_CLIENT_ID: is not set; set it to the client id (client_…) that the WorkOS dashboard shows
    WORKOS_COOKIE_PASSWORD: is not set, and without an API key none can be derived; make a password with `sealkit key new` and set it
    ");
}

#[test]
fn trusted_proxies_are_networks_and_addresses() {
    let trusts = |config: &Config, address: &str| config.trusted_proxies().contains(address.parse().unwrap());
    assert!(with(&[]).unwrap().trusted_proxies().is_empty());
    assert!(with(&[("SEALKIT_TRUSTED_PROXIES", "")]).unwrap().trusted_proxies().is_empty());
    let config = with(&[("SEALKIT_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32,192.0.2.1")]).unwrap();
    for address in ["10.1.2.3", "2001:db8::1", "192.0.2.1"] {
        assert!(trusts(&config, address), "{address}");
    }
    assert!(!trusts(&config, "192.0.2.2"));
    let config = Config::builder()
        .client_id("client_1")
        .cookie_password(PASSWORD)
        .trusted_proxies(["10.0.0.0/8", "192.0.2.1"])
        .build()
        .unwrap();
    assert!(trusts(&config, "10.1.2.3") && trusts(&config, "192.0.2.1"));
}

#[test]
fn bad_networks_are_named_together_and_never_shown() {
    let text = problems(&[("SEALKIT_TRUSTED_PROXIES", "secret_of_mine,10.0.0.0/8,10.0.0.1/8,0.0.0.0/0,")]);
    insta::assert_snapshot!(text, @r"
    SEALKIT_TRUSTED_PROXIES: entry 1 is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas
    SEALKIT_TRUSTED_PROXIES: entry 3 has bits behind its prefix; write the network's first address, or the one address without a prefix
    SEALKIT_TRUSTED_PROXIES: entry 4 trusts every address, so a client could claim any; write the networks of your proxies
    SEALKIT_TRUSTED_PROXIES: entry 5 is not a network; write networks like 10.0.0.0/8 or 2001:db8::/32, or addresses, separated by commas
    ");
    assert!(!text.contains("secret_of_mine"));
    let in_code = ConfigBuilder::from_env(|name| match name {
        "WORKOS_CLIENT_ID" => Some("client_1".to_owned()),
        "WORKOS_COOKIE_PASSWORD" => Some(PASSWORD.to_owned()),
        "SEALKIT_TRUSTED_PROXIES" => Some("wrong, and overridden".to_owned()),
        _ => None,
    });
    in_code.clone().trusted_proxies(["10.0.0.0/8"]).build().unwrap();
    let text = in_code.trusted_proxies(["all"]).build().unwrap_err().to_string();
    assert!(text.starts_with("trusted_proxies: entry 1 is not a network; "), "{text}");
}

#[test]
fn every_bad_value_is_told_at_once_with_its_fix() {
    let all = read(&[
        ("WORKOS_CLIENT_ID", "client/../1"),
        ("WORKOS_API_KEY", "sk_secret\n"),
        ("WORKOS_COOKIE_PASSWORD", "secret too short"),
        ("WORKOS_REDIRECT_URI", "/callback"),
        ("WORKOS_COOKIE_NAME", "wos session"),
        ("WORKOS_COOKIE_MAX_AGE", "1 day"),
        ("WORKOS_COOKIE_DOMAIN", "https://example.com"),
        ("WORKOS_COOKIE_SAMESITE", "relaxed"),
        ("WORKOS_API_HOSTNAME", "https://api.workos.com"),
        ("WORKOS_API_HTTPS", "yes"),
        ("WORKOS_API_PORT", "80a"),
        ("WORKOS_BASE_URL", "api.workos.com"),
        ("WORKOS_REQUEST_TIMEOUT", "soon"),
        ("WORKOS_ISSUER", "https://api.workos.com,,"),
    ])
    .unwrap_err();
    insta::assert_snapshot!(all, @r#"
    WORKOS_CLIENT_ID: [not shown, 11 characters] is not a client id; copy the client id (client_…) from the WorkOS dashboard
    WORKOS_API_KEY: is no API key: it is empty, or has white space or other characters that no key has; copy the key (sk_…) from the WorkOS dashboard, without quotes and line breaks
    WORKOS_BASE_URL: [not shown, 14 characters] is not an address of an API: not an absolute URL; write an address like https://api.workos.com
    WORKOS_API_HTTPS: [not shown, 3 characters] is neither true nor false; write true or false
    WORKOS_API_PORT: [not shown, 3 characters] is not a port; write a number from 1 to 65535
    WORKOS_API_HOSTNAME: [not shown, 22 characters] is not a host name; write the host alone, like api.workos.com; a whole address belongs into WORKOS_BASE_URL
    WORKOS_COOKIE_PASSWORD: has 16 characters, at least 32 are needed; make one with `sealkit key new`
    WORKOS_REDIRECT_URI: [not shown, 9 characters] is not an absolute URL; write an absolute address like https://app.example.com/callback
    WORKOS_COOKIE_MAX_AGE: [not shown, 5 characters] is not a number of seconds; write whole seconds, like 34560000 for 400 days
    WORKOS_COOKIE_SAMESITE: [not shown, 7 characters] is not a SameSite value; write lax, strict or none
    WORKOS_COOKIE_NAME: the cookie name may hold letters, digits and !#$%&'*+-.^_`|~ only; use `wos-session` or a name like it
    WORKOS_COOKIE_DOMAIN: the cookie domain must be a host name like `example.com`, without scheme, port or path; write other alphabets in their `xn--` form
    WORKOS_REQUEST_TIMEOUT: [not shown, 4 characters] is not a number of seconds from 0.1 to 300; write seconds, like 5
    WORKOS_ISSUER: has an empty entry, or one with white space in it; write the `iss` of your tokens, several separated by commas
    "#);
    assert!(!all.to_string().contains("secret"), "no secret is shown");
    assert!(all.problems().iter().all(|problem| !problem.fix().is_empty()));
}

#[test]
fn empty_secrets_are_a_problem_and_other_empty_values_are_not_set() {
    insta::assert_snapshot!(
        read(&[
            (env::CLIENT_ID, ""),
            (env::API_KEY, ""),
            (env::COOKIE_PASSWORD, ""),
            (env::COOKIE_PASSWORDS, ""),
            (env::COOKIE_PASSWORDS_FILE, ""),
            (env::COORDINATOR_SECRETS, ""),
            (env::WEBHOOK_SECRET, ""),
            (env::WEBHOOK_SECRETS, ""),
        ])
        .unwrap_err(),
        @"
    WORKOS_CLIENT_ID: is set but empty; give it a value, or unset it
    WORKOS_API_KEY: is set but empty; give it a value, or unset it
    WORKOS_COOKIE_PASSWORD: is set but empty; give it a value, or unset it
    SEALKIT_COOKIE_PASSWORDS: is set but empty; give it a value, or unset it
    SEALKIT_COOKIE_PASSWORDS_FILE: is set but empty; give it a value, or unset it
    SEALKIT_COORDINATOR_SECRETS: is set but empty; give it a value, or unset it
    WORKOS_WEBHOOK_SECRET: is set but empty; give it a value, or unset it
    SEALKIT_WEBHOOK_SECRETS: is set but empty; give it a value, or unset it
    "
    );
    let empty: Vec<(&str, &str)> = env::READ
        .iter()
        .filter(|name| ![env::CLIENT_ID, env::API_KEY].contains(name))
        .filter(|name| !name.contains("PASSWORD") && !name.contains("SECRET"))
        .map(|name| (*name, ""))
        .collect();
    assert_eq!(format!("{:?}", with(&empty).unwrap()), format!("{:?}", with(&[]).unwrap()));
}

#[test]
fn every_variable_in_the_list_is_read_and_the_ignored_ones_are_not() {
    for name in env::READ {
        assert!(problems(&[(name, "\u{fffd}")]).contains("UTF-8"), "{name}");
    }
    for name in env::IGNORED {
        assert!(with(&[(name, "\u{fffd}")]).is_ok(), "{name}");
    }
}

#[test]
fn a_public_client_needs_no_api_key() {
    let config = read(&[("WORKOS_CLIENT_ID", "client_1"), ("WORKOS_COOKIE_PASSWORD", PASSWORD)]).unwrap();
    assert!(config.api_key().is_none());
}

#[test]
fn the_cookie_is_read_in_both_spellings_of_same_site() {
    let config = with(&[
        ("WORKOS_COOKIE_NAME", "my-session"),
        ("WORKOS_COOKIE_MAX_AGE", "3600"),
        ("WORKOS_COOKIE_DOMAIN", "example.com"),
        ("WORKOS_COOKIE_SAME_SITE", "Strict"),
    ])
    .unwrap();
    let cookie = config.cookie();
    assert_eq!((cookie.name(), cookie.domain()), ("my-session", Some("example.com")));
    assert_eq!((cookie.max_age(), cookie.same_site()), (Duration::from_secs(3600), SameSite::Strict));
    let both = [("WORKOS_COOKIE_SAMESITE", "strict"), ("WORKOS_COOKIE_SAME_SITE", "STRICT")];
    assert_eq!(with(&both).unwrap().cookie().same_site(), SameSite::Strict);
    let differ = [("WORKOS_COOKIE_SAMESITE", "lax"), ("WORKOS_COOKIE_SAME_SITE", "strict")];
    insta::assert_snapshot!(problems(&differ), @"WORKOS_COOKIE_SAMESITE: does not agree with WORKOS_COOKIE_SAME_SITE; set one of the two only, or both to the same value");
}

#[test]
fn bad_max_ages_are_refused() {
    for text in ["0", "-1", "+1", "1.5", "1e3", " 1", "99999999999999999999", "NaN"] {
        assert!(problems(&[("WORKOS_COOKIE_MAX_AGE", text)]).starts_with("WORKOS_COOKIE_MAX_AGE"), "{text}");
    }
}

#[test]
fn secure_follows_the_redirect_uri() {
    for (uri, secure) in [("https://app.example/callback", true), ("http://localhost:3000/callback", false)] {
        assert_eq!(with(&[("WORKOS_REDIRECT_URI", uri)]).unwrap().cookie().secure(), secure, "{uri}");
    }
    let none = [("WORKOS_REDIRECT_URI", "http://localhost:3000/"), ("WORKOS_COOKIE_SAMESITE", "none")];
    assert!(with(&none).unwrap().cookie().secure());
}

#[test]
fn the_redirect_uri_is_read_in_both_spellings() {
    let next = [("NEXT_PUBLIC_WORKOS_REDIRECT_URI", "https://app.example/cb")];
    assert_eq!(with(&next).unwrap().redirect_uri().unwrap().as_str(), "https://app.example/cb");
    let differ = [next[0], ("WORKOS_REDIRECT_URI", "https://app.example/callback")];
    insta::assert_snapshot!(problems(&differ), @"WORKOS_REDIRECT_URI: does not agree with NEXT_PUBLIC_WORKOS_REDIRECT_URI; set one of the two only, or both to the same value");
    for uri in
        ["callback", "javascript:alert(1)", "https://", "https://a.example/#x", "https://u:p@a.example/"]
    {
        let told = problems(&[("WORKOS_REDIRECT_URI", uri)]);
        assert!(told.starts_with("WORKOS_REDIRECT_URI") && !told.contains("u:p"), "{told}");
    }
}

#[test]
fn the_api_address_is_put_together_from_its_parts() {
    for (variables, base) in [
        (&[("WORKOS_API_HOSTNAME", "auth.example.com")][..], "https://auth.example.com"),
        (&[("WORKOS_API_PORT", "8443")], "https://api.workos.com:8443"),
        (&[("WORKOS_API_HTTPS", "TRUE")], "https://api.workos.com"),
        (
            &[
                ("WORKOS_API_HOSTNAME", "localhost"),
                ("WORKOS_API_HTTPS", "false"),
                ("WORKOS_API_PORT", "4100"),
            ],
            "http://localhost:4100",
        ),
        (&[("WORKOS_API_HOSTNAME", "[::1]"), ("WORKOS_API_HTTPS", "false")], "http://[::1]"),
        (&[("WORKOS_BASE_URL", "http://127.0.0.1:4100/")], "http://127.0.0.1:4100"),
        (
            &[("WORKOS_BASE_URL", "https://a.example/"), ("WORKOS_API_HOSTNAME", "a.example")],
            "https://a.example",
        ),
    ] {
        assert_eq!(with(variables).unwrap().api_base().to_string(), base);
    }
}

#[test]
fn bad_api_addresses_are_refused() {
    for host in [
        "a.example:80",
        "a.example/",
        "user@a.example",
        "a b",
        "a?b",
        "a#b",
        "\\",
        "::1",
        "[::1",
        "a.example\n",
    ] {
        assert!(problems(&[("WORKOS_API_HOSTNAME", host)]).starts_with("WORKOS_API_HOSTNAME"), "{host:?}");
    }
    for port in ["0", "65536", "-1", "+80", "80 ", "http"] {
        assert!(problems(&[("WORKOS_API_PORT", port)]).starts_with("WORKOS_API_PORT"), "{port:?}");
    }
    for flag in ["1", "0", "on", "no", "true "] {
        assert!(problems(&[("WORKOS_API_HTTPS", flag)]).starts_with("WORKOS_API_HTTPS"), "{flag:?}");
    }
    insta::assert_snapshot!(problems(&[("WORKOS_API_HTTPS", "false")]), @r#"WORKOS_API_HTTPS: is false, and WORKOS_API_HOSTNAME is not this machine: the API key would travel in the clear; set it to true; plain http is for loopback hosts only"#);
    insta::assert_snapshot!(problems(&[("WORKOS_BASE_URL", "http://api.workos.com")]), @r#"WORKOS_BASE_URL: [not shown, 21 characters] is not an address of an API: plain http is for loopback hosts only; write an address like https://api.workos.com"#);
    insta::assert_snapshot!(problems(&[("WORKOS_BASE_URL", "https://sk_secret@api.workos.com")]), @"WORKOS_BASE_URL: [not shown, 32 characters] is not an address of an API: credentials do not belong into the address; write an address like https://api.workos.com");
    insta::assert_snapshot!(
        problems(&[("WORKOS_BASE_URL", "https://a.example"), ("WORKOS_API_HOSTNAME", "b.example")]),
        @"WORKOS_BASE_URL: does not agree with WORKOS_API_HOSTNAME, WORKOS_API_HTTPS and WORKOS_API_PORT; set one or the other only"
    );
}

#[test]
fn time_outs_are_seconds() {
    for (text, millis) in [("5", 5000), ("0.5", 500), ("60", 60_000), ("1.", 1000)] {
        let config = with(&[("WORKOS_REQUEST_TIMEOUT", text)]).unwrap();
        assert_eq!(config.http().attempt_timeout, Duration::from_millis(millis), "{text}");
        assert!(config.http().connect_timeout <= config.http().attempt_timeout);
    }
    for text in ["0", "-1", "301", "inf", "NaN", "1e1", ".", "5s"] {
        assert!(
            problems(&[("WORKOS_REQUEST_TIMEOUT", text)]).starts_with("WORKOS_REQUEST_TIMEOUT"),
            "{text}"
        );
    }
}

#[test]
fn issuers_are_a_list_or_off() {
    let config = with(&[("WORKOS_ISSUER", "https://a.example, https://b.example")]).unwrap();
    let IssuerPolicy::OneOf(list) = &config.token_policy().issuers else { panic!("a list") };
    assert_eq!(list, &["https://a.example", "https://b.example"]);
    let any = Config::builder().client_id("client_1").cookie_password(PASSWORD).with_insecure_any_issuer();
    assert!(matches!(any.build().unwrap().token_policy().issuers, IssuerPolicy::Any));
    let none = Config::builder().client_id("client_1").cookie_password(PASSWORD).issuers([""; 0]).build();
    assert!(none.unwrap_err().to_string().starts_with("issuers"));
}

#[test]
fn issuers_follow_the_api_address() {
    let config = with(&[("WORKOS_BASE_URL", "https://auth.example/")]).unwrap();
    let IssuerPolicy::Environment(issuers) = &config.token_policy().issuers else { panic!("an environment") };
    assert!(issuers.listed().all(|issuer| issuer.starts_with("https://auth.example")));
}

#[test]
fn tokens_of_this_application_only_by_default() {
    let config = with(&[]).unwrap();
    let policy = config.token_policy();
    assert_eq!((policy.binds_client_id, policy.requires_auth_time), (true, true));
    assert_eq!(policy.client_ids, ["client_1"]);
    assert_eq!(policy.actors, [ActorKind::Impersonator]);
}

#[test]
fn token_kinds_follow_the_environment() {
    let config = with(&[
        ("SEALKIT_CLIENT_IDS", "client_2, client_3"),
        ("SEALKIT_BIND_CLIENT_ID", "false"),
        ("SEALKIT_REQUIRE_AUTH_TIME", "false"),
        ("SEALKIT_ACTORS", "agent,impersonator"),
    ])
    .unwrap();
    let policy = config.token_policy();
    assert_eq!((policy.binds_client_id, policy.requires_auth_time), (false, false));
    assert_eq!(policy.client_ids, ["client_1", "client_2", "client_3"]);
    assert_eq!(policy.actors, [ActorKind::Agent, ActorKind::Impersonator]);
    let issuer = "https://api.workos.com/sso/client_3";
    assert!(policy.issuers.accepts(Some(issuer), None), "an application that shares the cookie");
    assert!(with(&[("SEALKIT_ACTORS", "none")]).unwrap().token_policy().actors.is_empty());
}

#[test]
fn odd_token_kind_settings_are_problems() {
    for (name, value) in [
        ("SEALKIT_CLIENT_IDS", "client_2,,client_3"),
        ("SEALKIT_CLIENT_IDS", "client 2"),
        ("SEALKIT_CLIENT_IDS", "client_2;client_3"),
        ("SEALKIT_CLIENT_IDS", ","),
        ("SEALKIT_BIND_CLIENT_ID", "no"),
        ("SEALKIT_REQUIRE_AUTH_TIME", "0"),
        ("SEALKIT_ACTORS", "none,agent"),
        ("SEALKIT_ACTORS", "Agent"),
        ("SEALKIT_ACTORS", "impersonator,"),
    ] {
        assert!(problems(&[(name, value)]).starts_with(name), "{name}={value}");
    }
    let builder = ConfigBuilder::from_env(|name| match name {
        "WORKOS_CLIENT_ID" => Some("client_1".to_owned()),
        "WORKOS_COOKIE_PASSWORD" => Some(PASSWORD.to_owned()),
        "SEALKIT_ACTORS" | "SEALKIT_CLIENT_IDS" => Some("?".to_owned()),
        "SEALKIT_BIND_CLIENT_ID" | "SEALKIT_REQUIRE_AUTH_TIME" => Some("?".to_owned()),
        _ => None,
    });
    let in_code = builder.actors([]).client_ids([""; 0]).bind_client_id(true).require_auth_time(false);
    let config = in_code.build().unwrap();
    assert!(config.token_policy().actors.is_empty() && !config.token_policy().requires_auth_time);
}

#[test]
fn what_is_set_in_code_stands_above_the_environment() {
    let lookup = |name: &str| match name {
        "WORKOS_CLIENT_ID" => Some("client_1".to_owned()),
        "WORKOS_COOKIE_PASSWORD" => Some(String::new()),
        "WORKOS_COOKIE_SAMESITE" => Some("lax".to_owned()),
        "WORKOS_COOKIE_SAME_SITE" => Some("none".to_owned()),
        "WORKOS_COOKIE_NAME" => Some("from-env".to_owned()),
        "WORKOS_API_PORT" => Some("1".to_owned()),
        "WORKOS_REQUEST_TIMEOUT" => Some("9".to_owned()),
        _ => None,
    };
    let config = ConfigBuilder::from_env(lookup)
        .cookie_password(PASSWORD)
        .cookie_name("from-code")
        .api_base("https://code.example")
        .http(HttpSettings::default())
        .cookie_same_site(SameSite::Strict)
        .audiences(["aud_1"])
        .development(true)
        .build()
        .unwrap();
    assert_eq!(config.cookie().name(), "from-code");
    assert_eq!(config.cookie().same_site(), SameSite::Strict);
    assert_eq!(config.api_base().to_string(), "https://code.example");
    assert_eq!(config.http().attempt_timeout, Duration::from_secs(5));
    assert_eq!(config.token_policy().audiences, ["aud_1"]);
    assert!(config.is_development());
}

#[test]
fn settings_in_code_are_checked_too() {
    let mut refresh = RefreshSettings::default();
    refresh.retry.last_attempt = Duration::from_secs(30);
    refresh.caller_wait = Duration::ZERO;
    refresh.result_kept = Duration::from_secs(29);
    refresh.ahead_wait = Duration::ZERO;
    refresh.ahead_pause = Duration::from_secs(301);
    refresh.breaker = BreakerSettings::new(1001, Duration::from_millis(99));
    refresh.ahead.percent = 91;
    refresh.ahead.jitter_percent = 101;
    let http = HttpSettings { attempt_timeout: Duration::from_secs(1), ..HttpSettings::default() };
    let key_set =
        KeySetSettings { keep: Duration::ZERO, cool_down: Duration::ZERO, ..KeySetSettings::default() };
    let error = Config::builder()
        .client_id("client_1")
        .cookie_password(PASSWORD)
        .cookie_name("__Host-x")
        .cookie_domain("example.com")
        .cookie_path("/app")
        .refresh(refresh)
        .http(http)
        .key_set(key_set)
        .max_cookie_value(1)
        .leeway(Duration::from_secs(601))
        .audiences([""])
        .build()
        .unwrap_err();
    insta::assert_snapshot!(error, @r#"
    cookie_domain: a `__Host-` cookie belongs to one host; remove the cookie domain, or the prefix from the name
    cookie_path: a `__Host-` cookie needs the path `/`; set it, or remove the prefix from the name
    http.attempt_timeout: 1s is too short; choose at least 2s
    refresh.retry.last_attempt: 30s is too long; choose at most 25s
    refresh.caller_wait: 0ns is too short; choose at least 1ms
    refresh.result_kept: 29s is too short; choose at least 30s
    refresh.ahead_wait: 0ns is too short; choose at least 1ms
    refresh.ahead_pause: 301s is too long; choose at most 300s
    refresh.breaker.failures: 1001 is out of range; choose a number from 0 to 1000
    refresh.breaker.open_for: 99ms is too short; choose at least 100ms
    refresh.ahead.percent: 91 is out of range; choose a number from 0 to 90
    refresh.ahead.jitter_percent: 101 is out of range; choose a number from 0 to 100
    key_set.keep: 0ns is too short; choose at least 600s
    key_set.cool_down: 0ns is too short; choose at least 1s
    max_cookie_value: 1 is out of range; choose a number from 4096 to 1048576
    leeway: 601s is too long; choose at most 600s
    audiences: has an empty entry; write the `aud` of your tokens
    "#);
}

#[test]
fn debug_of_a_configuration_shows_no_secret() {
    let shown =
        format!("{:?} {:?}", with(&[]).unwrap(), Config::builder().api_key("sk_1").cookie_password(PASSWORD));
    assert!(!shown.contains("sk_1") && !shown.contains(PASSWORD), "{shown}");
}

#[test]
fn a_configuration_makes_its_client() {
    let config = with(&[("WORKOS_BASE_URL", "http://127.0.0.1:1/")]).unwrap();
    assert!(config.transport().is_ok());
    let clock = Arc::new(ManualClock::new(UnixMillis::from_secs(1)));
    let client = config.api_client(Arc::new(ScriptedTransport::new([])), clock);
    assert_eq!(client.authorize_endpoint().as_str(), "http://127.0.0.1:1/user_management/authorize");
    assert_eq!(client.client_id(), config.client_id());
}
