//! `sealkit key new`: a cookie password in the shape that an SDK takes.

use crate::{args::KeyNew, output};
use anyhow::bail;
use sealkit::{SystemRandom, format::KeyShape};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct NewKey<'a> {
    key: &'a str,
    format: &'a str,
    rule: &'a str,
}

pub(crate) fn new(args: &KeyNew) -> anyhow::Result<ExitCode> {
    let format = args.format;
    let shape = format.key_shape();
    if shape == KeyShape::Unneeded {
        bail!("format `{format}` has no password");
    }
    let password = shape.generate(&SystemRandom)?;
    let key = password.expose_secret();
    if args.output.json {
        output::json_line(&NewKey { key, format: format.id(), rule: shape.rule() })?;
    } else {
        output::bytes(format!("{key}\n").as_bytes())?;
    }
    Ok(output::YES)
}
