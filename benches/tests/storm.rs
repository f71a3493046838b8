//! The storm in small: the very program, with real processes, and nothing that depends on how fast this machine is.

use std::{
    io::Write as _,
    process::{Command, Output},
};

fn storm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_storm"))
        .args(["--expiries", "2", "--latency", "0.05", "--spread", "0.1"])
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// The columns of the lines whose first word is `server`, by the names of the table's head.
fn lines(output: &Output, server: &str) -> Vec<Vec<String>> {
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = table.lines().filter(|line| line.starts_with(server));
    lines
        .map(|line| {
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
        })
        .collect()
}

/// Those lines, or nothing where the program said that a part is not on this machine.
fn lines_or_skip(output: &Output, server: &str, part: &str) -> Option<Vec<Vec<String>>> {
    let said = String::from_utf8_lossy(&output.stderr);
    if !said.contains("skipped: ") {
        return Some(lines(output, server));
    }
    let required =
        std::env::var("SEALKIT_REQUIRE_PEERS").is_ok_and(|value| !value.is_empty() && value != "0");
    assert!(!required, "{part} not found, and SEALKIT_REQUIRE_PEERS is set: run tools/install-peers");
    // The harness captures what the macros print, and nobody would learn of it.
    drop(std::io::stderr().write_all(said.as_bytes()));
    None
}

/// Grants per expiry, and logouts.
fn kept(line: &[String]) -> (&str, &str) {
    (&line[6], &line[9])
}

#[test]
fn one_grant_for_an_expiry_and_nobody_logged_out() {
    let output = storm(&["--clients", "24", "--replicas", "1", "--sessions", "1,6", "--no-node"]);
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output, "sealkit");
    assert_eq!(lines.len(), 4, "{output:?}");
    for line in lines {
        assert_eq!(kept(&line), ("1.00", "0"), "{output:?}");
    }
}

#[test]
fn replicas_behind_one_redis_keep_the_same_promise() {
    let output = storm(&["--clients", "24", "--replicas", "3", "--sessions", "1,6", "--no-node"]);
    let Some(lines) = lines_or_skip(&output, "sealkit", "redis-server") else { return };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines.len(), 4, "{output:?}");
    for line in lines {
        assert_eq!(kept(&line), ("1.00", "0"), "{output:?}");
    }
}

#[test]
fn replicas_that_know_nothing_of_each_other_are_seen_to_log_out() {
    let output = storm(&[
        "--clients",
        "24",
        "--replicas",
        "3",
        "--sessions",
        "1",
        "--window",
        "strict",
        "--no-redis",
        "--no-node",
    ]);
    let lines = lines(&output, "sealkit");
    let (_, logouts) = kept(&lines[0]);
    assert_ne!(logouts, "0", "{output:?}");
    // They were told not to know of each other, so nothing was promised.
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_session_that_one_replica_ended_is_refused_by_all_and_no_other_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_storm"))
        .args(["--revocation", "--sessions", "12", "--clients", "4"])
        .output()
        .expect("the program runs");
    let Some(lines) = lines_or_skip(&output, "sealkit", "redis-server") else { return };
    // By sign-out and by webhook, without and with load; whether it took a second is for a machine that has time. Whatever else
    // goes wrong stands below its line.
    let seen: Vec<_> = lines.iter().map(|line| (line[0].as_str(), line[1].as_str(), &line[2..=5])).collect();
    let kinds: Vec<_> = seen.iter().map(|(server, by, rest)| (*server, *by, rest[0].as_str())).collect();
    let three = "sealkit ×3";
    let expected = [
        (three, "sign-out", "0"),
        (three, "webhook", "0"),
        (three, "sign-out", "4"),
        (three, "webhook", "4"),
    ];
    assert_eq!(kinds, expected, "{output:?}");
    for (_, _, rest) in seen {
        assert_eq!((rest[2].as_str(), rest[3].as_str()), ("6", "6"), "{output:?}");
        assert_eq!(rest[0] == "0", rest[1] == "0", "the load was served: {output:?}");
    }
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(!table.contains(" × "), "{table}");
}

#[test]
fn one_client_that_is_never_late_loses_nothing_with_node_either() {
    let output = storm(&["--clients", "1", "--late", "0", "--replicas", "1", "--sessions", "1"]);
    let Some(lines) = lines_or_skip(&output, "node", "Node") else { return };
    assert_eq!(lines.len(), 2, "{output:?}");
    for line in lines {
        assert_eq!(kept(&line), ("1.00", "0"), "{output:?}");
    }
}
