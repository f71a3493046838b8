//! Prints `docs/reasons.md`: `cargo run -p sealkit-core --example reasons > docs/reasons.md`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use sealkit_core::{Class, PublicCode, Reason, session::Warning};

fn main() {
    print!("{}", page());
}

/// The page; a test compares it with the file.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# Reasons\n\n\
         Every result that is not a success carries one of these codes. The list is closed and part of semver; what WorkOS itself \
         said stands beside the reason (`upstream`: code, status, request id), never in place of it. Browsers hear only the code \
         of the last column.\n\n\
         | reason | means | class | again? | a browser hears |\n|---|---|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let again = if reason.is_retryable() { "yes" } else { "no" };
        page += &format!(
            "| `{reason}` | {} | {} | {again} | `{}` |\n",
            reason.meaning(),
            class(reason.class()),
            PublicCode::of(*reason).as_str()
        );
    }
    page += "\nWhat the classes mean for the cookie: *terminal* ends the session and may clear the cookie (an `invalid_grant` only on a \
             top-level navigation, when the access token has expired); after every other class the cookie is kept, or replaced when \
             the tokens rotated.\n";
    page += "\n## Warnings\n\n\
             A session that is usable can have flaws: `Session::warnings`, and `warnings` in the JSON of the command line. \
             `sealkit authenticate` adds `issuer_not_checked` if neither `WORKOS_CLIENT_ID` nor `WORKOS_ISSUER` is set.\n\n\
             | warning | means |\n|---|---|\n";
    for warning in Warning::ALL {
        page += &format!("| `{warning}` | {} |\n", warning.meaning());
    }
    page
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Absent => "no session",
        Class::Expired => "expired: refresh",
        Class::Verification => "does not verify",
        Class::Terminal => "terminal",
        Class::Retryable => "retryable",
        Class::StepUp => "step-up",
        Class::Configuration => "configuration",
        Class::SignInRefused => "sign-in refused",
        Class::Callback => "callback",
        _ => "other",
    }
}
