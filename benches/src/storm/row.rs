//! A line of the table: what is counted, and what is expected of sealkit.

use super::{
    client::{End, Report},
    options::{Case, Kind},
};
use sealkit_devidp::RefreshCounts;
use std::{collections::BTreeMap, fmt, time::Duration};

/// The head of the table.
pub(crate) const HEAD: &str = "\
server         window  latency  sessions  requests  grants  per expiry  replays  refused  logouts  busy   p50 s   p99 s   max s";

/// When a client asks, seen from the expiry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    AtOnce,
    Late,
    MinutesLater,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "at once",
            Self::Late => "late",
            Self::MinutesLater => "minutes later",
        })
    }
}

#[derive(Debug)]
pub(crate) struct Row {
    case: Case,
    /// Whether the processes know of each other.
    coordinated: bool,
    requests: u64,
    expiries: u64,
    grants: RefreshCounts,
    /// Expiries of a session that did not have exactly one grant.
    uneven: u64,
    logouts: u64,
    odd: u64,
    busy: u64,
    pub(crate) sign_ins: u64,
    waits: Vec<Duration>,
    /// Why clients were logged out, and what else happened to them that nobody expects.
    reasons: BTreeMap<String, u64>,
}

impl Row {
    pub(crate) fn new(case: Case, coordinated: bool) -> Self {
        Self {
            case,
            coordinated,
            requests: 0,
            expiries: 0,
            grants: RefreshCounts::default(),
            uneven: 0,
            logouts: 0,
            odd: 0,
            busy: 0,
            sign_ins: 0,
            waits: Vec::new(),
            reasons: BTreeMap::new(),
        }
    }

    /// What became of one visit.
    pub(crate) fn note(&mut self, when: When, report: Report) {
        self.requests += 1;
        self.busy += report.busy;
        let reason = match report.end {
            End::Served(_) => {
                self.waits.push(report.wait);
                return;
            }
            End::LoggedOut(reason) => {
                self.logouts += 1;
                format!("logged out {when}, {reason}")
            }
            End::Odd(what) => {
                self.odd += 1;
                format!("{when}: {what}")
            }
        };
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// What one session asked of the provider in one expiry.
    pub(crate) fn note_grants(&mut self, before: RefreshCounts, after: RefreshCounts) {
        let rotated = after.rotated - before.rotated;
        self.expiries += 1;
        self.uneven += u64::from(rotated != 1);
        self.grants.rotated += rotated;
        self.grants.replayed += after.replayed - before.replayed;
        self.grants.refused += after.refused - before.refused;
    }

    /// Whether this line breaks the promise. Others make none, nor do replicas that were told not to know of each other.
    pub(crate) fn breaks_the_promise(&self) -> bool {
        let lost = self.logouts + self.odd + self.sign_ins + self.uneven;
        self.case.server == Kind::Sealkit && self.coordinated && lost > 0
    }
}

/// The wait that so many of a hundred did not exceed, in seconds.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, Duration::as_secs_f64)
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { server, processes, window, latency, sessions } = &self.case;
        let name = match server {
            Kind::Sealkit => "sealkit",
            Kind::Node => "node",
        };
        let alone = if *server == Kind::Sealkit && !self.coordinated { " alone" } else { "" };
        let window =
            if window.0.is_zero() { "strict".to_owned() } else { format!("{} s", window.0.as_secs()) };
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        write!(
            f,
            "{:<13}  {window:>6}  {:>5.1} s  {sessions:>8}  {:>8}  {:>6}  {:>10.2}  {:>7}  {:>7}  {:>7}  {:>4}  {:>6.2}  {:>6.2}  {:>6.2}",
            format!("{name} ×{processes}{alone}"),
            latency.0.as_secs_f64(),
            self.requests,
            self.grants.rotated,
            self.grants.rotated as f64 / self.expiries as f64,
            self.grants.replayed,
            self.grants.refused,
            self.logouts,
            self.busy,
            percentile(&waits, 50),
            percentile(&waits, 99),
            percentile(&waits, 100),
        )?;
        for (reason, count) in &self.reasons {
            write!(f, "\n    {count} × {reason}")?;
        }
        if self.uneven > 0 {
            write!(f, "\n    {} of {} expiries without exactly one grant", self.uneven, self.expiries)?;
        }
        if self.sign_ins > 0 {
            write!(
                f,
                "\n    {} sessions with no cookie left that refreshes: signed in again",
                self.sign_ins
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Cookie,
        options::{Seconds, Window},
    };

    fn row(server: Kind, coordinated: bool) -> Row {
        let latency = Seconds(Duration::from_secs(3));
        let case = Case { server, processes: 2, window: Window(Duration::ZERO), latency, sessions: 1 };
        Row::new(case, coordinated)
    }

    fn report(end: End, millis: u64) -> Report {
        Report { end, cookie: Cookie::Kept, wait: Duration::from_millis(millis), busy: 0 }
    }

    fn rotated(times: u64) -> RefreshCounts {
        let mut counts = RefreshCounts::default();
        counts.rotated = times;
        counts
    }

    #[test]
    fn the_promise_is_one_grant_for_each_expiry_and_nobody_logged_out() {
        let mut kept = row(Kind::Sealkit, true);
        kept.note(When::Late, report(End::Served("session_1".to_owned()), 10));
        kept.note_grants(rotated(4), rotated(5));
        assert!(!kept.breaks_the_promise());

        let breaks: [fn(&mut Row); 5] = [
            |row| row.note(When::Late, report(End::LoggedOut("invalid_grant".to_owned()), 10)),
            |row| row.note(When::AtOnce, report(End::Odd("status 500".to_owned()), 10)),
            |row| row.note_grants(rotated(4), rotated(4)),
            |row| row.note_grants(rotated(4), rotated(6)),
            |row| row.sign_ins += 1,
        ];
        for (number, lose) in breaks.into_iter().enumerate() {
            for (server, coordinated, broken) in
                [(Kind::Sealkit, true, true), (Kind::Sealkit, false, false), (Kind::Node, false, false)]
            {
                let mut row = row(server, coordinated);
                lose(&mut row);
                assert_eq!(row.breaks_the_promise(), broken, "{number} {server:?}");
            }
        }
    }

    #[test]
    fn too_many_grants_in_one_expiry_are_not_made_good_by_too_few_in_the_next() {
        let mut uneven = row(Kind::Sealkit, true);
        uneven.note_grants(rotated(0), rotated(2));
        uneven.note_grants(rotated(2), rotated(2));
        assert!(uneven.to_string().contains("1.00"), "{uneven}");
        assert!(uneven.breaks_the_promise());
    }

    #[test]
    fn a_percentile_is_a_wait_that_was_had() {
        let waits: Vec<Duration> = (1..=200).map(Duration::from_secs).collect();
        let of = |percent| percentile(&waits, percent);
        assert_eq!((of(50), of(99), of(100)), (100.0, 198.0, 200.0));
        assert_eq!(percentile(&waits[..1], 50), 1.0);
        assert!(percentile(&[], 50).is_nan());
    }
}
