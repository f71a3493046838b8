//! Text from outside drives no terminal and forges no line; values that were given by mistake are not repeated.

pub(crate) mod hostile;
mod names;
mod secrets;
mod sessions;
mod terminal;
