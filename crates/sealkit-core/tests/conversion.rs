//! Payloads from every format to every other and back: renamed by table, told what an SDK makes of them, and otherwise untouched.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod json;
mod members;

use json::{any_json, object, own_members, text};
use members::members;
use proptest::prelude::*;
use sealkit_core::{
    UnsealedSession,
    format::Format,
    session::{Converted, Effect, Loss, Style, payload_in},
};
use serde_json::Value;
use std::{collections::BTreeMap, fs};

fn parsed(payload: &str, format: Format) -> UnsealedSession {
    UnsealedSession::parse_as(payload.as_bytes().to_vec(), format)
        .unwrap_or_else(|detail| panic!("{format}: {detail}: {payload}"))
}

fn converted(payload: &str, from: Format, to: Format) -> Converted {
    payload_in(&parsed(payload, from), to)
}

/// What is told, as `code member`.
fn told(losses: &[Loss]) -> Vec<String> {
    losses.iter().map(|loss| format!("{} {}", loss.as_str(), loss.member())).collect()
}

/// What is told of the newest SDKs: true of all of them, or of Go since 9.2.0.
fn told_of_newest(losses: &[Loss]) -> Vec<String> {
    let is_of_newest = |loss: &&Loss| loss.sdk.is_none_or(|sdk| sdk == "go");
    losses.iter().filter(is_of_newest).map(|loss| format!("{} {}", loss.as_str(), loss.member())).collect()
}

/// Takes the one or the other of a name in camelCase and in snake_case.
type Pick = fn(&str, &str) -> String;

/// A payload with everything in it that could go wrong; all values must come through as they stand, with their digits, escapes
/// and spaces.
fn rich(outside: Pick, in_user: Pick) -> String {
    let (out, user) = (
        |camel: &str, snake: &str| format!("\"{}\"", outside(camel, snake)),
        |camel: &str, snake: &str| format!("\"{}\"", in_user(camel, snake)),
    );
    [
        "{", &out("organizationId", "organization_id"), r#":"org_1","user":{"object":"user","id":"user_1","#,
        r#""email":"ada+x@example.com","#, &user("emailVerified", "email_verified"), r#":true,"name":"Ada \"the\" L","#,
        &user("firstName", "first_name"), r#":"Zo\u00eb; \/ \ud83e\udd80 🦀","#,
        &user("profilePictureUrl", "profile_picture_url"), r#":null,"#, &user("lastName", "last_name"), r#":"","#,
        &user("lastSignInAt", "last_sign_in_at"), r#":"2026-01-01T00:00:00.000Z","locale":"fr-CA","#,
        &user("createdAt", "created_at"), r#":"2025-01-01T00:00:00Z","#, &user("updatedAt", "updated_at"),
        r#":"2025-06-01T12:34:56.789123Z","#, &user("externalId", "external_id"), r#":"crm-7","metadata":"#,
        r#"{"favorite_color":"snake","favoriteColor":"camel","access_token":"a","accessToken":"b","first_name":"c","#,
        r#""user":"d","organizationId":"e","x":"\u0000"},"badge_number":1e400,"badgeNumber":12345678901234567890123},"#,
        &out("accessToken", "access_token"), r#":"h.p.s","#, &out("refreshToken", "refresh_token"), r#":"r\u002b/=","#,
        &out("authenticationMethod", "authentication_method"), r#":"GoogleOAuth","impersonator":{"email":"s@example.com","#,
        r#""reason":"\"why\"","first_name":"x","firstName":[1, 2],"access_token":"no"},"#,
        &out("oauthTokens", "oauth_tokens"), r#":{"provider":"GoogleOAuth","#, &out("accessToken", "access_token"),
        r#":"oat","#, &out("refreshToken", "refresh_token"), r#":"ort","#, &out("expiresAt", "expires_at"),
        r#":1735141800.0,"scopes":["profile", "e\u006dail"],"first_name":1},"future_field":-0,"futureField":{"a": [ ]}}"#,
    ]
    .concat()
}

fn rich_in(format: Format) -> String {
    let camel: Pick = |camel, _| camel.to_owned();
    let snake: Pick = |_, snake| snake.to_owned();
    match format.style() {
        Style::Camel => rich(camel, camel),
        Style::KotlinMixed => rich(camel, snake),
        Style::Snake | Style::Ruby6 => rich(snake, snake),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_format_s_payload_is_every_other_s_with_other_names_and_nothing_else() {
    for from in Format::ALL.iter().copied() {
        for to in Format::ALL.iter().copied() {
            let new = converted(&rich_in(from), from, to);
            assert_eq!(*new.payload, rich_in(to), "{from} → {to}");
        }
    }
}

fn joined(parts: &[&[&'static str]]) -> Vec<&'static str> {
    parts.concat()
}

#[test]
fn what_each_sdk_makes_of_a_session_is_told() {
    let unknown_in_user = ["not_kept user.badge_number", "not_kept user.badgeNumber"];
    let in_impersonator = [
        "not_kept impersonator.first_name",
        "not_kept impersonator.firstName",
        "not_kept impersonator.access_token",
    ];
    let beyond_six = ["not_kept oauth_tokens", "not_kept future_field", "not_kept futureField"];
    let organization: &[&str] = &["not_kept organization_id"];
    let method: &[&str] = &["not_kept authentication_method"];
    let node = joined(&[&unknown_in_user, &beyond_six]);
    let maps = joined(&[organization, method, &beyond_six]);
    for format in Format::ALL.iter().copied() {
        let expected = match format {
            Format::Iron | Format::PlainJson | Format::B64urlJson => node.clone(),
            Format::RrCookie => joined(&[organization, &unknown_in_user, method, &beyond_six]),
            Format::KotlinIron => joined(&[organization, &unknown_in_user, &in_impersonator, &beyond_six]),
            Format::PythonFernet | Format::RubyV7 | Format::PhpSecretbox => maps.clone(),
            Format::RubyV6 => joined(&[
                &["not_kept user.object", "not_kept user.name", "not_kept user.metadata"],
                &unknown_in_user,
                method,
                &in_impersonator,
                &beyond_six,
            ]),
            Format::GoGcm => joined(&[organization, &unknown_in_user, method, &in_impersonator, &beyond_six]),
            Format::RustGcm => joined(&[
                organization,
                &["null_left_out user.profile_picture_url"],
                &unknown_in_user,
                method,
                &in_impersonator,
                &beyond_six,
            ]),
            Format::PhpHalite | Format::PhpSigned | Format::DotnetGcm => {
                let mut all = joined(&[organization, &unknown_in_user, method]);
                all.retain(|told| !told.contains("user."));
                all.insert(1, "not_kept user");
                all.push("not_kept impersonator");
                all.extend(beyond_six);
                all
            }
            Format::SignedJson => Vec::new(),
            other => panic!("{other}"),
        };
        let new = converted(&rich_in(Format::Iron), Format::Iron, format);
        let sorted = |mut told: Vec<String>| {
            told.sort();
            told
        };
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(sorted(told_of_newest(&new.losses)), sorted(expected), "{format}");
    }
}

#[test]
fn nulls_are_told_where_an_sdk_leaves_them_out_and_kept_everywhere() {
    let nulls = r#"{"accessToken":"a","refreshToken":"r","impersonator":{"email":"s","reason":null},"user":{"object":"user","id":"u",
        "email":"e","emailVerified":false,"createdAt":"c","updatedAt":"u","name":null,"firstName":null,"lastName":null,
        "profilePictureUrl":null,"externalId":null,"lastSignInAt":null,"locale":null,"metadata":{}}}"#;
    for (to, expected) in [
        (Format::GoGcm, vec!["user.name", "user.locale", "user.metadata"]),
        (
            Format::RustGcm,
            vec![
                "impersonator.reason",
                "user.name",
                "user.first_name",
                "user.last_name",
                "user.profile_picture_url",
                "user.external_id",
                "user.last_sign_in_at",
                "user.locale",
            ],
        ),
        (Format::PythonFernet, vec![]),
        (Format::KotlinIron, vec![]),
        (Format::RubyV7, vec![]),
    ] {
        let new = converted(nulls, Format::Iron, to);
        let expected: Vec<_> = expected.iter().map(|member| format!("null_left_out {member}")).collect();
        let needed = [Effect::Needed, Effect::Changed];
        let left_out: Vec<Loss> =
            new.losses.into_iter().filter(|loss| !needed.contains(&loss.effect)).collect();
        let sorted = |mut told: Vec<String>| {
            told.sort();
            told
        };
        assert_eq!(sorted(told_of_newest(&left_out)), sorted(expected), "{to}");
        assert_eq!(new.payload.matches("null").count(), 8, "{to}: {}", *new.payload);
    }
    for (to, count) in [(Format::GoGcm, 2), (Format::RustGcm, 2), (Format::RubyV7, 0)] {
        let nobody = r#"{"accessToken":"a","refreshToken":"r","user":null,"impersonator":null}"#;
        assert_eq!(converted(nobody, Format::Iron, to).losses.len(), count, "{to}");
    }
    let metadata = r#"{"accessToken":"a","refreshToken":"r","user":{"metadata":null}}"#;
    let new = converted(metadata, Format::Iron, Format::GoGcm);
    assert_eq!(told(&new.losses), ["null_left_out user.metadata"]);
}

#[test]
fn what_an_sdk_cannot_open_without_is_told() {
    let told = |payload: &str, to| told(&converted(payload, Format::PythonFernet, to).losses);
    let only = r#"{"access_token":"a"}"#;
    for to in [Format::RustGcm, Format::PhpHalite, Format::PhpSigned, Format::KotlinIron] {
        assert_eq!(told(only, to), ["needed refresh_token"], "{to}");
        let null = r#"{"access_token":"a","refresh_token":null}"#;
        assert_eq!(told(null, to), ["needed refresh_token"], "{to}");
        let coerced = if to == Format::KotlinIron { "changed refresh_token" } else { "needed refresh_token" };
        assert_eq!(told(r#"{"access_token":"a","refresh_token":7}"#, to), [coerced], "{to}");
        assert!(told(r#"{"access_token":"a","refresh_token":""}"#, to).is_empty(), "{to}");
    }
    for to in [Format::GoGcm, Format::RubyV6, Format::RubyV7, Format::DotnetGcm] {
        assert!(told(only, to).is_empty(), "{to}");
    }
    assert_eq!(told(only, Format::Iron), ["not_refreshed refresh_token", "not_refreshed user"]);
    assert_eq!(told(only, Format::PythonFernet), ["not_refreshed refresh_token", "not_refreshed user"]);

    // As workos-ruby 5.10 wrote users: without `object`, which can be written, and what else is missing cannot.
    let user = r#"{"access_token":"a","refresh_token":"r","user":{"id":"u","email":null,"email_verified":true,"created_at":"c"}}"#;
    let new = converted(user, Format::RubyV6, Format::RustGcm);
    assert_eq!(
        *new.payload,
        r#"{"access_token":"a","refresh_token":"r","user":{"id":"u","email":null,"email_verified":true,"created_at":"c","object":"user"}}"#
    );
    assert_eq!(self::told(&new.losses), ["needed user.email", "needed user.updated_at"]);

    // Into types, a member of another type cannot be read either.
    let user = r#"{"access_token":"a","refresh_token":"r","impersonator":{"email":1,"reason":[]},"user":{"object":"user","id":1,
        "email":"e","email_verified":"true","name":{},"created_at":"c","updated_at":"u","metadata":{"a":"1","b":2}}}"#;
    let others = [
        "needed impersonator.email",
        "needed impersonator.reason",
        "needed user.id",
        "needed user.email_verified",
        "needed user.name",
        "needed user.metadata",
    ];
    for to in [Format::GoGcm, Format::RustGcm] {
        let mut needed = told(user, to);
        needed.retain(|told| told.starts_with("needed") && told != "not_kept user.name");
        needed.sort();
        let mut others = others.to_vec();
        others.sort_unstable();
        assert_eq!(needed, others, "{to}");
        let nobody = r#"{"access_token":"a","refresh_token":"r","impersonator":"nobody"}"#;
        assert_eq!(told(nobody, to), ["needed impersonator"], "{to}");
    }
    let reason = r#"{"access_token":"a","refresh_token":"r","impersonator":{"reason":"x"}}"#;
    assert_eq!(told(reason, Format::RustGcm), ["needed impersonator.email"]);
    assert!(told(reason, Format::GoGcm).is_empty());
}

#[test]
fn two_members_that_come_to_one_name_are_told_and_the_known_one_is_written() {
    let both = r#"{"access_token":"unknown","accessToken":"a","user":{"first_name":1,"firstName":"A","emailVerified":true},
        "oauthTokens":{"accessToken":"o","access_token":"p"},"oauth_tokens":"q"}"#;
    let new = converted(both, Format::Iron, Format::SignedJson);
    assert!(new.losses.is_empty() && new.payload.contains("unknown"), "one style: {:?}", new.losses);
    let new = converted(both, Format::Iron, Format::PythonFernet);
    assert_eq!(
        *new.payload,
        r#"{"access_token":"a","user":{"first_name":"A","email_verified":true},"oauth_tokens":{"access_token":"o"}}"#
    );
    let collisions: Vec<_> =
        told(&new.losses).into_iter().filter(|told| told.starts_with("collides")).collect();
    assert_eq!(
        collisions,
        [
            "collides access_token",
            "collides user.first_name",
            "collides oauth_tokens.access_token",
            "collides oauth_tokens"
        ]
    );
}

#[test]
fn a_member_that_meant_nothing_never_comes_to_mean_something() {
    let payload = r#"{"accessToken":"a","refresh_token":"r","user":{"id":"u","firstName":"A","external_id":"x"},"oauth_tokens":{}}"#;
    let new = converted(payload, Format::Iron, Format::PythonFernet);
    assert_eq!(*new.payload, r#"{"access_token":"a","user":{"id":"u","first_name":"A"}}"#);
    let collisions: Vec<_> =
        told(&new.losses).into_iter().filter(|told| told.starts_with("collides")).collect();
    assert_eq!(collisions, ["collides refresh_token", "collides user.external_id", "collides oauth_tokens"]);
}

#[test]
fn the_text_that_old_ruby_writes_for_nobody_is_nobody() {
    let nobody = r#"{"access_token":"a","impersonator":"null","refresh_token":"r"}"#;
    let new = converted(nobody, Format::RubyV6, Format::Iron);
    assert_eq!(*new.payload, r#"{"accessToken":"a","refreshToken":"r"}"#);
    assert_eq!(told(&new.losses), ["not_refreshed user"]);
    assert_eq!(*converted(nobody, Format::RubyV6, Format::RubyV6).payload, nobody);
    for (from, old) in [
        (Format::Iron, r#"{"accessToken":"a"}"#),
        (Format::Iron, r#"{"accessToken":"a","impersonator":null}"#),
        (Format::KotlinIron, r#"{"accessToken":"a","impersonator":null}"#),
        (Format::PythonFernet, r#"{"access_token":"a"}"#),
    ] {
        let new = converted(old, from, Format::RubyV6);
        assert_eq!(*new.payload, r#"{"access_token":"a","impersonator":"null"}"#, "{from}");
    }
    // Elsewhere it is a text like any other.
    let text = r#"{"access_token":"a","impersonator":"null"}"#;
    assert_eq!(*converted(text, Format::PythonFernet, Format::RubyV7).payload, text);
}

#[test]
fn a_user_with_the_api_s_names_in_a_camel_case_payload_is_read_as_kotlin_s() {
    let mixed = r#"{"accessToken":"a","user":{"id":"u","email_verified":true,"first_name":"A"}}"#;
    for from in [Format::KotlinIron, Format::Iron] {
        let new = converted(mixed, from, Format::Iron);
        assert_eq!(
            *new.payload,
            r#"{"accessToken":"a","user":{"id":"u","emailVerified":true,"firstName":"A"}}"#
        );
        assert_eq!(*converted(mixed, from, Format::KotlinIron).payload, mixed);
        assert!(converted(mixed, from, Format::RubyV7).losses.is_empty());
    }
    // Not when it has a camelCase member of that name, too.
    let both =
        r#"{"accessToken":"a","user":{"id":"u","emailVerified":true,"email_verified":1,"first_name":2}}"#;
    assert_eq!(*converted(both, Format::Iron, Format::SignedJson).payload, both);
}

/// The members of a payload by their paths, names as they are, values as they were written.
fn by_path(payload: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, value) in members(payload) {
        if value.starts_with('{') && ["user", "oauth_tokens", "oauthTokens"].contains(&&*name) {
            all.extend(members(&value).into_iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
            all.insert(name, "an object".to_owned());
        } else {
            all.insert(name, value);
        }
    }
    all
}

fn is_empty_array(json: &str) -> bool {
    serde_json::from_str::<Vec<Value>>(json).is_ok_and(|list| list.is_empty())
}

fn is_camel(format: Format) -> bool {
    matches!(format.style(), Style::Camel | Style::KotlinMixed)
}

/// There and back: what is not the same must have been told, or be what the format demands.
fn assert_comes_back(original: &UnsealedSession, from: Format, to: Format) -> Result<(), TestCaseError> {
    let there = payload_in(original, to);
    let back = payload_in(&parsed(&there.payload, to), from);
    let (mut before, mut after) = (by_path(original.expose_text()), by_path(&back.payload));
    let nobody = |value: &String| ["null", r#""null""#].contains(&value.as_str());
    if [from.style(), to.style()].contains(&Style::Ruby6) && before.get("impersonator").is_none_or(nobody) {
        prop_assert!(after.remove("impersonator").is_none_or(|value| nobody(&value)));
        before.remove("impersonator");
    }
    // PHP writes an empty object so, and types read it only as an object.
    if [from, to].iter().any(|format| matches!(format, Format::GoGcm | Format::RustGcm | Format::KotlinIron))
    {
        for metadata in
            before.get_mut("user.metadata").into_iter().filter(|metadata| is_empty_array(metadata))
        {
            *metadata = "{}".to_owned();
        }
    }
    let is_null = |value: &String| value == "null";
    if [from, to].contains(&Format::RustGcm) && before.get("user.object").is_none_or(is_null) {
        prop_assert!(after.remove("user.object").is_none_or(|value| value == r#""user""#));
        before.remove("user.object");
    }
    for loss in there.losses.iter().filter(|loss| loss.effect == Effect::Collides) {
        let path = match loss.member().split_once('.') {
            Some(("oauth_tokens", inner)) if is_camel(from) => format!("oauthTokens.{inner}"),
            _ => loss.member().to_owned(),
        };
        prop_assert!(before.remove(&path).is_some(), "{}", loss);
        before.retain(|inner, _| !inner.starts_with(&format!("{path}.")));
    }
    prop_assert_eq!(before, after, "{} → {} → {}: {:?}", from, to, from, there.losses);
    Ok(())
}

const SETS: [&str; 11] = [
    "iron",
    "react_router",
    "kotlin",
    "python",
    "ruby",
    "go",
    "rust",
    "php",
    "dotnet",
    "unsealed",
    "signed_json",
];

#[test]
fn every_sdk_s_payload_comes_back_from_every_format_as_it_was() {
    let mut count = 0;
    for set in SETS {
        let path = format!("{}/../../vectors/{set}.json", env!("CARGO_MANIFEST_DIR"));
        let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for vector in file["vectors"].as_array().unwrap().iter().filter(|vector| vector["expect"] == "ok") {
            let text = |member: &str| vector[member].as_str().unwrap();
            let format: Format = text("format").parse().unwrap();
            let original = UnsealedSession::read(text("plaintext").into(), format).unwrap();
            let from = format;
            for to in Format::ALL.iter().copied() {
                assert_comes_back(&original, from, to).unwrap_or_else(|e| panic!("{}: {e}", text("id")));
                let kept = payload_in(&original, to);
                let dropped = kept.losses.iter().find(|loss| loss.effect == Effect::Collides);
                assert_eq!(dropped, None, "{} → {to}: no real cookie has such members", text("id"));
            }
            count += 1;
        }
    }
    assert_eq!(count, 199);
}

fn format() -> impl Strategy<Value = Format> {
    prop::sample::select(Format::ALL)
}

/// Members of the tables and others, in either case, with any values.
fn some_members() -> impl Strategy<Value = Vec<(String, String)>> {
    let known = prop::sample::select(vec![
        "accessToken",
        "access_token",
        "refreshToken",
        "refresh_token",
        "organizationId",
        "organization_id",
        "impersonator",
        "oauthTokens",
        "oauth_tokens",
        "id",
        "object",
        "emailVerified",
        "email_verified",
        "firstName",
        "first_name",
        "metadata",
        "expiresAt",
        "expires_at",
        "headers",
    ]);
    prop::collection::vec((known.prop_map(str::to_owned), any_json()), 0..8).prop_map(|members| {
        let mut unique: BTreeMap<String, String> = BTreeMap::new();
        unique.extend(members);
        unique.into_iter().collect()
    })
}

proptest! {
    /// Whatever stands in it: a session stays one in every format, with its token, and the application's own members stay what
    /// they are.
    #[test]
    fn any_session_stays_one(from in format(), to in format(), token in text(), top in own_members(), inside in own_members(), oauth in own_members()) {
        let camel = is_camel(from);
        let name = |camel_name: &str, snake: &str| if camel { camel_name } else { snake }.to_owned();
        let own = top.clone();
        let mut all = vec![(name("accessToken", "access_token"), Value::from(format!("t{token}")).to_string())];
        all.extend(top);
        all.push(("user".to_owned(), object(&[vec![("id".to_owned(), r#""u""#.to_owned())], inside.clone()].concat())));
        all.push((name("oauthTokens", "oauth_tokens"), object(&oauth)));
        let original = parsed(&object(&all), from);
        let new = payload_in(&original, to);
        let session = parsed(&new.payload, to);
        prop_assert_eq!(session.access_token(), format!("t{token}"));
        let kept: Vec<_> = members(&new.payload).into_iter().filter(|(name, _)| name.starts_with('x')).collect();
        prop_assert_eq!(kept, own);
        let user = members(&new.payload).into_iter().find(|(name, _)| name == "user").unwrap().1;
        let kept: Vec<_> = members(&user).into_iter().filter(|(name, _)| name.starts_with('x')).collect();
        prop_assert_eq!(kept, inside);
        assert_comes_back(&original, from, to)?;
    }

    /// Members of both cases at once, of any type: nothing panics, no session gets lost, and what does not come back was told.
    #[test]
    fn members_of_both_cases_come_back_or_are_told(from in format(), to in format(), top in some_members(), inside in some_members()) {
        let camel = is_camel(from);
        let token = if camel { "accessToken" } else { "access_token" };
        let mut all: Vec<_> = top.into_iter().filter(|(name, _)| name != token).collect();
        all.push((token.to_owned(), r#""a""#.to_owned()));
        let mut inside = inside;
        if from.style() == Style::Camel && inside.iter().all(|(name, _)| name != "emailVerified") {
            // Whose names a user has is a question of its own, answered above.
            inside.push(("emailVerified".to_owned(), "true".to_owned()));
        }
        all.push(("user".to_owned(), object(&inside)));
        // A number that no machine number holds is none of a session's own members.
        let original = UnsealedSession::parse_as(object(&all).into_bytes(), from);
        prop_assume!(original.is_ok());
        let original = original.unwrap();
        let session = parsed(&payload_in(&original, to).payload, to);
        prop_assert_eq!(session.access_token(), "a");
        assert_comes_back(&original, from, to)?;
    }
}
