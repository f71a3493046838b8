//! A line of the table of revocations, and what is promised.

use super::{
    end::{Ended, Means},
    load::Wrong,
};
use crate::row::percentile;
use std::{fmt, time::Duration};

/// The promise: no replica serves a revoked session for longer.
const PROMISE: Duration = Duration::from_secs(1);

/// The head of the table.
pub(crate) const HEAD: [&str; 2] = [
    "                                                           ms after the answer    ms after the request",
    "server      ended by  load   served  sessions  refused     p50     p99     max     p50     p99     max",
];

#[derive(Debug)]
pub(crate) struct Row {
    replicas: usize,
    means: Means,
    /// Clients that asked for other sessions, and how often they were served.
    clients: usize,
    served: u64,
    sessions: usize,
    ended: Vec<Ended>,
    wrong: Wrong,
}

impl Row {
    pub(crate) fn new(replicas: usize, means: Means, clients: usize) -> Self {
        Self { replicas, means, clients, served: 0, sessions: 0, ended: Vec::new(), wrong: Wrong::new() }
    }

    /// A session that every replica refused, and refuses.
    pub(crate) fn note(&mut self, ended: Ended) {
        self.sessions += 1;
        self.ended.push(ended);
    }

    /// A session that was not ended, not refused, or not properly.
    pub(crate) fn note_wrong_session(&mut self, what: String) {
        self.sessions += 1;
        self.note_wrong(what);
    }

    /// What else nobody expects.
    pub(crate) fn note_wrong(&mut self, what: String) {
        *self.wrong.entry(what).or_default() += 1;
    }

    /// What the clients of sessions that go on saw in this time, in both lines.
    pub(crate) fn note_load(&mut self, served: u64, wrong: &Wrong) {
        self.served = served;
        for (what, count) in wrong {
            *self.wrong.entry(format!("of the load, {what}")).or_default() += count;
        }
    }

    /// Whether every session was refused everywhere in time, and nothing else happened. The time counts from the request: who
    /// ends a session does not ask how long the first replica takes to say so.
    pub(crate) fn keeps_the_promise(&self) -> bool {
        self.wrong.is_empty()
            && self.ended.len() == self.sessions
            && self.ended.iter().all(|ended| ended.after_request <= PROMISE)
    }

    fn times(&self, of: impl Fn(&Ended) -> Duration) -> [f64; 3] {
        let mut times: Vec<Duration> = self.ended.iter().map(of).collect();
        times.sort_unstable();
        [50, 99, 100].map(|percent| percentile(&times, percent) * 1000.0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { means, clients, served, sessions, .. } = self;
        write!(
            f,
            "{:<10}  {means:<8}  {clients:>4}  {served:>7}  {sessions:>8}  {:>7}",
            format!("sealkit ×{}", self.replicas),
            self.ended.len(),
        )?;
        for time in [self.times(|ended| ended.after_answer), self.times(|ended| ended.after_request)].concat()
        {
            if time.is_nan() {
                f.write_str("       –")?;
            } else {
                write!(f, "  {time:>6.1}")?;
            }
        }
        for (what, count) in &self.wrong {
            write!(f, "\n    {count} × {what}")?;
        }
        let slow = self.ended.iter().filter(|ended| ended.after_request > PROMISE).count();
        if slow > 0 {
            write!(f, "\n    {slow} sessions were served for longer than {} s", PROMISE.as_secs())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(after_request: u64, after_answer: u64) -> Ended {
        let [after_request, after_answer] = [after_request, after_answer].map(Duration::from_millis);
        Ended { after_request, after_answer }
    }

    fn row() -> Row {
        let mut row = Row::new(3, Means::Webhook, 0);
        row.note(ended(1000, 990));
        row.note_load(7, &Wrong::new());
        row
    }

    #[test]
    fn the_promise_is_that_every_session_is_refused_everywhere_within_a_second() {
        assert!(row().keeps_the_promise());
        let breaks: [fn(&mut Row); 4] = [
            |row| row.note(ended(1001, 1)),
            |row| row.note_wrong_session("never refused".to_owned()),
            |row| row.note_wrong("serves a session that is over".to_owned()),
            |row| row.note_load(7, &Wrong::from([("refused".to_owned(), 1)])),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut row = row();
            break_it(&mut row);
            assert!(!row.keeps_the_promise(), "{number}: {row}");
            assert!(row.to_string().contains("\n    1 "), "it says so: {row}");
        }
    }

    #[test]
    fn columns_stand_under_their_heads() {
        let (line, head) = (row().to_string(), HEAD[1]);
        assert_eq!(line.chars().count(), head.chars().count(), "\n{head}\n{line}");
    }
}
