//! `sealkit inspect`: what this cookie is, and why it does or does not work.

use crate::{
    advice,
    anatomy::{self, Anatomy, Finding, Given, Member, Outcome, Pasted, Spares, Subject, Token},
    args::Inspect,
    input, output,
    settings::{self, Settings},
};
use anyhow::anyhow;
use clap::builder::styling::AnsiColor;
use sealkit::{KeyRing, MIN_PASSWORD_CHARACTERS, UnixMillis, untrusted::one_line};
use serde_json::Value;
use std::process::ExitCode;

pub(crate) async fn run(args: &Inspect) -> anyhow::Result<ExitCode> {
    if args.codes {
        output::text(&anatomy::page())?;
        return Ok(output::YES);
    }
    let settings = Settings::read()?;
    let keys = if args.jwks.is_some() || args.online {
        Some(settings::keys(args.jwks.as_deref(), &settings, args.moment.clock())?)
    } else {
        None
    };
    let (ring, spares) = passwords(args, &settings)?;
    let name = args.name.as_deref().unwrap_or_else(|| settings.cookie_name());
    let pasted = input::text("the cookie")?
        .map_err(|detail| NoCookie::Unreadable(advice::of_detail(detail)))
        .and_then(|text| Pasted::find(&text, name).map_err(NoCookie::Found));
    let pasted = match pasted {
        Ok(pasted) => pasted,
        Err(problem) => return nothing(args, &problem),
    };
    let keys = match &keys {
        Some(keys) => Some(keys.get().await.map_err(|failure| anyhow!("no key set: {failure}"))?),
        None => None,
    };
    let now = args.moment.time();
    let policy = settings.token_policy();
    let subject = Subject {
        pasted: &pasted,
        ring: &ring,
        spares: &spares,
        expected: args.format,
        keys: keys.as_deref(),
        policy: &policy,
        now,
        reveal: args.reveal,
    };
    let anatomy = Anatomy::of(subject);
    if args.output.json {
        output::json_line(&anatomy)?;
    } else {
        output::text(&text(&anatomy, now))?;
    }
    Ok(if anatomy.is_refused() { output::no() } else { output::YES })
}

/// The ring of the passwords that are long enough, and what to try beside it.
fn passwords(args: &Inspect, settings: &Settings) -> anyhow::Result<(KeyRing, Spares)> {
    let mut passwords = args.passwords.given()?;
    let given = |named: &input::Named| Given { name: named.name.clone(), password: named.password.clone() };
    let all: Vec<Given> = passwords.iter().map(given).collect();
    passwords
        .retain(|named| named.password.expose_secret().encode_utf16().count() >= MIN_PASSWORD_CHARACTERS);
    let is_empty = passwords.is_empty();
    let ring = if is_empty { Settings::no_ring()? } else { input::build(passwords)? };
    let spares = Spares::new(all, settings.derived_password(), is_empty);
    Ok((ring, spares))
}

/// Why there is nothing to take apart.
enum NoCookie {
    /// What it means, and the fix.
    Unreadable((&'static str, &'static str)),
    Found(Finding),
}

/// There is no cookie in what was pasted.
fn nothing(args: &Inspect, problem: &NoCookie) -> anyhow::Result<ExitCode> {
    let (summary, fix, diagnoses) = match problem {
        NoCookie::Unreadable((meaning, fix)) => ((*meaning).to_owned(), *fix, Vec::new()),
        NoCookie::Found(finding) => (finding.says(), finding.fix(), vec![finding]),
    };
    if args.output.json {
        output::json_line(&serde_json::json!({
            "verdict": {"works": false, "summary": summary, "fix": fix},
            "diagnoses": diagnoses,
        }))?;
    } else {
        anstream::eprintln!("{}\nfix: {fix}", output::colored(AnsiColor::Red, &one_line(&summary)));
    }
    Ok(output::no())
}

fn text(anatomy: &Anatomy, now: UnixMillis) -> String {
    let mut text = String::new();
    verdict(anatomy, &mut text);
    also(anatomy, &mut text);
    cookie(anatomy, now, &mut text);
    if !anatomy.members.is_empty() {
        heading("Inside", &mut text);
        for one in &anatomy.members {
            member(one, &mut text);
        }
    }
    if let Some(one) = &anatomy.token {
        token(one, now, &mut text);
    }
    heading("Checks", &mut text);
    for check in &anatomy.checks {
        let note = one_line(&check.note);
        text.push_str(&format!("  {} {:<14} {note}\n", mark(check.result), check.check));
    }
    text
}

fn verdict(anatomy: &Anatomy, text: &mut String) {
    let verdict = &anatomy.verdict;
    let (color, word) = match verdict.works {
        Some(true) => (AnsiColor::Green, "works"),
        Some(false) => (AnsiColor::Red, "does not work"),
        None => (AnsiColor::Yellow, "not verified"),
    };
    text.push_str(&format!("{}: {}\n", output::colored(color, word), one_line(&verdict.summary)));
    if let Some(reason) = verdict.reason {
        let detail = verdict.detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
        row("reason", &format!("{reason}{detail}"), text);
    }
    if let Some(fix) = &verdict.fix {
        row("fix", fix, text);
    }
}

/// What was found beside the verdict.
fn also(anatomy: &Anatomy, text: &mut String) {
    let others = anatomy.diagnoses.get(1..).unwrap_or_default();
    if others.is_empty() {
        return;
    }
    heading("Also", text);
    for finding in others {
        text.push_str(&format!("  {}\n", one_line(&finding.says())));
        text.push_str(&format!("    {} {}\n", output::dim("fix:"), finding.fix()));
    }
}

fn cookie(anatomy: &Anatomy, now: UnixMillis, text: &mut String) {
    heading("Cookie", text);
    if let Some(name) = &anatomy.cookie_name {
        row("name", &output::shown(name), text);
    }
    let format = match (anatomy.format, anatomy.written_by) {
        (Some(id), Some(writer)) => format!("{id}, written by {writer}"),
        _ => anatomy.looks_like.clone().unwrap_or_else(|| "none that is read here".to_owned()),
    };
    row("format", &format, text);
    if let Some(writer) = &anatomy.writer {
        row("writer", writer, text);
    }
    if let Some(key) = &anatomy.key {
        row("key", &output::shown(key), text);
    }
    if let Some((since, how)) = anatomy.since() {
        row("age", &format!("{how} {}", output::relative(since, now)), text);
    }
    let encoded = if anatomy.percent_encoded { ", percent-encoded" } else { "" };
    row("size", &format!("{} of {} bytes{encoded}", anatomy.size.cookie, anatomy.size.limit), text);
}

/// An object's own members follow on lines of their own.
fn member(member: &Member, text: &mut String) {
    let bytes = format!("{:>5} bytes", member.bytes);
    let Value::Object(inner) = &member.value else {
        row(&output::word(&member.name), &format!("{bytes}  {}", output::json_text(&member.value)), text);
        return;
    };
    row(&output::word(&member.name), &bytes, text);
    for (name, value) in inner {
        let name = output::dim(&format!("{:<20}", output::word(name)));
        text.push_str(&format!("    {name} {}\n", output::json_text(value)));
    }
}

fn token(token: &Token, now: UnixMillis, text: &mut String) {
    heading("Access token", text);
    let bytes = token.bytes;
    row(
        "size",
        &format!("header {}, claims {}, signature {} bytes", bytes.header, bytes.claims, bytes.signature),
        text,
    );
    if let Some(header) = &token.header {
        row("header", &output::json_text(header), text);
    }
    if let Some(end) = token.end() {
        row("expires", &format!("{} ({})", output::rfc3339(end), output::relative(end, now)), text);
    }
    if let Some(Value::Object(claims)) = &token.claims {
        for (name, value) in claims {
            row(&output::word(name), &output::json_text(value), text);
        }
    }
}

fn heading(name: &str, text: &mut String) {
    text.push_str(&format!("\n{}\n", output::bold(name)));
}

fn row(name: &str, value: &str, text: &mut String) {
    text.push_str(&output::row(name, value));
}

fn mark(result: Outcome) -> String {
    match result {
        Outcome::Ok => output::colored(AnsiColor::Green, "ok         "),
        Outcome::Failed => output::colored(AnsiColor::Red, "failed     "),
        Outcome::Warning => output::colored(AnsiColor::Yellow, "warning    "),
        Outcome::NotChecked => output::dim("not checked"),
    }
}
