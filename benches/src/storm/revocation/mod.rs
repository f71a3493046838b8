//! `storm --revocation`: how long a session that one replica ended is still served by the others.

mod end;
mod load;
mod table;

use super::{
    case, client,
    client::{Cookie, Visit},
    options::{Kind, Options},
    parts::Parts,
    process::Server,
    provider::Provider,
    random::Random,
    redis::Redis,
};
use end::{Ended, Means};
use load::Load;
use reqwest::Client;
use std::{
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};
use table::{HEAD, Row};
use tokio::task::JoinSet;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Longer than a run takes: what ends a session here is its revocation, and nothing is refreshed.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// After so long a replica that still serves a session is taken to serve it for ever.
const NEVER: Duration = Duration::from_secs(10);

/// What a server says of a session that was revoked.
const REVOKED: &str = "session_revoked";

/// Measures, prints, and judges.
pub(crate) async fn drive(options: Options) -> ExitCode {
    let parts = Parts::find(&options);
    if parts.redis.is_none() {
        eprintln!("skipped: replicas that share a deny list: redis-server not found");
        return ExitCode::FAILURE;
    }
    println!("replicas that share a deny list, seed {}", options.seed);
    println!("{}", HEAD.join("\n"));
    let mut loads = vec![0, options.clients];
    loads.dedup();
    let mut kept = true;
    for &replicas in &options.replicas {
        for &sessions in &options.sessions {
            for &clients in &loads {
                kept &= line_by_line(Plan { replicas, sessions, clients, seed: options.seed }, &parts).await;
            }
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Two lines: for a sign-out, and for a webhook. Whether the promise was kept.
async fn line_by_line(plan: Plan, parts: &Parts) -> bool {
    match run(plan, parts).await {
        Ok(rows) => {
            for row in &rows {
                println!("{row}");
            }
            rows.iter().all(Row::keeps_the_promise)
        }
        Err(error) => {
            println!("not run: {error}");
            false
        }
    }
}

/// What two lines measure.
#[derive(Clone, Copy, Debug)]
struct Plan {
    replicas: usize,
    /// That are ended, half by each means.
    sessions: usize,
    /// That ask all the while, for sessions that go on.
    clients: usize,
    seed: u64,
}

/// A session, and its cookie as a browser holds it.
#[derive(Clone, Debug)]
struct SignedIn {
    session_id: String,
    cookie: String,
}

async fn run(plan: Plan, parts: &Parts) -> Result<[Row; 2], Failed> {
    if plan.replicas < 2 {
        return Err("with one replica there is no other that could learn of it".into());
    }
    if plan.sessions < Means::ALL.len() {
        return Err("with one session there is none left to be ended by the other means".into());
    }
    let redis = Redis::start(parts.redis.as_ref().ok_or("no redis-server")?).await?;
    let provider = Provider::start(Duration::ZERO).await?;
    provider.give_tokens_that_live(TOKEN_LIFETIME);
    let settings = provider.settings(Some(redis.url()));
    let mut servers = Vec::new();
    for _ in 0..plan.replicas {
        servers.push(Server::start(case::command(Kind::Sealkit, parts)?, &settings).await?);
    }
    let addresses = servers.iter().map(Server::address).collect();
    let sealed = |_| provider.sign_in().map(|(session_id, cookie)| SignedIn { session_id, cookie });
    let sessions = (0..plan.sessions).map(sealed).collect::<Result<Vec<_>, _>>()?;
    let others = (0..plan.clients).map(sealed).collect::<Result<Vec<_>, _>>()?;
    let client = client::client_that_keeps_connections();
    let measured = Measured { provider: &provider, addresses, client, random: Random::new(plan.seed) };
    measured.all(plan, &sessions, &others).await
}

struct Measured<'a> {
    provider: &'a Provider,
    addresses: Vec<SocketAddr>,
    client: Client,
    random: Random,
}

impl Measured<'_> {
    async fn all(
        mut self,
        plan: Plan,
        sessions: &[SignedIn],
        others: &[SignedIn],
    ) -> Result<[Row; 2], Failed> {
        for signed_in in sessions.iter().chain(others) {
            self.is_served_everywhere(signed_in).await?;
        }
        let load = Load::begin(&self.client, &self.addresses, others, &mut self.random);
        let mut rows = Means::ALL.map(|means| Row::new(plan.replicas, means, plan.clients));
        for (number, signed_in) in sessions.iter().enumerate() {
            let row = number % rows.len();
            match self.end(Means::ALL[row], signed_in).await {
                Ok(ended) => rows[row].note(ended),
                Err(what) => rows[row].note_wrong_session(what),
            }
        }
        let (answers, mut wrong) = load.end().await;
        for (number, signed_in) in sessions.iter().enumerate() {
            let row = number % rows.len();
            for server in self.addresses.clone() {
                let visit = self.visit(server, signed_in);
                if let Err(what) = refused(&self.client, visit).await {
                    rows[row].note_wrong(format!("in the end: {what}"));
                }
            }
        }
        // Whoever was not meant is still served by all of them: it is not that everything is refused.
        for signed_in in others {
            if let Err(what) = self.is_served_everywhere(signed_in).await {
                *wrong.entry(format!("in the end: {what}")).or_default() += 1;
            }
        }
        for row in &mut rows {
            row.note_load(answers, &wrong);
        }
        Ok(rows)
    }

    async fn is_served_everywhere(&mut self, signed_in: &SignedIn) -> Result<(), String> {
        for server in self.addresses.clone() {
            let visit = self.visit(server, signed_in);
            served(&self.client, visit, &signed_in.session_id).await?;
        }
        Ok(())
    }

    /// Ends a session at one replica, while all others are asked for it until they refuse.
    async fn end(&mut self, means: Means, signed_in: &SignedIn) -> Result<Ended, String> {
        let first = self.random.below(self.addresses.len());
        let mut asking = JoinSet::new();
        for (at, server) in self.addresses.clone().into_iter().enumerate() {
            if at != first {
                let (client, visit) = (self.client.clone(), self.visit(server, signed_in));
                asking.spawn(ask_until_refused(client, visit, signed_in.session_id.clone()));
            }
        }
        let first = self.addresses[first];
        let request = means.request(&self.client, first, self.provider, signed_in)?;
        let sent = Instant::now();
        means.was_answered(request.send().await)?;
        let answered = Instant::now();
        let mut last = answered;
        while let Some(refused) = asking.join_next().await {
            let refused = refused.map_err(|error| error.to_string())??;
            last = last.max(refused);
        }
        let visit = self.visit(first, signed_in);
        refused(&self.client, visit).await?;
        Ok(Ended { after_request: last - sent, after_answer: last - answered })
    }

    /// As a person's page or as a script's fetch.
    fn visit(&mut self, server: SocketAddr, signed_in: &SignedIn) -> Visit {
        Visit { server, cookie: signed_in.cookie.clone(), navigation: self.random.percent(50) }
    }
}

/// One answer: the session is served with its own id and its cookie is left alone, or it is revoked and its cookie is cleared, or
/// what else it was.
enum Answer {
    Served,
    Revoked,
    Other(String),
}

async fn ask(client: &Client, visit: Visit, session_id: Option<&str>) -> Answer {
    let server = visit.server;
    let report = client::visit(client, visit).await;
    match (&report.end, &report.cookie) {
        (client::End::Served(id), Cookie::Kept) if session_id.is_none_or(|wanted| id == wanted) => {
            Answer::Served
        }
        (client::End::LoggedOut(reason), Cookie::Cleared) if reason == REVOKED => Answer::Revoked,
        (client::End::LoggedOut(reason), cookie) => Answer::Other(format!(
            "{server} logged out, {reason}, cookie cleared: {}",
            *cookie == Cookie::Cleared
        )),
        (client::End::Served(_), _) => {
            Answer::Other(format!("{server} served another session, or set a cookie"))
        }
        (client::End::Odd(what), _) => Answer::Other(format!("{server}: {what}")),
    }
}

/// Asks in a tight loop. When the first refusal was here.
async fn ask_until_refused(client: Client, visit: Visit, session_id: String) -> Result<Instant, String> {
    let begun = Instant::now();
    while begun.elapsed() < NEVER {
        match ask(&client, visit.clone(), Some(&session_id)).await {
            Answer::Served => {}
            Answer::Revoked => return Ok(Instant::now()),
            Answer::Other(what) => return Err(what),
        }
    }
    Err(format!("{}: never refused ({} s)", visit.server, NEVER.as_secs()))
}

async fn refused(client: &Client, visit: Visit) -> Result<(), String> {
    let server = visit.server;
    match ask(client, visit, None).await {
        Answer::Revoked => Ok(()),
        Answer::Served => Err(format!("{server} serves a session that is over")),
        Answer::Other(what) => Err(what),
    }
}

async fn served(client: &Client, visit: Visit, session_id: &str) -> Result<(), String> {
    let server = visit.server;
    match ask(client, visit, Some(session_id)).await {
        Answer::Served => Ok(()),
        Answer::Revoked => Err(format!("{server} refused a session that nobody ended")),
        Answer::Other(what) => Err(what),
    }
}
