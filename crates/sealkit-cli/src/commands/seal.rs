//! `sealkit seal`: a JSON text into a cookie value.

use crate::{args::Seal, input, output};
use anyhow::bail;
use sealkit::{
    EncodingPolicy, Key, SystemRandom,
    cookie::{DEFAULT_NAME, MAX_COOKIE_BYTES, written_len},
    format::{Format, FormatSet},
    session::DEFAULT_LIMIT,
};
use serde::{Serialize, de::IgnoredAny};
use std::{collections::HashMap, process::ExitCode, time::Duration};

#[derive(Serialize)]
struct Sealed<'a> {
    cookie: &'a str,
    format: &'a str,
    key: Option<&'a str>,
    bytes: usize,
}

pub(crate) fn run(args: &Seal) -> anyhow::Result<ExitCode> {
    let format = args.format;
    let ttl = Duration::from_secs(args.ttl);
    if !ttl.is_zero() && !format.holds_an_end() {
        let able: FormatSet = Format::ALL.iter().copied().filter(|format| format.holds_an_end()).collect();
        bail!("a seal of {format} cannot say when it ends; leave --ttl out, or seal as one of {able}");
    }
    let ring = args.passwords.sealing_ring()?;
    EncodingPolicy::writing(format).check_ring(&ring)?;
    let Ok(payload) = input::text("the JSON payload")? else {
        bail!("the payload on standard input is not UTF-8 text, or far too large");
    };
    check(&payload)?;

    let now = args.moment.time();
    let end = (!ttl.is_zero()).then(|| now.saturating_add(ttl));
    let text = format.wrap(&payload, now, ttl);
    let cookie = format.seal_until(text.as_bytes(), &ring, now, end, &SystemRandom)?;
    tell_size(&cookie, format);

    if args.output.json {
        output::json_line(&Sealed {
            cookie: &cookie,
            format: format.id(),
            key: format.sealing_key(&ring).map(Key::name),
            bytes: cookie.len(),
        })?;
    } else {
        output::cookie_value(&cookie)?;
    }
    Ok(output::YES)
}

/// One JSON object, whatever its members. The parser's own message would quote the payload.
fn check(payload: &str) -> anyhow::Result<()> {
    if let Err(error) = serde_json::from_str::<HashMap<String, IgnoredAny>>(payload) {
        bail!(
            "the payload on standard input is not one JSON object (line {}, column {})",
            error.line(),
            error.column()
        );
    }
    Ok(())
}

fn tell_size(cookie: &str, format: Format) {
    let bytes = DEFAULT_NAME.len() + written_len(cookie, format.wire());
    if cookie.len() > DEFAULT_LIMIT {
        anstream::eprintln!(
            "warning: {} bytes: longer than what sealkit reads by default ({DEFAULT_LIMIT})",
            cookie.len()
        );
    } else if bytes > MAX_COOKIE_BYTES {
        anstream::eprintln!(
            "warning: as {DEFAULT_NAME} this is a cookie of {bytes} bytes; browsers drop what exceeds {MAX_COOKIE_BYTES}"
        );
    }
}
