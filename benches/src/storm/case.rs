//! One line: servers, browsers, and what the weather does to them.

use super::{
    client::{self, Cookie, End, Report, Visit},
    options::{Case, Kind, Options},
    parts::Parts,
    process::Server,
    provider::{EXPIRY, Provider},
    random::Random,
    redis::Redis,
    row::{Row, When},
};
use reqwest::Client;
use std::{process::Stdio, time::Duration};
use tokio::{process::Command, task::JoinSet};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How long after an expiry old cookies come again: less than the token that replaced theirs lives, and than results are kept
/// (10 min), also counted from the expiry before.
const MUCH_LATER: Duration = Duration::from_secs(150);

/// A browser: the session that it has, and its cookies.
struct Browser {
    session_id: String,
    cookie: Option<String>,
    /// Before the last expiry, and before the one before.
    old: Vec<String>,
}

/// Runs one line.
pub(crate) async fn run(case: Case, options: &Options, parts: &Parts) -> Result<Row, Failed> {
    let mut storm = Storm::begin(case, options, parts).await?;
    for expiry in 0..options.expiries {
        storm.expire(expiry).await?;
    }
    Ok(storm.row)
}

struct Storm<'o> {
    case: Case,
    options: &'o Options,
    provider: Provider,
    servers: Vec<Server>,
    browsers: Vec<Browser>,
    client: Client,
    random: Random,
    row: Row,
    /// Since the tokens that are current now were given out.
    advanced: Duration,
    /// Goes last: the servers use it.
    _redis: Option<Redis>,
}

impl<'o> Storm<'o> {
    async fn begin(case: Case, options: &'o Options, parts: &Parts) -> Result<Self, Failed> {
        let provider = Provider::start(case.window.0).await?;
        let shared = case.server == Kind::Sealkit && case.processes > 1 && !options.no_redis;
        let redis = match &parts.redis {
            Some(program) if shared => Some(Redis::start(program).await?),
            _ => None,
        };
        let settings = provider.settings(redis.as_ref().map(Redis::url));
        let mut servers = Vec::new();
        for _ in 0..case.processes {
            servers.push(Server::start(command(case.server, parts)?, &settings).await?);
        }
        let random = Random::new(options.seed);
        let row = Row::new(case, shared || case.processes == 1);
        let (browsers, client) = (Vec::new(), client::client());
        let advanced = Duration::ZERO;
        let mut storm =
            Self { case, options, provider, servers, browsers, client, random, row, advanced, _redis: redis };
        for _ in 0..case.sessions {
            let browser = storm.signed_in()?;
            storm.browsers.push(browser);
        }
        Ok(storm)
    }

    fn signed_in(&self) -> Result<Browser, Failed> {
        let (session_id, cookie) = self.provider.sign_in()?;
        Ok(Browser { session_id, cookie: Some(cookie), old: Vec::new() })
    }

    /// One expiry, in the midst of everything that a browser may send then.
    async fn expire(&mut self, number: usize) -> Result<(), Failed> {
        self.provider.answer_after(self.case.latency.0, number % 2 == 1);
        self.advance(EXPIRY - self.advanced).await?;
        let before: Vec<_> = self.browsers.iter().map(|b| self.provider.counts(&b.session_id)).collect();

        let burst = self.burst();
        self.send(burst).await;
        self.advance(MUCH_LATER).await?;
        self.advanced = MUCH_LATER;
        if self.options.late > 0 {
            let old = self.old_cookies();
            self.send(old).await;
        }

        for (browser, before) in self.browsers.iter().zip(before) {
            self.row.note_grants(before, self.provider.counts(&browser.session_id));
        }
        for at in 0..self.browsers.len() {
            let browser = &self.browsers[at];
            // Nothing came in the place of what has expired: whoever this is signs in again, or would be lost in every expiry
            // to come, too.
            if browser.cookie.is_none() || browser.cookie.as_ref() == browser.old.last() {
                self.row.sign_ins += 1;
                self.browsers[at] = self.signed_in()?;
            }
        }
        Ok(())
    }

    /// Every client sends the cookie that has expired, at once or late.
    fn burst(&mut self) -> Vec<Planned> {
        let most = self.case.latency.0 + self.options.spread.0;
        for browser in &mut self.browsers {
            browser.old.extend(browser.cookie.clone());
            browser.old = browser.old.split_off(browser.old.len().saturating_sub(2));
        }
        (0..self.options.clients)
            .filter_map(|number| {
                let at = number % self.browsers.len();
                let cookie = self.browsers[at].cookie.clone()?;
                let late = self.random.percent(self.options.late);
                let after = if late { self.random.within(most) } else { Duration::ZERO };
                let when = if late { When::Late } else { When::AtOnce };
                Some(Planned { when, after, browser: at, visit: self.visit(cookie) })
            })
            .collect()
    }

    /// Minutes later a quarter of the clients sends what expired then, or what expired the time before.
    fn old_cookies(&mut self) -> Vec<Planned> {
        (0..self.options.clients.div_ceil(4))
            .filter_map(|number| {
                let at = number % self.browsers.len();
                let which = self.random.below(self.browsers[at].old.len());
                let cookie = self.browsers[at].old.get(which)?.clone();
                Some(Planned {
                    when: When::MinutesLater,
                    after: Duration::ZERO,
                    browser: at,
                    visit: self.visit(cookie),
                })
            })
            .collect()
    }

    fn visit(&mut self, cookie: String) -> Visit {
        let server = self.servers[self.random.below(self.servers.len())].address();
        Visit { server, cookie, navigation: self.random.percent(50) }
    }

    /// Sends them all; what comes back goes into the browser's jar, in the order in which it comes.
    async fn send(&mut self, planned: Vec<Planned>) {
        let mut under_way = JoinSet::new();
        for Planned { when, after, browser, visit } in planned {
            let client = self.client.clone();
            under_way.spawn(async move {
                tokio::time::sleep(after).await;
                (browser, when, client::visit(&client, visit).await)
            });
        }
        while let Some(ended) = under_way.join_next().await {
            let (at, when, report) = ended.expect("a client does not panic");
            self.note(at, when, report);
        }
    }

    fn note(&mut self, at: usize, when: When, mut report: Report) {
        let browser = &mut self.browsers[at];
        if let End::Served(session_id) = &report.end
            && *session_id != browser.session_id
        {
            report.end = End::Odd("another session".to_owned());
        }
        match &report.cookie {
            Cookie::Kept => {}
            Cookie::Set(value) => browser.cookie = Some(value.clone()),
            Cookie::Cleared => browser.cookie = None,
        }
        self.row.note(when, report);
    }

    /// Moves every clock. Nothing is under way then.
    async fn advance(&mut self, by: Duration) -> Result<(), Failed> {
        self.provider.advance(by);
        for server in &mut self.servers {
            server.advance(by).await?;
        }
        Ok(())
    }
}

/// A visit, and when.
struct Planned {
    when: When,
    after: Duration,
    browser: usize,
    visit: Visit,
}

/// Runs a server of this kind.
pub(crate) fn command(kind: Kind, parts: &Parts) -> Result<Command, Failed> {
    let mut command = match kind {
        Kind::Sealkit => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("replica");
            command
        }
        Kind::Node => {
            let mut command = Command::new(parts.node.as_ref().ok_or("no Node")?);
            command.arg(Parts::node_script()).env("SEALKIT_PEERS", &parts.peers);
            command
        }
    };
    command.stderr(Stdio::inherit());
    Ok(command)
}
