//! A secret in the wrong variable is in no error.

use super::*;

/// Shapes of secrets: those of WorkOS, a sealed session, passwords, an address with credentials.
const SECRETS: [&str; 8] = [
    "sk_live_a2V5XzAxSkdGU0VBTEsxVDpwcm9k",
    "whsec_a2V5XzAxSkdGU0VBTEsxVDpwcm9k",
    "Fe26.2*1*5ecret0*salt*iv*data*1*salt*mac~2",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2lnbmF0dXJl",
    "correct horse battery staple, 0123456789",
    "hunter2-hunter2-hunter2-hunter2-hunter2",
    "hunter2",
    "https://root:hunter2@db.example.test/hunter2",
];

/// The error that this variable causes with this value, if it causes one.
fn error(variable: &str, secret: &str) -> Option<ConfigError> {
    with(&[(variable, secret)]).err()
}

#[test]
fn secret_in_any_variable_is_in_no_error() {
    let mut errors = 0;
    for variable in env::READ {
        for secret in SECRETS {
            let Some(error) = error(variable, secret) else { continue };
            errors += 1;
            let fields = error.problems().iter().map(|one| format!("{}{}", one.problem(), one.fix()));
            for shown in [error.to_string(), format!("{error:?}")].into_iter().chain(fields) {
                for part in [secret, "hunter2", "a2V5XzAx", "staple", "c2lnbmF0dXJl"] {
                    assert!(!shown.contains(part), "{variable}: {shown}");
                }
            }
        }
    }
    assert!(errors > 150, "{errors}");
}

/// Otherwise it would be sent to the API, logged and shown as a cookie's name.
#[test]
fn key_or_token_is_taken_by_no_variable_that_is_shown() {
    for variable in env::READ.iter().filter(|variable| !env::SECRET.contains(variable)) {
        for secret in &SECRETS[..4] {
            let error = error(variable, secret).unwrap_or_else(|| panic!("{variable} takes {secret}"));
            assert!(error.problems().iter().any(|problem| problem.setting() == *variable), "{error}");
        }
    }
    for secret in &SECRETS[..4] {
        let error = Config::builder().client_id(*secret).cookie_password(PASSWORD).build().unwrap_err();
        assert!(!error.to_string().contains(secret), "{error}");
    }
}
