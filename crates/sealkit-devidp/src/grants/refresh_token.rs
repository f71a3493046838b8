//! `refresh_token`: rotates every time, answers the same request with the same pair within the replay window, switches organizations.

use super::Body;
use crate::{
    TokenOptions,
    errors::ApiError,
    state::{SignIn, State, no_such_organization, not_a_member},
};
use sealkit_core::UnixMillis;
use serde_json::Value;

impl State {
    pub(super) fn refresh(&mut self, body: &Body, now: UnixMillis) -> Result<Value, ApiError> {
        let presented = body.require("refresh_token")?;
        let Some(held) = self.refresh_tokens.get(presented) else {
            return Err(ApiError::invalid_grant("Invalid refresh token."));
        };
        let (session_id, spent) = (held.session_id.clone(), held.exchanged.is_some());
        let answer = self.refresh_held(body, presented, &session_id, now);
        if let Some(session) = self.sessions.get_mut(&session_id) {
            let counts = &mut session.refreshes;
            let count = match &answer {
                Ok(_) if spent => Some(&mut counts.replayed),
                Ok(_) => Some(&mut counts.rotated),
                Err(error) if error.code() == "invalid_grant" => Some(&mut counts.refused),
                Err(_) => None,
            };
            if let Some(count) = count {
                *count = count.saturating_add(1);
            }
        }
        answer
    }

    fn refresh_held(
        &mut self,
        body: &Body,
        presented: &str,
        session_id: &str,
        now: UnixMillis,
    ) -> Result<Value, ApiError> {
        let exchanged = self.refresh_tokens.get(presented).and_then(|held| held.exchanged.as_ref());
        let Some(session) =
            self.sessions.get(session_id).filter(|session| session.is_active(&self.settings, now))
        else {
            return Err(ApiError::invalid_grant("Session has already ended."));
        };
        if let Some((at, answer)) = exchanged {
            // The same pair again makes a lost answer harmless. A request for another organization has no answer that was lost.
            let is_within = !self.settings.replay_window.is_zero()
                && now.saturating_since(*at) <= self.settings.replay_window;
            let is_same = body.text("organization_id").is_none_or(|id| {
                self.settings.replays_any_organization
                    || answer.get("organization_id").and_then(Value::as_str) == Some(id)
            });
            return if is_within && is_same {
                Ok(answer.clone())
            } else {
                Err(ApiError::invalid_grant("Refresh token already exchanged."))
            };
        }
        let Some(user) = self.user(&session.user_id) else {
            return Err(ApiError::invalid_grant("The user no longer exists."));
        };
        let organization_id = match body.text("organization_id") {
            Some(id) if user.membership(id).is_some() => Some(id.to_owned()),
            Some(id) if self.organization(id).is_some() => return Err(not_a_member()),
            Some(_) => return Err(no_such_organization()),
            None => session.organization_id.clone(),
        };
        if organization_id.as_deref().is_some_and(|id| user.membership(id).is_none()) {
            return Err(not_a_member());
        }
        let mut sign_in = SignIn::new(&session.user_id, &session.method, session.auth_time);
        sign_in.impersonator = session.impersonator.clone();
        if let Some(refusal) = self.demanded_at_refresh(&sign_in, organization_id.as_deref(), now) {
            return Err(refusal);
        }
        self.exchange(presented, session_id, organization_id, now)
    }

    fn exchange(
        &mut self,
        presented: &str,
        session_id: &str,
        organization_id: Option<String>,
        now: UnixMillis,
    ) -> Result<Value, ApiError> {
        let before = self.sessions.get(session_id).and_then(|session| session.organization_id.clone());
        self.set_organization(session_id, organization_id);
        let answer = self.issue(session_id, &TokenOptions::new(), now);
        match &answer {
            Ok(answer) => {
                if let Some(held) = self.refresh_tokens.get_mut(presented) {
                    held.exchanged = Some((now, answer.clone()));
                }
            }
            Err(_) => self.set_organization(session_id, before),
        }
        answer
    }

    fn set_organization(&mut self, session_id: &str, organization_id: Option<String>) {
        if let Some(session) = self.sessions.get_mut(session_id) {
            session.organization_id = organization_id;
        }
    }
}
