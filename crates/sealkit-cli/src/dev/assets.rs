//! Stylesheet, script and icon, under names that change with their content.

use super::app::Demo;
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/app.js");
const ICON: &str = include_str!("assets/icon.svg");

/// A file and the name under which it is served.
#[derive(Debug)]
struct Asset {
    name: String,
    content_type: &'static str,
    body: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, body: &'static str) -> Self {
        Self { name: format!("{stem}-{:016x}.{extension}", hash(body)), content_type, body }
    }

    fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// All files of the demo.
#[derive(Debug)]
pub(super) struct Assets {
    style: Asset,
    script: Asset,
    icon: Asset,
}

impl Assets {
    pub(super) fn new() -> Self {
        Self {
            style: Asset::new("style", "css", "text/css; charset=utf-8", STYLE),
            script: Asset::new("app", "js", "text/javascript; charset=utf-8", SCRIPT),
            icon: Asset::new("icon", "svg", "image/svg+xml", ICON),
        }
    }

    pub(super) fn style(&self) -> String {
        self.style.path()
    }

    pub(super) fn script(&self) -> String {
        self.script.path()
    }

    pub(super) fn icon(&self) -> String {
        self.icon.path()
    }
}

/// Kept for ever: another content has another name.
pub(super) async fn serve(State(demo): State<Demo>, Path(name): Path<String>) -> Response {
    let Assets { style, script, icon } = demo.assets();
    let Some(asset) = [style, script, icon].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.body).into_response()
}

/// For browsers that ask without being told.
pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}

/// FNV-1a, 64 bit: names need no more.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_has_another_name() {
        let one = Asset::new("a", "css", "text/css", "body{}");
        let other = Asset::new("a", "css", "text/css", "body{ }");
        assert_ne!(one.name, other.name);
        assert!(one.path().starts_with("/assets/a-") && one.path().ends_with(".css"));
    }
}
