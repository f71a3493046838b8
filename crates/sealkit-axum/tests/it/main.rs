//! The layer, the extractors and the routes against the development provider, in process: no port, no sleep, one clock.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic")]

mod acting;
mod address;
mod behind;
mod caching;
mod concurrency;
mod denied_by_default;
mod encodings;
mod extractors;
mod guard;
mod hostile;
mod kinds;
mod large;
mod late;
mod log;
mod logs;
mod loops;
mod max_age;
mod negotiation;
mod odd;
mod one_write;
mod origins;
mod own_pages;
mod routes;
mod signed_out;
mod tower_service;
mod webhooks;
mod world;
