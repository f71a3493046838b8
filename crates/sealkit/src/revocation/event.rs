//! What an event of WorkOS means for sessions, and which events have been taken in already.

use super::{Denial, DenyEntry, DenyList, deny_list::CLOCKS_DIFFER};
use crate::{api::Event, clock::Clock, until::Until};
use sealkit_core::{UnixMillis, Untrusted};
use serde_json::{Map, Value};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The events that end sessions, or take something of them: what a webhook endpoint subscribes to, and what is asked for where no
/// webhook can reach.
pub const EVENTS: [&str; 5] = [
    "session.revoked",
    "user.deleted",
    "organization_membership.updated",
    "organization_membership.deleted",
    "organization.deleted",
];

/// What `organization_membership.deleted` was called before. The API no longer knows it, so nobody asks for it.
const MEMBERSHIP_REMOVED: &str = "organization_membership.removed";

/// How many events are remembered, and for how long: a little longer than WorkOS delivers one again.
const SEEN: usize = 16 * 1024;
const SEEN_FOR: Duration = Duration::from_secs(4 * 24 * 3600);

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Received {
    /// The deny list knows it from now on, or it happened so long ago that every token which it concerns has expired.
    Applied,
    /// The deny list knew it.
    Duplicate,
    /// It does not concern sessions, or does not say whose.
    Ignored,
}

impl Received {
    /// Its code, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
        }
    }
}

/// The name for a metric: one of a closed list.
pub(super) fn label(name: &str) -> &'static str {
    let known = EVENTS.into_iter().chain([MEMBERSHIP_REMOVED]);
    known.into_iter().find(|known| *known == name).unwrap_or("other")
}

/// The events that the list has taken in. What is applied twice does no harm; this only says so.
#[derive(Debug)]
pub(super) struct SeenEvents(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    done: Until<Box<str>>,
    /// Those whose delivery has not ended, or was cut off.
    begun: Until<Box<str>>,
}

impl Default for SeenEvents {
    fn default() -> Self {
        Self(Mutex::new(Seen { done: Until::at_most(SEEN), begun: Until::at_most(SEEN) }))
    }
}

impl SeenEvents {
    fn has(&self, id: &str, now: UnixMillis) -> bool {
        self.lock().done.get(id).is_some_and(|until| until > now)
    }

    /// True if a delivery of it has begun before.
    fn begins(&self, id: &str, now: UnixMillis) -> bool {
        let mut seen = self.lock();
        let before = seen.begun.get(id).is_some();
        seen.begun.put(id.into(), now.saturating_add(SEEN_FOR), now);
        before
    }

    fn add(&self, id: &str, now: UnixMillis) {
        let mut seen = self.lock();
        seen.begun.remove(id);
        seen.done.put(id.into(), now.saturating_add(SEEN_FOR), now);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DenyList {
    /// Denies what the event says, as of the time when it happened. Old events, and events in any order, do no harm: they overrule
    /// older tokens only, and take nothing back.
    ///
    /// When the future ends it is denied here, and wherever the list is shared (or will be soon). Dropping it before that leaves
    /// the event to be taken in again.
    pub async fn take_in(&self, event: &Event) -> Received {
        let now = self.clock().now();
        let Some(denial) = denial(event, now) else { return Received::Ignored };
        if self.seen_events().has(&event.id, now) {
            return Received::Duplicate;
        }
        // As of when it happened, so that every process that hears of the same event says the same of it, whenever that is; and of
        // an event that is older than any token nothing is to be said.
        let at = event.created_at.unwrap_or(now).min(now);
        let until = at.saturating_add(self.settings().ttl).saturating_add(CLOCKS_DIFFER);
        let entry = DenyEntry::new(denial, until);
        let was_cut_off = self.seen_events().begins(&event.id, now);
        let news = self.deny_here(entry.clone());
        self.share(if was_cut_off { Some(entry) } else { news }).await;
        // Not before it is done: somebody who delivers it again after a failure must not hear that it was.
        self.seen_events().add(&event.id, now);
        tracing::debug!(event = label(&event.name), id = %Untrusted::new(&event.id), "a revocation was received");
        Received::Applied
    }
}

/// Whom it concerns. `None` when that is nobody, or cannot be read, which is said.
fn denial(event: &Event, now: UnixMillis) -> Option<Denial> {
    // By WorkOS's clock, as the tokens' times are: ours may differ. Ours is better than nothing.
    let at = event.created_at.unwrap_or(now);
    let denial = match &*event.name {
        "session.revoked" => id(&event.data, "id").map(Denial::session),
        "user.deleted" => id(&event.data, "id").map(|id| Denial::user(id, at)),
        "organization.deleted" => id(&event.data, "id").map(|id| Denial::organization(id, at)),
        "organization_membership.updated" | "organization_membership.deleted" | MEMBERSHIP_REMOVED => {
            let (user, organization) = (id(&event.data, "user_id"), id(&event.data, "organization_id"));
            user.zip(organization).map(|(user, organization)| Denial::membership(user, organization, at))
        }
        _ => return None,
    };
    if denial.is_none() {
        tracing::warn!(event = label(&event.name), id = %Untrusted::new(&event.id), "an event does not say whom it concerns");
    } else if event.created_at.is_none() {
        tracing::warn!(event = label(&event.name), id = %Untrusted::new(&event.id), "an event does not say when it happened");
    }
    denial
}

fn id<'a>(data: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    data.get(name)?.as_str().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: UnixMillis = UnixMillis::from_secs(1_800_000_000);
    const THEN: UnixMillis = UnixMillis::from_millis(1_750_000_000_007);

    fn event(name: &str, data: &Value) -> Event {
        let event = json!({
            "object": "event", "id": "event_1", "event": name, "data": data, "created_at": "2025-06-15T15:06:40.007Z",
        });
        Event::from_json(event.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn every_event_concerns_whom_it_says_as_of_when_it_happened() {
        let member = json!({ "id": "om_1", "user_id": "user_1", "organization_id": "org_1" });
        for (name, data, expected) in [
            ("session.revoked", json!({ "id": "session_1" }), Denial::session("session_1")),
            ("user.deleted", json!({ "id": "user_1" }), Denial::user("user_1", THEN)),
            ("organization.deleted", json!({ "id": "org_1" }), Denial::organization("org_1", THEN)),
            ("organization_membership.updated", member.clone(), Denial::membership("user_1", "org_1", THEN)),
            ("organization_membership.deleted", member.clone(), Denial::membership("user_1", "org_1", THEN)),
            ("organization_membership.removed", member, Denial::membership("user_1", "org_1", THEN)),
        ] {
            assert_eq!(denial(&event(name, &data), NOW), Some(expected), "{name}");
        }
    }

    #[test]
    fn an_event_without_a_time_counts_as_of_now() {
        let mut event = event("user.deleted", &json!({ "id": "user_1" }));
        event.created_at = None;
        assert_eq!(denial(&event, NOW), Some(Denial::user("user_1", NOW)));
    }

    #[test]
    fn events_that_concern_nobody_deny_nobody() {
        for name in
            ["session.created", "organization_membership.created", "user.updated", "SESSION.REVOKED", "x"]
        {
            let data = json!({ "id": "session_1", "user_id": "user_1", "organization_id": "org_1" });
            assert_eq!(denial(&event(name, &data), NOW), None, "{name}");
        }
        for name in EVENTS {
            for data in [
                json!({}),
                json!(null),
                json!([]),
                json!({ "id": 7 }),
                json!({ "id": "", "user_id": "user_1" }),
            ] {
                assert_eq!(denial(&event(name, &data), NOW), None, "{name} {data}");
            }
        }
    }

    #[test]
    fn metrics_hear_names_of_a_closed_list_only() {
        assert_eq!(EVENTS.map(label), EVENTS);
        assert_eq!(label("organization_membership.removed"), "organization_membership.removed");
        assert_eq!((label("session.created"), label("")), ("other", "other"));
    }
}
