//! A client of one browser: sends a cookie, waits as it is told to, and says what became of it.

use reqwest::{Client, ClientBuilder, Response, StatusCode, header, redirect};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The session cookie's name, everywhere here.
pub(crate) const COOKIE: &str = "wos-session";

/// How long a client is patient altogether, and with one `Retry-After`.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A client that follows nothing and keeps no connection: nobody is served faster for having been here before, and no connection
/// is closed under a request because its server thinks that minutes have passed.
pub(crate) fn client() -> Client {
    build(Client::builder().pool_max_idle_per_host(0))
}

/// One that does, for clocks that nobody moves.
pub(crate) fn client_that_keeps_connections() -> Client {
    build(Client::builder())
}

fn build(client: ClientBuilder) -> Client {
    client.no_proxy().redirect(redirect::Policy::none()).timeout(PATIENCE).build().expect("an HTTP client")
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) server: SocketAddr,
    pub(crate) cookie: String,
    /// A page that a person goes to; otherwise what a script fetches.
    pub(crate) navigation: bool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// With the session that this id names.
    Served(String),
    /// Not signed in, by this reason if the server tells.
    LoggedOut(String),
    /// Something else: never expected.
    Odd(String),
}

/// What the response does to the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    Kept,
    Set(String),
    Cleared,
}

/// What became of a visit.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) end: End,
    pub(crate) cookie: Cookie,
    /// From the first send to the last answer.
    pub(crate) wait: Duration,
    /// Answers that said to come again.
    pub(crate) busy: u64,
}

/// Asks until there is an answer that is not "come again".
pub(crate) async fn visit(client: &Client, mut visit: Visit) -> Report {
    let begun = Instant::now();
    let (mut busy, mut cookie) = (0, Cookie::Kept);
    loop {
        let response = match send(client, &visit).await {
            Ok(response) => response,
            Err(error) => {
                let end = End::Odd(format!("no answer: {error:?}"));
                return Report { end, cookie, wait: begun.elapsed(), busy };
            }
        };
        match cookie_of(&response) {
            Cookie::Kept => {}
            Cookie::Set(value) => {
                visit.cookie.clone_from(&value);
                cookie = Cookie::Set(value);
            }
            Cookie::Cleared => cookie = Cookie::Cleared,
        }
        let again = retry_after(&response).filter(|_| begun.elapsed() < PATIENCE);
        if let (Some(wait), false) = (again, cookie == Cookie::Cleared) {
            busy += 1;
            tokio::time::sleep(wait).await;
            continue;
        }
        let end = end_of(response, &cookie).await;
        return Report { end, cookie, wait: begun.elapsed(), busy };
    }
}

async fn send(client: &Client, visit: &Visit) -> reqwest::Result<Response> {
    let (mode, destination, accept) = if visit.navigation {
        ("navigate", "document", "text/html")
    } else {
        ("cors", "empty", "application/json")
    };
    client
        .get(format!("http://{}/", visit.server))
        .header(header::COOKIE, format!("{COOKIE}={}", visit.cookie))
        .header(header::ACCEPT, accept)
        .header("sec-fetch-mode", mode)
        .header("sec-fetch-dest", destination)
        .header("sec-fetch-site", "same-origin")
        .send()
        .await
}

fn cookie_of(response: &Response) -> Cookie {
    let lines = response.headers().get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut ours = lines.filter_map(|line| line.strip_prefix(COOKIE)?.strip_prefix('='));
    match ours.next_back().map(|line| line.split(';').map(str::trim).collect::<Vec<_>>()) {
        None => Cookie::Kept,
        Some(parts)
            if parts[0].is_empty() || parts.iter().any(|part| part.eq_ignore_ascii_case("max-age=0")) =>
        {
            Cookie::Cleared
        }
        Some(parts) => Cookie::Set(parts[0].to_owned()),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let told = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(told).min(RETRY_AFTER))
}

async fn end_of(response: Response, cookie: &Cookie) -> End {
    let status = response.status();
    let reason = response.headers().get(super::replica::REASON).and_then(|value| value.to_str().ok());
    let reason = reason.map_or_else(|| format!("status {}", status.as_u16()), str::to_owned);
    if *cookie == Cookie::Cleared || status == StatusCode::UNAUTHORIZED || status.is_redirection() {
        return End::LoggedOut(reason);
    }
    if status != StatusCode::OK {
        return End::Odd(format!("status {status} ({reason})"));
    }
    match response.text().await {
        Ok(session_id) => End::Served(session_id),
        Err(error) => End::Odd(format!("half an answer: {error:?}")),
    }
}
