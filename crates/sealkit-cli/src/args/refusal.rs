//! A command line that cannot be used: the error without the values that were given.

use clap::error::{ContextKind, ContextValue};
use sealkit::untrusted::{Untrusted, one_line};

/// Contexts of an error that quote what was given.
const QUOTING: [ContextKind; 6] = [
    ContextKind::InvalidValue,
    ContextKind::InvalidArg,
    ContextKind::InvalidSubcommand,
    ContextKind::TrailingArg,
    ContextKind::Suggested,
    ContextKind::PriorArg,
];

/// The error, in which a value is shown only if it is one of the words that this command knows.
///
/// A key or a password that is pasted at the wrong place would else stand in a terminal's history and in the log of a job.
pub(crate) fn refused(mut error: clap::Error) -> clap::Error {
    if !error.use_stderr() {
        return error;
    }
    let is_close = error.context().any(|(kind, _)| {
        matches!(
            kind,
            ContextKind::SuggestedArg | ContextKind::SuggestedSubcommand | ContextKind::SuggestedValue
        )
    });
    for kind in QUOTING {
        let Some(ContextValue::String(text)) = error.get(kind) else {
            if kind == ContextKind::Suggested && !is_close {
                // The advice to write it after `--` quotes it, too.
                error.remove(kind);
            }
            continue;
        };
        let is_known = is_close || (kind != ContextKind::InvalidValue && is_flag(text));
        if !is_known || one_line(text) != *text {
            let withheld = Untrusted::new(text).withheld().to_string();
            error.insert(kind, ContextValue::String(withheld));
        }
    }
    error
}

/// A flag as errors name it, perhaps with the placeholder of its value: `--format <ID>`.
fn is_flag(text: &str) -> bool {
    let (flag, placeholder) = text.split_once(' ').unwrap_or((text, ""));
    let name = flag.strip_prefix("--").unwrap_or_default();
    (1..=24).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        && placeholder.len() <= 24
        && placeholder.bytes().all(|b| b.is_ascii_uppercase() || b"<>[]=|-.".contains(&b))
}
