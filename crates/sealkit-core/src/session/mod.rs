//! stub
/// placeholder
#[derive(Debug)]
#[non_exhaustive]
pub struct ExpiredSession;
