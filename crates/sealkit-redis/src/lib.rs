//! Many replicas, one refresh: the refresh coordinator and the deny list of sealkit on Redis or Valkey.

mod breaker;
mod connection;
mod denials;
pub mod settings;
mod target;

pub use connection::StoreError;
pub use settings::{OnError, RedisSettings};
