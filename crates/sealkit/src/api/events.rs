//! `GET /events`: what has happened at WorkOS, oldest first, a page at a time.

use super::{
    client::ApiClient,
    error::{ApiError, Unusable},
    reply::{ApiReply, ReplyMeta},
};
use sealkit_core::UnixMillis;
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// Most events of a page.
pub const MAX_EVENTS: u8 = 100;

/// Something that has happened at WorkOS: the body of a webhook, or one of a page of events.
///
/// `Debug` shows id, name and time; the data may be about a person.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// `event_…`; the same for every delivery of the event. Not empty.
    pub id: Box<str>,
    /// What has happened: `session.revoked` and so on. Not empty.
    pub name: Box<str>,
    /// The object that it happened to, as it was then. Empty if there is none.
    pub data: Map<String, Value>,
    /// When it happened, by WorkOS's clock; `None` if that cannot be read.
    pub created_at: Option<UnixMillis>,
}

impl Event {
    /// Reads an event; `None` when it is no JSON object with an id and a name.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        match serde_json::from_slice(json) {
            Ok(Value::Object(members)) => Self::from_members(members),
            _ => None,
        }
    }

    fn from_members(mut members: Map<String, Value>) -> Option<Self> {
        if members.get("object").is_some_and(|object| object != "event") {
            return None;
        }
        let text = |name: &str| members.get(name)?.as_str().filter(|text| !text.is_empty()).map(Box::from);
        let (id, name) = (text("id")?, text("event")?);
        let created_at = members.get("created_at").and_then(Value::as_str).and_then(time);
        let data = match members.remove("data") {
            Some(Value::Object(data)) => data,
            _ => Map::new(),
        };
        Some(Self { id, name, data, created_at })
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// Where a page of events begins. The API takes one or the other, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventsFrom {
    /// With the first event after this time. WorkOS keeps events for 30 days.
    Time(UnixMillis),
    /// With the first event after the one of this id.
    Event(Box<str>),
}

/// Some of the events, in the order in which they happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventsPage {
    /// The events; entries that are none are left out.
    pub events: Vec<Event>,
    /// The id after which the next page begins, if there is one now.
    pub after: Option<Box<str>>,
}

impl EventsPage {
    /// Reads an answer; `None` when it is no list.
    fn from_json(body: &[u8]) -> Option<Self> {
        let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else { return None };
        let Some(Value::Array(data)) = body.remove("data") else { return None };
        let after = body.get("list_metadata").and_then(|list| list.get("after")?.as_str());
        let after = after.filter(|id| !id.is_empty()).map(Box::from);
        let events = data.into_iter().filter_map(|entry| match entry {
            Value::Object(members) => Event::from_members(members),
            _ => None,
        });
        Some(Self { events: events.collect(), after })
    }
}

impl ApiClient {
    /// `GET /events`: the events of these names, oldest first, at most `limit` of them (1 to [`MAX_EVENTS`]). Needs the API key.
    ///
    /// # Errors
    /// [`ApiError`]; it is not sent without an API key.
    pub async fn events(
        &self,
        names: &[&str],
        from: &EventsFrom,
        limit: u8,
    ) -> Result<ApiReply<EventsPage>, ApiError> {
        let (names, limit) = (names.join(","), limit.clamp(1, MAX_EVENTS).to_string());
        let begin = match from {
            EventsFrom::Time(time) => ("range_start", Cow::Owned(rfc3339(*time))),
            EventsFrom::Event(id) => ("after", Cow::Borrowed(&**id)),
        };
        // The order is said, because the documents do not agree on the one that is meant when nothing is.
        let query = [("events", &*names), ("limit", &*limit), ("order", "asc"), (begin.0, &*begin.1)];
        let reply = self.get_with_key(&["events"], &query).await?;
        let (parts, body) = reply.into_parts();
        let meta = ReplyMeta::read(parts.status, &parts.headers);
        match EventsPage::from_json(&body) {
            Some(page) => Ok(ApiReply::new(page, meta)),
            None => Err(ApiError::unusable(Unusable::Shape, meta)),
        }
    }
}

/// RFC 3339, as the API writes times.
fn time(text: &str) -> Option<UnixMillis> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(UnixMillis::from_millis)
}

fn rfc3339(time: UnixMillis) -> String {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{
            ApiBase, ApiErrorKind, ClientId, GrantError,
            testing::{ScriptedTransport, reply},
        },
        clock::ManualClock,
    };
    use sealkit_core::ApiKey;
    use std::sync::Arc;

    fn client(
        key: Option<&str>,
        script: impl IntoIterator<Item = &'static str>,
    ) -> (ApiClient, ScriptedTransport) {
        let transport = ScriptedTransport::new(script.into_iter().map(|body| reply(200, body)));
        let client = ApiClient::new(
            ApiBase::default(),
            ClientId::new("client_1").unwrap(),
            key.map(ApiKey::from),
            Arc::new(transport.clone()),
            Arc::new(ManualClock::default()),
        );
        (client, transport)
    }

    #[tokio::test]
    async fn a_page_begins_at_a_time_or_after_an_event_and_never_at_both() {
        let empty = r#"{"object":"list","data":[],"list_metadata":{"after":null}}"#;
        let (client, transport) = client(Some("sk_1"), [empty, empty]);
        let from_time = EventsFrom::Time(UnixMillis::from_millis(1_750_000_000_007));
        client.events(&["session.revoked", "user.deleted"], &from_time, 200).await.unwrap();
        client.events(&["a"], &EventsFrom::Event("event_1&x".into()), 7).await.unwrap();
        let sent: Vec<_> = transport.requests().iter().map(|request| request.uri().to_string()).collect();
        assert_eq!(
            sent,
            [
                "https://api.workos.com/events?events=session.revoked%2Cuser.deleted&limit=100&order=asc&range_start=2025-06-15T15%3A06%3A40.007Z",
                "https://api.workos.com/events?events=a&limit=7&order=asc&after=event_1%26x",
            ]
        );
        let request = &transport.requests()[0];
        assert_eq!(request.headers()["authorization"], "Bearer sk_1");
        assert!(!format!("{request:?}").contains("sk_1"));
    }

    #[tokio::test]
    async fn without_an_api_key_nothing_is_sent() {
        let (client, transport) = client(None, []);
        let from = EventsFrom::Time(UnixMillis::default());
        let error = client.events(&["a"], &from, 100).await.unwrap_err();
        assert_eq!(error.kind(), ApiErrorKind::Grant(GrantError::SecretRequired));
        assert!(transport.requests().is_empty());
    }

    #[tokio::test]
    async fn what_is_no_list_is_an_error_and_what_is_no_event_is_left_out() {
        let page = r#"{"data":[7,{"id":"event_1"},{"id":"","event":"a"},{"object":"user","id":"x","event":"a"},
            {"id":"event_2","event":"a","data":[],"created_at":"yesterday"},
            {"object":"event","id":"event_3","event":"b","data":{"id":"x"},"created_at":"2025-06-15T17:06:40.007+02:00"}],
            "list_metadata":{"before":null,"after":"event_3"}}"#;
        let (client, _) = client(Some("sk_1"), [page, "[]", "{}", "<html>", r#"{"data":{}}"#]);
        let from = EventsFrom::Time(UnixMillis::default());
        let page = client.events(&["a"], &from, 100).await.unwrap().into_body();
        assert_eq!(page.after.as_deref(), Some("event_3"));
        let ids: Vec<_> = page.events.iter().map(|event| (&*event.id, event.created_at)).collect();
        assert_eq!(ids, [("event_2", None), ("event_3", Some(UnixMillis::from_millis(1_750_000_000_007)))]);
        for _ in 0..4 {
            let error = client.events(&["a"], &from, 100).await.unwrap_err();
            assert_eq!(error.kind(), ApiErrorKind::Unusable);
        }
    }
}
