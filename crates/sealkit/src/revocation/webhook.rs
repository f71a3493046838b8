//! Webhooks of WorkOS: whoever receives them hands signature and body over as they came.

use super::{Received, event::label};
use crate::{Sealkit, api::Event, telemetry};
use sealkit_core::webhook::{self, WebhookError};

impl Sealkit {
    /// Takes in a webhook: checks its signature and age, and denies the sessions that it ends.
    ///
    /// `signature` is the value of the header `WorkOS-Signature`, `body` the body as it came, byte for byte: another spacing of
    /// the same JSON is another body. One of [`Config::webhook_secrets`](crate::Config::webhook_secrets) must have signed it, at
    /// most [`Config::webhook_tolerance`](crate::Config::webhook_tolerance) ago or ahead. Answer an error with a status that is
    /// no success, so that WorkOS delivers it again; everything else with 200.
    ///
    /// What it denies is denied here when the future ends, and shared, where the list is. Dropping the future before that loses
    /// nothing that is not delivered again.
    ///
    /// # Errors
    /// [`WebhookError`]; nothing has been denied then.
    pub async fn receive_webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<Received, WebhookError> {
        let event = match self.genuine(signature, body) {
            Ok(event) => event,
            Err(error) => {
                metrics::counter!(telemetry::WEBHOOKS, "event" => "unknown", "outcome" => error.code())
                    .increment(1);
                return Err(error);
            }
        };
        let received = self.deny_list().take_in(&event).await;
        let name = label(&event.name);
        metrics::counter!(telemetry::WEBHOOKS, "event" => name, "outcome" => received.as_str()).increment(1);
        Ok(received)
    }

    fn genuine(&self, signature: Option<&str>, body: &[u8]) -> Result<Event, WebhookError> {
        let config = self.config();
        let (secrets, tolerance) = (config.webhook_secrets(), config.webhook_tolerance());
        webhook::verify(signature, body, secrets, tolerance, self.clock().now())?;
        Event::from_json(body).ok_or(WebhookError::NotAnEvent)
    }
}
