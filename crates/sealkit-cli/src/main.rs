//! The `sealkit` command.

mod advice;
mod anatomy;
mod args;
mod commands;
mod dev;
mod input;
mod lines;
mod opening;
mod output;
mod sdk;
mod settings;

use args::{Cli, Command, Key};
use clap::Parser as _;
use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};
use tracing_subscriber::EnvFilter;

/// Usage or configuration is wrong.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| args::refused(error).exit());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().with_env_var("SEALKIT_LOG").from_env_lossy())
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    match run(&cli.command) {
        Ok(code) => code,
        // Whoever reads our output has seen enough (`| head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::from(UNUSABLE),
        Err(error) => {
            output::message(&format!("error: {error:#}"));
            ExitCode::from(UNUSABLE)
        }
    }
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Seal(args) => commands::seal::run(args),
        Command::Unseal(args) => commands::unseal::run(args),
        Command::Authenticate(args) => block_on(commands::authenticate::run(args)),
        Command::Refresh(args) => block_on(commands::refresh::run(args)),
        Command::Inspect(args) => block_on(commands::inspect::run(args)),
        Command::Convert(args) => commands::convert::run(args),
        Command::Migrate(args) => commands::migrate::run(args),
        Command::Key(Key::New(args)) => commands::key::new(args),
        Command::Key(Key::Status(args)) => commands::key::status(args),
        Command::Dev(args) => block_on(dev::run(args)),
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
