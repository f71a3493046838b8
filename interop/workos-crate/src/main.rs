//! The crate `workos`, asked one thing at a time: a JSON object a line in, one a line out.

use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    error::Error,
    io::{self, BufRead as _, Write as _},
};
use workos::{
    Client,
    helpers::{SessionData, SessionRefreshOptions, SessionState, seal_session, unseal_session},
};

#[derive(Deserialize)]
#[serde(tag = "operation", content = "arguments", rename_all = "snake_case")]
enum Question {
    #[serde(rename_all = "camelCase")]
    Connect {
        api_key: String,
        client_id: String,
        base_url: String,
    },
    Seal {
        payload: Value,
        password: String,
    },
    Open {
        sealed: String,
        password: String,
    },
    Authenticate {
        sealed: String,
        password: String,
    },
    Refresh {
        sealed: String,
        password: String,
    },
}

/// The crate as an application holds it.
#[derive(Default)]
struct Peer {
    client: Option<Client>,
}

impl Peer {
    async fn answer(&mut self, question: Question) -> Result<Value, Box<dyn Error>> {
        Ok(match question {
            Question::Connect { api_key, client_id, base_url } => {
                let client =
                    Client::builder().api_key(api_key).client_id(client_id).base_url(base_url).try_build()?;
                self.client = Some(client);
                Value::Null
            }
            Question::Seal { payload, password } => {
                let session: SessionData = serde_json::from_value(payload)?;
                seal_session(&session, &password)?.into()
            }
            Question::Open { sealed, password } => {
                serde_json::to_string(&unseal_session(&sealed, &password)?)?.into()
            }
            Question::Authenticate { sealed, password } => {
                told(self.client()?.session(sealed, password).authenticate().await)
            }
            Question::Refresh { sealed, password } => {
                let options = SessionRefreshOptions::default();
                let refreshed = self.client()?.session(sealed, password).refresh(options).await?;
                json!({
                    "authenticated": refreshed.authenticated, "reason": refreshed.reason,
                    "sealed_session": refreshed.sealed_session,
                })
            }
        })
    }

    fn client(&self) -> Result<&Client, &'static str> {
        self.client.as_ref().ok_or("not connected")
    }
}

fn told(state: SessionState) -> Value {
    json!({
        "authenticated": state.authenticated, "reason": state.reason, "session_id": state.session_id,
        "organization_id": state.organization_id, "role": state.role, "permissions": state.permissions,
        "user": state.user, "impersonator": state.impersonator,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut peer = Peer::default();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let answer = match peer.answer(serde_json::from_str(&line?)?).await {
            Ok(value) => json!({ "ok": value }),
            Err(error) => json!({ "error": { "name": "Error", "message": error.to_string() } }),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
