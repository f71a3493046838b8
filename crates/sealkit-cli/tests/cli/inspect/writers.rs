//! Who wrote a cookie: format, SDK and version range, of cookies that the real SDKs made.
use super::{of_vector, session, with_password};
use crate::common::{PASSWORD, in_parallel};
use serde_json::json;

#[test]
fn the_writer_of_a_real_cookie_is_named_with_its_versions() {
    let writers = [
        ("iron", "iron-node7.17.0-basic", "iron", "@workos-inc/node 7.15 and later, before 7.36"),
        ("iron", "iron-node7.82.0-basic", "iron", "@workos-inc/node 7.78 and later, before 10.1"),
        ("iron", "iron-node11.0.0-basic", "iron", "@workos-inc/node 10.1 and later"),
        (
            "iron",
            "iron-authkit-session-basic",
            "iron",
            "authkit-session or authkit-nextjs, on @workos-inc/node 10.1 and later",
        ),
        (
            "iron",
            "iron-authkit-nextjs-basic",
            "iron",
            "authkit-nextjs 4.0.1 and later, on @workos-inc/node 10.1 and later",
        ),
        ("python", "py-5.46.0-basic", "python-fernet", "workos (PyPI) 5.10 to 5.x"),
        ("python", "py-6.0.8-basic", "python-fernet", "workos (PyPI) 6.0 and later"),
        ("ruby", "ruby-v5.10.0-basic", "ruby-v6", "workos (Ruby) 5.7 to 6.x"),
        ("go", "go-passphrase-basic", "go-gcm", "workos-go 7.0 and later, with a passphrase"),
        ("rust", "rust-basic", "rust-gcm", "the crate workos 3.x"),
        ("dotnet", "dotnet-basic", "dotnet-gcm", "workos.net 3.0 and later, SealSessionFromAuthResponse"),
        ("react_router", "rr-basic", "rr-cookie", "authkit-react-router or authkit-remix"),
    ];
    in_parallel(&writers, |(set, id, format, writer)| {
        let ran = of_vector(set, id).run();
        let answer = ran.json();
        assert_eq!(answer["format"], *format, "{id}: {ran}");
        let found = answer["writer"].as_str().unwrap_or_default();
        assert!(found.contains(writer), "{id}: {found}");
        assert_eq!(answer["key"], "WORKOS_COOKIE_PASSWORD", "{id}: {ran}");
    });
}

#[test]
fn every_format_opens_and_says_which_key_opened_it() {
    for (format, password) in
        [("php-halite", PASSWORD), ("ruby-v7", PASSWORD), ("signed-json", PASSWORD), ("rr-cookie", PASSWORD)]
    {
        let payload =
            if matches!(format, "signed-json" | "rr-cookie") { session(&json!({})) } else { super::snake() };
        let ran = with_password().input(super::sealed(format, password, &payload)).run();
        let answer = ran.json();
        assert_eq!(answer["format"], format, "{ran}");
        assert_eq!(answer["diagnoses"][0]["code"], "not_verified", "{ran}");
        assert_eq!(answer["key"], "WORKOS_COOKIE_PASSWORD", "{ran}");
    }
}
