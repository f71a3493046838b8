//! Remembers what is measured.

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Remembers every value by name and labels.
#[derive(Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

struct Cell {
    name: String,
    all: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
}

impl Seen {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Cell {
            name: format!("{} {}", key.name(), labels.join(" ")).trim_end().to_owned(),
            all: Arc::clone(&self.0),
        })
    }

    /// Every value by name and labels, of the metrics that begin so.
    pub(crate) fn values(&self, of: &str) -> Vec<(String, Vec<f64>)> {
        let all = self.0.lock().unwrap().clone();
        all.into_iter().filter(|(name, _)| name.starts_with(of)).collect()
    }

    /// How many values there are of this metric with these labels.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).map_or(0, Vec::len)
    }

    /// The last value of this metric with these labels.
    pub(crate) fn last(&self, name: &str) -> Option<f64> {
        self.0.lock().unwrap().get(name)?.last().copied()
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

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        let last = self.all.lock().unwrap().get(&self.name).and_then(|all| all.last().copied());
        self.push(last.unwrap_or_default() + value);
    }

    fn decrement(&self, value: f64) {
        GaugeFn::increment(self, -value);
    }

    fn set(&self, value: f64) {
        self.push(value);
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
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}
