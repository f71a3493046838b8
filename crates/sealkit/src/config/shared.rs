//! What replicas and the API share with us besides the API key: coordinator secrets and webhook secrets.

use super::{
    env::{self, Environment, Given},
    passwords::SecretList,
    problem::Problem,
};
use crate::refresh::{CoordinatorSecret, CoordinatorSecrets};
use sealkit_core::WebhookSecret;

/// Most secrets of a list.
const MOST: usize = 8;

/// Fewest characters of a webhook secret; those of WorkOS have more.
const SHORTEST_WEBHOOK_SECRET: usize = 16;

/// The lines of a list that say something.
fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A list of secrets from the environment, all of it secret.
pub(super) fn list<L: Fn(&str) -> Option<String>>(
    environment: &mut Environment<'_, L>,
    name: &'static str,
) -> Option<Given<SecretList>> {
    environment.filled(name).map(|given| Given::new(given.setting, SecretList::new(given.value)))
}

/// The webhook secrets of the environment: one, or a list.
pub(super) fn webhook_secrets<L: Fn(&str) -> Option<String>>(
    environment: &mut Environment<'_, L>,
) -> Option<Given<Vec<WebhookSecret>>> {
    let one = environment.filled(env::WEBHOOK_SECRET);
    let several = list(environment, env::WEBHOOK_SECRETS);
    if one.is_some() && several.is_some() {
        let problem = format!("is set beside {}", env::WEBHOOK_SECRETS);
        environment.problems.push(Problem::new(
            env::WEBHOOK_SECRET,
            problem,
            "set one of the two only; a list takes every secret",
        ));
    }
    let several = several.map(|given| {
        Given::new(given.setting, lines(given.value.expose()).map(WebhookSecret::from).collect())
    });
    several.or_else(|| one.map(|given| Given::new(given.setting, vec![given.value.into()])))
}

pub(super) fn check_webhook_secrets(
    secrets: Vec<WebhookSecret>,
) -> Result<Vec<WebhookSecret>, (String, &'static str)> {
    let fix = "copy the signing secret of the webhook endpoint from the WorkOS dashboard";
    if secrets.is_empty() {
        return Err(("has no secret in it".into(), fix));
    }
    if secrets.len() > MOST {
        return Err((format!("has more than {MOST} secrets"), "take the oldest away"));
    }
    let short = |secret: &WebhookSecret| secret.expose_secret().chars().count() < SHORTEST_WEBHOOK_SECRET;
    if secrets.iter().any(short) {
        return Err((format!("has a secret of fewer than {SHORTEST_WEBHOOK_SECRET} characters"), fix));
    }
    Ok(secrets)
}

pub(super) fn check_coordinator_secrets(
    list: SecretList,
) -> Result<CoordinatorSecrets, (String, &'static str)> {
    let fix = "make one with `sealkit key new`, the same for all replicas";
    let secrets: Result<Vec<_>, _> =
        lines(list.expose()).map(|line| CoordinatorSecret::new(line.as_bytes())).collect();
    let mut secrets =
        secrets.map_err(|short| (format!("has one that is too short: {short}"), fix))?.into_iter();
    let Some(first) = secrets.next() else { return Err(("has no secret in it".into(), fix)) };
    if secrets.len() >= MOST {
        return Err((format!("has more than {MOST} secrets"), "take the oldest away"));
    }
    Ok(CoordinatorSecrets::new(first, secrets))
}
