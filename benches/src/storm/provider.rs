//! The provider, in this process and on a port of this machine: signs in, is slow, and counts.

use super::process::Settings;
use sealkit::{Config, KeyRing, Sealkit, session::AuthResponse};
use sealkit_devidp::{DevIdp, Endpoint, Fault, MintSession, RefreshCounts, Server, Webhook};
use std::time::Duration;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Longer than an access token lives (300 s), so that every advance of this much is an expiry.
pub(crate) const EXPIRY: Duration = Duration::from_secs(305);

const REDIRECT_URI: &str = "http://localhost:3000/callback";
const USER: &str = "ada@example.com";

pub(crate) struct Provider {
    idp: DevIdp,
    server: Server,
    sealer: Sealkit,
    password: String,
}

impl Provider {
    pub(crate) async fn start(replay_window: Duration) -> Result<Self, Failed> {
        let idp = DevIdp::builder().replay_window(replay_window).build()?;
        let server = idp.serve(([127, 0, 0, 1], 0).into()).await?;
        // Of the run alone: it seals what the run mints.
        let password = "0123456789abcdef".repeat(4);
        let config = Config::builder()
            .client_id(idp.client_id())
            .api_key(idp.api_key())
            .api_base(server.url())
            .key_ring(KeyRing::from_password(password.as_str())?)
            .redirect_uri(REDIRECT_URI)
            .build()?;
        let sealer = Sealkit::builder(config).build()?;
        Ok(Self { idp, server, sealer, password })
    }

    /// What a server needs to know.
    pub(crate) fn settings(&self, redis: Option<String>) -> Settings {
        Settings {
            client_id: self.idp.client_id(),
            api_key: self.idp.api_key().expose_secret().to_owned(),
            provider: self.server.url(),
            password: self.password.clone(),
            redirect_uri: REDIRECT_URI.to_owned(),
            webhook_secret: self.idp.webhook_secret(),
            redis,
        }
    }

    /// A new session: its id, and its cookie.
    pub(crate) fn sign_in(&self) -> Result<(String, String), Failed> {
        let minted = self.idp.mint_session(MintSession::for_user(USER))?;
        let answer = AuthResponse::from_json(minted.response_json.to_string().as_bytes())?;
        let sealed = self.sealer.seal_session(&answer).map_err(|failure| failure.to_string())?;
        Ok((minted.session_id, sealed.expose_secret().to_owned()))
    }

    /// From now on every grant is answered after so long, and carried out at once or only then.
    pub(crate) fn answer_after(&self, latency: Duration, carried_out_at_once: bool) {
        let slow = Fault::delay(latency).always();
        let slow = if carried_out_at_once { slow.after_effect() } else { slow };
        self.idp.clear_faults(Endpoint::Authenticate);
        self.idp.fault(Endpoint::Authenticate, slow);
    }

    /// From now on access tokens live for so long.
    pub(crate) fn give_tokens_that_live(&self, lifetime: Duration) {
        self.idp.set_token_lifetime(lifetime);
    }

    /// Ends a session, and gives the webhook that says so; `None` if it was over.
    pub(crate) fn revoke(&self, session_id: &str) -> Option<Webhook> {
        drop(self.idp.webhooks());
        self.idp.revoke_session(session_id);
        self.idp.webhooks().into_iter().find(|webhook| {
            let event = webhook.json();
            event["event"] == "session.revoked" && event["data"]["id"] == session_id
        })
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.idp.advance(by);
    }

    pub(crate) fn counts(&self, session_id: &str) -> RefreshCounts {
        self.idp.refresh_counts(session_id).unwrap_or_default()
    }
}
