//! Many replicas, one refresh: the refresh coordinator and the deny list of sealkit on Redis or Valkey.
