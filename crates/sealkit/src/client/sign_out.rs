//! Signing out: every session that a browser brought ends, and the browser goes where one of them ends at WorkOS.

use super::{Sealkit, SignOut, judge::Judged};
use sealkit_core::{Failure, session::SessionReader, token};
use std::borrow::Cow;
use url::Url;

impl Sealkit {
    /// The ids of all sessions in these values of the session cookie, the best first: the one that [`resolve`](Self::resolve)
    /// serves. A browser may hold several, of different `Domain` or `Path`, and a sign-out that ends one alone leaves its user
    /// signed in with the next.
    ///
    /// A session counts if its token verifies, expired or not. One whose token cannot be verified now counts if its seal opens:
    /// only this application can have written it. What a visitor writes names no session to end. At most three values are looked
    /// at, and nothing is refreshed.
    pub async fn sessions_to_end<'a>(&self, cookies: impl IntoIterator<Item = Cow<'a, str>>) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for candidate in self.judge_candidates(cookies).await {
            let id = match &candidate.judged {
                Judged::Valid { .. } | Judged::Expired(_) => candidate.judged.session_id().map(str::to_owned),
                Judged::Failed(_) => self.sealed_session_id(&candidate.value).await,
            };
            ids.extend(id.filter(|id| !ids.contains(id)));
        }
        ids
    }

    /// The id in a token that nobody can verify now, of a value whose seal opens.
    async fn sealed_session_id(&self, value: &str) -> Option<String> {
        let (unsealed, _) = self.open(value, SessionReader::unseal).await.ok()?;
        // Nobody but us can have written it, or it ends sessions of others.
        let token = unsealed.is_authentic().then(|| unsealed.access_token())?;
        token::peek_session_to_end(token, self.inner.config.token_policy())
    }

    /// Signs out of several sessions ([`sessions_to_end`](Self::sessions_to_end)): all are rejected here from now on. The browser
    /// goes to the URL of the first, the one that stood; there is none without a session.
    ///
    /// # Errors
    /// As [`logout_url`](Self::logout_url), for the first; the sessions are rejected all the same.
    pub async fn sign_out_all(
        &self,
        session_ids: &[String],
        return_to: Option<&Url>,
    ) -> Result<Option<SignOut>, Failure> {
        let mut stood = None;
        for session_id in session_ids {
            let sign_out = self.sign_out(session_id, return_to).await;
            stood.get_or_insert(sign_out);
        }
        stood.transpose()
    }
}
