//! The layer, the extractors and the routes against the development provider, in process: no port, no sleep, one clock.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic")]

mod acting;
mod address;
mod behind;
mod caching;
mod concurrency;
mod encodings;
mod extractors;
mod guard;
mod hostile;
mod kinds;
mod large;
mod late;
mod log;
mod logs;
mod max_age;
mod negotiation;
mod odd;
mod one_write;
mod origins;
mod routes;
mod signed_out;
mod tower_service;
mod webhooks;
mod world;
