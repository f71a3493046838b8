//! The store: one connection, a coordinator and a deny list on it.

use crate::{RedisCoordinator, RedisDenyList, RedisSettings, connection::Connection, script::Scripts};
use sealkit::{Clock, ConfigError};
use std::sync::Arc;

/// A Redis or Valkey that several processes share. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub struct RedisStore {
    coordinator: Arc<RedisCoordinator>,
    deny_list: Arc<RedisDenyList>,
}

impl RedisStore {
    /// Connects. A store that is not there is no error: that is logged, the policy for it applies, and it is tried again.
    ///
    /// Within a tokio runtime, which must live as long as the store is used.
    ///
    /// # Errors
    /// Settings that cannot work, all problems at once.
    pub async fn connect(settings: RedisSettings, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let connection = Connection::new(&settings)?;
        let settings = Arc::new(settings);
        match connection.begin().await {
            Ok(()) => {
                tracing::info!(store = ?connection, "refreshes are coordinated with other processes");
                // From now on, unless it does so already. Where this does not work, the first refusal asks again.
                let _ = Scripts::new().age(&connection, &settings.since()).await;
            }
            Err(error) => {
                tracing::warn!(%error, store = ?connection, "the coordinator's store is not there yet; refreshes follow the policy for that");
            }
        }
        Ok(Self {
            coordinator: Arc::new(RedisCoordinator::new(
                connection.clone(),
                Arc::clone(&settings),
                Arc::clone(&clock),
            )),
            deny_list: Arc::new(RedisDenyList::new(connection, settings, clock)),
        })
    }

    /// For [`SealkitBuilder::coordinator`](sealkit::SealkitBuilder::coordinator).
    #[must_use]
    pub fn coordinator(&self) -> Arc<RedisCoordinator> {
        Arc::clone(&self.coordinator)
    }

    /// For [`SealkitBuilder::deny_list_store`](sealkit::SealkitBuilder::deny_list_store).
    #[must_use]
    pub fn deny_list(&self) -> Arc<RedisDenyList> {
        Arc::clone(&self.deny_list)
    }
}
