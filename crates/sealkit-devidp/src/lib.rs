//! sealkit-devidp
