//! `sealkit refresh`: spend the refresh token inside a cookie, and print the cookie that follows.

use crate::{args::Refresh, input, output, settings};
use sealkit::{CookieAction, Failure, Outcome, Reason, RefreshOptions, SealedSession, Sealkit, Session};
use serde_json::{Map, Value};
use std::{process::ExitCode, time::Duration};

pub(crate) async fn run(args: &Refresh) -> anyhow::Result<ExitCode> {
    let config = settings::complete(args.passwords.opening_ring().map_err(Into::into))?;
    let sealkit = Sealkit::builder(config).clock(args.moment.clock()).build()?;
    let value = match input::cookie_value(args.encoding)? {
        Ok(value) => value,
        Err(detail) => {
            return refuse(args, &Failure::new(Reason::InvalidSessionCookie).with_detail(detail), None);
        }
    };
    let mut options = RefreshOptions::default();
    if let Some(organization) = &args.organization {
        options = options.with_organization(organization);
    }
    match to_its_end(&sealkit, &value, options).await {
        Outcome::Authenticated { session, cookie, .. } => accept(args, &session, sealed(&cookie)),
        Outcome::Rejected { failure, cookie, .. } | Outcome::Unavailable { failure, cookie, .. } => {
            refuse(args, &failure, sealed(&cookie))
        }
        _ => refuse(args, &Failure::new(Reason::NoSessionCookieProvided), None),
    }
}

/// Refreshes, and leaves no exchange behind: the process ends after this, and with it the only copy of a new pair.
async fn to_its_end(sealkit: &Sealkit, value: &str, options: RefreshOptions) -> Outcome {
    let outcome = sealkit.refresh(value, options.clone()).await;
    if sealkit.drain(Duration::ZERO).await {
        return outcome;
    }
    // A request timeout of minutes outlasts the wait. The result is kept, so asking again gives it without another exchange.
    let config = sealkit.config();
    sealkit.drain(config.refresh().retry.last_attempt + config.http().attempt_timeout).await;
    sealkit.refresh(value, options).await
}

fn sealed(cookie: &CookieAction) -> Option<&SealedSession> {
    match cookie {
        CookieAction::Set(sealed) => Some(sealed),
        _ => None,
    }
}

fn accept(args: &Refresh, session: &Session, sealed: Option<&SealedSession>) -> anyhow::Result<ExitCode> {
    if args.output.json {
        let mut answer = answer(true, sealed);
        answer.extend(output::session_members(session)?);
        output::json_line(&answer)?;
    } else {
        let end = session.expires_at();
        anstream::eprintln!(
            "refreshed {}, valid until {}",
            output::word(session.user_id()),
            output::rfc3339(end)
        );
        print(sealed)?;
    }
    Ok(output::YES)
}

/// A new pair of tokens is printed whatever went wrong after it: the old one is spent.
fn refuse(args: &Refresh, failure: &Failure, sealed: Option<&SealedSession>) -> anyhow::Result<ExitCode> {
    if args.output.json {
        let mut answer = answer(false, sealed);
        answer.extend(output::failure_members(failure)?);
        output::json_line(&answer)?;
    } else {
        anstream::eprintln!("{}", output::failure_text(failure));
        if sealed.is_some() {
            anstream::eprintln!("the tokens were exchanged all the same: store the value on standard output");
        }
        print(sealed)?;
    }
    Ok(output::no())
}

fn answer(authenticated: bool, sealed: Option<&SealedSession>) -> Map<String, Value> {
    let mut answer = Map::from_iter([("authenticated".to_owned(), Value::Bool(authenticated))]);
    if let Some(sealed) = sealed {
        answer.insert("sealed_session".to_owned(), sealed.expose_secret().into());
    }
    answer
}

fn print(sealed: Option<&SealedSession>) -> anyhow::Result<()> {
    sealed.map_or(Ok(()), |sealed| output::cookie_value(sealed.expose_secret()))
}
