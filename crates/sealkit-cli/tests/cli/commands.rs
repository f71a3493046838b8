//! Whole commands: exit code, stdout and stderr.
use crate::common::{PASSWORD, Sealkit, in_parallel, sealkit, vectors};
use insta::assert_snapshot;
use std::fs;
use tempfile::TempDir;

/// A moment at which the tokens of the public vectors are judged.
const NOW: &str = "2026-01-01T00:00:00Z";

const CLIENT_ID: &str = "client_01FAKEPUBLICCLIENT00000000";

/// The cookie of a vector in `jwt.json`.
fn cookie(id: &str) -> String {
    let vectors = vectors("jwt");
    let vector = vectors.iter().find(|vector| vector["id"] == id).expect("the vector is there");
    vector["cookie_value"].as_str().unwrap().to_owned()
}

fn key_set() -> String {
    format!("{}/../../vectors/jwks.json", env!("CARGO_MANIFEST_DIR"))
}

/// A call that judges a vector's cookie with the public keys.
fn judge(command: &str, id: &str) -> Sealkit {
    sealkit([command, "--now", NOW, "--jwks", &key_set()])
        .password(PASSWORD)
        .env("WORKOS_CLIENT_ID", CLIENT_ID)
        .input(cookie(id))
}

#[test]
fn a_payload_comes_back_byte_for_byte() {
    let payload = "{ \"accessToken\" : \"a\\u0062\",\n \"n\": 12345678901234567890123, \"é\": [1e400] }\n";
    let sealed = sealkit(["seal", "--format", "iron", "--json"])
        .password(PASSWORD)
        .input(format!("{payload}\n"))
        .run();
    assert_eq!(sealed.code, 0, "{sealed}");
    let answer = sealed.json();
    let cookie = answer["cookie"].as_str().unwrap();
    assert_eq!((&answer["format"], &answer["key"]), (&"iron".into(), &"WORKOS_COOKIE_PASSWORD".into()));
    assert_eq!(answer["bytes"].as_u64(), u64::try_from(cookie.len()).ok());
    assert!(cookie.starts_with("Fe26.2*1*") && cookie.ends_with("~2"), "{cookie}");

    let opened = sealkit(["unseal", "--json"]).password(PASSWORD).input(format!("{cookie}\r\n")).run();
    assert!(opened.stdout.contains("\"n\":12345678901234567890123,\"é\":[1e400]"), "{opened}");
    let text = sealkit(["unseal"]).password(PASSWORD).input(cookie).run();
    assert_eq!(
        (text.code, text.stdout),
        (0, format!("{payload}\n")),
        "one line end is taken from stdin, no more"
    );
    assert_snapshot!(text.stderr, @"iron, opened with WORKOS_COOKIE_PASSWORD");
}

#[test]
fn a_seal_with_a_time_to_live_ends_with_it_and_a_minute() {
    let seal = sealkit(["seal", "--format", "iron", "--ttl", "600", "--now", NOW]).password(PASSWORD);
    let cookie = seal.input(r#"{"accessToken":"a"}"#).run().stdout;
    let at = |now: &str| {
        sealkit(["unseal", "--json", "--now", now]).password(PASSWORD).input(cookie.as_str()).run()
    };
    assert_eq!(at("2026-01-01T00:10:59.999Z").code, 0);
    let ended = at("2026-01-01T00:11:00Z");
    assert_eq!(ended.code, 1);
    assert_snapshot!(ended.stdout, @r#"{"error":{"reason":"invalid_session_cookie","detail":"expired"}}"#);
}

#[test]
fn time_to_live_is_written_where_the_format_has_a_field_for_it_and_refused_elsewhere() {
    let password = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let payload = r#"{"accessToken":"a.b.c","access_token":"a.b.c"}"#;
    let able = ["iron", "kotlin-iron", "rr-cookie", "php-halite", "php-signed"];
    let others =
        ["python-fernet", "ruby-v7", "go-gcm", "php-secretbox", "dotnet-gcm", "signed-json", "plain-json"];
    let seal = |format| {
        let call = sealkit(["seal", "--ttl", "60", "--now", "2026-01-01T00:00:00Z", "--format", format]);
        call.password(password).input(payload).run()
    };
    for format in able {
        let sealed = seal(format);
        assert_eq!(sealed.code, 0, "{format}: {sealed}");
        let opened = |now| {
            let call = sealkit(["unseal", "--json", "--format", format, "--now", now]).password(password);
            call.input(sealed.stdout.as_str()).run().code
        };
        // The iron formats live on for a minute of skew.
        assert_eq!(opened("2026-01-01T00:00:59Z"), 0, "{format}");
        assert_eq!(opened("2026-01-01T00:02:01Z"), 1, "{format}");
    }
    for format in others {
        let refused = seal(format);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{format}: {refused}");
        let list = "iron,kotlin-iron,rr-cookie,php-halite,php-signed";
        assert!(refused.stderr.contains(list) && refused.stderr.contains(format), "{refused}");
    }
}

#[test]
fn password_files_replace_the_environment_and_the_first_one_seals() {
    let directory = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (new, old) =
        (file("new", "a new password of more than 32 characters\r\n"), file("old", &format!("{PASSWORD}\n")));
    let seal = |path: &str| {
        let call =
            sealkit(["seal", "--format", "iron", "--json", "--password-file", path]).password("ignored");
        call.input(r#"{"accessToken":"a"}"#).run().json()
    };
    let (by_new, by_old) = (seal(&new), seal(&old));
    assert_eq!((by_new["key"].as_str(), by_old["key"].as_str()), (Some("new"), Some("old")));
    for (answer, key) in [(&by_new, "new"), (&by_old, "old")] {
        let opened = sealkit(["unseal", "--json", "--password-file", &new, "--password-file", &old])
            .input(answer["cookie"].as_str().unwrap())
            .run();
        assert_eq!(opened.json()["key"], key, "{opened}");
    }
    let named = sealkit(["unseal", "--json", "--password-file", &format!("1={old}")])
        .input(by_old["cookie"].as_str().unwrap())
        .run();
    assert_eq!(named.json()["key"], "1", "the id is the name");
    let exact = sealkit(["unseal", "--json"])
        .password(&format!("{PASSWORD}\n"))
        .input(by_old["cookie"].as_str().unwrap());
    assert_eq!(exact.run().json()["error"]["detail"], "tampered", "nothing is taken from the environment's");
}

#[test]
fn what_is_no_session_opens_only_on_request() {
    let seal =
        |payload: &str| sealkit(["seal", "--format", "iron"]).password(PASSWORD).input(payload).run().stdout;
    let cookie = seal(r#"{"b":1,"a":2}"#);
    let unseal = |more: &[&str]| {
        let call = sealkit(["unseal", "--json"].iter().chain(more).copied()).password(PASSWORD);
        call.input(cookie.as_str()).run()
    };
    assert_eq!(unseal(&[]).json()["error"]["detail"], "not_a_session");
    assert_snapshot!(unseal(&["--any"]), @r#"
    exit code: 0
    --- stdout
    {"format":"iron","key":"WORKOS_COOKIE_PASSWORD","authenticated":true,"payload":{"b":1,"a":2},"plaintext":"{\"b\":1,\"a\":2}"}
    "#);
    assert_eq!(unseal(&["--format", "pkce"]).json()["error"]["detail"], "not_a_session");
}

#[test]
fn percent_encoded_values_are_decoded_only_when_it_is_said() {
    let value = cookie("jwt-valid").replace('*', "%2A");
    let unseal = |more: &[&str]| {
        let call = sealkit(["unseal", "--json"].iter().chain(more).copied()).password(PASSWORD);
        call.input(value.as_str()).run()
    };
    assert_eq!(unseal(&["--percent-encoded"]).code, 0);
    assert_eq!(unseal(&[]).json()["error"]["detail"], "malformed");
}

#[test]
fn a_refusal_tells_people_the_fix() {
    let ran = sealkit(["unseal"])
        .password("another password of at least 32 characters")
        .input(cookie("jwt-valid"))
        .run();
    assert_snapshot!(ran, @r"
    exit code: 1
    --- stderr
    tampered: its tag does not verify: another password sealed it, or it was changed on the way
    fix: give the password that sealed it (--password-file, old ones after the new one), or copy the value again, whole and unchanged
    ");
    let short = sealkit(["unseal", "--json"]).password("short").input(cookie("jwt-valid")).run();
    assert_snapshot!(short, @r#"
    exit code: 1
    --- stdout
    {"error":{"reason":"invalid_session_cookie","detail":"bad_password"}}
    --- stderr
    warning: password "WORKOS_COOKIE_PASSWORD" has 5 characters and opens only what Go, .NET, PHP 4 and Ruby 7.0 to 8.0 sealed; a new one has 32 at least: move on with `sealkit convert --to-password-file`
    "#);
}

#[test]
fn usage_and_configuration_errors_exit_with_2() {
    let directory = TempDir::new().unwrap();
    let missing = directory.path().join("none").display().to_string();
    for (call, message) in [
        (sealkit(["unseal"]), "no cookie password: set WORKOS_COOKIE_PASSWORD or give --password-file"),
        (sealkit(["unseal", "--password-file", &missing]), "cannot be read"),
        (sealkit(["unseal", "--password-file", "no-id=x"]), "cannot be read"),
        (
            sealkit(["unseal", "--format", "ironic"]).password(PASSWORD),
            "no such format; known: iron, kotlin-iron",
        ),
        (sealkit(["unseal", "--now", "yesterday"]).password(PASSWORD), "RFC 3339"),
        (sealkit(["seal", "--format", "iron"]).password("short"), "has 5 characters, at least 32 are needed"),
        (sealkit(["seal"]).password(PASSWORD), "--format"),
        (sealkit(["seal", "--format", "iron"]).password(PASSWORD).input("[1]"), "is not one JSON object"),
        (sealkit(["seal", "--format", "iron"]).password(PASSWORD).input("{} {}"), "is not one JSON object"),
        (sealkit(["seal", "--format", "iron"]).password(PASSWORD).input([0xff]), "is not UTF-8 text"),
        (sealkit(["authenticate"]).password(PASSWORD), "WORKOS_CLIENT_ID is not set"),
        (sealkit(["authenticate", "--jwks", &missing]).password(PASSWORD), "cannot be read"),
        (sealkit(["refresh"]).password(PASSWORD), "WORKOS_CLIENT_ID: is not set"),
        (sealkit(["key", "new", "--format", "plain-json"]), "has no password"),
        (sealkit(["frobnicate"]), "unrecognized subcommand"),
        (sealkit(Vec::<String>::new()), "Usage: sealkit <COMMAND>"),
    ] {
        let ran = call.clone().run();
        assert_eq!(ran.code, 2, "{call:?}: {ran}");
        assert!(ran.stderr.contains(message) && ran.stdout.is_empty(), "{call:?}: {ran}");
    }
}

#[test]
fn an_unknown_format_is_answered_with_those_that_are_known() {
    let ran = sealkit(["unseal", "--format", "ironic"]).password(PASSWORD).run();
    assert_eq!(ran.code, 2, "{ran}");
    for format in ["iron", "python-fernet", "dotnet-gcm", "signed-json", "b64url-json", "pkce", "auto"] {
        assert!(ran.stderr.contains(format), "{format}: {ran}");
    }
}

#[test]
fn a_payload_is_never_quoted_in_an_error() {
    let ran = sealkit(["seal", "--format", "iron"])
        .password(PASSWORD)
        .input("{\"refreshToken\": \"rt_secret\"")
        .run();
    assert!(!ran.stderr.contains("rt_secret") && ran.code == 2, "{ran}");
    let ran = sealkit(["seal", "--format", "iron"]).password(PASSWORD).input("\"rt_secret\"").run();
    assert!(!ran.stderr.contains("rt_secret") && ran.code == 2, "{ran}");
}

#[test]
fn every_bad_setting_is_told_in_one_message() {
    let call = sealkit(["refresh"])
        .password("short")
        .env("WORKOS_API_PORT", "99999")
        .env("WORKOS_API_HTTPS", "maybe")
        .env("WORKOS_COOKIE_SAMESITE", "sometimes")
        .env("WORKOS_COOKIE_MAX_AGE", "a year")
        .env("WORKOS_API_KEY", "sk with spaces");
    let ran = call.run();
    assert_eq!(ran.code, 2);
    for name in [
        "API_PORT",
        "API_HTTPS",
        "COOKIE_SAMESITE",
        "COOKIE_MAX_AGE",
        "API_KEY",
        "CLIENT_ID",
        "COOKIE_PASSWORD",
    ] {
        assert!(ran.stderr.contains(&format!("WORKOS_{name}")), "{name}: {ran}");
    }
    assert!(!ran.stderr.contains("sk with spaces"), "{ran}");
}

#[test]
fn keys_are_made_for_every_sealed_format_and_iron_takes_its_own() {
    let formats = [
        "iron",
        "kotlin-iron",
        "rr-cookie",
        "python-fernet",
        "ruby-v6",
        "ruby-v7",
        "go-gcm",
        "rust-gcm",
        "php-halite",
        "php-signed",
        "php-secretbox",
        "dotnet-gcm",
    ];
    in_parallel(&formats, |format| {
        let ran = sealkit(["key", "new", "--json", "--format", format]).run();
        let (answer, key) = (ran.json(), ran.json()["key"].as_str().unwrap().to_owned());
        assert_eq!((ran.code, answer["format"].as_str()), (0, Some(*format)));
        let length = match *format {
            "ruby-v6" => 32,
            "rust-gcm" => 64,
            _ => 44,
        };
        assert_eq!(key.len(), length, "{format}");
    });
    let (one, other) = (sealkit(["key", "new"]).run(), sealkit(["key", "new"]).run());
    assert_ne!(one.stdout, other.stdout);
    let sealed = sealkit(["seal", "--format", "iron"]).password(one.stdout.trim_end()).input("{}").run();
    assert_eq!(sealed.code, 0, "{sealed}");
}

#[test]
fn a_session_is_told_in_json_and_in_words() {
    assert_snapshot!(judge("authenticate", "jwt-valid").run(), @r#"
    exit code: 0
    --- stdout
    authenticated user_01FAKEPUBLIC000050
      name           Ada Lovelace
      e-mail         ada50@example.test
      session        session_01FAKEPUBLIC000050
      organization   org_01FAKEACME0000000000000000
      role           admin
      permissions    posts:read, posts:write
      entitlements   audit-logs
      feature flags  beta
      expires        2100-01-01T00:00:00Z (in 27028 d 0 h)
      sealed with    WORKOS_COOKIE_PASSWORD (iron)
    "#);
    let ran = judge("authenticate", "jwt-valid").flag("--json").run();
    insta::assert_json_snapshot!(ran.json(), @r#"
    {
      "authenticated": true,
      "session_id": "session_01FAKEPUBLIC000050",
      "user_id": "user_01FAKEPUBLIC000050",
      "organization_id": "org_01FAKEACME0000000000000000",
      "role": "admin",
      "roles": [
        "admin"
      ],
      "permissions": [
        "posts:read",
        "posts:write"
      ],
      "entitlements": [
        "audit-logs"
      ],
      "feature_flags": [
        "beta"
      ],
      "impersonator": null,
      "authentication_method": null,
      "expires_at": 4102444800,
      "claims": {
        "iss": "https://api.workos.com/user_management/client_01FAKEPUBLICCLIENT00000000",
        "sub": "user_01FAKEPUBLIC000050",
        "sid": "session_01FAKEPUBLIC000050",
        "jti": "01FAKEJTI000050",
        "org_id": "org_01FAKEACME0000000000000000",
        "role": "admin",
        "roles": [
          "admin"
        ],
        "permissions": [
          "posts:read",
          "posts:write"
        ],
        "entitlements": [
          "audit-logs"
        ],
        "feature_flags": [
          "beta"
        ],
        "exp": 4102444800,
        "iat": 1735689600,
        "auth_time": 1735689600
      },
      "user": {
        "object": "user",
        "id": "user_01FAKEPUBLIC000050",
        "email": "ada50@example.test",
        "email_verified": true,
        "name": "Ada Lovelace",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "profile_picture_url": "https://img.example.test/a.png?s=1&d=2",
        "last_sign_in_at": "2025-01-01T00:00:00.000Z",
        "locale": "en-GB",
        "created_at": "2024-01-01T00:00:00.000Z",
        "updated_at": "2024-06-01T12:34:56.789Z",
        "external_id": "ext-1",
        "metadata": {
          "plan": "pro"
        }
      },
      "warnings": []
    }
    "#);
}

#[test]
fn an_expired_token_gives_its_proven_claims_and_the_way_on() {
    assert_snapshot!(judge("authenticate", "jwt-expired").run(), @r#"
    exit code: 1
    --- stderr
    expired_jwt: the access token is right in everything but its time
    fix: refresh it: `sealkit refresh`, or let the web layer do it
    "#);
    assert_snapshot!(judge("authenticate", "jwt-sub-mismatch").run(), @r#"
    exit code: 1
    --- stderr
    subject_mismatch: the stored user is not the one that the access token proves
    fix: sign in again: the user beside the token is another one than the token proves
    "#);
}

#[test]
fn without_client_id_and_issuer_the_issuer_is_not_checked_and_that_is_said() {
    let call = || {
        let call = sealkit(["authenticate", "--json", "--now", NOW, "--jwks", &key_set()]);
        call.password(PASSWORD).input(cookie("jwt-valid"))
    };
    let ran = call().run();
    assert_eq!(
        (ran.code, &ran.json()["warnings"]),
        (0, &serde_json::json!(["issuer_not_checked", "client_id_not_checked"])),
        "{ran}"
    );
    let ran = call().env("WORKOS_ISSUER", "https://elsewhere.example.com").run();
    assert_eq!((ran.code, &ran.json()["reason"]), (1, &"invalid_issuer".into()), "{ran}");
    let ran = call().env("WORKOS_CLIENT_ID", "client_of_somebody_else").run();
    assert_eq!((ran.code, &ran.json()["reason"]), (1, &"invalid_issuer".into()), "{ran}");
}

#[test]
fn nothing_on_stdin_is_no_session() {
    let ran = sealkit(["authenticate", "--json", "--jwks", &key_set()]).password(PASSWORD).input("\n").run();
    assert_eq!((ran.code, &ran.json()["reason"]), (1, &"no_session_cookie_provided".into()), "{ran}");
}

#[test]
fn inspect_takes_a_good_cookie_apart() {
    assert_snapshot!(judge("inspect", "jwt-valid").run(), @r#"
    exit code: 0
    --- stdout
    works: this cookie authenticates its user

    Cookie
      format         iron, written by @workos-inc/node 7.15 and later, authkit-nextjs, authkit-session
      writer         authkit-session or authkit-nextjs, on @workos-inc/node 10.1 and later
      key            WORKOS_COOKIE_PASSWORD
      age            its token was issued 365 d 0 h ago
      size           2172 of 4096 bytes

    Inside
      accessToken      974 bytes  [secret, 972 characters]
      refreshToken      39 bytes  [secret, 37 characters]
      user             405 bytes
        object               user
        id                   user_01FAKEPUBLIC000050
        email                a…@example.test
        emailVerified        true
        name                 [12 characters]
        firstName            [3 characters]
        profilePictureUrl    [38 characters]
        lastName             [8 characters]
        lastSignInAt         2025-01-01T00:00:00.000Z
        locale               en-GB
        createdAt            2024-01-01T00:00:00.000Z
        updatedAt            2024-06-01T12:34:56.789Z
        externalId           [5 characters]
        metadata             [1 members]

    Access token
      size           header 90, claims 538, signature 342 bytes
      header         {"alg":"RS256","kid":"sso_oidc_key_pair_FAKE_public_1","typ":"JWT"}
      expires        2100-01-01T00:00:00Z (in 27028 d 0 h)
      iss            https://api.workos.com/user_management/client_01FAKEPUBLICCLIENT00000000
      sub            user_01FAKEPUBLIC000050
      sid            session_01FAKEPUBLIC000050
      jti            01FAKEJTI000050
      org_id         org_01FAKEACME0000000000000000
      role           admin
      roles          ["admin"]
      permissions    ["posts:read","posts:write"]
      entitlements   ["audit-logs"]
      feature_flags  ["beta"]
      exp            4102444800
      iat            1735689600
      auth_time      1735689600

    Checks
      ok          size           2172 of 4096 bytes
      ok          seal           opened with WORKOS_COOKIE_PASSWORD; no expiration of its own
      ok          session        an access token is inside
      ok          refresh_token  there is one; only the API can say whether it still works
      ok          token          a JWT with header, claims and signature
      ok          algorithm      RS256
      ok          key_id         sso_oidc_key_pair_FAKE_public_1
      ok          signature      verified with a key of the set
      ok          kind           a user's session
      ok          application    the token names none
      ok          claims         sub and sid are there
      ok          issuer         https://api.workos.com/user_management/client_01FAKEPUBLICCLIENT00000000
      ok          subject        the stored user is the token's
      ok          expiry         2100-01-01T00:00:00Z (in 27028 d 0 h)
      ok          auth_time      the user signed in 2025-01-01T00:00:00Z (365 d 0 h ago)
    "#);
}

#[test]
fn inspect_names_what_is_wrong_and_the_fix() {
    assert_snapshot!(judge("inspect", "jwt-rogue-key").run(), @r#"
    exit code: 1
    --- stdout
    does not work: the access token's signature does not verify
      reason         invalid_jwt_signature
      fix            do not trust it: sign in again, and find out who made this token

    Also
      the access token does not say when the user signed in (`auth_time`)
        fix: sign in again; for an emulator that writes none set SEALKIT_REQUIRE_AUTH_TIME=false

    Cookie
      format         iron, written by @workos-inc/node 7.15 and later, authkit-nextjs, authkit-session
      writer         authkit-session or authkit-nextjs, on @workos-inc/node 10.1 and later
      key            WORKOS_COOKIE_PASSWORD
      age            its token was issued 365 d 0 h ago
      size           2129 of 4096 bytes

    Inside
      accessToken      943 bytes  [secret, 941 characters]
      refreshToken      39 bytes  [secret, 37 characters]
      user             405 bytes
        object               user
        id                   user_01FAKEPUBLIC000050
        email                a…@example.test
        emailVerified        true
        name                 [12 characters]
        firstName            [3 characters]
        profilePictureUrl    [38 characters]
        lastName             [8 characters]
        lastSignInAt         2025-01-01T00:00:00.000Z
        locale               en-GB
        createdAt            2024-01-01T00:00:00.000Z
        updatedAt            2024-06-01T12:34:56.789Z
        externalId           [5 characters]
        metadata             [1 members]

    Access token
      size           header 90, claims 507, signature 342 bytes
      header         {"alg":"RS256","kid":"sso_oidc_key_pair_FAKE_public_1","typ":"JWT"}
      expires        2100-01-01T00:00:00Z (in 27028 d 0 h)
      iss            https://api.workos.com/user_management/client_01FAKEPUBLICCLIENT00000000
      sub            user_01FAKEPUBLIC000050
      sid            session_01FAKEPUBLIC000050
      jti            01FAKEJTI000050
      org_id         org_01FAKEACME0000000000000000
      role           admin
      roles          ["admin"]
      permissions    ["posts:read","posts:write"]
      entitlements   ["audit-logs"]
      feature_flags  ["beta"]
      exp            4102444800
      iat            1735689600

    Checks
      ok          size           2129 of 4096 bytes
      ok          seal           opened with WORKOS_COOKIE_PASSWORD; no expiration of its own
      ok          session        an access token is inside
      ok          refresh_token  there is one; only the API can say whether it still works
      ok          token          a JWT with header, claims and signature
      ok          algorithm      RS256
      ok          key_id         sso_oidc_key_pair_FAKE_public_1
      failed      signature      it does not verify with the key that the token names
      ok          kind           a user's session
      ok          application    the token names none
      ok          claims         sub and sid are there
      ok          issuer         https://api.workos.com/user_management/client_01FAKEPUBLICCLIENT00000000
      ok          subject        the stored user is the token's
      ok          expiry         2100-01-01T00:00:00Z (in 27028 d 0 h)
      failed      auth_time      the token has no `auth_time`
    "#);
    assert_snapshot!(
        sealkit(["inspect", "--now", NOW]).password("another password of at least 32 characters").input(cookie("jwt-valid")).run(),
        @r"
    exit code: 1
    --- stdout
    does not work: its tag does not verify: another password sealed it, or it was changed on the way
      reason         invalid_session_cookie (tampered)
      fix            give the password that sealed it (--password-file, old ones after the new one), or copy the value again, whole and unchanged

    Cookie
      format         iron, written by @workos-inc/node 7.15 and later, authkit-nextjs, authkit-session
      size           2172 of 4096 bytes

    Checks
      ok          size           2172 of 4096 bytes
      failed      seal           its tag does not verify: another password sealed it, or it was changed on the way
    "
    );
}

#[test]
fn inspect_without_keys_says_what_it_has_not_checked() {
    let call =
        |id: &str| sealkit(["inspect", "--json", "--now", NOW]).password(PASSWORD).input(cookie(id)).run();
    let ran = call("jwt-valid");
    let answer = ran.json();
    assert_eq!((ran.code, &answer["verdict"]["works"]), (0, &serde_json::Value::Null), "{ran}");
    let result = |check: &str| {
        let all = answer["checks"].as_array().unwrap();
        all.iter().find(|one| one["check"] == check).map(|one| one["result"].as_str().unwrap().to_owned())
    };
    assert_eq!(result("signature").as_deref(), Some("not_checked"));
    assert_eq!(result("issuer").as_deref(), Some("not_checked"));
    assert_eq!(result("expiry").as_deref(), Some("ok"));
    let expired = call("jwt-expired");
    assert_eq!((expired.code, &expired.json()["verdict"]["reason"]), (1, &"expired_jwt".into()), "{expired}");
}

#[test]
fn inspect_reads_header_lines_and_says_what_else_a_text_is() {
    let cookie = cookie("jwt-valid");
    let encoded = cookie.replace('*', "%2A");
    for text in [
        format!("Cookie: theme=dark; wos-session={cookie}; x=1"),
        format!("Set-Cookie: wos-session={encoded}; Path=/; HttpOnly; Secure"),
        format!("wos-session={encoded}"),
        format!("  {cookie}\n\n"),
    ] {
        let ran = judge("inspect", "jwt-valid").input(text.as_str()).run();
        assert_eq!(ran.code, 0, "{text}: {ran}");
    }
    for (text, hint) in [
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "a bare JWT"),
        ("gAAAAABrAORL", "workos (PyPI)"),
        ("Cookie: theme=dark", "there is no cookie of this name in the line: `wos-session`"),
    ] {
        let ran = judge("inspect", "jwt-valid").input(text).run();
        assert!(ran.code == 1 && format!("{ran}").contains(hint), "{text}: {ran}");
    }
}

#[test]
fn inspect_never_shows_refresh_token_or_signature_and_people_only_on_request() {
    let vectors = vectors("jwt");
    let payload = &vectors[0]["payload"];
    let token = payload["accessToken"].as_str().unwrap();
    let secrets = [payload["refreshToken"].as_str().unwrap(), token.rsplit('.').next().unwrap(), token];
    for flags in [&[][..], &["--json"], &["--reveal"], &["--json", "--reveal"]] {
        let call = sealkit(["inspect", "--now", NOW].iter().chain(flags).copied()).password(PASSWORD);
        let shown = call.input(cookie("jwt-valid")).run().to_string();
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{flags:?}: {shown}");
        assert_eq!(shown.contains("ada50@example.test"), flags.contains(&"--reveal"), "{flags:?}: {shown}");
        assert_eq!(shown.contains("Lovelace"), flags.contains(&"--reveal"), "{flags:?}: {shown}");
    }
}

#[test]
fn help_has_examples_and_no_secret_is_an_argument() {
    for command in ["seal", "unseal", "authenticate", "refresh", "inspect", "convert"] {
        let ran = sealkit([command, "--help"]).run();
        assert!(
            ran.code == 0 && ran.stdout.contains("Examples:") && ran.stdout.contains("--password-file"),
            "{ran}"
        );
        assert!(!ran.stdout.contains("--password "), "{ran}");
    }
    assert_snapshot!(sealkit(["--help"]).run(), @r#"
    exit code: 0
    --- stdout
    Open any WorkOS session cookie, never lose a session, always know why

    Usage: sealkit <COMMAND>

    Commands:
      seal          Seal a JSON object into a cookie value
      unseal        Open a cookie value and print what is inside
      authenticate  Say whether a cookie value authenticates somebody, and whom
      refresh       Exchange the refresh token inside a cookie value for a new session
      inspect       Take a cookie apart: what it is, why it does or does not work, and the fix
      convert       Seal many cookies anew in another format or with another password
      migrate       Plan how a fleet of services moves from one format to another, without logging
                    anyone out
      key           Make cookie passwords, and see which ones are still in use
      dev           Run an identity provider and a demo application on this machine
      help          Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Exit codes: 0 yes, 1 no, 2 usage or configuration. With --json, yes and no are one JSON object on
    standard output; what is wrong with usage or configuration is text on standard error all the same.

    Secrets never stand on the command line: cookie passwords come from WORKOS_COOKIE_PASSWORD or from
    files (--password-file), cookie values from standard input. Errors do not repeat what was given.

    Text that others wrote is printed escaped: \n, \u{1b}, \u{202e}. In JSON the same characters are
    written as \u001b, which a parser reads as what they are.
    "#);
}

#[test]
fn colours_stay_out_of_pipes() {
    let plain = judge("inspect", "jwt-valid").run().stdout;
    assert!(!plain.contains('\u{1b}'));
    let forced = judge("inspect", "jwt-valid").env("CLICOLOR_FORCE", "1").run().stdout;
    assert!(forced.contains('\u{1b}'), "colours can be asked for");
    let refused = judge("inspect", "jwt-valid").env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run().stdout;
    assert!(!refused.contains('\u{1b}'), "NO_COLOR wins");
}

/// The format that is written needs a password of its shape; what only reads has its password from elsewhere.
#[test]
fn written_format_hinders_no_command_that_reads() {
    for format in ["iron", "python-fernet", "ruby-v6", "rust-gcm", "go-gcm", "php-halite", "dotnet-gcm"] {
        for command in ["authenticate", "inspect"] {
            let ran = judge(command, "jwt-valid").env("SEALKIT_FORMAT_WRITE", format).run();
            assert_ne!(ran.code, 2, "{command} {format}: {ran}");
        }
    }
}
