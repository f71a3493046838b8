//! What an operator's metrics say of the cookies that come in.

use crate::support::{ADA, PASSWORD, World, session};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use sealkit::{EncodingPolicy, KeyRing, format::Format};
use sealkit_devidp::MintSession;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Remembers every value by name and labels.
#[derive(Default)]
struct Seen(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

struct Cell {
    name: String,
    all: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
}

impl Seen {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Cell { name: format!("{} {}", key.name(), labels.join(" ")), all: Arc::clone(&self.0) })
    }

    fn values(&self) -> Vec<(String, Vec<f64>)> {
        self.0.lock().unwrap().clone().into_iter().collect()
    }
}

impl Cell {
    fn push(&self, value: f64) {
        self.all.lock().unwrap().entry(self.name.clone()).or_default().push(value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.push(f64::from(u32::try_from(value).unwrap()));
    }

    fn absolute(&self, _: u64) {
        panic!("a counter only counts");
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.push(value);
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("no gauge is known: {key}");
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[tokio::test(start_paused = true)]
async fn every_cookie_that_opens_is_counted_by_format_and_password_with_its_age() {
    let seen = Seen::default();
    let _recording = metrics::set_default_local_recorder(&seen);
    let fernet = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let world = World::configured(|config| {
        let ring = KeyRing::builder().password("new", fernet).password("old", PASSWORD).build().unwrap();
        let policy = EncodingPolicy::writing(Format::PythonFernet);
        config.key_ring(ring).encoding(policy.with_read(policy.read.with(Format::PlainJson)))
    });
    let minted = world.mint(MintSession::for_user(ADA));
    let iron = world.another(|config| config.encoding(EncodingPolicy::default()));
    let answer =
        sealkit::session::AuthResponse::from_json(minted.response_json.to_string().as_bytes()).unwrap();
    let old = iron.seal_session(&answer).unwrap().expose_secret().to_owned();
    let plain = iron.unseal(&old).unwrap().0.expose_text().to_owned();
    world.pass(Duration::from_secs(20)).await;
    let new = world.seal(&minted);
    world.pass(Duration::from_secs(10)).await;
    for cookie in [&old, &old, &new, &plain] {
        session(&world.authenticate(cookie).await);
    }
    assert!(world.authenticate("garbage").await.session().is_none());
    let counted = |name: &str, values: &[f64]| (name.to_owned(), values.to_vec());
    assert_eq!(
        seen.values(),
        [
            counted("sealkit_cookie_age_seconds format=iron key=old", &[30.0, 30.0]),
            counted("sealkit_cookie_age_seconds format=plain-json key=none", &[30.0]),
            counted("sealkit_cookie_age_seconds format=python-fernet key=new", &[10.0]),
            counted("sealkit_cookies_opened_total format=iron key=old", &[1.0, 1.0]),
            counted("sealkit_cookies_opened_total format=plain-json key=none", &[1.0]),
            counted("sealkit_cookies_opened_total format=python-fernet key=new", &[1.0]),
        ]
    );
}
