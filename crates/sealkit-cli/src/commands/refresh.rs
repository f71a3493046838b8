//! `sealkit refresh`: spend the refresh token inside a cookie, and print the cookie that follows.

use crate::{args::Refresh, input, opening, output, settings};
use sealkit::{
    Config, CookieAction, Failure, KeyRing, Outcome, Reason, RefreshOptions, SealedSession, Sealkit, Session,
    format::Format,
};
use serde_json::{Map, Value};
use std::{process::ExitCode, time::Duration};

pub(crate) async fn run(args: &Refresh) -> anyhow::Result<ExitCode> {
    let base = settings::complete(args.passwords.opening_ring().map_err(Into::into), args.format)?;
    let value = input::cookie_value(args.encoding)?;
    let came = value.as_ref().ok().and_then(|value| came_as(args, value, base.key_ring()));
    let kept = came.filter(|came| keeps(args, *came, &base));
    // Where no password can seal in the format that came, the one that is written otherwise is told below.
    let config = kept.and_then(|format| settings::complete(Ok(base.key_ring().clone()), Some(format)).ok());
    let config = config.unwrap_or(base);
    let sealkit = Sealkit::builder(config).clock(args.moment.clock()).build()?;
    let value = match value {
        Ok(value) => value,
        Err(detail) => {
            let failure = Failure::new(Reason::InvalidSessionCookie).with_detail(detail);
            return Refreshed { args, format: None }.refuse(&failure, None);
        }
    };
    let written = sealkit.config().encoding().write;
    let mut options = RefreshOptions::default();
    if let Some(organization) = &args.organization {
        options = options.with_organization(organization);
    }
    let outcome = to_its_end(&sealkit, &value, options).await;
    let refreshed = Refreshed { args, format: sealed(outcome.cookie()).map(|_| written) };
    if let (Some(came), Some(written)) = (came, refreshed.format) {
        say_change(came, written);
    }
    match outcome {
        Outcome::Authenticated { session, cookie, .. } => refreshed.accept(&session, sealed(&cookie)),
        Outcome::Rejected { failure, cookie, .. } | Outcome::Unavailable { failure, cookie, .. } => {
            refreshed.refuse(&failure, sealed(&cookie))
        }
        _ => refreshed.refuse(&Failure::new(Reason::NoSessionCookieProvided), None),
    }
}

/// The format of the cookie, if it opens.
fn came_as(args: &Refresh, value: &str, ring: &KeyRing) -> Option<Format> {
    opening::format_of(value, ring, args.moment.time())
}

/// True when the new cookie is to have the format that came: nothing names another, and it is one that is read here.
fn keeps(args: &Refresh, came: Format, config: &Config) -> bool {
    // What is costly or only signed is read as soon as it is written, where nothing names what is read.
    let readable =
        config.encoding().read.contains(came) || (came.is_authenticated() && !settings::names_read_formats());
    args.format.is_none() && !settings::names_written_format() && readable
}

/// Says on standard error that the format changes, and what its readers do then.
fn say_change(came: Format, written: Format) {
    if came.shares_container_with(written) {
        return;
    }
    let effect = written.read_by(came);
    output::message(&format!(
        "the cookie came as {came} and is written as {written}: readers of {came} ({}) {effect}",
        came.writer()
    ));
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

/// The answer: to whom it goes, and in which format the new cookie is.
struct Refreshed<'a> {
    args: &'a Refresh,
    format: Option<Format>,
}

impl Refreshed<'_> {
    fn accept(&self, session: &Session, sealed: Option<&SealedSession>) -> anyhow::Result<ExitCode> {
        if self.args.output.json {
            let mut answer = self.answer(true, sealed);
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
    fn refuse(&self, failure: &Failure, sealed: Option<&SealedSession>) -> anyhow::Result<ExitCode> {
        if self.args.output.json {
            let mut answer = self.answer(false, sealed);
            answer.extend(output::failure_members(failure)?);
            output::json_line(&answer)?;
        } else {
            anstream::eprintln!("{}", output::failure_text(failure));
            if sealed.is_some() {
                anstream::eprintln!(
                    "the tokens were exchanged all the same: store the value on standard output"
                );
            }
            print(sealed)?;
        }
        Ok(output::no())
    }

    fn answer(&self, authenticated: bool, sealed: Option<&SealedSession>) -> Map<String, Value> {
        let mut answer = Map::from_iter([("authenticated".to_owned(), Value::Bool(authenticated))]);
        if let Some(sealed) = sealed {
            answer.insert("sealed_session".to_owned(), sealed.expose_secret().into());
        }
        if let Some(format) = self.format {
            answer.insert("format".to_owned(), format.id().into());
        }
        answer
    }
}

fn print(sealed: Option<&SealedSession>) -> anyhow::Result<()> {
    sealed.map_or(Ok(()), |sealed| output::cookie_value(sealed.expose_secret()))
}
