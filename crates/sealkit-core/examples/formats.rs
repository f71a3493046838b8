//! Prints `docs/formats.md`: `cargo run -p sealkit-core --example formats > docs/formats.md`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use sealkit_core::{
    format::{Cost, Format, Protection, Wire},
    session::Style,
};

fn main() {
    print!("{}", page());
}

/// The page; a test compares it with the file.
pub(crate) fn page() -> String {
    let mut page = String::from(BEFORE);
    for format in Format::ALL {
        let read = if format.is_read_by_default() { "by default" } else { "when named" };
        page += &format!(
            "| `{format}` | {} | {} | {} | {} | {} | {read} |\n",
            format.writer(),
            protection(*format),
            format.key_shape().rule(),
            style(format.style()),
            wire(format.wire()),
        );
    }
    page + AFTER
}

const BEFORE: &str = "\
# Formats, encodings, and the guard

Every WorkOS SDK keeps the same session (access token, refresh token, user) in a container of its own. sealkit reads and writes all of
them; this table is what the code goes by, and the page is printed from it.

| format | written by | what protects it | password | names | wire | read |
|---|---|---|---|---|---|---|
";

const AFTER: &str = "
*Sealed* is encrypted and authenticated, *signed* is authenticated and readable by the visitor, *open* is neither. *Names*: `camel` is
`accessToken` and `emailVerified`, `snake` is `access_token` and `email_verified`. Values are converted between them by table:
nothing inside `metadata` or `impersonator` is ever renamed, and members that nobody knows stay where they are. What the SDK of a
format does not keep when it writes a session anew is told (`sealkit convert` counts it); dropped is only a member whose name would
mean something else in the new format. Of a React Router cookie the session is kept, what an application stores beside it is not.

*Wire* is the form in which a session is written into `Set-Cookie`: the one that servers of that language read. Every format is read in
both forms.

| server | percent-decodes cookies | wire |
|---|---|---|
| Python: Starlette, FastAPI, Flask, Django, `http.cookies` | never | raw |
| Go `net/http` | never | raw |
| JDK `HttpServer`, Tomcat, Jetty | never | raw |
| Ktor | yes, by default | raw (its seals have no `%`) |
| Rust: axum-extra, actix-web | depends on the call | raw |
| Rack (Ruby) | once, and a raw `+` becomes a space | percent-encoded |
| PHP 8 | once | percent-encoded |
| express, Next.js, React Router, SvelteKit | once | percent-encoded |
| ASP.NET Core (by its documentation) | once | percent-encoded |

A session that `SessionHandle::replace` stores has the form of its own format. A value that no cookie may hold raw (control characters,
space, `\"`, `,`, `;`, `\\`, `%`, anything but ASCII) is percent-encoded whatever its format.

## Which formats are read and written

- **Written**: `iron`, unless `SEALKIT_FORMAT_WRITE` (or `EncodingPolicy`) names another.
- **Read**: an allow-list. By default every format that is sealed and cheap to try, as far as a password of the right shape is
  configured. What is costly (`dotnet-gcm`: 100,000 rounds for every value that anybody sends), only signed, or open is read when
  `SEALKIT_FORMATS_READ` names it. The process opens two costly values at once, on threads of their own, in
  [bounded queues](configuration.md#limits). For each request it tries at most one costly value that it has not opened before.
- **Recognised by shape, opened by tag.** A value's shape says which formats it may be; those are tried in order until an
  authentication tag verifies. When none does there is one answer, which does not say how near a candidate came.
- A cookie of another format or password than the one to be written is written anew with the next cookie that is set anyway (a
  refresh, so within minutes), or with `SEALKIT_REWRITE=on-read` at once. On-read is for a fleet whose requests for one browser
  meet in one process: a rewritten cookie is dropped when its refresh token is being spent or has been, and another process does
  not know that.
- The first time that a session of another format is written in this one, the log warns with what the SDK of the old format does then:
  workos-kotlin throws at a JavaScript seal, and its application answers 500; Node.js and React Router find no session; the others
  reject the cookie.

## Unsealed cookies, and the guard

Open proposals for the JavaScript libraries drop the seal: the cookie is JSON, plain or in base64url. `WORKOS_SESSION_ENCODING_READ`
(`sealed`, `unsealed`, `both`) and `WORKOS_SESSION_ENCODING_WRITE` (`sealed`, `unsealed`) are theirs, and mean here what they mean
there. Everything in such a cookie but the signed access token is the visitor's own claim, so:

- nobody is anybody without a verified token, and the stored user's id must be the token's `sub`;
- `session.user()` and `session.authentication_method()` say nothing; what the cookie claims is `session.user_hint()` and
  `session.impersonator_hint()`, of a type of its own (`Unproven`);
- the organization of a refresh is the token's, never the cookie's;
- a value that looks sealed and does not open is never tried as unsealed;
- when an unsealed session is sealed, which happens at a refresh and never by itself, the payload begins anew with what the API
  answered: nothing that the visitor wrote gets under a seal;
- `SEALKIT_UNSEALED_UNTIL` ends a migration: from that moment unsealed cookies are refused.

The state of a sign-in (PKCE) stays sealed in every mode.

## `signed-json`

For teams that want the cookie to be readable and still nobody's to change. Layout, version 1:

```text
sj1.<tag>.<JSON>
tag = base64url without padding of HMAC-SHA-256(key, \"sj1.\" || JSON), 43 characters
key = HKDF-SHA-256(password, no salt, info \"sealkit signed-json v1\"), 32 bytes
```

The JSON text is what every JavaScript library would write; in `Set-Cookie` the whole value is percent-encoded as
`encodeURIComponent` does it. `vectors/signed_json.json` holds vectors, made by `vectors/signed_json.py`.

## Cookies larger than a browser keeps

Browsers drop a cookie whose name and value, as they are written, exceed 4,096 bytes without a word. sealkit never sends one: such a
session, and only such a one, is split over `wos-session.0`, `wos-session.1`, … (at most five). Each piece begins with a marker, the
first with the number of pieces, and all with the generation that they belong to, so pieces of two sessions are no session. A piece has
the wire form of the whole. Stale pieces are deleted in the answer that makes them stale, as far as the request showed them. The split
cookies of iron-session 9 are read, too; no WorkOS SDK reads pieces. `SEALKIT_LARGE_COOKIES=refuse` refuses instead, with
`cookie_too_large` and the names of the largest members.

Proxies and servers take less than browsers. From 3,328 bytes on (name and value) the log warns and `sealkit inspect` notes it: nginx at its
defaults answers 502 to a response head of over 4 KiB (`proxy_buffer_size`, `proxy_buffers`, `proxy_busy_buffers_size`) and 400 to a
`Cookie` line of over 8 KiB (`large_client_header_buffers`). Tomcat (400), Jetty (431) and Ktor (400) reject a request head from 8 KiB on,
Node.js (431) from 16 KiB on. [How large a session may be](axum.md#how-large-a-session-may-be) has the directives to set.
";

fn protection(format: Format) -> String {
    let what = match format.protection() {
        Protection::Sealed => "sealed",
        Protection::Signed => "signed",
        _ => "open",
    };
    match format.cost() {
        Cost::Costly => format!("{what}, costly"),
        _ => what.to_owned(),
    }
}

fn style(style: Style) -> &'static str {
    match style {
        Style::Camel => "camel",
        Style::KotlinMixed => "camel, the user's snake",
        _ => "snake",
    }
}

fn wire(wire: Wire) -> &'static str {
    match wire {
        Wire::Token => "raw (encoded it is the same)",
        Wire::Raw => "raw",
        _ => "percent-encoded",
    }
}
