//! Secrets that others share, and the settings of refreshing and revocation that come from the environment.

use super::*;
use crate::{
    config::SignOutSettings,
    refresh::{CoordinatorSecret, CoordinatorSecrets},
    revocation::DenyListSettings,
};
use sealkit_core::RefreshToken;

const ONE: &str = "a-secret-of-replicas-1";
const OTHER: &str = "a-secret-of-replicas-2";

fn problem(variables: &[(&str, &str)]) -> String {
    let error = with(variables).unwrap_err();
    assert!(!error.to_string().contains("a-secret"), "no secret is shown");
    error.problems().iter().map(|problem| format!("{problem}\n")).collect()
}

fn secret(text: &str) -> CoordinatorSecret {
    CoordinatorSecret::new(text.as_bytes()).unwrap()
}

#[test]
fn the_first_coordinator_secret_writes_and_all_are_read() {
    let list = format!("# since june\n{ONE}\n\n{OTHER}\n");
    let config = with(&[("SEALKIT_COORDINATOR_SECRETS", &list)]).unwrap();
    let token = RefreshToken::from("rt");
    let (first, older) = config.coordinator_secrets().unwrap().places("client_1", &token);
    assert_eq!(first.key, secret(ONE).key("client_1", &token));
    assert_eq!(
        older.iter().map(|place| place.key).collect::<Vec<_>>(),
        [secret(OTHER).key("client_1", &token)]
    );
    assert!(with(&[]).unwrap().coordinator_secrets().is_none());
    assert!(!format!("{config:?}").contains("a-secret"));
}

#[test]
fn what_is_wrong_with_secrets_is_told_without_showing_one() {
    let many = [ONE; 9].join("\n");
    insta::assert_snapshot!(problem(&[("SEALKIT_COORDINATOR_SECRETS", "a-secret-too-sh")]), @"SEALKIT_COORDINATOR_SECRETS: has one that is too short: a coordinator secret needs at least 16 bytes; make one with `sealkit key new`, the same for all replicas");
    insta::assert_snapshot!(problem(&[("SEALKIT_COORDINATOR_SECRETS", "# nothing\n")]), @"SEALKIT_COORDINATOR_SECRETS: has no secret in it; make one with `sealkit key new`, the same for all replicas");
    insta::assert_snapshot!(problem(&[("SEALKIT_COORDINATOR_SECRETS", &many)]), @"SEALKIT_COORDINATOR_SECRETS: has more than 8 secrets; take the oldest away");
    insta::assert_snapshot!(problem(&[("WORKOS_WEBHOOK_SECRET", "a-secret")]), @"WORKOS_WEBHOOK_SECRET: has a secret of fewer than 16 characters; copy the signing secret of the webhook endpoint from the WorkOS dashboard");
    insta::assert_snapshot!(problem(&[("WORKOS_WEBHOOK_SECRET", ONE), ("SEALKIT_WEBHOOK_SECRETS", OTHER)]), @"WORKOS_WEBHOOK_SECRET: is set beside SEALKIT_WEBHOOK_SECRETS; set one of the two only; a list takes every secret");
    insta::assert_snapshot!(problem(&[("SEALKIT_WEBHOOK_SECRETS", " \n#\n")]), @"SEALKIT_WEBHOOK_SECRETS: has no secret in it; copy the signing secret of the webhook endpoint from the WorkOS dashboard");
}

#[test]
fn webhook_secrets_are_one_or_a_list() {
    let secrets = |variables: &[(&str, &str)]| {
        let config = with(variables).unwrap();
        config.webhook_secrets().iter().map(|secret| secret.expose_secret().to_owned()).collect::<Vec<_>>()
    };
    assert!(secrets(&[]).is_empty());
    assert_eq!(secrets(&[("WORKOS_WEBHOOK_SECRET", ONE)]), [ONE]);
    assert_eq!(secrets(&[("SEALKIT_WEBHOOK_SECRETS", &format!("{ONE}\r\n{OTHER}"))]), [ONE, OTHER]);
}

#[test]
fn refreshing_and_revocation_are_set_by_the_environment_and_code_stands_above_it() {
    let variables = [
        ("SEALKIT_REFRESH_BEHIND", "true"),
        ("SEALKIT_STALE_WHILE_ERROR", "120"),
        ("SEALKIT_REVOCATION_TTL", "7200"),
        ("SEALKIT_REVOKE_ON_SIGN_OUT", "false"),
    ];
    let config = with(&variables).unwrap();
    assert!(config.refresh().behind);
    assert_eq!(config.refresh().stale_while_error, Duration::from_secs(120));
    assert_eq!(config.deny_list().ttl, Duration::from_secs(7200));
    assert!(!config.sign_out().revoke);

    let lookup = |name: &str| {
        let required = [
            ("WORKOS_CLIENT_ID", "client_1"),
            ("WORKOS_API_KEY", "sk_1"),
            ("WORKOS_COOKIE_PASSWORD", PASSWORD),
        ];
        let all = required.iter().chain(&variables);
        all.into_iter().find(|(wanted, _)| *wanted == name).map(|(_, value)| (*value).to_owned())
    };
    let config = ConfigBuilder::from_env(lookup)
        .refresh(RefreshSettings::default())
        .deny_list(DenyListSettings::default())
        .revoke_on_sign_out(true)
        .coordinator_secrets(CoordinatorSecrets::from(secret(ONE)))
        .build()
        .unwrap();
    assert_eq!(*config.refresh(), RefreshSettings::default());
    assert_eq!(*config.deny_list(), DenyListSettings::default());
    assert_eq!(*config.sign_out(), SignOutSettings::default());
    assert!(config.coordinator_secrets().is_some());
}

#[test]
fn what_is_no_number_of_seconds_or_out_of_bounds_is_told() {
    insta::assert_snapshot!(problem(&[
        ("SEALKIT_REFRESH_BEHIND", "yes"),
        ("SEALKIT_STALE_WHILE_ERROR", "-1"),
        ("SEALKIT_REVOCATION_TTL", "1d"),
        ("SEALKIT_REVOKE_ON_SIGN_OUT", "no"),
    ]), @r#"
    SEALKIT_REFRESH_BEHIND: [not shown, 3 characters] is neither true nor false; write true or false
    SEALKIT_STALE_WHILE_ERROR: [not shown, 2 characters] is not a number of whole seconds; write seconds, like 300
    SEALKIT_REVOCATION_TTL: [not shown, 2 characters] is not a number of whole seconds; write seconds, like 300
    SEALKIT_REVOKE_ON_SIGN_OUT: [not shown, 2 characters] is neither true nor false; write true or false
    "#);
    insta::assert_snapshot!(problem(&[("SEALKIT_STALE_WHILE_ERROR", "3601"), ("SEALKIT_REVOCATION_TTL", "59")]), @r"
    refresh.stale_while_error: 3601s is too long; choose at most 3600s
    deny_list.ttl: 59s is too short; choose at least 60s
    ");
}

#[test]
fn sign_out_settings_out_of_bounds_are_problems() {
    let sign_out = SignOutSettings {
        revoke: true,
        revoke_after: Duration::from_secs(301),
        retry_longest: Duration::ZERO,
        give_up_after: Duration::from_secs(100_000),
        max_pending: 0,
    };
    let error = ConfigBuilder::default()
        .client_id("client_1")
        .api_key("sk_1")
        .cookie_password(PASSWORD)
        .sign_out(sign_out)
        .build()
        .unwrap_err();
    let settings: Vec<_> = error.problems().iter().map(|problem| problem.setting()).collect();
    assert_eq!(
        settings,
        ["sign_out.revoke_after", "sign_out.retry_longest", "sign_out.give_up_after", "sign_out.max_pending"]
    );
}
