//! `sealkit key new`: a cookie password, by format or for several SDKs at once.

use super::{Shared, share};
use crate::{
    args::KeyNew,
    output,
    sdk::{Place, Sdk},
};
use anyhow::bail;
use sealkit::{
    SystemRandom,
    config::env::{COOKIE_PASSWORDS, COOKIE_PASSWORDS_FILE},
    format::{Format, KeyShape},
};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;

#[derive(Serialize)]
struct NewKey<'a> {
    key: &'a str,
    format: &'a str,
    rule: &'a str,
}

pub(crate) fn run(args: &KeyNew) -> anyhow::Result<ExitCode> {
    if !args.sdks.is_empty() {
        return for_sdks(args);
    }
    let format = args.format;
    let shape = format.key_shape();
    if shape == KeyShape::Unneeded {
        bail!("format `{format}` has no password");
    }
    let password = shape.generate(&SystemRandom)?;
    let key = password.expose_secret();
    if args.output.json {
        output::json_line(&NewKey { key, format: format.id(), rule: shape.rule() })?;
    } else {
        output::bytes(format!("{key}\n").as_bytes())?;
    }
    Ok(output::YES)
}

/// A password with the SDKs that take it.
struct Group<'s> {
    name: String,
    shared: &'s Shared,
    sdks: Vec<&'static Sdk>,
}

fn for_sdks(args: &KeyNew) -> anyhow::Result<ExitCode> {
    let mut sdks: Vec<&'static Sdk> = Vec::new();
    for sdk in args.sdks.iter().map(|name| name.0) {
        if !sdks.iter().any(|known| known.name() == sdk.name()) {
            sdks.push(sdk);
        }
    }
    let mut formats: Vec<Format> =
        sdks.iter().filter(|sdk| !sdk.is_sealkit()).map(|sdk| sdk.written()).collect();
    if formats.is_empty() {
        formats.push(Format::Iron);
    }
    let passwords = share(&formats)?;
    let groups: Vec<Group<'_>> = passwords.iter().map(|shared| group(shared, &sdks)).collect();
    if args.output.json {
        output::json_line(&to_json(&groups))?;
    } else {
        output::text(&to_text(&groups))?;
    }
    Ok(output::YES)
}

fn group<'s>(shared: &'s Shared, sdks: &[&'static Sdk]) -> Group<'s> {
    let sdks: Vec<&'static Sdk> = sdks
        .iter()
        .copied()
        .filter(|sdk| !sdk.is_sealkit() && shared.formats.contains(&sdk.written()))
        .collect();
    let name = match sdks.as_slice() {
        [only] => only.name(),
        _ => "shared",
    };
    Group { name: name.to_owned(), shared, sdks }
}

impl Group<'_> {
    fn password(&self) -> &str {
        self.shared.password.expose_secret()
    }
}

/// The lines of a ring.
fn ring(groups: &[Group<'_>]) -> String {
    let lines: Vec<String> =
        groups.iter().map(|group| format!("{}={}", group.name, group.password())).collect();
    lines.join("\n")
}

fn to_json(groups: &[Group<'_>]) -> serde_json::Value {
    let password = |group: &Group<'_>| {
        let settings: Vec<_> = group
            .sdks
            .iter()
            .map(|sdk| match sdk.password {
                Place::Variable => {
                    json!({"sdk": sdk.name(), "variable": sealkit::config::env::COOKIE_PASSWORD})
                }
                Place::Parameter(name) => json!({"sdk": sdk.name(), "parameter": name}),
                Place::Ring => json!({"sdk": sdk.name(), "variable": COOKIE_PASSWORDS}),
            })
            .collect();
        json!({"name": group.name, "key": group.password(), "rule": group.shared.shape.rule(), "settings": settings})
    };
    let passwords: Vec<_> = groups.iter().map(password).collect();
    json!({"passwords": passwords, "sealkit": {"variable": COOKIE_PASSWORDS, "value": ring(groups)}})
}

fn to_text(groups: &[Group<'_>]) -> String {
    let mut text = match groups {
        [_] => "one password fits them all\n".to_owned(),
        _ => format!("no password fits them all; here are {}, each where it fits\n", groups.len()),
    };
    for group in groups {
        text.push_str(&format!("\n{}: {}\n", output::bold(&group.name), group.shared.shape.rule()));
        text.push_str(&format!("  {}\n", group.password()));
        for sdk in &group.sdks {
            let setting = sdk.password.setting(group.password());
            text.push_str(&format!("  {} {setting}\n", output::dim(&format!("{:<14}", sdk.name()))));
        }
    }
    let lines = ring(groups);
    text.push_str(&format!("\n{} (the lines of {COOKIE_PASSWORDS_FILE}, too)\n", output::bold("sealkit")));
    match groups {
        [_] => text.push_str(&format!("  {COOKIE_PASSWORDS}={lines}\n")),
        _ => text.push_str(&format!("  {COOKIE_PASSWORDS}=$'{}'\n", lines.replace('\n', "\\n"))),
    }
    text
}
