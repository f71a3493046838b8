//! sealkit-axum
