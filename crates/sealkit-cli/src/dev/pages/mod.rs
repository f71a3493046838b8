//! The pages: one layout, no inline script or style.

pub(super) mod home;
pub(super) mod inspect;

use crate::output;

use super::{
    app::Demo,
    flash::{Flash, Tone},
};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use maud::{DOCTYPE, Markup, html};
use sealkit::UnixMillis;
use serde_json::Value;

/// Which entry of the menu is the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Home,
    Inspect,
    Elsewhere,
}

fn respond(status: StatusCode, markup: Markup) -> Response {
    (status, Html(markup.into_string())).into_response()
}

fn layout(demo: &Demo, place: Place, title: &str, flash: Option<Flash>, body: &Markup) -> Markup {
    let current = |own: Place| (own == place).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · sealkit demo" }
                link rel="icon" type="image/svg+xml" href=(demo.assets().icon());
                link rel="stylesheet" href=(demo.assets().style());
                script src=(demo.assets().script()) defer {}
            }
            body {
                header.top {
                    a.brand href="/" {
                        img src=(demo.assets().icon()) alt="" width="28" height="28";
                        "sealkit " span.soft { "demo" }
                    }
                    nav aria-label="Main" {
                        a href="/" aria-current=[current(Place::Home)] { "Session" }
                        a href="/inspect" aria-current=[current(Place::Inspect)] { "Inspect" }
                    }
                }
                main {
                    @if let Some(flash) = flash {
                        p #flash.flash.bad[flash.tone() == Tone::Bad] role="status" { (flash.text()) }
                    }
                    (body)
                }
                footer {
                    "Provider at " a href=(demo.idp_url()) { (demo.idp_url()) }
                    ". For development on this machine only."
                }
            }
        }
    }
}

pub(super) async fn not_found(State(demo): State<Demo>) -> Response {
    let body = html! {
        section.hero {
            h1 { "There is nothing here" }
            p { a.button href="/" { "Back to the session" } }
        }
    };
    respond(StatusCode::NOT_FOUND, layout(&demo, Place::Elsewhere, "Not found", None, &body))
}

/// Nobody can say who this is: not a sign-out, and not an error page without a way on.
fn unavailable(demo: &Demo, reason: &str, retry_after: u64) -> Response {
    let body = html! {
        section.hero {
            h1 { "Nobody can tell right now" }
            p.lead {
                "The access token has expired and the provider did not give a new one ("
                code { (reason) }
                "). The cookie is kept: you are not signed out."
            }
            p { a.button href="/" { "Try again" } }
            p.soft { "Answered 503 with " code { "Retry-After: " (retry_after) } "." }
        }
    };
    let page = layout(demo, Place::Elsewhere, "Try again", None, &body);
    let mut response = respond(StatusCode::SERVICE_UNAVAILABLE, page);
    response.headers_mut().insert(header::RETRY_AFTER, retry_after.into());
    response
}

/// Lists as chips, times as times, the rest as it stands.
fn shown(name: &str, value: &Value) -> Markup {
    match value {
        Value::Array(items) => html! {
            @for item in items { span.chip { (output::json_text(item)) } }
        },
        Value::String(text) => html! { (output::shown(text)) },
        Value::Number(number) if matches!(name, "exp" | "iat" | "nbf" | "auth_time") => {
            let time = number.as_u64().map(UnixMillis::from_secs).map(output::rfc3339);
            html! { (number) @if let Some(time) = time { " " span.soft.time { (time) } } }
        }
        other => html! { code { (output::json_text(other)) } },
    }
}
