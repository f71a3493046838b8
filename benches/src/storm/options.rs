//! What is stormed, as flags.

use clap::Parser;
use std::{path::PathBuf, str::FromStr, time::Duration};

/// Storms sessions with refreshes and shows that none is lost: replica processes, concurrent clients, expiries.
///
/// Every combination is a line; exit code 1 if sealkit lost a session, or an expiry had more or less than one grant. With
/// `--revocation` it shows how soon a session that was ended is refused everywhere.
#[derive(Debug, Parser)]
#[command(name = "storm")]
pub(crate) struct Options {
    /// Replica processes behind one Redis
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,2,4",
        default_value_if("revocation", "true", "3"),
        value_name = "N,…"
    )]
    pub(crate) replicas: Vec<usize>,
    /// Clients that ask at once
    #[arg(long, default_value = "200", default_value_if("revocation", "true", "16"), value_name = "N")]
    pub(crate) clients: usize,
    /// Sessions that the clients share
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,20",
        default_value_if("revocation", "true", "200"),
        value_name = "N,…"
    )]
    pub(crate) sessions: Vec<usize>,
    /// How often the access token expires
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) expiries: usize,
    /// Seconds that the provider takes to answer a grant
    #[arg(long, value_delimiter = ',', default_value = "0.2,3,7", value_name = "SECONDS,…")]
    pub(crate) latency: Vec<Seconds>,
    /// How long the provider answers a spent refresh token with the same pair again: `strict`, or seconds
    #[arg(long, value_delimiter = ',', default_value = "strict,30", value_name = "WINDOW,…")]
    pub(crate) window: Vec<Window>,
    /// Percent of the clients that send the old cookie late, up to `--spread` seconds after the provider's answer. With 0 no
    /// old cookies come minutes later either
    #[arg(long, default_value_t = 25, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(..=100))]
    pub(crate) late: u64,
    /// See `--late`
    #[arg(long, default_value = "1", value_name = "SECONDS")]
    pub(crate) spread: Seconds,
    /// What is random begins here
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Lines that are worked on at once
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) jobs: u64,
    /// Measures another thing: how long a session that one replica ended is still served by the others. `--sessions` are
    /// ended [default: 200], at `--replicas` processes [default: 3], with nothing else to do and with `--clients` that ask for
    /// other sessions all the while [default: 16]. Exit code 1 if one was served for longer than a second
    #[arg(long, conflicts_with_all = ["expiries", "latency", "window", "late", "spread", "jobs", "quick", "no_redis", "no_node"])]
    pub(crate) revocation: bool,
    /// A minute in place of ten: two expiries, 0.2 s and 7 s, strict, one session
    #[arg(long)]
    pub(crate) quick: bool,
    /// Several replicas share nothing. Their lines are shown, and not judged
    #[arg(long)]
    pub(crate) no_redis: bool,
    /// Leaves Node out
    #[arg(long)]
    pub(crate) no_node: bool,
    /// Where tools/install-peers has put the packages of Node
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../.peers"), value_name = "FOLDER")]
    pub(crate) peers: PathBuf,
}

impl Options {
    pub(crate) fn settled(mut self) -> Self {
        if self.quick {
            self.expiries = self.expiries.min(2);
            self.sessions = vec![1];
            self.latency = vec![Seconds(Duration::from_millis(200)), Seconds(Duration::from_secs(7))];
            self.window = vec![Window(Duration::ZERO)];
        }
        self
    }

    /// Processes of Node: the fewest and the most.
    fn node_processes(&self) -> Vec<usize> {
        let mut ends: Vec<usize> =
            [self.replicas.iter().min(), self.replicas.iter().max()].into_iter().flatten().copied().collect();
        ends.dedup();
        ends
    }

    /// Every line, in the order in which it is shown.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for &window in &self.window {
            for &latency in &self.latency {
                for &sessions in &self.sessions {
                    let sessions = sessions.clamp(1, self.clients.max(1));
                    let case = |server, processes| Case { server, processes, window, latency, sessions };
                    cases.extend(self.replicas.iter().map(|&processes| case(Kind::Sealkit, processes)));
                    if !self.no_node {
                        cases.extend(self.node_processes().into_iter().map(|n| case(Kind::Node, n)));
                    }
                }
            }
        }
        cases
    }
}

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sealkit,
    Node,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) server: Kind,
    pub(crate) processes: usize,
    pub(crate) window: Window,
    pub(crate) latency: Seconds,
    pub(crate) sessions: usize,
}

/// A duration, written as seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|error| error.to_string())
    }
}

/// A replay window; zero is strict.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window(pub(crate) Duration);

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "strict" { Ok(Self(Duration::ZERO)) } else { text.parse::<Seconds>().map(|s| Self(s.0)) }
    }
}
