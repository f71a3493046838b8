//! A cookie taken apart: the one that this browser has, or a pasted one.

use super::{Place, layout, respond, shown};
use crate::{
    anatomy::{Anatomy, Check, Member, Outcome, Pasted, Spares, Subject, Token},
    dev::app::Demo,
    output,
};
use axum::{
    Form,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use maud::{Markup, html};
use sealkit::{Clock as _, UnixMillis};
use serde::Deserialize;
use serde_json::Value;

/// What somebody pasted.
#[derive(Debug, Deserialize)]
pub(in crate::dev) struct Paste {
    #[serde(default)]
    cookie: String,
}

/// The cookie as the browser sent it, untouched: this page neither resolves nor refreshes it.
pub(in crate::dev) async fn current(State(demo): State<Demo>, headers: HeaderMap) -> Response {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let name = demo.sealkit().config().cookie().name().to_owned();
    // Several lines are one header (RFC 9113 §8.2.3).
    let line = format!("Cookie: {}", lines.collect::<Vec<_>>().join("; "));
    let found = Pasted::find(&line, &name).ok();
    let body = match found {
        Some(pasted) => html! {
            h1 { "This browser's cookie" }
            (taken_apart(&demo, &pasted).await)
        },
        None => html! {
            h1 { "This browser has no session cookie" }
            p #no-cookie.lead { a href="/login?return_to=%2Finspect" { "Sign in" } " to get one, or paste one below." }
        },
    };
    page(&demo, &body)
}

pub(in crate::dev) async fn pasted(State(demo): State<Demo>, Form(paste): Form<Paste>) -> Response {
    let name = demo.sealkit().config().cookie().name().to_owned();
    let body = match Pasted::find(&paste.cookie, &name) {
        Ok(pasted) => html! {
            h1 { "The pasted cookie" }
            (taken_apart(&demo, &pasted).await)
        },
        Err(problem) => html! {
            h1 { "No cookie in that" }
            p.flash.bad role="alert" { (problem.says()) }
        },
    };
    page(&demo, &body)
}

fn page(demo: &Demo, body: &Markup) -> Response {
    let body = html! {
        (body)
        section.card {
            h2 { "Another one" }
            form.paste method="post" action="/inspect" {
                label for="cookie" { "A value, a " code { "Cookie:" } " header or a " code { "Set-Cookie:" } " line" }
                textarea #cookie name="cookie" rows="4" spellcheck="false" autocomplete="off" required {}
                button #take-apart { "Take it apart" }
            }
            p.soft { "It is opened with this demo's password and verified with this provider's keys. On the command line: " code { "sealkit inspect" } "." }
        }
    };
    respond(StatusCode::OK, layout(demo, Place::Inspect, "Inspect", None, &body))
}

async fn taken_apart(demo: &Demo, pasted: &Pasted) -> Markup {
    let sealkit = demo.sealkit();
    let (config, now) = (sealkit.config(), sealkit.clock().now());
    let keys = sealkit.keys().get().await.ok();
    let anatomy = Anatomy::of(Subject {
        pasted,
        ring: config.key_ring(),
        spares: &Spares::default(),
        expected: None,
        keys: keys.as_deref(),
        policy: config.token_policy(),
        now,
        reveal: true,
    });
    html! {
        (verdict(&anatomy))
        div.columns {
            (container(&anatomy))
            (sizes(&anatomy))
        }
        @if let Some(one) = &anatomy.token { (token(one, now)) }
        (checks(&anatomy.checks))
    }
}

fn verdict(anatomy: &Anatomy) -> Markup {
    let verdict = &anatomy.verdict;
    let (class, word) = match verdict.works {
        Some(true) => ("good", "Works"),
        Some(false) => ("bad", "Does not work"),
        None => ("warn", "Not verified"),
    };
    html! {
        section #verdict.card.verdict.{(class)} {
            p.word { (word) }
            p { (verdict.summary) }
            @if let Some(reason) = verdict.reason {
                p { code { (reason) } @if let Some(detail) = verdict.detail { " " code { (detail) } } }
            }
            @if let Some(fix) = &verdict.fix { p { strong { "Fix: " } (fix) } }
        }
    }
}

fn container(anatomy: &Anatomy) -> Markup {
    html! {
        section.card {
            h2 { "Container" }
            dl {
                @if let Some(name) = &anatomy.cookie_name { dt { "Name" } dd { code { (output::shown(name)) } } }
                dt { "Format" }
                dd #format {
                    @match (anatomy.format, anatomy.written_by) {
                        (Some(id), Some(writer)) => { code { (id) } " " span.soft { (writer) } }
                        _ => { (anatomy.looks_like.as_deref().unwrap_or("none that is read here")) }
                    }
                }
                @if let Some(writer) = &anatomy.writer { dt { "Writer" } dd { (writer) } }
                @if let Some(key) = &anatomy.key { dt { "Opened with" } dd #key { code { (output::shown(key)) } } }
                dt { "Size" }
                dd {
                    (anatomy.size.cookie) " of " (anatomy.size.limit) " bytes"
                    @if anatomy.percent_encoded { ", percent-encoded" }
                }
            }
            progress max=(anatomy.size.limit) value=(anatomy.size.cookie) aria-label="Share of what a browser keeps" {}
        }
    }
}

fn sizes(anatomy: &Anatomy) -> Markup {
    let largest = anatomy.members.iter().map(|member| member.bytes).max().unwrap_or(1);
    html! {
        section.card {
            h2 { "Inside, by size" }
            @if anatomy.members.is_empty() { p.soft { "It did not open." } }
            ul #members.members {
                @for member in &anatomy.members { (one_member(member, largest)) }
            }
        }
    }
}

fn one_member(member: &Member, largest: usize) -> Markup {
    html! {
        li {
            span.name { code { (output::shown(&member.name)) } span.soft { (member.bytes) " bytes" } }
            progress max=(largest) value=(member.bytes) aria-label={ "Size of " (output::shown(&member.name)) } {}
            @match &member.value {
                Value::Object(inner) => {
                    details {
                        summary { (inner.len()) " members" }
                        table { tbody {
                            @for (name, value) in inner { tr { th scope="row" { code { (output::shown(name)) } } td { (shown(name, value)) } } }
                        } }
                    }
                }
                value => { p.soft { (output::json_text(value)) } }
            }
        }
    }
}

fn token(token: &Token, now: UnixMillis) -> Markup {
    let bytes = token.bytes;
    html! {
        section.card {
            h2 { "Access token" }
            p.soft {
                "Header " (bytes.header) ", claims " (bytes.claims) ", signature " (bytes.signature) " bytes"
                @if let Some(end) = token.end() { "; expires " (output::rfc3339(end)) " (" (output::relative(end, now)) ")" }
            }
            @if let Some(header) = &token.header { p { code { (output::json_text(header)) } } }
            @if let Some(Value::Object(claims)) = &token.claims {
                div.scroll { table #token-claims { tbody {
                    @for (name, value) in claims { tr { th scope="row" { code { (output::shown(name)) } } td { (shown(name, value)) } } }
                } } }
            }
        }
    }
}

fn checks(checks: &[Check]) -> Markup {
    html! {
        section.card {
            h2 { "What is checked, and how it went" }
            ul #checks.checks {
                @for check in checks {
                    @let (class, word) = match check.result {
                        Outcome::Ok => ("good", "ok"),
                        Outcome::Failed => ("bad", "failed"),
                        Outcome::Warning => ("warn", "warning"),
                        Outcome::NotChecked => ("none", "not checked"),
                    };
                    li { span.mark.{(class)} { (word) } strong { (check.check.replace('_', " ")) } span { (check.note) } }
                }
            }
        }
    }
}
