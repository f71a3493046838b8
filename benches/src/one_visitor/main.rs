//! `one-visitor [--quick] [--times N]`: one visitor repeats each operation with the default bounds, 10,000 times, and others come.
//!
//! The table is the one of the test (`crates/sealkit-axum/tests/one_visitor`), where bounds are low and repetitions few. A line per
//! operation; exit code 1 when somebody else noticed.

#[path = "../../../crates/sealkit-axum/tests/one_visitor/house.rs"]
mod house;
#[path = "../../../crates/sealkit-axum/tests/one_visitor/operation.rs"]
mod operation;

use clap::Parser;
use house::House;
use operation::Operation;
use sealkit::config::LimitSettings;
use std::{process::ExitCode, time::Instant};

/// Repeats everything that one visitor can repeat, and looks at what others notice.
#[derive(Debug, Parser)]
struct Arguments {
    /// 1,000 repetitions, below half a minute.
    #[arg(long)]
    quick: bool,
    /// So many repetitions.
    #[arg(long)]
    times: Option<usize>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let times = arguments.times.unwrap_or(if arguments.quick { 1_000 } else { 10_000 });
    let begun = Instant::now();
    let mut noticed = 0;
    let operations = || Operation::COOKIES.into_iter().chain(Operation::ROUTES).chain(Operation::forgeries());
    for operation in operations() {
        let house = House::new(LimitSettings::default(), operation.write()).await;
        let started = Instant::now();
        let report = house.repeat(operation, times).await;
        let took = started.elapsed();
        println!("{:<28}{took:>7.1?}  {report}", format!("{operation:?}"));
        noticed += usize::from(!report.problems.is_empty());
    }
    println!("{} operations x {times} in {:.0?}; {noticed} noticed", operations().count(), begun.elapsed());
    ExitCode::from(u8::from(noticed > 0))
}
