//! `sealkit unseal`: a cookie value into what is inside.

use crate::{
    advice,
    args::{FormatId, Unseal, UnsealFormat},
    input::{self, RingFailure},
    output,
};
use clap::builder::styling::AnsiColor;
use sealkit::{
    Detail, KeyRing, Reason, UnixMillis,
    format::{Format, iron},
    session::{DEFAULT_LIMIT, SessionReader},
    sign_in,
    token::{IssuerPolicy, TokenPolicy},
};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use std::process::ExitCode;

/// What opened. It holds both tokens; the caller has asked for exactly that.
struct Opened {
    format: &'static str,
    key: String,
    plaintext: String,
}

#[derive(Serialize)]
struct Unsealed<'a> {
    format: &'a str,
    key: &'a str,
    /// True when a tag proves that somebody with the password wrote it; every format of this version has one.
    authenticated: bool,
    payload: Option<Box<RawValue>>,
    plaintext: &'a str,
}

pub(crate) fn run(args: &Unseal) -> anyhow::Result<ExitCode> {
    if let UnsealFormat::Id(id) = args.format {
        id.supported()?;
    }
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
        (UnsealFormat::Auto | UnsealFormat::Id(FormatId::Sealed(_) | FormatId::Unsealed(_)), false) => {
            session(value, ring, now)
        }
        (_, true) => anything(value, ring, now),
    }
}

fn session(value: &str, ring: &KeyRing, now: UnixMillis) -> Result<Opened, Detail> {
    let reader = SessionReader::new(ring.clone(), TokenPolicy::new(IssuerPolicy::Any));
    let (unsealed, seal) = reader.unseal(value, now)?;
    Ok(Opened {
        format: seal.format.id(),
        key: seal.key.to_string(),
        plaintext: unsealed.expose_text().to_owned(),
    })
}

fn anything(value: &str, ring: &KeyRing, now: UnixMillis) -> Result<Opened, Detail> {
    if value.len() > DEFAULT_LIMIT {
        return Err(Detail::TooLarge);
    }
    let mut plaintext = Vec::new();
    let opened = iron::open(value, ring, now, &mut plaintext)?;
    let plaintext = String::from_utf8(plaintext).map_err(|_| Detail::NotASession)?;
    Ok(Opened { format: Format::Iron.id(), key: opened.key.name().to_owned(), plaintext })
}

/// The state of a sign-in; with `--any` whatever its shape and age.
fn pkce(value: &str, any: bool, ring: &KeyRing, now: UnixMillis) -> Result<Opened, Detail> {
    if !any {
        sign_in::check_pkce(value, ring, now)?;
    }
    Ok(Opened { format: "pkce", ..anything(value, ring, now)? })
}

fn tell(args: &Unseal, opened: &Opened) -> anyhow::Result<ExitCode> {
    let Opened { format, key, plaintext } = opened;
    if args.output.json {
        output::json_line(&Unsealed {
            format,
            key,
            authenticated: true,
            payload: serde_json::from_str(&compact(plaintext)).ok(),
            plaintext,
        })?;
    } else {
        anstream::eprintln!("{format}, opened with {key}");
        output::bytes(format!("{plaintext}\n").as_bytes())?;
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
