//! Where an interrupted run ended, told by what it has written.
//!
//! The converted lines stand in the order of the input, the failing ones carry their numbers. So the number of the last line that is
//! done follows from counting; what was written of later ones is cut off and done again.

use super::{job::Job, outputs::Paths};
use crate::lines::read_line;
use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sealkit::config::shown_path;
use serde::Deserialize;
use std::{
    borrow::Cow,
    fs::File,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, BufRead, BufReader},
    path::Path,
};

/// What an earlier run has finished.
#[derive(Default)]
pub(super) struct Done {
    /// Lines of the input.
    pub(super) lines: u64,
    /// Bytes of the input.
    pub(super) bytes: u64,
    /// Of `lines`, those that failed.
    pub(super) failed: u64,
    /// What stays of --out.
    pub(super) out_bytes: u64,
    /// What stays of --failed.
    pub(super) failed_bytes: u64,
}

/// A line of --failed.
struct Failed {
    number: u64,
    /// A hash of what the line of the input was.
    input: u64,
    /// Where it ends in the file.
    end: u64,
}

#[derive(Deserialize)]
struct FailedLine<'l> {
    line: u64,
    #[serde(borrow, default)]
    input: Option<Cow<'l, str>>,
    #[serde(borrow, default)]
    input_base64: Option<Cow<'l, str>>,
}

/// The complete lines of --out.
#[derive(Default)]
struct Written {
    lines: u64,
    bytes: u64,
    last: Vec<u8>,
}

/// Finds the end of what is done, leaves `input` behind it, and checks that the files belong to this input and this job.
pub(super) fn find(paths: &Paths, input: &mut impl BufRead, job: &Job) -> anyhow::Result<Done> {
    let written = paths.out.as_deref().map(written).transpose()?.unwrap_or_default();
    let failed = paths.failed.as_deref().map(failed).transpose()?.unwrap_or_default();
    let mut done = Done { out_bytes: written.bytes, ..Done::default() };
    let (mut left, mut failed) = (written.lines, failed.iter().peekable());
    let mut line = Vec::new();
    loop {
        let number = done.lines + 1;
        let failed = failed.next_if(|failed| failed.number == number);
        if failed.is_none() && left == 0 {
            return Ok(done);
        }
        line.clear();
        if !read_line(input, &mut line)
            .with_context(|| format!("line {number} of the input cannot be read"))?
        {
            bail!("the input ends before what --out and --failed hold: {}", FOREIGN);
        }
        match failed {
            Some(failed) if failed.input == hash(&line) => {
                done.failed += 1;
                done.failed_bytes = failed.end;
            }
            Some(_) => bail!("line {number} is another one in --failed: {FOREIGN}"),
            None => {
                left -= 1;
                if left == 0 && !is_made_of(&written.last, &line, job) {
                    bail!("the last line of --out was not made of line {number}: {FOREIGN}");
                }
            }
        }
        done.lines = number;
        done.bytes += u64::try_from(line.len() + 1).unwrap_or_default();
    }
}

const FOREIGN: &str = "they come from another input, other passwords or another format; nothing was changed";

fn is_made_of(converted: &[u8], input: &[u8], job: &Job) -> bool {
    match (std::str::from_utf8(input), std::str::from_utf8(converted)) {
        (Ok(input), Ok(converted)) => job.made(input, converted),
        _ => false,
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Calls `each` with every complete line and the place behind it.
fn complete_lines(
    path: &Path,
    mut each: impl FnMut(&mut Vec<u8>, u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::with_capacity(super::READ_AT_ONCE, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", shown_path(path))),
    };
    let (mut line, mut end) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = file
            .read_until(b'\n', &mut line)
            .with_context(|| format!("{} cannot be read", shown_path(path)))?;
        // What has no end was interrupted.
        if line.pop() != Some(b'\n') {
            return Ok(());
        }
        end += u64::try_from(read).unwrap_or_default();
        each(&mut line, end)?;
    }
}

fn written(path: &Path) -> anyhow::Result<Written> {
    let mut written = Written::default();
    complete_lines(path, |line, end| {
        written.lines += 1;
        written.bytes = end;
        std::mem::swap(&mut written.last, line);
        Ok(())
    })?;
    Ok(written)
}

fn failed(path: &Path) -> anyhow::Result<Vec<Failed>> {
    let mut all: Vec<Failed> = Vec::new();
    complete_lines(path, |line, end| {
        let strange = || format!("{} does not hold what `convert` writes there", shown_path(path));
        let read: FailedLine<'_> = serde_json::from_slice(line).with_context(strange)?;
        let input = match (read.input, read.input_base64) {
            (Some(text), None) => text.into_owned().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text.as_bytes()).with_context(strange)?,
            _ => bail!("{}", strange()),
        };
        if all.last().is_some_and(|last| last.number >= read.line) {
            bail!("{}: its lines are not in order", strange());
        }
        all.push(Failed { number: read.line, input: hash(&input), end });
        Ok(())
    })?;
    Ok(all)
}
