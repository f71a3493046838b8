//! How a session is ended: by its own browser, or by the provider.

use super::SignedIn;
use crate::{client::COOKIE, provider::Provider};
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use std::{fmt, net::SocketAddr, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// `POST /logout`, as a form on one of the application's own pages does.
    SignOut,
    /// `POST /webhooks/workos` with `session.revoked`, signed by the provider, which has ended the session.
    Webhook,
}

impl Means {
    pub(crate) const ALL: [Self; 2] = [Self::SignOut, Self::Webhook];

    /// The request that tells this replica.
    pub(crate) fn request(
        self,
        client: &Client,
        server: SocketAddr,
        provider: &Provider,
        signed_in: &SignedIn,
    ) -> Result<RequestBuilder, String> {
        Ok(match self {
            Self::SignOut => client
                .post(format!("http://{server}/logout"))
                .header(header::COOKIE, format!("{COOKIE}={}", signed_in.cookie))
                .header(header::ACCEPT, "text/html")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-dest", "document")
                .header("sec-fetch-site", "same-origin"),
            Self::Webhook => {
                let webhook = provider.revoke(&signed_in.session_id).ok_or("the provider sent no webhook")?;
                client
                    .post(format!("http://{server}/webhooks/workos"))
                    .headers(webhook.headers)
                    .body(webhook.body)
            }
        })
    }

    /// Whether the replica took it.
    pub(crate) fn was_answered(self, answer: reqwest::Result<Response>) -> Result<(), String> {
        let status = answer.map_err(|error| format!("the {self} was not answered: {error:?}"))?.status();
        let wanted = match self {
            Self::SignOut => StatusCode::SEE_OTHER,
            Self::Webhook => StatusCode::OK,
        };
        if status == wanted { Ok(()) } else { Err(format!("the {self} was answered with {status}")) }
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SignOut => "sign-out",
            Self::Webhook => "webhook",
        })
    }
}

/// How long it took until the last of the other replicas refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Since the first replica was told.
    pub(crate) after_request: Duration,
    /// Since it had answered; zero if the others were faster.
    pub(crate) after_answer: Duration,
}
