//! Who watches a primary and names its successor.

use super::{Redis, eventually, server::words};
use std::collections::HashMap;

/// One `redis-sentinel`, which alone decides.
#[derive(Debug)]
pub(crate) struct Sentinel {
    process: Redis,
}

impl Sentinel {
    /// What the primary is called.
    pub(crate) const NAME: &str = "primary";

    /// Watches this server and whatever copies it; half a second without an answer is the end of a primary.
    pub(crate) async fn watching(primary: &Redis) -> Option<Self> {
        let (name, watched) = (Self::NAME, primary.port());
        let rules = format!(
            "sentinel monitor {name} 127.0.0.1 {watched} 1\nsentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 2000\n"
        );
        let arguments = |_, folder: &std::path::Path| {
            let file = folder.join("sentinel.conf");
            std::fs::write(&file, &rules).unwrap();
            words(&[file.to_str().unwrap(), "--sentinel"])
        };
        Some(Self { process: Redis::spawn(arguments, None).await? })
    }

    /// Where it is asked.
    pub(crate) fn url(&self) -> String {
        self.process.url()
    }

    pub(crate) fn port(&self) -> u16 {
        self.process.port()
    }

    /// The port of the primary of now.
    pub(crate) async fn primary(&self) -> u16 {
        let address: Vec<String> =
            self.process.query(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::NAME]).await.unwrap();
        address.get(1).unwrap().parse().unwrap()
    }

    /// Waits until it would promote that replica.
    pub(crate) async fn knows(&self, replica: &Redis) {
        let port = replica.port().to_string();
        eventually("the sentinel knows the replica", async || {
            let replicas: Vec<HashMap<String, String>> =
                self.process.query(&["SENTINEL", "REPLICAS", Self::NAME]).await.unwrap();
            replicas.iter().any(|known| {
                known.get("port") == Some(&port)
                    && known.get("flags").is_some_and(|flags| flags == "slave")
                    && known.get("master-link-status").is_some_and(|status| status == "ok")
            })
        })
        .await;
    }

    /// Waits until this server is the primary.
    pub(crate) async fn has_promoted(&self, replica: &Redis) {
        eventually("the replica is promoted", async || {
            self.primary().await == replica.port()
                && replica
                    .query::<String>(&["INFO", "replication"])
                    .await
                    .is_ok_and(|text| text.contains("role:master"))
        })
        .await;
    }
}
