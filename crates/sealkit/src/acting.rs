//! The audit event of sessions in which another party acts: logged once for each session in this process.

use sealkit_core::{Session, Untrusted};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

/// Most sessions that are remembered. Beyond it the oldest is forgotten, and its event may be logged again.
const MOST: usize = 10_000;

/// The sessions whose event has been logged.
#[derive(Debug, Default)]
pub(crate) struct ActingLog(Mutex<Logged>);

#[derive(Debug, Default)]
struct Logged {
    sessions: HashSet<Box<str>>,
    oldest_first: VecDeque<Box<str>>,
}

impl ActingLog {
    /// Logs the event `sealkit.acting` if another party acts in this session and it has not been logged yet.
    pub(crate) fn note(&self, session: &Session) {
        let Some(actor) = session.actor() else { return };
        if self.is_new(session.id()) {
            tracing::info!(
                target: "sealkit.acting",
                session_id = %Untrusted::new(session.id()),
                user_id = %Untrusted::new(session.user_id()),
                kind = actor.kind().as_str(),
                actor = session.claims().actor().map(|sub| tracing::field::display(Untrusted::new(sub))),
                "another party acts in this session"
            );
        }
    }

    fn is_new(&self, session_id: &str) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !logged.sessions.insert(session_id.into()) {
            return false;
        }
        logged.oldest_first.push_back(session_id.into());
        if logged.oldest_first.len() > MOST
            && let Some(oldest) = logged.oldest_first.pop_front()
        {
            logged.sessions.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_new_once_and_memory_is_bounded() {
        let log = ActingLog::default();
        assert!(log.is_new("session_1") && !log.is_new("session_1"));
        for other in 0..MOST {
            assert!(log.is_new(&format!("session_of_another_{other}")));
        }
        assert_eq!(log.0.lock().unwrap().sessions.len(), MOST);
        assert!(log.is_new("session_1"), "the oldest is forgotten first");
    }
}
