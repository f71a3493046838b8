//! What is wrong with a configuration, and what to do about it.

use sealkit_core::Untrusted;
use std::{borrow::Cow, error::Error as StdError, fmt, path::Path};

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

/// The length of a value that cannot be used. The value itself may be a secret that stands in the wrong variable.
pub(super) fn withheld(value: &str) -> String {
    Untrusted::new(value).withheld().to_string()
}

/// The path of a file, for an error: shown if the file or its named folder exists. Otherwise it may be a password that stands
/// where its file should, and only its length is shown.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    let text = Untrusted::new(path.to_string_lossy());
    let in_folder = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && folder.is_dir());
    if in_folder || path.exists() { text.to_string() } else { format!("the file {}", text.withheld()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_shown_if_it_leads_somewhere() {
        assert_eq!(shown_path(Path::new("Cargo.toml")), "Cargo.toml");
        assert_eq!(shown_path(Path::new("src/none such")), r#""src/none such""#);
        for secret in ["hunter2-hunter2", "no/such/folder"] {
            let length = secret.chars().count();
            assert_eq!(shown_path(Path::new(secret)), format!("the file [not shown, {length} characters]"));
        }
    }
}
