//! Arguments of the commands that move a fleet: many cookies, several services, passwords that change.

use super::{Moment, Output, PasswordFile, Passwords, parse_format};
use crate::sdk::{self, Sdk};
use clap::Args;
use sealkit::format::{Format, FormatSet};
use std::{path::PathBuf, str::FromStr, time::Duration};

const CONVERT_HELP: &str = "\
Examples:
  sealkit convert --to python-fernet --in cookies --out new-cookies
  sealkit convert --to iron --to-password-file new --password-file old < cookies > new-cookies
  sealkit convert --to rust-gcm --in sessions.ndjson --out new.ndjson --resume

A cookie a line, or a line {\"cookie\":\"…\"} whose other members stay as they are. Percent-encoded values
are understood; a value that does not fit on a line (ruby-v6 has line feeds) is written percent-encoded, in
JSON as it is. Every line of the input ends up in exactly one place: converted in --out, or with the reason
in --failed. Exit code 1 when a line could not be converted.

An interrupted run goes on with --resume: it counts what --out and --failed hold, drops a torn last line,
checks that both belong to this input and these passwords, and gives what one run would have given.";

#[derive(Args, Debug)]
#[command(after_help = format!("{}\n\n{CONVERT_HELP}", super::formats()))]
pub(crate) struct Convert {
    /// The format to write
    #[arg(long, value_name = "ID", value_parser = parse_format)]
    pub(crate) to: Format,
    /// The format that is read, or `auto`: whatever each one turns out to be
    #[arg(long, value_name = "ID|auto", default_value = "auto")]
    pub(crate) from: FromFormat,
    /// Read from this file [default: standard input]
    #[arg(long = "in", value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Write to this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the lines that fail to this file, as {"line","reason","detail","input"} [default: the name of --out with
    /// `.failed`; standard error without --out]
    #[arg(long, value_name = "FILE")]
    pub(crate) failed: Option<PathBuf>,
    /// Go on where an interrupted run ended
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Seal what came in unsealed. Anybody can write such a cookie: the seal then vouches for what nobody has checked
    #[arg(long)]
    pub(crate) trust_unsealed: bool,
    /// File with the password to seal with [default: the first that fits the format]
    #[arg(long, value_name = "[ID=]PATH")]
    pub(crate) to_password_file: Option<PasswordFile>,
    /// Threads that convert [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    #[command(flatten)]
    pub(crate) moment: Moment,
    /// Print the report as one JSON object
    #[arg(long, requires = "out")]
    pub(crate) json: bool,
}

/// What `convert` reads: one format, or whatever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FromFormat(pub(crate) Option<Format>);

impl FromStr for FromFormat {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        match id {
            "auto" => Ok(Self(None)),
            id => parse_format(id).map(|format| Self(Some(format))).map_err(|error| format!("{error}, auto")),
        }
    }
}

const MIGRATE_HELP: &str = "\
Examples:
  sealkit migrate --plan --service web=next --service api=sealkit --to python-fernet
  sealkit migrate --plan --service app=sealkit:b64url-json --to sealed --max-age 30d
  sealkit migrate --plan --service web=react-router --reader jobs=go --from python-fernet --to iron

Services share one session cookie. SDK:FORMAT says what a service writes today where its SDK has a choice.
Nothing is changed: the plan says what to set where, in which order, and what would be lost.";

#[derive(Args, Debug)]
#[command(after_help = format!("{}\n\n{}\n\n{MIGRATE_HELP}", sdk::listed(), super::formats()))]
pub(crate) struct Migrate {
    /// Print the plan
    #[arg(long, required = true)]
    pub(crate) plan: bool,
    /// A service that reads and writes the session cookie
    #[arg(long = "service", value_name = "NAME=SDK[:FORMAT]")]
    pub(crate) services: Vec<Service>,
    /// A service that only reads it
    #[arg(long = "reader", value_name = "NAME=SDK")]
    pub(crate) readers: Vec<Service>,
    /// Formats that cookies are in today besides those that the services write, with commas
    #[arg(long, value_name = "IDS", value_parser = parse_formats)]
    pub(crate) from: Option<FormatSet>,
    /// The format to be written; `sealed` is iron, `unsealed` is b64url-json
    #[arg(long, value_name = "ID|sealed|unsealed", value_parser = parse_target)]
    pub(crate) to: Format,
    /// How long a session cookie lives (400d, 12h, seconds)
    #[arg(long, value_name = "TIME", default_value = "400d", value_parser = parse_duration)]
    pub(crate) max_age: Duration,
    #[command(flatten)]
    pub(crate) moment: Moment,
    #[command(flatten)]
    pub(crate) output: Output,
}

fn parse_formats(ids: &str) -> Result<FormatSet, String> {
    ids.split(',').map(|id| parse_format(id.trim())).collect()
}

fn parse_target(id: &str) -> Result<Format, String> {
    match id {
        "sealed" => Ok(Format::Iron),
        "unsealed" => Ok(Format::B64urlJson),
        id => parse_format(id).map_err(|error| format!("{error}, sealed, unsealed")),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit = |letter: char| match letter {
        'd' => Some(86_400),
        'h' => Some(3600),
        'm' => Some(60),
        's' => Some(1),
        _ => None,
    };
    let (digits, seconds) = match text.chars().last().and_then(unit) {
        Some(seconds) => (text.get(..text.len() - 1).unwrap_or_default(), seconds),
        None => (text, 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "write it as 400d, 12h, 90m or in seconds".to_owned())
}

/// `NAME=SDK[:FORMAT]`.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) sdk: &'static Sdk,
    /// What it writes today.
    pub(crate) writes: Format,
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, spec) = text.split_once('=').ok_or("write NAME=SDK, for example web=next")?;
        if name.is_empty() {
            return Err("the service has no name".to_owned());
        }
        let (sdk, format) = spec.split_once(':').map_or((spec, None), |(sdk, id)| (sdk, Some(id)));
        let sdk = Sdk::named(sdk)?;
        let writes = match format {
            None => sdk.written(),
            Some(id) => parse_format(id)?,
        };
        if !sdk.writes.contains(&writes) {
            let known: Vec<&str> = sdk.writes.iter().map(|format| format.id()).collect();
            return Err(format!("{} does not write `{writes}`; it writes {}", sdk.name(), known.join(", ")));
        }
        Ok(Self { name: name.to_owned(), sdk, writes })
    }
}

const KEY_NEW_HELP: &str = "\
Examples:
  sealkit key new > password
  sealkit key new --format rust-gcm
  sealkit key new --for next,python,go
  sealkit key new --for next,rust,sealkit --json

Without --format and --for the password suits all SDKs that take base64 or free text: base64 of 32 random
bytes in which none of + / - _ happens to stand. --for prints one password if one fits them all, else as few
as possible, and where each SDK takes it.";

#[derive(Args, Debug)]
#[command(after_help = format!("{}\n\n{KEY_NEW_HELP}", sdk::listed()))]
pub(crate) struct KeyNew {
    /// Whose password, by format
    #[arg(long, value_name = "ID", default_value = "iron", value_parser = parse_format)]
    pub(crate) format: Format,
    /// Whose password, by SDK, with commas
    #[arg(long = "for", value_name = "SDKS", value_delimiter = ',', conflicts_with = "format")]
    pub(crate) sdks: Vec<SdkName>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// An SDK by a name that people give it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SdkName(pub(crate) &'static Sdk);

impl FromStr for SdkName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Sdk::named(name.trim()).map(Self)
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sealkit key status --password-file new --password-file old < cookies
  sealkit key status --log --in access.log --password-file new --password-file old
  cat access.log.*.gz | sealkit key status --log --json

A line is a cookie value, a JSON object with a member `cookie`, or a Cookie: or Set-Cookie: header; with --log
any text that names the cookie, in the quoting of nginx, Apache, JSON, HAProxy, CloudFront or key=\"value\".
Gzip is read as it is. Equal values count once. Nothing of what is inside is shown.
What cannot be read counts against the advice: a cookie that does not open may be of any password.
Exit code 1 when there is no cookie in the sample, or one that does not open.")]
pub(crate) struct KeyStatus {
    /// Read from this file; `-` is standard input
    #[arg(long = "in", value_name = "FILE|-", default_value = "-")]
    pub(crate) input: PathBuf,
    /// The lines are those of an access log
    #[arg(long)]
    pub(crate) log: bool,
    /// The cookie's name [default: WORKOS_COOKIE_NAME, else wos-session]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    #[command(flatten)]
    pub(crate) moment: Moment,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_a_name_an_sdk_and_perhaps_a_format() {
        let service = |text: &str| {
            text.parse::<Service>().map(|service| (service.name, service.sdk.name(), service.writes))
        };
        assert_eq!(service("web=nextjs"), Ok(("web".to_owned(), "next", Format::Iron)));
        assert_eq!(service("a=sealkit:go-gcm"), Ok(("a".to_owned(), "sealkit", Format::GoGcm)));
        for bad in ["web", "=next", "web=perl", "web=python:iron", "web=next:none"] {
            assert!(service(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let seconds = |text| parse_duration(text).ok().map(|time| time.as_secs());
        assert_eq!(seconds("400d"), Some(34_560_000));
        assert_eq!(
            (seconds("12h"), seconds("90m"), seconds("7s"), seconds("60")),
            (Some(43_200), Some(5400), Some(7), Some(60))
        );
        for bad in ["", "d", "1w", "-1d", "1.5h", "é"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
