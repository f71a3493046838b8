//! One file per command; each answers with an exit code.

pub(crate) mod authenticate;
pub(crate) mod convert;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod refresh;
pub(crate) mod seal;
pub(crate) mod unseal;
