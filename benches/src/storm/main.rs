//! `storm`: shows that no session is lost, however many requests refresh it at once, in however many processes, and how long they
//! wait; with `--revocation`, how soon a session that one process ended is refused by all. See `docs/refresh-storm.md`.
//!
//! The driver is the provider, the clients, and the clock of everybody; the servers are processes of their own: this program
//! again (`storm replica`), and Node with WorkOS's own package.

mod case;
mod client;
mod options;
mod parts;
mod process;
mod provider;
mod random;
mod redis;
mod replica;
mod revocation;
mod row;

use clap::Parser as _;
use options::{Case, Kind, Options};
use parts::Parts;
use row::{HEAD, Row};
use std::{process::ExitCode, sync::Arc};
use tokio::{
    sync::{
        Semaphore,
        mpsc::{Receiver, channel},
    },
    task::JoinHandle,
};

type Line = Result<Row, Box<dyn std::error::Error + Send + Sync>>;

/// As a shell says that somebody pressed Ctrl-C.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("replica") {
        return match replica::serve().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("storm replica: {error}");
                ExitCode::FAILURE
            }
        };
    }
    // Whichever ends first, every process that was started ends with the tasks that hold it.
    tokio::select! {
        code = drive(Options::parse().settled()) => code,
        _ = tokio::signal::ctrl_c() => ExitCode::from(INTERRUPTED),
    }
}

async fn drive(options: Options) -> ExitCode {
    if options.revocation {
        return revocation::drive(options).await;
    }
    let parts = Arc::new(Parts::find(&options));
    let options = Arc::new(options);
    let mut cases = options.cases();
    skip(&mut cases, &options, &parts);
    println!("{} clients, {} expiries, seed {}", options.clients, options.expiries, options.seed);
    println!("{HEAD}");
    let mut kept = true;
    let mut lines = begin_in_turn(cases, options, parts);
    while let Some(line) = lines.recv().await {
        match line.await.expect("a line does not panic") {
            Ok(row) => {
                println!("{row}");
                kept &= !row.breaks_the_promise();
            }
            Err(error) => {
                println!("not run: {error}");
                kept = false;
            }
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Begins one line after the other, so many at once as the options say. The lines come in the order of the cases.
fn begin_in_turn(cases: Vec<Case>, options: Arc<Options>, parts: Arc<Parts>) -> Receiver<JoinHandle<Line>> {
    let (begun, lines) = channel(cases.len().max(1));
    let jobs = Arc::new(Semaphore::new(options.jobs as usize));
    tokio::spawn(async move {
        for case in cases {
            let turn = Arc::clone(&jobs).acquire_owned().await;
            let (options, parts) = (Arc::clone(&options), Arc::clone(&parts));
            let line = tokio::spawn(async move {
                let _turn = turn?;
                case::run(case, &options, &parts).await
            });
            if begun.send(line).await.is_err() {
                return;
            }
        }
    });
    lines
}

/// Leaves out, and says so, what this machine has no program for.
fn skip(cases: &mut Vec<Case>, options: &Options, parts: &Parts) {
    let mut leave_out = |what: &str, needs: &dyn Fn(&Case) -> bool| {
        let before = cases.len();
        cases.retain(|case| !needs(case));
        if cases.len() < before {
            eprintln!("skipped: {what}");
        }
    };
    if parts.redis.is_none() && !options.no_redis {
        let shared = |case: &Case| case.server == Kind::Sealkit && case.processes > 1;
        leave_out("several replicas: redis-server not found (or take --no-redis)", &shared);
    }
    if parts.node.is_none() {
        let node = |case: &Case| case.server == Kind::Node;
        leave_out("Node: not found, or without its packages (run tools/install-peers)", &node);
    }
}
