//! `sealkit authenticate`: whom does this cookie authenticate?

use crate::{
    args::Authenticate,
    input::{self, RingFailure},
    output,
    settings::{self, Settings},
};
use clap::builder::styling::AnsiColor;
use sealkit::{
    Detail, Failure, KeySetCache, Reason, Session,
    session::{Judgement, SessionReader},
    token::{IssuerPolicy, TokenPolicy},
};
use serde_json::{Map, Value};
use std::process::ExitCode;

/// In `warnings` if nothing tells which issuers are ours.
const ISSUER_NOT_CHECKED: &str = "issuer_not_checked";

/// In `warnings` if no client id is set, so that the token may be another application's.
const CLIENT_ID_NOT_CHECKED: &str = "client_id_not_checked";

/// What was not checked, and the setting that has it checked.
fn not_checked(policy: &TokenPolicy) -> impl Iterator<Item = (&'static str, &'static str)> {
    let issuer = (
        policy.issuers == IssuerPolicy::Any,
        (ISSUER_NOT_CHECKED, "the issuer is not checked; set WORKOS_CLIENT_ID or WORKOS_ISSUER"),
    );
    let client_id = (
        policy.binds_client_id && !policy.judges_client_id(),
        (CLIENT_ID_NOT_CHECKED, "the application is not checked; set WORKOS_CLIENT_ID"),
    );
    [issuer, client_id].into_iter().filter_map(|(applies, what)| applies.then_some(what))
}

pub(crate) async fn run(args: &Authenticate) -> anyhow::Result<ExitCode> {
    let settings = Settings::read()?;
    let keys = settings::keys(args.jwks.as_deref(), &settings, args.moment.clock())?;
    let policy = settings.token_policy();
    let outcome = match args.passwords.opening_ring() {
        Ok(ring) => match input::cookie_value(args.encoding)? {
            Ok(value) => {
                let reader = SessionReader::new(ring, policy.clone()).with_encoding(settings.encoding());
                judge(&value, reader, &keys, args).await
            }
            Err(detail) => Err(unreadable(detail)),
        },
        Err(RingFailure::BadPassword(_)) => Err(unreadable(Detail::BadPassword)),
        Err(RingFailure::Usage(error)) => return Err(error),
    };
    match outcome {
        Ok(session) => accept(args, &session, &policy),
        Err(failure) => refuse(args, &failure, &policy),
    }
}

fn unreadable(detail: Detail) -> Failure {
    Failure::new(Reason::InvalidSessionCookie).with_detail(detail)
}

async fn judge(
    value: &str,
    reader: SessionReader,
    keys: &KeySetCache,
    args: &Authenticate,
) -> Result<Session, Failure> {
    if value.is_empty() {
        return Err(Failure::new(Reason::NoSessionCookieProvided));
    }
    let now = args.moment.time();
    // What does not open needs no keys.
    let (unsealed, seal) = reader.unseal(value, now).map_err(unreadable)?;
    let keys = keys.get().await?;
    match reader.judge_unsealed(unsealed, seal, &keys, now) {
        Judgement::Valid { session, .. } => Ok(session),
        Judgement::Expired(expired) => Err(Failure::new(Reason::ExpiredJwt).with_expired(expired)),
        Judgement::UnknownKey { kid, .. } => {
            let failure = Failure::new(Reason::UnknownSigningKey);
            Err(match keys.skipped_of_id(&kid) {
                Some(skipped) => failure.with_hint(format!("correct the key set: {skipped}")),
                None => failure,
            })
        }
        Judgement::Rejected(failure) => Err(failure),
        other => Err(Failure::new(Reason::InvalidSessionCookie).with_hint(format!("{other:?}"))),
    }
}

fn accept(args: &Authenticate, session: &Session, policy: &TokenPolicy) -> anyhow::Result<ExitCode> {
    if args.output.json {
        let mut answer = Map::from_iter([("authenticated".to_owned(), Value::Bool(true))]);
        answer.extend(output::session_members(session)?);
        if let Some(Value::Array(warnings)) = answer.get_mut("warnings") {
            warnings.extend(not_checked(policy).map(|(code, _)| Value::from(code)));
        }
        output::json_line(&answer)?;
    } else {
        warn(policy);
        output::text(&session_text(session, args))?;
    }
    Ok(output::YES)
}

fn refuse(args: &Authenticate, failure: &Failure, policy: &TokenPolicy) -> anyhow::Result<ExitCode> {
    if args.output.json {
        let mut answer = Map::from_iter([("authenticated".to_owned(), Value::Bool(false))]);
        answer.extend(output::failure_members(failure)?);
        let warnings: Vec<&str> = not_checked(policy).map(|(code, _)| code).collect();
        if !warnings.is_empty() {
            answer.insert("warnings".to_owned(), Value::from(warnings));
        }
        output::json_line(&answer)?;
    } else {
        warn(policy);
        anstream::eprintln!("{}", output::failure_text(failure));
    }
    Ok(output::no())
}

fn warn(policy: &TokenPolicy) {
    for (_, words) in not_checked(policy) {
        anstream::eprintln!("warning: {words}");
    }
}

fn session_text(session: &Session, args: &Authenticate) -> String {
    let (claims, now) = (session.claims(), args.moment.time());
    let mut text = format!(
        "{} {}\n",
        output::colored(AnsiColor::Green, "authenticated"),
        output::word(session.user_id())
    );
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&output::row(name, &value));
        }
    };
    let user = session.user();
    let list = |items: &mut dyn Iterator<Item = &str>| Some(output::words(items));
    let shown = |text: Option<&str>| text.map(output::shown);
    row("name", shown(user.and_then(|user| user.display_name()).as_deref()));
    row("e-mail", shown(user.and_then(|user| user.email())));
    row("session", shown(Some(session.id())));
    row("organization", shown(session.organization_id()));
    row("role", shown(claims.role()));
    row("permissions", list(&mut claims.permissions()));
    row("entitlements", list(&mut claims.entitlements()));
    row("feature flags", list(&mut claims.feature_flags()));
    row("impersonated", session.impersonator().map(|by| format!("by {}", output::word(by.email))));
    row("signed in by", shown(session.authentication_method()));
    let end = session.expires_at();
    row("expires", Some(format!("{} ({})", output::rfc3339(end), output::relative(end, now))));
    row(
        "sealed with",
        Some(format!(
            "{} ({})",
            output::word(session.seal().key.as_deref().unwrap_or("nothing")),
            session.seal().format
        )),
    );
    for warning in session.warnings() {
        row("warning", Some(format!("{warning}: {}", warning.meaning())));
    }
    text
}
