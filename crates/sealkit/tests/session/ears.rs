//! Hears every event and span, at every level, of the thread that a test runs on.

use std::{cell::RefCell, fmt, fmt::Write as _, sync::Once};
use tracing::{
    Event, Id, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

thread_local! {
    /// Every test has a thread of its own, and its runtime no other.
    static HEARD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Begins to listen, once for the whole process: a subscriber of one test alone would miss what another thread saw first.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(Ears).init());
}

/// What this test's thread has said so far.
pub(crate) fn heard() -> String {
    HEARD.with_borrow(Clone::clone)
}

struct Ears;

fn hear(name: &str, record: impl FnOnce(&mut Text<'_>)) {
    HEARD.with_borrow_mut(|heard| {
        heard.push_str(name);
        record(&mut Text(heard));
        heard.push('\n');
    });
}

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ears {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        hear(event.metadata().target(), |text| event.record(text));
    }

    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        hear(span.metadata().name(), |text| span.record(text));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        hear("", |text| values.record(text));
    }
}
