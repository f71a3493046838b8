//! Which formats cookies are read and written in, and how a running fleet moves from one to another.

mod formats;
mod guard;
mod migration;
mod rewrite;
mod unproven;

use crate::support::{World, new_cookie, session};
use sealkit::{
    CookieAction, EncodingPolicy, Outcome, Resolve, Sealkit,
    format::{Format, FormatSet},
};

/// Reads everything that is sealed and everything that is not, and writes this.
fn both(write: Format) -> EncodingPolicy {
    let read = FormatSet::sealed().with(Format::PlainJson).with(Format::B64urlJson);
    EncodingPolicy::writing(write).with_read(read)
}

fn world(encoding: EncodingPolicy) -> World {
    World::configured(|config| config.encoding(encoding))
}

async fn resolve(sealkit: &Sealkit, cookie: &str) -> Outcome {
    sealkit.resolve([cookie.into()], Resolve::default()).await
}

/// The format of a cookie that this process reads.
#[track_caller]
fn format_of(sealkit: &Sealkit, cookie: &str) -> Format {
    sealkit.unseal(cookie).unwrap().1.format
}
