//! What can be typed: argument types and their help, nothing else.

mod fleet;
mod refusal;

pub(crate) use fleet::{Convert, KeyNew, KeyStatus, Migrate, Service};
pub(crate) use refusal::refused;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use sealkit::{UnixMillis, format::Format};
use std::{path::PathBuf, str::FromStr};

/// Open any WorkOS session cookie, never lose a session, always know why.
#[derive(Debug, Parser)]
#[command(name = "sealkit", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 yes, 1 no, 2 usage or configuration. With --json, yes and no are one JSON object on
standard output; what is wrong with usage or configuration is text on standard error all the same.

Secrets never stand on the command line: cookie passwords come from WORKOS_COOKIE_PASSWORD or from
files (--password-file), cookie values from standard input. Errors do not repeat what was given.

Text that others wrote is printed escaped: \\n, \\u{1b}, \\u{202e}. In JSON the same characters are
written as \\u001b, which a parser reads as what they are.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Seal a JSON object into a cookie value
    Seal(Seal),
    /// Open a cookie value and print what is inside
    Unseal(Unseal),
    /// Say whether a cookie value authenticates somebody, and whom
    Authenticate(Authenticate),
    /// Exchange the refresh token inside a cookie value for a new session
    Refresh(Refresh),
    /// Take a cookie apart: what it is, why it does or does not work, and the fix
    Inspect(Inspect),
    /// Seal many cookies anew in another format or with another password
    Convert(Convert),
    /// Plan how a fleet of services moves from one format to another, without logging anyone out
    Migrate(Migrate),
    /// Make cookie passwords, and see which ones are still in use
    #[command(subcommand)]
    Key(Key),
    /// Run an identity provider and a demo application on this machine
    Dev(Dev),
}

/// How the answer is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print one JSON object instead of text for people
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where cookie passwords come from.
#[derive(Args, Debug)]
pub(crate) struct Passwords {
    /// File with a cookie password; the first one seals, every one opens. With an ID it opens only iron seals that name
    /// this id. Replaces WORKOS_COOKIE_PASSWORD. One line end at the end of the file is removed
    #[arg(long = "password-file", value_name = "[ID=]PATH")]
    pub(crate) files: Vec<PasswordFile>,
}

/// Which moment to judge by.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Judge as of this time: seconds since 1970 with an optional fraction, or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_negative_numbers = true)]
    pub(crate) now: Option<UnixMillis>,
}

/// How the cookie value on standard input is written.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Encoding {
    /// The value on standard input is percent-encoded, as it stands in a header
    #[arg(long)]
    pub(crate) percent_encoded: bool,
}

const SEAL_HELP: &str = "\
Examples:
  sealkit key new > password
  echo '{\"accessToken\":\"…\",\"refreshToken\":\"…\"}' | sealkit seal --format iron --password-file password
  sealkit seal --format iron --ttl 600 --json < payload.json

The text is sealed byte for byte as it is given, less one line end at its end.";

/// Every format with its writer, as help shows them.
fn formats() -> String {
    let lines = Format::ALL.iter().map(|format| format!("\n  {:<14} {}", format.id(), format.writer()));
    format!("Formats, and who writes them:{}", lines.collect::<String>())
}

#[derive(Args, Debug)]
#[command(after_help = format!("{}\n\n{SEAL_HELP}", formats()))]
pub(crate) struct Seal {
    /// Who shall read it: the id of a format, see below
    #[arg(long, value_name = "ID", value_parser = parse_format)]
    pub(crate) format: Format,
    /// Write an expiration into the seal, this many seconds from now; 0 is none, as in WorkOS sessions. Only iron, kotlin-iron,
    /// rr-cookie, php-halite (default: 30 days) and php-signed (30 days) have a field for it
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) ttl: u64,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    #[command(flatten)]
    pub(crate) moment: Moment,
    #[command(flatten)]
    pub(crate) output: Output,
}

const UNSEAL_HELP: &str = "\
Examples:
  pbpaste | sealkit unseal
  sealkit unseal --json --percent-encoded < cookie | jq .payload.user
  sealkit unseal --format pkce --json < state
  sealkit unseal --password-file new --password-file old < cookie

What comes out holds both tokens. Failures say one of: tampered wrong_password bad_password expired
truncated malformed too_large not_a_session. With --json, `authenticated` is true when a tag proves that
somebody with the password wrote the value; it says nothing about the tokens inside (`sealkit authenticate`).";

#[derive(Args, Debug)]
#[command(after_help = format!("{}\n\n{UNSEAL_HELP}", formats()))]
pub(crate) struct Unseal {
    /// Format id, `pkce` for the state of a sign-in, or `auto`
    #[arg(long, value_name = "ID|pkce|auto", default_value = "auto")]
    pub(crate) format: UnsealFormat,
    /// Take payloads that are no session, too
    #[arg(long)]
    pub(crate) any: bool,
    #[command(flatten)]
    pub(crate) encoding: Encoding,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    #[command(flatten)]
    pub(crate) moment: Moment,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sealkit authenticate --jwks jwks.json < cookie
  WORKOS_CLIENT_ID=client_… sealkit authenticate --json < cookie

Without --jwks the key set is fetched from the API (WORKOS_API_HOSTNAME, WORKOS_API_HTTPS, WORKOS_API_PORT
or WORKOS_BASE_URL) and WORKOS_CLIENT_ID must be set. The issuer is checked against WORKOS_ISSUER, else
against those that follow from the client id; with --jwks and neither, it is not checked, and said so.")]
pub(crate) struct Authenticate {
    /// Key set to verify with (JSON, as /sso/jwks/CLIENT_ID answers it); nothing is fetched then
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) encoding: Encoding,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    #[command(flatten)]
    pub(crate) moment: Moment,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sealkit refresh < cookie > new-cookie
  sealkit refresh --organization org_… --json < cookie
  sealkit refresh --format iron < cookie-of-python

The new cookie has the format of the old one, unless --format, SEALKIT_FORMAT_WRITE or WORKOS_SESSION_ENCODING_WRITE names
another; standard error says so when it changes.

WORKOS_CLIENT_ID must be set, and WORKOS_API_KEY unless it is a public client. The refresh token is spent: store the new value. It is
printed whenever the API has given new tokens, even if they cannot be verified now (exit code 1).")]
pub(crate) struct Refresh {
    /// Switch to this organization
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,
    /// Write the new cookie in this format [default: the one that SEALKIT_FORMAT_WRITE names, else the old cookie's]
    #[arg(long, value_name = "ID", value_parser = parse_format)]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) encoding: Encoding,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    #[command(flatten)]
    pub(crate) moment: Moment,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  pbpaste | sealkit inspect
  echo 'Cookie: a=1; wos-session=Fe26.2*…' | sealkit inspect --jwks jwks.json
  sealkit inspect --online --json < cookie
  sealkit inspect --format rust-gcm < cookie

Takes a bare value of any format, a Cookie: header line (split cookies, too) or a Set-Cookie: line,
percent-encoded or not. What opens with no given password is tried with each of them without white space
and quotes, with a line end, and with the password derived from WORKOS_API_KEY and WORKOS_CLIENT_ID.
Names, addresses and claims of your own are hidden unless --reveal is given; the refresh token and the
signature always are. Exit code 1 when something is wrong; what could not be checked does not count.")]
pub(crate) struct Inspect {
    /// Key set to verify the access token with
    #[arg(long, value_name = "FILE", conflicts_with = "online")]
    pub(crate) jwks: Option<PathBuf>,
    /// Fetch the key set from the API (needs WORKOS_CLIENT_ID)
    #[arg(long)]
    pub(crate) online: bool,
    /// Show names, addresses, metadata and claims of your own
    #[arg(long)]
    pub(crate) reveal: bool,
    /// The cookie's name in a header line [default: WORKOS_COOKIE_NAME, else wos-session]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The only format that the reader of this cookie knows; without it, every format will do
    #[arg(long, value_name = "ID", value_parser = parse_format)]
    pub(crate) format: Option<Format>,
    /// Print every diagnosis with its fix, as a page of Markdown, and read nothing
    #[arg(long)]
    pub(crate) codes: bool,
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    #[command(flatten)]
    pub(crate) moment: Moment,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Print a new cookie password in the shapes that the SDKs take
    New(KeyNew),
    /// Read a sample of cookies or an access log, and say which formats and passwords are still out there
    Status(KeyStatus),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sealkit dev
  sealkit dev --json --port 0 --idp-port 0 --auto-approve

Listens on loopback only. With --json the first line on standard output tells addresses, client id, API
key, cookie passwords and users, so that an application in any language can be pointed at the provider:
set WORKOS_API_HOSTNAME, WORKOS_API_PORT, WORKOS_API_HTTPS=false, WORKOS_CLIENT_ID, WORKOS_API_KEY,
WORKOS_COOKIE_PASSWORD and WORKOS_REDIRECT_URI (any address on this machine).")]
pub(crate) struct Dev {
    /// Port of the demo application; 0 takes a free one [default: 4430, or a free one]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Port of the identity provider; 0 takes a free one [default: 4431, or a free one]
    #[arg(long, value_name = "N")]
    pub(crate) idp_port: Option<u16>,
    /// Sign in without the page: `login_hint` picks the user, else it is the first one
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Life of an access token
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) token_lifetime: u64,
    /// How long a spent refresh token still answers; 0 is strict, WorkOS gives 30
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) replay_window: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A format by its id.
fn parse_format(id: &str) -> Result<Format, String> {
    id.parse().map_err(|_| {
        let known: Vec<&str> = Format::ALL.iter().map(|format| format.id()).collect();
        format!("no such format; known: {}", known.join(", "))
    })
}

/// What `unseal` shall read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnsealFormat {
    /// Whatever it turns out to be.
    Auto,
    /// The state of a sign-in.
    Pkce,
    /// This format.
    Id(Format),
}

impl FromStr for UnsealFormat {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        match id {
            "auto" => Ok(Self::Auto),
            "pkce" => Ok(Self::Pkce),
            id => parse_format(id).map(Self::Id).map_err(|error| format!("{error}, pkce, auto")),
        }
    }
}

/// `[ID=]PATH`. What stands before the first `=` is an id if it could be an iron password id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PasswordFile {
    pub(crate) id: Option<String>,
    pub(crate) path: PathBuf,
}

impl FromStr for PasswordFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let (id, path) = match text.split_once('=') {
            Some((id, path)) if is_id(id) => (Some(id.to_owned()), path),
            _ => (None, text),
        };
        if path.is_empty() {
            return Err("no path given".to_owned());
        }
        Ok(Self { id, path: path.into() })
    }
}

/// Seconds since 1970 with an optional fraction, or RFC 3339. Digits below a millisecond are dropped.
fn parse_time(text: &str) -> Result<UnixMillis, String> {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return parse_seconds(text).ok_or_else(|| "write seconds as 1767225600 or 1767225600.250".to_owned());
    }
    let time: Timestamp = text
        .parse()
        .map_err(|_| "write seconds since 1970, or RFC 3339 as 2026-01-01T00:00:00Z".to_owned())?;
    u64::try_from(time.as_millisecond())
        .map(UnixMillis::from_millis)
        .map_err(|_| "the time must not lie before 1970".to_owned())
}

fn parse_seconds(text: &str) -> Option<UnixMillis> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let millis = match fraction {
        None => 0,
        Some(digits) if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) => return None,
        Some(digits) => format!("{digits:0<3}").get(..3)?.parse().ok()?,
    };
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis).map(UnixMillis::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_argument_types_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_seconds_with_a_fraction_or_rfc_3339() {
        let millis = |text| parse_time(text).map(UnixMillis::as_millis);
        assert_eq!(millis("1767225600"), Ok(1_767_225_600_000));
        assert_eq!(millis("1767225600.25"), Ok(1_767_225_600_250));
        assert_eq!(millis("0.0019"), Ok(1));
        assert_eq!(millis("2026-01-01T00:00:00Z"), Ok(1_767_225_600_000));
        assert_eq!(millis("2026-01-01T01:00:00.5+01:00"), Ok(1_767_225_600_500));
        for bad in [
            "",
            ".",
            "1.",
            ".5x",
            "1.2.3",
            "-1",
            "now",
            "1e9",
            "1969-12-31T23:59:59Z",
            "99999999999999999999",
        ] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_file_may_name_an_id_and_a_path_may_hold_an_equals_sign() {
        let file = |text: &str| text.parse::<PasswordFile>().map(|file| (file.id, file.path));
        assert_eq!(file("prod_2024=pw"), Ok((Some("prod_2024".into()), "pw".into())));
        assert_eq!(file("2=/run/a=b"), Ok((Some("2".into()), "/run/a=b".into())));
        assert_eq!(file("/run/a=b"), Ok((None, "/run/a=b".into())));
        assert_eq!(file("pw"), Ok((None, "pw".into())));
        assert!(file("2=").is_err() && file("").is_err());
    }

    #[test]
    fn every_format_is_known_by_its_id() {
        for format in Format::ALL {
            assert_eq!(parse_format(format.id()), Ok(*format));
        }
        assert!(parse_format("ironic").unwrap_err().ends_with("signed-json, plain-json, b64url-json"));
    }
}
