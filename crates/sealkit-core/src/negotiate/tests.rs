use super::*;
use crate::OrganizationChoice;
use std::collections::HashSet;

/// One request: what it is, method, headers, its kind, and the answers when it is denied: without a session, while the API
/// is down, when a step-up is due, when our settings are wrong.
type Row = (&'static str, &'static str, &'static str, RequestKind, [&'static str; 4]);

#[rustfmt::skip]
const REQUESTS: &[Row] = &[
    ("Chrome, address bar", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | sec-fetch-user: ?1 | upgrade-insecure-requests: 1 | accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("Chrome, link from another site", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: cross-site | accept: text/html,*/*;q=0.8", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("Firefox, address bar", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | te: trailers", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("Safari 17, link", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: same-origin | accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("Safari 15, link (no Sec-Fetch)", "GET", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("Chrome over plain http in the LAN (no Sec-Fetch)", "GET", "upgrade-insecure-requests: 1 | accept: text/html,application/xhtml+xml,*/*;q=0.8", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("any browser, reload", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: same-origin | cache-control: max-age=0 | accept: text/html", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("navigation that accepts anything", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | accept: */*", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("navigation without Accept", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("navigation without Sec-Fetch-Dest", "GET", "sec-fetch-mode: navigate | accept: text/html", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("HEAD navigation", "HEAD", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("HEAD that accepts HTML", "HEAD", "accept: text/html", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("text browser", "GET", "accept: text/html, text/plain, */*;q=0.01 | user-agent: Lynx/2.9", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("Accept in upper case", "GET", "accept: TEXT/HTML", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("Accept with a parameter", "GET", "accept: text/html;charset=utf-8;q=0.7", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("embedded Android browser names its package", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | x-requested-with: com.example.app | accept: text/html", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("old Android browser names its package", "GET", "x-requested-with: com.android.browser | accept: text/html", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("service worker passes a navigation on", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: same-origin | service-worker-navigation-preload: true | accept: text/html", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("empty upgrade header from nginx", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | sec-fetch-user: ?1 | upgrade-insecure-requests: 1 | accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8 | x-forwarded-upgrade: ", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("form with GET", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: same-origin | accept: text/html", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("form POST", "POST", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: same-origin | content-type: application/x-www-form-urlencoded | accept: text/html", RequestKind::Navigation, ["303 sign-in", "503", "303 step-up", "500"]),
    ("form POST from another site", "POST", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: cross-site | content-type: application/x-www-form-urlencoded | accept: text/html", RequestKind::Navigation, ["303 sign-in", "503", "303 step-up", "500"]),
    ("form POST with a file", "POST", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: same-origin | content-type: multipart/form-data; boundary=x", RequestKind::Navigation, ["303 sign-in", "503", "303 step-up", "500"]),
    ("form POST of a browser without Sec-Fetch", "POST", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | content-type: application/x-www-form-urlencoded", RequestKind::Other, ["401", "503", "403", "500"]),
    ("link rel=prefetch, Chrome", "GET", "sec-fetch-mode: no-cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | sec-purpose: prefetch | purpose: prefetch", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("speculation rules, prefetch", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | sec-fetch-user: ?1 | upgrade-insecure-requests: 1 | accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8 | sec-purpose: prefetch", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("speculation rules, prerender", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | sec-fetch-user: ?1 | upgrade-insecure-requests: 1 | accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8 | sec-purpose: prefetch;prerender | purpose: prefetch", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("speculation rules, through the private proxy", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | sec-fetch-user: ?1 | upgrade-insecure-requests: 1 | accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8 | sec-purpose: prefetch;anonymous-client-ip", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("Chrome before Sec-Purpose", "GET", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | purpose: prefetch", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("old Firefox", "GET", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | x-moz: prefetch", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("Safari, preview of the top hits", "GET", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | x-purpose: preview", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("purpose in upper case", "GET", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | purpose: Prefetch", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("Next.js Link prefetch", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | rsc: 1 | next-router-prefetch: 1 | next-url: /", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("Next.js segment prefetch", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | rsc: 1 | next-router-segment-prefetch: /_tree", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("Next.js pages router prefetch", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | x-middleware-prefetch: 1 | x-nextjs-data: 1", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("htmx preload extension", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | hx-request: true | hx-preloaded: true", RequestKind::Prefetch, ["401", "503", "403", "500"]),
    ("another purpose is no prefetch", "GET", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | purpose: prefetching", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("htmx, button", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | hx-request: true | hx-target: list | hx-current-url: https://app.test/a | accept: */*", RequestKind::Htmx, ["401 HX-Redirect", "503", "403", "500"]),
    ("htmx, boosted link", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | hx-request: true | hx-boosted: true | accept: text/html", RequestKind::Htmx, ["401 HX-Redirect", "503", "403", "500"]),
    ("htmx, history restored", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | hx-request: true | hx-history-restore-request: true | accept: text/html", RequestKind::Htmx, ["401 HX-Redirect", "503", "403", "500"]),
    ("htmx, POST", "POST", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | hx-request: true | content-type: application/x-www-form-urlencoded", RequestKind::Htmx, ["401 HX-Redirect", "503", "403", "500"]),
    ("htmx, DELETE", "DELETE", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | hx-request: true", RequestKind::Htmx, ["401 HX-Redirect", "503", "403", "500"]),
    ("htmx in a browser without Sec-Fetch", "GET", "hx-request: true | accept: text/html", RequestKind::Htmx, ["401 HX-Redirect", "503", "403", "500"]),
    ("htmx that also names XMLHttpRequest", "GET", "hx-request: true | x-requested-with: XMLHttpRequest", RequestKind::Htmx, ["401 HX-Redirect", "503", "403", "500"]),
    ("htmx header that says no", "GET", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8 | hx-request: false", RequestKind::Navigation, ["302 sign-in", "503", "302 step-up", "500"]),
    ("fetch, same origin", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch that accepts HTML", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | accept: text/html", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch, another origin", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: cross-site | origin: https://other.test | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch, no-cors", "GET", "sec-fetch-mode: no-cors | sec-fetch-dest: empty | sec-fetch-site: cross-site | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch, mode same-origin", "GET", "sec-fetch-mode: same-origin | sec-fetch-dest: empty | sec-fetch-site: same-origin | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch, JSON POST", "POST", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | content-type: application/json | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch, PUT", "PUT", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | content-type: application/json", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch, DELETE", "DELETE", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("fetch, OPTIONS without preflight headers", "OPTIONS", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("sendBeacon", "POST", "sec-fetch-mode: no-cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | content-type: text/plain;charset=UTF-8", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("jQuery", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | x-requested-with: XMLHttpRequest | accept: text/html, */*; q=0.01", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("XHR of a browser without Sec-Fetch", "GET", "x-requested-with: XMLHttpRequest | accept: text/html, */*; q=0.01", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("XHR header in lower case", "GET", "x-requested-with: xmlhttprequest | accept: text/html", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("axios in a browser without Sec-Fetch", "GET", "accept: application/json, text/plain, */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("JSON POST of a browser without Sec-Fetch", "POST", "content-type: application/json; charset=utf-8 | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("problem+json", "GET", "accept: application/problem+json", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("JSON:API", "GET", "accept: application/vnd.api+json", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("Next.js navigation in the page", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | rsc: 1 | next-router-state-tree: x | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("Next.js navigation without Sec-Fetch", "GET", "rsc: 1 | accept: text/html", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("Next.js server action", "POST", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | next-action: abc | accept: text/x-component", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("Turbo frame", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | turbo-frame: messages | accept: text/html", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("Turbo frame without Sec-Fetch", "GET", "turbo-frame: messages | accept: text/html", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("Inertia", "GET", "x-inertia: true | accept: text/html, application/xhtml+xml", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("service worker, own request", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | accept: */*", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("EventSource", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | accept: text/event-stream | cache-control: no-cache", RequestKind::EventStream, ["401", "503", "403", "500"]),
    ("EventSource without Sec-Fetch", "GET", "accept: text/event-stream", RequestKind::EventStream, ["401", "503", "403", "500"]),
    ("event stream by fetch POST", "POST", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: same-origin | accept: text/event-stream | content-type: application/json", RequestKind::EventStream, ["401", "503", "403", "500"]),
    ("MCP client that takes both", "POST", "accept: application/json, text/event-stream | content-type: application/json", RequestKind::EventStream, ["401", "503", "403", "500"]),
    ("WebSocket, Chrome", "GET", "connection: Upgrade | upgrade: websocket | sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ== | sec-websocket-version: 13 | sec-fetch-mode: websocket | sec-fetch-dest: empty | origin: https://app.test", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("WebSocket, Safari", "GET", "connection: Upgrade | upgrade: websocket | sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("WebSocket behind a proxy that drops Upgrade", "GET", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ== | accept: text/html", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("WebSocket that a proxy tells of", "GET", "x-forwarded-upgrade: websocket | accept: text/html", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("WebSocket by mode alone", "GET", "sec-fetch-mode: websocket | sec-fetch-dest: empty", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("WebSocket over HTTP/2", "CONNECT", "origin: https://app.test | sec-websocket-version: 13", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("h2c upgrade", "GET", "connection: Upgrade, HTTP2-Settings | upgrade: h2c | accept: */*", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("upgrade that looks like a navigation", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: none | sec-fetch-user: ?1 | upgrade-insecure-requests: 1 | accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8 | upgrade: websocket", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("upgrade comes before htmx and prefetch", "GET", "upgrade: websocket | hx-request: true | purpose: prefetch", RequestKind::Upgrade, ["401", "503", "403", "500"]),
    ("preflight", "OPTIONS", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: cross-site | origin: https://other.test | access-control-request-method: PUT | access-control-request-headers: content-type | accept: */*", RequestKind::Preflight, ["204", "204", "204", "204"]),
    ("preflight of a browser without Sec-Fetch", "OPTIONS", "origin: https://other.test | access-control-request-method: GET", RequestKind::Preflight, ["204", "204", "204", "204"]),
    ("preflight headers on a GET", "GET", "sec-fetch-mode: cors | sec-fetch-dest: empty | sec-fetch-site: cross-site | origin: https://other.test | access-control-request-method: GET", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("OPTIONS with Origin alone", "OPTIONS", "origin: https://other.test | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("OPTIONS without Origin", "OPTIONS", "access-control-request-method: GET | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("OPTIONS that accepts HTML", "OPTIONS", "accept: text/html", RequestKind::Other, ["401", "503", "403", "500"]),
    ("curl", "GET", "accept: */* | user-agent: curl/8.9.1", RequestKind::Other, ["401", "503", "403", "500"]),
    ("curl -I", "HEAD", "accept: */* | user-agent: curl/8.9.1", RequestKind::Other, ["401", "503", "403", "500"]),
    ("curl -d", "POST", "accept: */* | content-type: application/x-www-form-urlencoded", RequestKind::Other, ["401", "503", "403", "500"]),
    ("curl --json", "POST", "accept: application/json | content-type: application/json", RequestKind::Fetch, ["401", "503", "403", "500"]),
    ("no header at all", "GET", "", RequestKind::Other, ["401", "503", "403", "500"]),
    ("POST without a header", "POST", "", RequestKind::Other, ["401", "503", "403", "500"]),
    ("unknown method", "BREW", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", RequestKind::Other, ["401", "503", "403", "500"]),
    ("method in lower case", "get", "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", RequestKind::Other, ["401", "503", "403", "500"]),
    ("iframe", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: iframe | sec-fetch-site: same-origin | accept: text/html", RequestKind::Other, ["401", "503", "403", "500"]),
    ("frame", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: frame | sec-fetch-site: same-origin | accept: text/html", RequestKind::Other, ["401", "503", "403", "500"]),
    ("embed", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: embed | sec-fetch-site: same-origin | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("object", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: object | sec-fetch-site: same-origin | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("fenced frame", "GET", "sec-fetch-mode: navigate | sec-fetch-dest: fencedframe | sec-fetch-site: cross-site | accept: text/html", RequestKind::Other, ["401", "503", "403", "500"]),
    ("iframe, form POST", "POST", "sec-fetch-mode: navigate | sec-fetch-dest: iframe | sec-fetch-site: same-origin | content-type: application/x-www-form-urlencoded", RequestKind::Other, ["401", "503", "403", "500"]),
    ("image", "GET", "sec-fetch-mode: no-cors | sec-fetch-dest: image | sec-fetch-site: same-origin | accept: image/avif,image/webp,*/*;q=0.8", RequestKind::Other, ["401", "503", "403", "500"]),
    ("image of a browser without Sec-Fetch", "GET", "accept: image/webp,image/*,*/*;q=0.8", RequestKind::Other, ["401", "503", "403", "500"]),
    ("script", "GET", "sec-fetch-mode: no-cors | sec-fetch-dest: script | sec-fetch-site: same-origin | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("module script", "GET", "sec-fetch-mode: cors | sec-fetch-dest: script | sec-fetch-site: same-origin | accept: */* | origin: https://app.test", RequestKind::Other, ["401", "503", "403", "500"]),
    ("style sheet", "GET", "sec-fetch-mode: no-cors | sec-fetch-dest: style | sec-fetch-site: same-origin | accept: text/css,*/*;q=0.1", RequestKind::Other, ["401", "503", "403", "500"]),
    ("font", "GET", "sec-fetch-mode: cors | sec-fetch-dest: font | sec-fetch-site: same-origin | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("video", "GET", "sec-fetch-mode: no-cors | sec-fetch-dest: video | sec-fetch-site: same-origin | range: bytes=0-", RequestKind::Other, ["401", "503", "403", "500"]),
    ("web manifest", "GET", "sec-fetch-mode: cors | sec-fetch-dest: manifest | sec-fetch-site: same-origin | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("service worker script", "GET", "sec-fetch-mode: same-origin | sec-fetch-dest: serviceworker | sec-fetch-site: same-origin | service-worker: script", RequestKind::Other, ["401", "503", "403", "500"]),
    ("worker script", "GET", "sec-fetch-mode: same-origin | sec-fetch-dest: worker | sec-fetch-site: same-origin | accept: */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("XSLT", "GET", "sec-fetch-mode: same-origin | sec-fetch-dest: xslt | sec-fetch-site: same-origin", RequestKind::Other, ["401", "503", "403", "500"]),
    ("HTML refused by q=0", "GET", "accept: text/html;q=0, */*", RequestKind::Other, ["401", "503", "403", "500"]),
    ("a type that only begins like HTML", "GET", "accept: text/htmlx", RequestKind::Other, ["401", "503", "403", "500"]),
    ("navigate with PUT, which no browser sends", "PUT", "sec-fetch-mode: navigate | sec-fetch-dest: document | sec-fetch-site: same-origin", RequestKind::Other, ["401", "503", "403", "500"]),
    ("unknown fetch mode", "GET", "sec-fetch-mode: telepathy | sec-fetch-dest: mind | accept: text/html", RequestKind::Other, ["401", "503", "403", "500"]),
];

const DENIALS: [Reason; 4] =
    [Reason::NoSessionCookieProvided, Reason::NetworkError, Reason::SsoRequired, Reason::ApiUnauthorized];

fn profile(method: &str, headers: &'static str) -> RequestProfile {
    RequestProfile::of(method, |name| {
        headers.split(" | ").find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == name).then_some(value)
        })
    })
}

fn shown(answer: Answer) -> String {
    match answer {
        Answer::RedirectToSignIn { status, .. } => format!("{status} sign-in"),
        Answer::RedirectToStepUp { status } => format!("{status} step-up"),
        Answer::HxRedirect { .. } => "401 HX-Redirect".to_owned(),
        other => other.status().to_string(),
    }
}

#[test]
fn every_request_is_recognised_and_answered_as_the_table_says() {
    for (what, method, headers, kind, answers) in REQUESTS {
        let profile = profile(method, headers);
        assert_eq!(profile.kind(), *kind, "{what}");
        for (reason, expected) in DENIALS.into_iter().zip(answers) {
            assert_eq!(shown(profile.answer(Denial::of(reason))), *expected, "{what}, {reason}");
        }
    }
}

#[test]
fn the_table_has_no_row_twice_and_leaves_no_kind_out() {
    let names: HashSet<_> = REQUESTS.iter().map(|row| row.0).collect();
    assert_eq!(names.len(), REQUESTS.len());
    assert!(REQUESTS.len() >= 80);
    let kinds: HashSet<_> = REQUESTS.iter().map(|row| row.3).collect();
    assert_eq!(kinds.len(), 8);
}

#[test]
fn cookies_are_set_and_cleared_on_navigations_only_and_speculation_never_refreshes() {
    for (what, method, headers, kind, _) in REQUESTS {
        let profile = profile(method, headers);
        let navigation = *kind == RequestKind::Navigation;
        assert_eq!(profile.may_set_verifier_cookie(), navigation, "{what}");
        assert_eq!(profile.may_clear_session_cookie(), navigation, "{what}");
        let speculative = matches!(kind, RequestKind::Prefetch | RequestKind::Preflight);
        assert_eq!(profile.may_start_refresh(), !speculative, "{what}");
    }
}

#[test]
fn what_a_page_is_made_of_never_refreshes_ahead_of_the_end() {
    let made_of = [
        "image",
        "script",
        "module script",
        "style sheet",
        "font",
        "video",
        "web manifest",
        "service worker script",
        "worker script",
        "XSLT",
        "unknown fetch mode",
    ];
    let rows: HashSet<_> = REQUESTS.iter().map(|row| row.0).collect();
    assert!(made_of.iter().all(|what| rows.contains(what)));
    for (what, method, headers, _, _) in REQUESTS {
        let profile = profile(method, headers);
        let expected = profile.may_start_refresh() && !made_of.contains(what);
        assert_eq!(profile.may_refresh_ahead(), expected, "{what}");
        assert_eq!(profile.is_get_or_head(), ["GET", "HEAD"].contains(method), "{what}");
    }
    for dest in ["audio", "track", "sharedworker", "audioworklet", "paintworklet", "report"] {
        let header = move |name| match name {
            "sec-fetch-mode" => Some("no-cors"),
            "sec-fetch-dest" => Some(dest),
            _ => None,
        };
        let profile = RequestProfile::of("GET", header);
        assert_eq!((profile.may_start_refresh(), profile.may_refresh_ahead()), (true, false), "{dest}");
    }
}

#[test]
fn every_request_that_is_denied_gets_an_answer_and_only_a_preflight_gets_204() {
    for (what, method, headers, kind, _) in REQUESTS {
        for reason in Reason::ALL {
            let answer = profile(method, headers).answer(Denial::of(*reason));
            assert_eq!(answer == Answer::Preflight, *kind == RequestKind::Preflight, "{what}, {reason}");
        }
    }
}

#[test]
fn every_reason_has_its_public_code() {
    let mut table = String::new();
    for reason in Reason::ALL {
        table.push_str(&format!("{reason} {}\n", PublicCode::of(*reason)));
    }
    insta::assert_snapshot!(table, @r"
    no_session_cookie_provided unauthenticated
    invalid_session_cookie unauthenticated
    expired_jwt unauthenticated
    invalid_jwt unauthenticated
    not_a_session_token unauthenticated
    invalid_jwt_algorithm unauthenticated
    invalid_jwt_signature unauthenticated
    unknown_signing_key unauthenticated
    invalid_issuer unauthenticated
    invalid_audience unauthenticated
    subject_mismatch unauthenticated
    custom_claims_invalid unauthenticated
    session_revoked session_revoked
    jwks_unavailable temporarily_unavailable
    no_refresh_token unauthenticated
    invalid_grant unauthenticated
    sso_required step_up_required
    mfa_enrollment step_up_required
    mfa_challenge step_up_required
    mfa_verification step_up_required
    email_verification_required step_up_required
    email_completion_required step_up_required
    authentication_too_old step_up_required
    organization_selection_required step_up_required
    organization_authentication_methods_required step_up_required
    authentication_method_not_allowed step_up_required
    email_password_auth_disabled step_up_required
    passkey_progressive_enrollment step_up_required
    radar_challenge step_up_required
    radar_sign_up_challenge step_up_required
    radar_sms_sign_in_challenge step_up_required
    radar_email_challenge step_up_required
    radar_sms_challenge step_up_required
    application_consent_required step_up_required
    organization_not_found step_up_required
    organization_membership_not_found step_up_required
    invalid_organization_id step_up_required
    rate_limit_exceeded temporarily_unavailable
    timeout temporarily_unavailable
    server_error temporarily_unavailable
    network_error temporarily_unavailable
    invalid_response temporarily_unavailable
    api_unauthorized misconfigured
    refresh_denied misconfigured
    refresh_rejected misconfigured
    missing_auth_params unauthenticated
    missing_pkce_cookie unauthenticated
    oauth_state_mismatch unauthenticated
    pkce_state_expired unauthenticated
    missing_tokens unauthenticated
    authorization_error unauthenticated
    invalid_credentials unauthenticated
    invalid_one_time_code unauthenticated
    one_time_code_previously_used unauthenticated
    one_time_code_expired unauthenticated
    one_time_code_too_many_attempts unauthenticated
    invalid_pending_authentication_token unauthenticated
    authorization_pending unauthenticated
    slow_down unauthenticated
    expired_token unauthenticated
    access_denied unauthenticated
    invitation_invalid unauthenticated
    sign_up_not_allowed unauthenticated
    token_too_big unauthenticated
    sign_in_rejected unauthenticated
    cookie_too_large misconfigured
    ");
}

#[test]
fn what_signing_in_cannot_cure_never_redirects() {
    let navigation = profile("GET", "sec-fetch-mode: navigate");
    for reason in [Reason::InvalidIssuer, Reason::InvalidAudience, Reason::UnknownSigningKey] {
        assert_eq!(navigation.answer(Denial::of_fresh_token(reason)), Answer::Misconfigured, "{reason}");
        assert_eq!(shown(navigation.answer(Denial::of(reason))), "302 sign-in", "{reason}");
    }
    let expired = Denial::of_fresh_token(Reason::ExpiredJwt);
    assert_eq!(expired, Denial::of(Reason::ExpiredJwt));
}

#[test]
fn a_switch_that_was_refused_does_not_redirect_to_the_same_refusal() {
    let navigation = profile("POST", "sec-fetch-mode: navigate");
    for reason in
        [Reason::OrganizationNotFound, Reason::OrganizationMembershipNotFound, Reason::InvalidOrganizationId]
    {
        let answer = navigation.answer(Denial::of(reason));
        assert_eq!(answer, Answer::Forbidden { code: PublicCode::StepUpRequired }, "{reason}");
    }
    assert_eq!(
        navigation.answer(Denial::forbidden()),
        Answer::Forbidden { code: PublicCode::Forbidden },
        "what is not allowed is not allowed after signing in again either"
    );
}

#[test]
fn retry_after_is_whole_seconds_and_never_zero() {
    let fetch = profile("GET", "accept: application/json");
    let seconds = |wait| {
        fetch.answer(Denial::of(Reason::RateLimitExceeded).with_retry_after(wait)).retry_after_seconds()
    };
    assert_eq!(seconds(Some(Duration::from_millis(1500))), Some(2));
    assert_eq!(seconds(Some(Duration::ZERO)), Some(1));
    assert_eq!(seconds(Some(Duration::MAX)), Some(u64::MAX));
    assert_eq!(seconds(None), Some(5));
    assert_eq!(Answer::Misconfigured.retry_after_seconds(), None);
}

#[test]
fn the_body_holds_ids_and_no_token() {
    let step_up = StepUp {
        pending_authentication_token: Some("pending-secret".into()),
        email: Some("user@example.com".to_owned()),
        organizations: vec![OrganizationChoice::new("org_1", "One")],
        connection_ids: vec!["conn_1".to_owned()],
        ..StepUp::default()
    };
    let body = DenialBody::new(PublicCode::StepUpRequired).with_step_up(&step_up);
    insta::assert_snapshot!(serde_json::to_string(&body).unwrap(), @r#"{"error":"step_up_required","organization_ids":["org_1"],"connection_ids":["conn_1"]}"#);
    let body =
        DenialBody::new(PublicCode::Unauthenticated).with_login_url("/login").with_reason(Reason::InvalidJwt);
    insta::assert_snapshot!(serde_json::to_string(&body).unwrap(), @r#"{"error":"unauthenticated","login_url":"/login","reason":"invalid_jwt"}"#);
}
