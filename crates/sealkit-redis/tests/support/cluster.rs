//! Three primaries that share the slots.

use super::{
    Redis, eventually,
    server::{free_port, words},
};

/// A cluster of three primaries without replicas.
#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// A cluster, once every node says that all of it is there.
    pub(crate) async fn start() -> Option<Self> {
        let mut nodes = Vec::new();
        let mut first: Option<(String, String)> = None;
        for (epoch, slots) in [("1", ["0", "5460"]), ("2", ["5461", "10922"]), ("3", ["10923", "16383"])] {
            let bus = free_port().to_string();
            let arguments =
                |_, _: &std::path::Path| words(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
            let node = Redis::spawn(arguments, None).await?;
            node.query::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", epoch]).await.unwrap();
            node.query::<()>(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]).await.unwrap();
            if let Some((port, bus)) = &first {
                node.query::<()>(&["CLUSTER", "MEET", "127.0.0.1", port, bus]).await.unwrap();
            } else {
                first = Some((node.port().to_string(), bus));
            }
            nodes.push(node);
        }
        for node in &nodes {
            eventually("the cluster is whole", async || {
                let info: String = node.query(&["CLUSTER", "INFO"]).await.unwrap();
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
            .await;
        }
        Some(Self { nodes })
    }

    /// Where its nodes are asked.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    pub(crate) fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}
