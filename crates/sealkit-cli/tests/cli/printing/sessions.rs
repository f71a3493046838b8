//! Hostile text in every field of a session: of one that a visitor made up, and of one that verifies.

use super::hostile::{assert_printed_harmless, hostile, token};
use crate::common::{PASSWORD, Ran, Sealkit, in_parallel, sealkit};
use sealkit_devidp::{DevIdp, Endpoint, Fault, Membership, MintSession, Organization, User};
use serde_json::{Map, Value, json};
use std::{net::Ipv4Addr, time::Duration};

/// Sets one member, with `/` between the levels, to hostile text; `name` alone makes the member's name hostile.
#[derive(Clone, Copy, Debug)]
enum Field {
    Header(&'static str),
    Claim(&'static str),
    Session(&'static str),
    User(&'static str),
}

/// Every field that is read, shown or counted somewhere. `*` is a member that nobody knows, under a hostile name.
const FIELDS: [Field; 45] = [
    Field::Header("kid"),
    Field::Header("alg"),
    Field::Header("typ"),
    Field::Header("*"),
    Field::Claim("iss"),
    Field::Claim("sub"),
    Field::Claim("sid"),
    Field::Claim("jti"),
    Field::Claim("aud"),
    Field::Claim("azp"),
    Field::Claim("client_id"),
    Field::Claim("scope"),
    Field::Claim("org_id"),
    Field::Claim("role"),
    Field::Claim("roles"),
    Field::Claim("permissions"),
    Field::Claim("entitlements"),
    Field::Claim("feature_flags"),
    Field::Claim("act"),
    Field::Claim("exp"),
    Field::Claim("nbf"),
    Field::Claim("sub_type"),
    Field::Claim("*"),
    Field::Session("refreshToken"),
    Field::Session("organizationId"),
    Field::Session("authenticationMethod"),
    Field::Session("impersonator"),
    Field::Session("sealedSession"),
    Field::Session("oauthTokens"),
    Field::Session("*"),
    Field::User("id"),
    Field::User("email"),
    Field::User("firstName"),
    Field::User("lastName"),
    Field::User("name"),
    Field::User("object"),
    Field::User("locale"),
    Field::User("emailVerified"),
    Field::User("createdAt"),
    Field::User("updatedAt"),
    Field::User("lastSignInAt"),
    Field::User("externalId"),
    Field::User("profilePictureUrl"),
    Field::User("metadata"),
    Field::User("*"),
];

/// A session in which this field is hostile, in a list and an object, too.
fn payload(field: Field) -> Value {
    let mut header = json!({"alg": "RS256", "kid": "k", "typ": "JWT"});
    let mut claims = json!({"iss": "https://issuer.test", "sub": "user_1", "sid": "session_1", "exp": 4_102_444_800_u64, "iat": 1});
    let mut user = json!({"object": "user", "id": "user_1", "email": "ada@example.test"});
    let mut session = json!({"accessToken": "", "refreshToken": "r", "user": {}});
    let (place, name) = match field {
        Field::Header(name) => (&mut header, name),
        Field::Claim(name) => (&mut claims, name),
        Field::Session(name) => (&mut session, name),
        Field::User(name) => (&mut user, name),
    };
    let text = hostile(name);
    let value = match name {
        "roles" | "permissions" | "entitlements" | "feature_flags" => json!([text, text]),
        "act" => json!({ "sub": text }),
        "impersonator" => json!({"email": text, "reason": text}),
        "metadata" | "oauthTokens" => json!({ text.clone(): text, "provider": text, "scopes": [text] }),
        _ => json!(text),
    };
    let name = if name == "*" { text } else { name.to_owned() };
    place.as_object_mut().unwrap().insert(name, value);
    session["accessToken"] = token(&header, &claims).into();
    session["user"] = user;
    session
}

/// Without a password and without a key: what any visitor can send.
#[test]
fn hostile_text_in_any_field_of_an_unsealed_session_is_escaped() {
    let directory = tempfile::tempdir().unwrap();
    let jwks = directory.path().join("jwks.json");
    std::fs::write(&jwks, r#"{"keys":[]}"#).unwrap();
    let jwks = jwks.to_str().unwrap();
    in_parallel(&FIELDS, |field| {
        let value = payload(*field).to_string();
        let calls: [&[&str]; 12] = [
            &["inspect"],
            &["inspect", "--json"],
            &["inspect", "--reveal"],
            &["inspect", "--reveal", "--json"],
            &["inspect", "--jwks", jwks],
            &["inspect", "--format", "iron"],
            &["unseal"],
            &["unseal", "--json"],
            &["unseal", "--any"],
            &["authenticate", "--jwks", jwks],
            &["authenticate", "--jwks", jwks, "--json"],
            &["key", "status"],
        ];
        for call in calls {
            let ran = unsealed(call).input(value.clone()).run();
            assert_printed_harmless(&ran, &format!("{call:?} {field:?}"));
        }
        let revealed = unsealed(&["inspect", "--reveal", "--json"]).input(value.clone()).run().json();
        assert!(revealed["members"].as_array().unwrap().len() >= 3, "{revealed}");
        let read: Value =
            serde_json::from_str(&unsealed(&["unseal"]).input(value.clone()).run().stdout).unwrap();
        assert_eq!(read, payload(*field), "a parser reads the same");
        assert_eq!(unsealed(&["unseal", "--json"]).input(value).run().json()["payload"], payload(*field));
    });
}

/// Everything is read, everything is logged.
fn unsealed(call: &[&str]) -> Sealkit {
    sealkit(call.iter().copied())
        .password(PASSWORD)
        .env("SEALKIT_LOG", "trace")
        .env("SEALKIT_FORMATS_READ", "sealed,unsealed,signed-json")
}

/// A seal does not make text harmless: names and roles come from people, too.
#[test]
fn hostile_text_in_any_field_of_a_sealed_session_is_escaped() {
    let directory = tempfile::tempdir().unwrap();
    in_parallel(&FIELDS, |field| {
        let payload = payload(*field).to_string();
        let sealed = sealkit(["seal", "--format", "iron"]).password(PASSWORD).input(payload).run().stdout;
        for call in
            [&["inspect", "--reveal"][..], &["inspect", "--json"], &["unseal"], &["authenticate", "--json"]]
        {
            assert_printed_harmless(
                &unsealed(call).input(sealed.clone()).run(),
                &format!("{call:?} {field:?}"),
            );
        }
        for to in ["plain-json", "signed-json", "b64url-json"] {
            let ran = sealkit(["convert", "--to", to]).password(PASSWORD).input(sealed.clone()).run();
            assert_eq!(ran.code, 0, "{ran}");
            assert_printed_harmless(&ran, &format!("convert {to} {field:?}"));
        }
        // Names of members become names of losses.
        for to in ["go-gcm", "dotnet-gcm", "kotlin-iron"] {
            let out = directory.path().join(format!("{to} {field:?}").replace('*', "any"));
            let call = ["convert", "--to", to, "--out", out.to_str().unwrap()];
            for flag in [None, Some("--json")] {
                let _ = std::fs::remove_file(&out);
                let call = call.into_iter().chain(flag);
                let ran = sealkit(call).password(PASSWORD).input(sealed.clone()).run();
                assert_printed_harmless(&ran, &format!("convert {to} {field:?}"));
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_in_a_session_that_verifies_is_escaped() {
    let organization = Organization::new(hostile("org_1"), hostile("Acme"));
    let membership = Membership::new(&organization)
        .with_roles([hostile("admin")])
        .with_permissions([hostile("read"), hostile("write")])
        .with_entitlements([hostile("logs")])
        .with_feature_flags([hostile("beta")]);
    let user = User::new("ada@example.test")
        .with_id(hostile("user_1"))
        .with_name(hostile("Ada"), hostile("Lovelace"))
        .with_metadata(hostile("key"), hostile("value"))
        .with_locale(hostile("en"))
        .with_member(hostile("member"), hostile("value"))
        .with_membership(membership);
    let idp = DevIdp::builder().users([user]).replay_window(Duration::ZERO).build().unwrap();
    let server = idp.serve((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let environment = [
        ("WORKOS_API_HOSTNAME", "127.0.0.1".to_owned()),
        ("WORKOS_API_PORT", server.local_addr().port().to_string()),
        ("WORKOS_API_HTTPS", "false".to_owned()),
        ("WORKOS_CLIENT_ID", idp.client_id()),
        ("WORKOS_API_KEY", idp.api_key().expose_secret().to_owned()),
        ("SEALKIT_LOG", "trace,hyper=off,reqwest=off,hyper_util=off,mio=off,rustls=off".to_owned()),
    ];
    let call = |arguments: &[&str]| {
        let call = sealkit(arguments.iter().copied()).password(PASSWORD);
        environment.iter().fold(call, |call, (name, value)| call.env(name, value))
    };
    let minted = idp
        .mint_session(
            MintSession::for_user("ada@example.test")
                .claim(hostile("claim"), hostile("value"))
                .claim("nested", json!({ hostile("name"): [hostile("item")] })),
        )
        .unwrap();
    let mut user = minted.user_json.clone();
    user["email"] = hostile("ada@example.test").into();
    let session = json!({
        "accessToken": minted.access_token, "refreshToken": minted.refresh_token,
        "authenticationMethod": hostile("Password"), "organizationId": minted.organization_id,
        "user": camel(&user), hostile("member"): hostile("value"),
    });
    let sealed = run(call(&["seal", "--format", "iron"]).input(session.to_string())).await.stdout;
    for arguments in [
        &["authenticate"][..],
        &["authenticate", "--json"],
        &["inspect", "--online", "--reveal"],
        &["inspect", "--online", "--reveal", "--json"],
    ] {
        let ran = run(call(arguments).input(sealed.clone())).await;
        assert_eq!(ran.code, 0, "{arguments:?}: {ran}");
        assert!(ran.stdout.contains("Lovelace"), "{arguments:?}: {ran}");
        assert_printed_harmless(&ran, &format!("{arguments:?}"));
    }
    let authenticated = run(call(&["authenticate", "--json"]).input(sealed.clone())).await.json();
    assert_eq!(authenticated["user_id"], hostile("user_1"), "a parser reads the same");
    // The API's answers: a code, a request id, organizations to choose from; then the session that it gives.
    let refusal = json!({
        "code": hostile("code"), "message": hostile("message"), "error": hostile("error"),
        "error_description": hostile("description"), "connection_ids": [hostile("conn_1")],
        "organizations": [{"id": hostile("org_1"), "name": hostile("Acme")}],
    });
    let choice = json!({"code": "organization_selection_required", "organizations": [{"id": hostile("org_1"), "name": hostile("Acme")}]});
    for (status, body) in [(400, &refusal), (403, &choice), (418, &refusal)] {
        idp.fault(
            Endpoint::Authenticate,
            Fault::json(status, body).header("x-request-id", "req 1\u{7f}").always(),
        );
        for arguments in [&["refresh"][..], &["refresh", "--json"]] {
            let ran = run(call(arguments).input(sealed.clone())).await;
            assert_eq!(ran.code, 1, "{ran}");
            assert_printed_harmless(&ran, &format!("{arguments:?} {status}"));
        }
    }
    idp.clear_faults(Endpoint::Authenticate);
    for format in ["iron", "plain-json", "signed-json", "b64url-json"] {
        let minted = idp.mint_session(MintSession::for_user("ada@example.test")).unwrap();
        let session = json!({"accessToken": minted.access_token, "refreshToken": minted.refresh_token, "user": camel(&user)});
        let sealed = run(call(&["seal", "--format", "iron"]).input(session.to_string())).await.stdout;
        let ran = run(call(&["refresh"])
            .env("SEALKIT_FORMATS_READ", "sealed,unsealed,signed-json")
            .env("SEALKIT_FORMAT_WRITE", format)
            .input(sealed))
        .await;
        assert_eq!(ran.code, 0, "{ran}");
        assert_printed_harmless(&ran, &format!("refresh to {format}"));
        let percent = ran.stderr.contains("percent-encoded").then_some("--percent-encoded");
        assert_eq!(percent.is_some(), format == "signed-json", "{ran}");
        let again = ["authenticate"].into_iter().chain(percent).collect::<Vec<_>>();
        let again =
            run(call(&again).env("SEALKIT_FORMATS_READ", "sealed,unsealed,signed-json").input(ran.stdout))
                .await;
        assert_eq!(again.code, 0, "{format}: {again}");
        assert_printed_harmless(&again, &format!("authenticate {format}"));
    }
}

/// The user as the JavaScript libraries store it, as far as the command line shows it.
fn camel(user: &Value) -> Value {
    let name = |name: &String| match name.as_str() {
        "first_name" => "firstName".to_owned(),
        "last_name" => "lastName".to_owned(),
        other => other.to_owned(),
    };
    user.as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (name(key), value.clone()))
        .collect::<Map<_, _>>()
        .into()
}

/// The provider lives on the test's runtime, so the call must not hold it up.
async fn run(call: Sealkit) -> Ran {
    tokio::task::spawn_blocking(move || call.run()).await.unwrap()
}
