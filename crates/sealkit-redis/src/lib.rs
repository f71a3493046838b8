//! Many replicas, one refresh: the refresh coordinator and the deny list of sealkit on Redis or Valkey.
//!
//! ```no_run
//! use sealkit::{Config, Sealkit, SystemClock, config::process_environment};
//! use sealkit_redis::{RedisSettings, RedisStore};
//! use std::sync::Arc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::from_env(process_environment)?;
//! let mut sealkit = Sealkit::builder(config);
//! // SEALKIT_COORDINATOR_URL=rediss://:password@cache.example:6380
//! if let Some(settings) = RedisSettings::from_env(process_environment)? {
//!     let store = RedisStore::connect(settings, Arc::new(SystemClock)).await?;
//!     sealkit = sealkit.coordinator(store.coordinator()).deny_list_store(store.deny_list());
//! }
//! let sealkit = sealkit.build()?;
//! # Ok(())
//! # }
//! ```
//!
//! A single server, one behind Sentinels ([`RedisSettings`] asks them again after every failure), or a cluster; with TLS or
//! without; Redis or Valkey from version 6.2 on. No setting of the server is needed, and nothing need be stored on its disk.
//!
//! # What is in the store
//!
//! A refresh token has one key, an HMAC of it, and there one of these:
//!
//! ```text
//! absent ─► lease of the process that makes the grant (5 s, renewed every 1.7 s)
//!             ├─► the sealed result (10 min): everybody's, those included who come late with the old cookie
//!             ├─► sealed refusals (30 s)
//!             └─► nothing: the failure may pass, or the process died; then the next one makes the grant
//! ```
//!
//! Results are sealed with a key that follows from the old refresh token and the coordinator secret: whoever reads the store reads
//! no token. A result takes the place of anything but another result, so the first one is everybody's.
//!
//! # What it promises
//!
//! While the store answers, a refresh token is sent by one process. While it does not, [`OnError`] decides; no session ends by
//! that, because a refusal that nobody could compare with other processes' results clears no cookie. One case cannot be saved: the
//! process dies after the provider has spent the token and before the result is stored, the provider answers no second time, and
//! the old access token has expired. Refreshing ahead of the end leaves the old token's last minute for that.

mod connection;
mod coordinator;
mod denials;
mod grant;
mod lease;
mod meeting;
mod record;
mod replicas;
mod script;
pub mod settings;
mod shared;
mod store;
mod target;
mod waits;

pub use connection::StoreError;
pub use coordinator::RedisCoordinator;
pub use denials::RedisDenyList;
pub use settings::{OnError, RedisSettings};
pub use store::RedisStore;

/// The guide's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/replicas.md")]
struct Guide;
