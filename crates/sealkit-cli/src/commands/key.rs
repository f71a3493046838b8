//! `sealkit key new`: a cookie password in the shape that an SDK takes.

use crate::{
    args::{FormatId, KeyNew},
    output,
};
use anyhow::bail;
use sealkit::SystemRandom;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct NewKey<'a> {
    key: &'a str,
    format: &'a str,
    rule: &'a str,
}

pub(crate) fn new(args: &KeyNew) -> anyhow::Result<ExitCode> {
    let FormatId::Sealed(format) = args.format else {
        bail!("format `{}` has no password", args.format.id());
    };
    let shape = format.key_shape();
    let password = shape.generate(&SystemRandom)?;
    let key = password.expose_secret();
    if args.output.json {
        output::json_line(&NewKey { key, format: format.id(), rule: shape.rule() })?;
    } else {
        output::bytes(format!("{key}\n").as_bytes())?;
    }
    Ok(output::YES)
}
