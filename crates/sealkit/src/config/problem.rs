//! What is wrong with a configuration, and what to do about it.

use std::{borrow::Cow, error::Error as StdError, fmt};

/// Longest part of a value that is shown, in characters.
const MAX_SHOWN: usize = 60;

/// One setting that is missing or wrong. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    setting: Cow<'static, str>,
    problem: Cow<'static, str>,
    fix: Cow<'static, str>,
}

impl Problem {
    /// What is wrong with this setting, and what to do about it: sentences without a capital and without a full stop.
    #[must_use]
    pub fn new(
        setting: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { setting: setting.into(), problem: problem.into(), fix: fix.into() }
    }

    /// From a message of the core crate, which is written `what is wrong; what to do`.
    pub(crate) fn from_message(setting: impl Into<Cow<'static, str>>, message: &impl fmt::Display) -> Self {
        let message = message.to_string();
        let (problem, fix) = message.rsplit_once("; ").unwrap_or((&message, "change it"));
        Self::new(setting, problem.to_owned(), fix.to_owned())
    }

    /// The environment variable, or the method of the builder.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.problem, self.fix)
    }
}

/// A configuration that cannot be used. `Display` prints every problem on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// All of these, of which there must be one: for crates that read settings of their own.
    #[must_use]
    pub const fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Everything that is missing or wrong.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl StdError for ConfigError {}

/// A value that is no secret by itself, quoted and cut. An address with credentials in it is not shown.
pub(super) fn shown(value: &str) -> String {
    if value.contains('@') {
        return "the value (not shown, it may hold credentials)".to_owned();
    }
    let mut cut: String = value.chars().take(MAX_SHOWN).collect();
    if cut.len() < value.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_cut_and_kept_secret_where_they_might_hold_one() {
        assert_eq!(shown("a\nb"), r#""a\nb""#);
        assert_eq!(shown(&"é".repeat(61)), format!("\"{}…\"", "é".repeat(60)));
        assert!(!shown("https://user:secret@host").contains("secret"));
    }
}
