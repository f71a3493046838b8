//! One visitor repeats each operation far past its bounds, and nobody else notices.
//!
//! Bounds are low here and the repetitions few; with the defaults and 10,000 repetitions:
//! `cargo run --release -p sealkit-benches --bin one-visitor`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]
#![expect(clippy::print_stdout, reason = "figures, shown with --nocapture")]

mod house;
mod operation;

use axum::http::Method;
use house::House;
use operation::Operation;
use sealkit::config::LimitSettings;
use std::{collections::BTreeSet, sync::Arc};

/// How often each operation is repeated.
const TIMES: usize = 300;

/// The ready-made routes.
const ROUTES: [(Method, &str); 8] = [
    (Method::GET, "/login"),
    (Method::GET, "/sign-up"),
    (Method::GET, "/callback"),
    (Method::POST, "/callback"),
    (Method::GET, "/logout"),
    (Method::POST, "/logout"),
    (Method::POST, "/switch-organization"),
    (Method::POST, "/webhooks/workos"),
];

fn low() -> LimitSettings {
    let mut limits = LimitSettings::default();
    limits.grants_per_session = 3;
    limits.codes_per_sign_in = 3;
    limits.max_results = 20;
    limits.max_results_per_session = 2;
    limits.max_running = 16;
    limits.costly_waiting = 4;
    limits.costly_known = 16;
    limits
}

/// Repeats these operations; gives the requests that were made.
async fn unnoticed(operations: impl IntoIterator<Item = Operation>) -> BTreeSet<(Method, String)> {
    let mut noticed = Vec::new();
    let mut seen = BTreeSet::new();
    for operation in operations {
        let house = House::new(low(), operation.write()).await;
        let requests = Arc::clone(&house.seen);
        let report = house.repeat(operation, TIMES).await;
        seen.extend(requests.lock().unwrap().iter().cloned());
        let line = format!("{:<28}{report}", format!("{operation:?}"));
        println!("{line}");
        if !report.problems.is_empty() {
            noticed.push(line);
        }
    }
    assert!(noticed.is_empty(), "{}", noticed.join("\n"));
    seen
}

#[tokio::test(start_paused = true)]
async fn no_cookie_of_one_visitor_is_felt_by_another() {
    unnoticed(Operation::COOKIES).await;
}

#[tokio::test(start_paused = true)]
async fn no_route_that_one_visitor_repeats_is_felt_by_another() {
    let seen = unnoticed(Operation::ROUTES).await;
    for (method, path) in ROUTES {
        assert!(seen.contains(&(method.clone(), path.to_owned())), "{method} {path} is not in the table");
    }
}

#[tokio::test(start_paused = true)]
async fn no_forgery_of_any_format_is_felt_by_another_visitor() {
    unnoticed(Operation::forgeries()).await;
}
