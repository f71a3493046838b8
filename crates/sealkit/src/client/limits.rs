//! What one visitor may use of what all visitors share, and the answer beyond that.

use super::{Sealkit, costly::CostlyTurns};
use crate::{
    budget::{self, Budgets, Source},
    config::LimitSettings,
    telemetry,
};
use sealkit_core::{Failure, sign_in::STATE_TTL};
use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// The time of a session's budget of refreshes.
const GRANTS_WINDOW: Duration = Duration::from_secs(60);

/// How long a caller should wait that found the queue of costly cookies full.
const BUSY_FOR: Duration = Duration::from_secs(1);

const TOO_MANY_GRANTS: &str =
    "this session was refreshed too often; nothing was sent (SEALKIT_GRANTS_PER_SESSION)";
const TOO_MANY_CODES: &str =
    "this sign-in brought too many codes; the code was not exchanged (SEALKIT_CODES_PER_SIGN_IN)";
const TOO_MANY_COSTLY: &str =
    "too many cookies of a costly format wait to be opened; come again (SEALKIT_COSTLY_WAITING)";

/// The budgets and queues of this process.
#[derive(Debug)]
pub(super) struct Limits {
    grants: Budgets<Source>,
    /// By a keyed hash of a secret of the sign-in: its state can be written in several ways.
    codes: Budgets<u64>,
    hasher: RandomState,
    pub(super) costly: CostlyTurns,
}

impl Limits {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        Self {
            grants: Budgets::new(settings.grants_per_session, GRANTS_WINDOW),
            codes: Budgets::new(settings.codes_per_sign_in, STATE_TTL),
            hasher: RandomState::new(),
            costly: CostlyTurns::new(settings),
        }
    }
}

impl Sealkit {
    /// The failure of a refresh that would exceed the budget of its session, if it would.
    pub(super) fn grants_exceeded(&self, source: &Source) -> Option<Failure> {
        let wait = self.inner.limits.grants.wait(source, self.now())?;
        telemetry::limited("grants");
        Some(budget::spent(wait, TOO_MANY_GRANTS))
    }

    /// Counts a code, or a choice of an organization, that is to be exchanged for a sign-in. `secret`: what the sign-in has under its
    /// seal.
    pub(super) fn spend_code(&self, secret: &str) -> Result<(), Failure> {
        let limits = &self.inner.limits;
        let sign_in = limits.hasher.hash_one(secret);
        limits.codes.spend(sign_in, self.now()).map_err(|wait| {
            telemetry::limited("codes");
            budget::spent(wait, TOO_MANY_CODES)
        })
    }
}

impl super::Inner {
    /// Counts a refresh token that is to be sent.
    pub(super) fn spend_grant(&self, source: Source) -> Result<(), Failure> {
        self.limits.grants.spend(source, self.clock.now()).map_err(|wait| {
            telemetry::limited("grants");
            budget::spent(wait, TOO_MANY_GRANTS)
        })
    }
}

/// The failure of a cookie of a costly format that could not wait for its turn.
pub(super) fn too_many_costly() -> Failure {
    telemetry::limited("costly");
    budget::spent(BUSY_FOR, TOO_MANY_COSTLY)
}
