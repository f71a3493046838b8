//! The reference pages are what the code says.

#[path = "../examples/reasons.rs"]
#[expect(dead_code, reason = "the example's `main` prints the page")]
mod reasons;

#[test]
fn the_page_of_reasons_is_what_the_code_says() {
    let file = include_str!("../../../docs/reasons.md");
    assert!(file == reasons::page(), "run: cargo run -p sealkit-core --example reasons > docs/reasons.md");
}

#[path = "../examples/formats.rs"]
#[expect(dead_code, reason = "the example's `main` prints the page")]
mod formats;

#[test]
fn the_page_of_formats_is_what_the_code_says() {
    let file = include_str!("../../../docs/formats.md");
    assert!(file == formats::page(), "run: cargo run -p sealkit-core --example formats > docs/formats.md");
}
