use super::{
    sdk::{Keeps, Reading},
    *,
};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// Where the cookies of a format stand, and which writer of them is as new as the table. (workos-php 4 never
/// seals by itself, and none is the .NET SDK's own.)
const WRITERS: [(Format, &str, &str); 9] = [
    (Format::Iron, "iron", "@workos-inc/node@11"),
    (Format::RrCookie, "react_router", "@workos-inc/authkit-react-router"),
    (Format::KotlinIron, "kotlin", "workos-kotlin"),
    (Format::PythonFernet, "python", "workos (PyPI)@10"),
    (Format::RubyV6, "ruby", "workos (RubyGems)@6"),
    (Format::RubyV7, "ruby", "workos (RubyGems)@10"),
    (Format::GoGcm, "go", "workos-go"),
    (Format::RustGcm, "rust", "workos (crates.io)"),
    (Format::PhpSecretbox, "php", "workos/workos-php@9"),
];

/// The payloads that this writer sealed.
fn written(format: Format, set: &str, by: &str) -> Vec<(String, UnsealedSession)> {
    let path = format!("{}/../../vectors/{set}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let vectors = file["vectors"].as_array().unwrap().iter().filter(|vector| {
        let made_by = vector["made_by"].as_str().unwrap();
        vector["expect"] == "ok" && vector["format"] == format.id() && made_by.starts_with(by)
    });
    vectors
        .map(|vector| {
            let text = |member: &str| vector[member].as_str().unwrap().to_owned();
            (text("id"), UnsealedSession::read(text("plaintext").into_bytes(), format).unwrap())
        })
        .collect()
}

/// The members of a payload by their paths, in the API's names.
fn paths(payload: &str, style: Style) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, value) in Members::parse(payload).unwrap().iter() {
        let name = style.session().api_name(name).unwrap_or(name);
        found.insert(name.to_owned());
        let (Ok(inner), true) = (Members::parse(value), ["user", "impersonator"].contains(&name)) else {
            continue;
        };
        for (member, _) in inner.iter() {
            let api = if name == "user" { style.user().api_name(member) } else { None };
            found.insert(format!("{name}.{}", api.unwrap_or(member)));
        }
    }
    found
}

/// The table is neither stricter than the SDKs nor more generous: whatever they write, they keep, and whatever it lists by name,
/// one of their cookies has.
#[test]
fn the_table_says_of_every_sdk_what_its_cookies_say() {
    for (format, set, by) in WRITERS {
        let payloads = written(format, set, by);
        assert!(!payloads.is_empty(), "{format}: nothing by {by}");
        let newest = &sdks(format)[0];
        let mut seen = BTreeSet::new();
        for (id, payload) in &payloads {
            seen.extend(paths(payload.expose_text(), payload.style()));
            let losses = payload_in(payload, format).losses;
            let of_newest = losses.iter().filter(|loss| {
                // An SDK may write what it will not refresh, and a null that it leaves out the next time.
                !matches!(loss.effect, Effect::NotRefreshed | Effect::NullLeftOut)
                    && loss.sdk.is_none_or(|sdk| sdk == newest.name)
            });
            assert_eq!(of_newest.collect::<Vec<_>>(), Vec::<&Loss>::new(), "{id}");
        }
        let keeps = [("", newest.session), ("user.", newest.user), ("impersonator.", newest.impersonator)];
        for (path, keeps) in keeps {
            let Keeps::Only(listed) = keeps else { continue };
            for member in listed {
                let path = format!("{path}{member}");
                assert!(seen.contains(&path), "{format}: no cookie by {by} has {path}");
            }
        }
    }
}

/// What an SDK needs must be among what it keeps, and SDKs that share a format have names.
#[test]
fn the_table_does_not_contradict_itself() {
    for format in Format::ALL {
        let sdks = sdks(*format);
        assert!(sdks.len() == 1 || sdks.iter().all(|sdk| !sdk.name.is_empty()), "{format}");
        for sdk in sdks {
            assert!(sdk.needs.iter().all(|member| sdk.session.keeps(member)), "{format}");
            let Reading::Typed(dialect) = sdk.reading else { continue };
            for (keeps, fields) in [
                (sdk.session, dialect.session()),
                (sdk.user, dialect.user()),
                (sdk.impersonator, dialect.impersonator()),
            ] {
                assert!(fields.iter().all(|field| keeps.keeps(field.0)), "{format}");
            }
        }
    }
}

#[test]
fn names_inside_oauth_tokens_that_come_to_one_leave_the_known_one() {
    let (camel, snake) = (Style::Camel.oauth_tokens(), Style::Snake.oauth_tokens());
    assert_eq!(
        recased(r#"{"accessToken":"a","access_token":"b","x_y":1}"#, camel, snake),
        r#"{"access_token":"a","x_y":1}"#
    );
    assert_eq!(recased(r#"{"access_token":"b","accessToken":"a"}"#, camel, snake), r#"{"access_token":"a"}"#);
    assert_eq!(recased("[1, 2]", camel, snake), "[1, 2]");
}
