//! A secret that is given in the wrong place is not repeated.

use crate::common::{PASSWORD, in_parallel, sealkit};

/// Secrets as they are pasted: an API key, a password, one with the characters of a path, a word, a session, a token.
const SECRETS: [&str; 6] = [
    "sk_live_a2V5XzAxSkdGU0VBTEsxVDpwcm9k",
    "hunter2-hunter2-hunter2-hunter2-hunter2",
    "h/unter2+hunter2.hunter2=",
    "hunter2",
    "Fe26.2*1*5ecret0*salt*iv*data*1*salt*mac~2",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2lnbmF0dXJl",
];

#[track_caller]
fn assert_not_repeated(call: &[String], secret: &str) {
    let ran = sealkit(call.to_vec()).password(PASSWORD).input("nothing").run();
    // `-h…` asks for help.
    assert!(ran.code != 0 || call.iter().any(|part| part.starts_with("-h")), "{call:?}: {ran}");
    for part in [secret, "hunter2", "a2V5XzAx", "5ecret0", "c2lnbmF0dXJl"] {
        assert!(!format!("{ran}").contains(part), "{call:?}: {ran}");
    }
}

#[test]
fn secret_as_an_argument_is_not_repeated() {
    in_parallel(&SECRETS, |secret| {
        for template in [
            "S",
            "inspect S",
            "unseal S",
            "seal S",
            "key S",
            "key new S",
            "key status S",
            "dev S",
            "inspect --S",
            "inspect -S",
            "--S",
            "inspect --format S",
            "inspect --format=S",
            "inspect --jwks S",
            "inspect --jwks=S",
            "inspect --now S",
            "inspect --name S --format S",
            "inspect --reveal=S",
            "inspect --password-file S",
            "inspect --password-file 2=S",
            "inspect --password-file S=",
            "inspect --online --jwks S",
            "authenticate --jwks S",
            "authenticate --password-file S",
            "authenticate --now S",
            "refresh --password-file S",
            "refresh --now S",
            "unseal --format S",
            "unseal --password-file S",
            "seal --format S",
            "seal --format iron --ttl S",
            "seal --format iron --password-file S",
            "key new --format S",
            "key new --for S",
            "key new --for next,S",
            "key status --in S",
            "key status --password-file S",
            "key status --now S",
            "convert --to S",
            "convert --from S --to iron",
            "convert --to iron --in S",
            "convert --to iron --out S/S",
            "convert --to iron --failed S/S",
            "convert --to iron --to-password-file S",
            "migrate --plan --to S --service a=next",
            "migrate --plan --to iron --service S",
            "migrate --plan --to iron --service a=S",
            "migrate --plan --to iron --service a=next:S",
            "migrate --plan --to iron --from S --service a=next",
            "migrate --plan --to iron --max-age S --service a=next",
            "dev --port S",
            "dev --idp-port S",
            "dev --token-lifetime S",
        ] {
            let call: Vec<String> = template.split(' ').map(|part| part.replace('S', secret)).collect();
            assert_not_repeated(&call, secret);
        }
    });
}

#[test]
fn secret_in_a_variable_is_not_repeated() {
    in_parallel(sealkit::config::env::READ, |name| {
        for secret in SECRETS {
            for call in [&["refresh"][..], &["inspect"], &["key", "status"], &["authenticate"]] {
                let ran = sealkit(call.iter().copied())
                    .password(PASSWORD)
                    .env(name, secret)
                    .input("a=b; c=d")
                    .run();
                for part in [secret, "hunter2", "a2V5XzAx", "5ecret0", "c2lnbmF0dXJl"] {
                    // A short word can be the name of a cookie, which errors name.
                    if (*name, secret) != ("WORKOS_COOKIE_NAME", "hunter2") {
                        assert!(!format!("{ran}").contains(part), "{name} {call:?}: {ran}");
                    }
                }
            }
        }
    });
}

/// What cannot be a secret is shown: a flag, a word that is nearly one of ours, a file that is there.
#[test]
fn words_that_the_command_knows_are_repeated() {
    for (call, shown) in [
        (&["inspect", "--formt", "iron"][..], "--formt"),
        (&["inspct"], "inspct"),
        (&["inspect", "--format", "none"], "--format <ID>"),
        (&["authenticate", "--jwks", "Cargo.toml"], "Cargo.toml"),
        (&["authenticate", "--jwks", "src/none"], "src/none"),
    ] {
        let ran = sealkit(call.iter().copied()).password(PASSWORD).run();
        assert!(ran.code == 2 && ran.stderr.contains(shown), "{call:?}: {ran}");
    }
    let ran = sealkit(["inspect", "--format", "irno"]).run();
    assert!(ran.stderr.contains("[not shown, 4 characters]") && ran.stderr.contains("known: iron"), "{ran}");
}
