//! `sealkit unseal`: a cookie value into what is inside.

use crate::{
    advice,
    args::{Unseal, UnsealFormat},
    input::{self, RingFailure},
    output,
};
use clap::builder::styling::AnsiColor;
use sealkit::{
    Detail, EncodingPolicy, KeyRing, Reason, UnixMillis, UnsealedSession,
    format::{Format, FormatSet, detect},
    session::{DEFAULT_LIMIT, SessionReader},
    sign_in,
    token::{IssuerPolicy, TokenPolicy},
    untrusted::escape_json,
};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use std::{borrow::Cow, process::ExitCode};

/// What opened. It holds both tokens; the caller has asked for exactly that.
struct Opened {
    format: &'static str,
    authenticated: bool,
    key: Option<String>,
    plaintext: String,
}

#[derive(Serialize)]
struct Unsealed<'a> {
    format: &'a str,
    key: Option<&'a str>,
    /// True when a tag proves that somebody with the password wrote it.
    authenticated: bool,
    payload: Option<Box<RawValue>>,
    plaintext: &'a str,
}

pub(crate) fn run(args: &Unseal) -> anyhow::Result<ExitCode> {
    let ring = match args.passwords.opening_ring() {
        Ok(ring) => ring,
        Err(RingFailure::BadPassword(_)) => return refuse(args, Detail::BadPassword),
        Err(RingFailure::Usage(error)) => return Err(error),
    };
    let now = args.moment.time();
    match input::cookie_value(args.encoding)?.and_then(|value| open(&value, args, &ring, now)) {
        Ok(opened) => tell(args, &opened),
        Err(detail) => refuse(args, detail),
    }
}

fn open(value: &str, args: &Unseal, ring: &KeyRing, now: UnixMillis) -> Result<Opened, Detail> {
    match (args.format, args.any) {
        (UnsealFormat::Pkce, any) => pkce(value, any, ring, now),
        (UnsealFormat::Auto, any) => auto(value, any, ring, now),
        (UnsealFormat::Id(format), any) => one(format, value, any, ring, now),
    }
}

/// Whatever it turns out to be: the first format whose tag verifies.
fn auto(value: &str, any: bool, ring: &KeyRing, now: UnixMillis) -> Result<Opened, Detail> {
    if any {
        let opened = detect(value).iter().map(|format| one(format, value, true, ring, now));
        return opened
            .reduce(|first, next| if first.is_ok() { first } else { next })
            .unwrap_or(Err(Detail::Malformed));
    }
    let everything = EncodingPolicy::default().with_read(FormatSet::all());
    let reader =
        SessionReader::new(ring.clone(), TokenPolicy::new(IssuerPolicy::Any)).with_encoding(everything);
    let (unsealed, seal) = reader.unseal(value, now)?;
    Ok(Opened {
        format: seal.format.id(),
        authenticated: seal.format.is_authenticated(),
        key: seal.key.map(|key| key.to_string()),
        plaintext: unsealed.expose_text().to_owned(),
    })
}

/// This format, and no other.
fn one(format: Format, value: &str, any: bool, ring: &KeyRing, now: UnixMillis) -> Result<Opened, Detail> {
    if value.len() > DEFAULT_LIMIT {
        return Err(Detail::TooLarge);
    }
    let mut plaintext = Vec::new();
    let opened = format.open(value, ring, now, &mut plaintext)?;
    if !any {
        let payload = UnsealedSession::read(plaintext.clone(), format)?;
        plaintext = payload.expose_text().as_bytes().to_vec();
    }
    let plaintext = String::from_utf8(plaintext).map_err(|_| Detail::NotASession)?;
    let key = opened.key.map(|key| key.name().to_owned());
    Ok(Opened { format: format.id(), authenticated: format.is_authenticated(), key, plaintext })
}

/// The state of a sign-in; with `--any` whatever its shape and age.
fn pkce(value: &str, any: bool, ring: &KeyRing, now: UnixMillis) -> Result<Opened, Detail> {
    if !any {
        sign_in::check_pkce(value, ring, now)?;
    }
    Ok(Opened { format: "pkce", ..one(Format::Iron, value, true, ring, now)? })
}

fn tell(args: &Unseal, opened: &Opened) -> anyhow::Result<ExitCode> {
    let Opened { format, authenticated, key, plaintext } = opened;
    let key = key.as_deref();
    if args.output.json {
        output::json_line(&Unsealed {
            format,
            key,
            authenticated: *authenticated,
            payload: serde_json::from_str(&compact(plaintext)).ok(),
            plaintext,
        })?;
    } else {
        match key {
            Some(key) => anstream::eprintln!("{format}, opened with {}", output::word(key)),
            None => anstream::eprintln!("{format}: not sealed, anybody can have written it"),
        }
        output::bytes(format!("{}\n", for_terminal(plaintext)).as_bytes())?;
    }
    Ok(output::YES)
}

fn refuse(args: &Unseal, detail: Detail) -> anyhow::Result<ExitCode> {
    let reason = Reason::InvalidSessionCookie;
    if args.output.json {
        output::json_line(&json!({"error": {"reason": reason.as_str(), "detail": detail.as_str()}}))?;
    } else {
        let (meaning, fix) = advice::of_detail(detail);
        let code = output::colored(AnsiColor::Red, detail.as_str());
        anstream::eprintln!("{code}: {meaning}\nfix: {fix}");
    }
    Ok(output::no())
}

/// The payload as it stands in the seal, unless it could drive a terminal: such characters are written as `\uXXXX`, which is the
/// same JSON.
fn for_terminal(plaintext: &str) -> Cow<'_, str> {
    let escaped = escape_json(plaintext);
    if !plaintext.contains('\r') {
        return escaped;
    }
    // Between tokens a carriage return cannot be escaped, and at the end of a line it does nothing.
    escaped.replace("\r\n", "\n").replace('\r', " ").into()
}

/// JSON without the white space between its tokens, so that the answer stays one line; digits and escapes stay as they are.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|char| {
            let keep = in_string || !matches!(char, ' ' | '\t' | '\r' | '\n');
            if *char == '"' && !escaped {
                in_string = !in_string;
            }
            escaped = in_string && *char == '\\' && !escaped;
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn only_white_space_between_tokens_goes() {
        assert_eq!(
            compact("{ \"a b\" :\n[1e400, \"\\\" \\\\\" , 12345678901234567890123]\t}\r\n"),
            "{\"a b\":[1e400,\"\\\" \\\\\",12345678901234567890123]}"
        );
    }
}
