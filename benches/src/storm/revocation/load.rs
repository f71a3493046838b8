//! Clients that ask for sessions that go on, one request after the other, while others are ended.

use super::{SignedIn, served};
use crate::{client::Visit, random::Random};
use reqwest::Client;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::task::JoinSet;

/// What happened that should not have, and how often.
pub(crate) type Wrong = BTreeMap<String, u64>;

pub(crate) struct Load {
    over: Arc<AtomicBool>,
    clients: JoinSet<(u64, Wrong)>,
}

impl Load {
    /// A client for each session, at the replicas in turn.
    pub(crate) fn begin(
        client: &Client,
        servers: &[SocketAddr],
        sessions: &[SignedIn],
        random: &mut Random,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for (number, signed_in) in sessions.iter().enumerate() {
            let (client, servers, over) = (client.clone(), servers.to_vec(), Arc::clone(&over));
            let (signed_in, navigation) = (signed_in.clone(), random.percent(50));
            clients.spawn(async move {
                let (mut answers, mut wrong) = (0, Wrong::new());
                for &server in servers.iter().cycle().skip(number) {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let visit = Visit { server, cookie: signed_in.cookie.clone(), navigation };
                    match served(&client, visit, &signed_in.session_id).await {
                        Ok(()) => answers += 1,
                        Err(what) => *wrong.entry(what).or_default() += 1,
                    }
                }
                (answers, wrong)
            });
        }
        Self { over, clients }
    }

    /// How often they were served, and what else became of them.
    pub(crate) async fn end(mut self) -> (u64, Wrong) {
        self.over.store(true, Ordering::Relaxed);
        let mut all = (0, Wrong::new());
        while let Some(client) = self.clients.join_next().await {
            let (answers, wrong) = client.expect("a client does not panic");
            all.0 += answers;
            for (what, count) in wrong {
                *all.1.entry(what).or_default() += count;
            }
        }
        all
    }
}
