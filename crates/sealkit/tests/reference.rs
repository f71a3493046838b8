//! The reference page is what the code says.

#[path = "../examples/metrics.rs"]
#[expect(dead_code, reason = "the example's `main` prints the page")]
mod metrics;

#[test]
fn the_page_of_metrics_is_what_the_code_says() {
    let file = include_str!("../../../docs/metrics.md");
    assert!(file == metrics::page(), "run: cargo run -p sealkit --example metrics > docs/metrics.md");
}
