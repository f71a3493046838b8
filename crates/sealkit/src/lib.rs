//! sealkit
