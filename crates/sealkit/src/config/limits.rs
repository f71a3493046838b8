//! How much of what all visitors share one visitor may use, and how much there is of it.

use super::{
    env::{self, Environment, Given},
    problem::{ConfigError, Problem},
    validate,
};
use crate::refresh::InProcessSettings;

/// Bounds on what one visitor can use up, and on the memories that all visitors share. Each is also a variable of the
/// environment; all of them count in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitSettings {
    /// Refresh tokens of one session that are sent to the API in a minute. Beyond it the session waits: a request is answered
    /// "temporarily unavailable", and the cookie is kept. Default 30; 0: no limit. `SEALKIT_GRANTS_PER_SESSION`.
    pub grants_per_session: usize,
    /// Authorization codes that are exchanged for one sign-in, and choices of an organization that are made for one, in its ten
    /// minutes. Default 5; 0: no limit.
    /// `SEALKIT_CODES_PER_SIGN_IN`.
    pub codes_per_sign_in: usize,
    /// Results of refreshes that are kept for late requests, in all. Default 50,000. `SEALKIT_MAX_RESULTS`.
    pub max_results: usize,
    /// Bytes of such results. Default 128 MiB. `SEALKIT_MAX_RESULT_BYTES`.
    pub max_result_bytes: usize,
    /// Such results of one session; of more the oldest goes. Default 4, as many as a late request follows.
    /// `SEALKIT_MAX_RESULTS_PER_SESSION`.
    pub max_results_per_session: usize,
    /// Refreshes that are under way at once. Default 10,000. `SEALKIT_MAX_RUNNING`.
    pub max_running: usize,
    /// Cookies of a [costly](sealkit_core::format::Cost::Costly) format that are opened at once. Default 2.
    /// `SEALKIT_COSTLY_AT_ONCE`.
    pub costly_at_once: usize,
    /// Such cookies that wait: of values that have not opened before in all, and of each session. Beyond it a request is answered
    /// "temporarily unavailable", and the cookie is kept. Default 16. `SEALKIT_COSTLY_WAITING`.
    pub costly_waiting: usize,
    /// Sessions whose costly cookies are known because they have opened, so that they do not wait for the others. Default 10,000.
    /// `SEALKIT_COSTLY_KNOWN`.
    pub costly_known: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            grants_per_session: 30,
            codes_per_sign_in: 5,
            max_results: 50_000,
            max_result_bytes: 128 * 1024 * 1024,
            max_results_per_session: 4,
            max_running: 10_000,
            costly_at_once: 2,
            costly_waiting: 16,
            costly_known: 10_000,
        }
    }
}

impl LimitSettings {
    /// The bounds that the environment names, with the defaults of the others: for parts that are made beside a
    /// [`Config`](super::Config), which reads them itself.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem at once.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let input = LimitInput::from_env(&mut Environment { lookup, problems: &mut problems });
        let settings = input.check(&mut problems);
        if problems.is_empty() { Ok(settings) } else { Err(ConfigError::new(problems)) }
    }
}

impl From<&LimitSettings> for InProcessSettings {
    fn from(limits: &LimitSettings) -> Self {
        Self {
            max_results: limits.max_results,
            max_bytes: limits.max_result_bytes,
            max_per_session: limits.max_results_per_session,
            max_running: limits.max_running,
            ..Self::default()
        }
    }
}

/// One of the bounds: its variable, its name in code, and the values that it can have.
struct Bound {
    variable: &'static str,
    setting: &'static str,
    of: fn(&mut LimitSettings) -> &mut usize,
    least: usize,
    most: usize,
}

const BOUNDS: [Bound; 9] = [
    Bound {
        variable: env::GRANTS_PER_SESSION,
        setting: "limits.grants_per_session",
        of: |limits| &mut limits.grants_per_session,
        least: 0,
        most: 10_000,
    },
    Bound {
        variable: env::CODES_PER_SIGN_IN,
        setting: "limits.codes_per_sign_in",
        of: |limits| &mut limits.codes_per_sign_in,
        least: 0,
        most: 10_000,
    },
    Bound {
        variable: env::MAX_RESULTS,
        setting: "limits.max_results",
        of: |limits| &mut limits.max_results,
        least: 16,
        most: 10_000_000,
    },
    Bound {
        variable: env::MAX_RESULT_BYTES,
        setting: "limits.max_result_bytes",
        of: |limits| &mut limits.max_result_bytes,
        least: 1024 * 1024,
        most: 4095 * 1024 * 1024,
    },
    Bound {
        variable: env::MAX_RESULTS_PER_SESSION,
        setting: "limits.max_results_per_session",
        of: |limits| &mut limits.max_results_per_session,
        least: 1,
        most: 1_000,
    },
    Bound {
        variable: env::MAX_RUNNING,
        setting: "limits.max_running",
        of: |limits| &mut limits.max_running,
        least: 1,
        most: 1_000_000,
    },
    Bound {
        variable: env::COSTLY_AT_ONCE,
        setting: "limits.costly_at_once",
        of: |limits| &mut limits.costly_at_once,
        least: 1,
        most: 256,
    },
    Bound {
        variable: env::COSTLY_WAITING,
        setting: "limits.costly_waiting",
        of: |limits| &mut limits.costly_waiting,
        least: 1,
        most: 10_000,
    },
    Bound {
        variable: env::COSTLY_KNOWN,
        setting: "limits.costly_known",
        of: |limits| &mut limits.costly_known,
        least: 16,
        most: 10_000_000,
    },
];

/// The bounds as they were given.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitInput {
    settings: LimitSettings,
    /// Values of variables, each with the place of its bound.
    texts: Vec<(usize, Given<String>)>,
}

impl From<LimitSettings> for LimitInput {
    fn from(settings: LimitSettings) -> Self {
        Self { settings, texts: Vec::new() }
    }
}

impl LimitInput {
    /// The variables of all bounds.
    pub(super) const VARIABLES: &'static [&'static str] = &[
        env::GRANTS_PER_SESSION,
        env::CODES_PER_SIGN_IN,
        env::MAX_RESULTS,
        env::MAX_RESULT_BYTES,
        env::MAX_RESULTS_PER_SESSION,
        env::MAX_RUNNING,
        env::COSTLY_AT_ONCE,
        env::COSTLY_WAITING,
        env::COSTLY_KNOWN,
    ];

    pub(super) fn from_env<L: Fn(&str) -> Option<String>>(environment: &mut Environment<'_, L>) -> Self {
        let given = BOUNDS.iter().enumerate();
        let texts = given.filter_map(|(i, bound)| Some((i, environment.optional(bound.variable)?))).collect();
        Self { settings: LimitSettings::default(), texts }
    }

    pub(super) fn check(self, problems: &mut Vec<Problem>) -> LimitSettings {
        let mut settings = self.settings;
        let mut given = [false; BOUNDS.len()];
        for (i, text) in self.texts {
            if let (Some(bound), Some(given)) = (BOUNDS.get(i), given.get_mut(i)) {
                *given = true;
                if let Some(number) = text.check(problems, validate::whole_number) {
                    *(bound.of)(&mut settings) = number;
                }
            }
        }
        for (bound, given) in BOUNDS.iter().zip(given) {
            let name = if given { bound.variable } else { bound.setting };
            validate::range(name, *(bound.of)(&mut settings), bound.least, bound.most, problems);
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_has_one_variable_and_its_default_is_in_range() {
        let variables: Vec<_> = BOUNDS.iter().map(|bound| bound.variable).collect();
        assert_eq!(variables, LimitInput::VARIABLES);
        let mut problems = Vec::new();
        assert_eq!(LimitInput::default().check(&mut problems), LimitSettings::default());
        assert!(problems.is_empty());
    }

    #[test]
    fn variables_are_read_and_their_problems_name_them() {
        let read = |value: &str| {
            let mut problems = Vec::new();
            let lookup = |name: &str| LimitInput::VARIABLES.contains(&name).then(|| value.to_owned());
            let input = LimitInput::from_env(&mut Environment { lookup, problems: &mut problems });
            let settings = input.check(&mut problems);
            (settings, problems.iter().map(|problem| problem.setting().to_owned()).collect::<Vec<_>>())
        };
        let (mut settings, problems) = read("200");
        assert_eq!(problems, [env::MAX_RESULT_BYTES]);
        assert!(BOUNDS.iter().all(|bound| *(bound.of)(&mut settings) == 200));
        for wrong in ["-1", "many", "1e3", "99999999999999999999"] {
            assert_eq!(read(wrong).1, LimitInput::VARIABLES, "{wrong}");
        }
        let (settings, problems) = read("0");
        assert_eq!((settings.grants_per_session, settings.codes_per_sign_in, problems.len()), (0, 0, 7));
    }
}
