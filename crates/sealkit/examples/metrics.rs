//! Prints `docs/metrics.md`: `cargo run -p sealkit --example metrics > docs/metrics.md`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use sealkit::telemetry::{self, Kind};

fn main() {
    print!("{}", page());
}

/// The page; a test compares it with the file.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# Metrics and spans\n\n\
         Metrics go to the recorder of the crate `metrics` that the program installs (for Prometheus: `metrics-exporter-prometheus`). \
         `sealkit::telemetry::describe()` tells it what they mean; `Sealkit::record_gauges()` records the gauges that have no moment \
         of their own: call it before every scrape, or every few seconds. Names and labels are part of semver. Labels hold codes of \
         closed lists, names of passwords and formats, never an id of a user or session. Times are seconds.\n\n\
         | metric | kind | labels | says |\n|---|---|---|---|\n",
    );
    for metric in telemetry::ALL {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        page += &format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name,
            kind(metric.kind),
            labels.join(", "),
            metric.means
        );
    }
    page += "\nSpans of the crate `tracing`, at level DEBUG: `sealkit.resolve` for what a request's session is worth, within it \
             `sealkit.refresh` (`session_id`) while its caller waits, and `sealkit.grant` for the refresh token on its way to the API: \
             in a task of its own, so it follows from the refresh that began it and outlives it when the caller goes away.\n\n\
             What to watch: `sealkit_refresh_replayed_total` that grows with the traffic says that cookies are lost between here and \
             the browser (a proxy that drops `Set-Cookie`, too small buffers); `sealkit_decisions_total{result=\"unavailable\"}` is an \
             outage of WorkOS or of the way to it; `sealkit_coordinator_mode{mode=\"degraded\"}` at 1 says that replicas refresh each \
             for itself; `sealkit_clock_skew_seconds` beyond 30 says that this machine's clock needs NTP.\n";
    page
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        _ => "other",
    }
}
