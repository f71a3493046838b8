//! The deny list that several processes share.
