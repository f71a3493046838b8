//! `sealkit convert`: many cookies into another format, every line of the input accounted for.

mod job;
mod outputs;
mod pipeline;
mod report;
mod resume;

use crate::{args::Convert, output};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use job::Job;
use outputs::Outputs;
use report::Report;
use resume::Done;
use sealkit::{EncodingPolicy, KeyRing, config::shown_path};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal as _},
    process::ExitCode,
    thread,
};

/// Bytes that are read at once.
const READ_AT_ONCE: usize = 256 * 1024;

pub(crate) fn run(args: &Convert) -> anyhow::Result<ExitCode> {
    let job = job(args)?;
    let (mut input, bytes) = open_input(args)?;
    let paths = outputs::Paths::of(args)?;
    let done = if args.resume { resume::find(&paths, &mut input, &job)? } else { Done::default() };
    let mut outputs = Outputs::open(&paths, &done)?;

    let bar = progress(bytes, &done);
    let mut report = Report::new(&job, &done);
    let workers = args.threads.map_or_else(processors, usize::from);
    let outcome = pipeline::run(input, done.lines, &job, workers, |batch| {
        outputs.write(&batch)?;
        bar.inc(batch.bytes);
        report.add(&batch);
        bar.set_message(report.short());
        Ok(())
    });
    bar.finish_and_clear();
    outcome?;
    outputs.finish()?;

    if args.json {
        output::json_line(&report.to_json(&paths))?;
    } else if args.out.is_some() {
        output::text(&report.to_text(&paths))?;
    } else {
        anstream::eprint!("{}", report.to_text(&paths));
    }
    Ok(if report.failed() == 0 { output::YES } else { output::no() })
}

fn job(args: &Convert) -> anyhow::Result<Job> {
    let (to, from) = (args.to, args.from.0);
    if let Some(from) = from
        && !from.is_authenticated()
        && to.is_authenticated()
        && !args.trust_unsealed
    {
        bail!("{}", job::UNTRUSTED);
    }
    let opens_nothing = from.is_some_and(|from| !from.is_authenticated());
    let unsealed = !to.is_authenticated();
    let opening = if opens_nothing { KeyRing::empty() } else { args.passwords.opening_ring()? };
    let sealing = match &args.to_password_file {
        Some(file) => file.ring()?,
        None if unsealed => KeyRing::empty(),
        None => sealing_ring(args, opens_nothing, &opening)?,
    };
    EncodingPolicy::writing(to).check_ring(&sealing).with_context(|| {
        format!("no password to seal with: name one of the right shape with --to-password-file for `{to}`")
    })?;
    Ok(Job { from, to, opening, sealing, trust_unsealed: args.trust_unsealed, now: args.moment.time() })
}

fn sealing_ring(args: &Convert, opens_nothing: bool, opening: &KeyRing) -> anyhow::Result<KeyRing> {
    if opens_nothing { args.passwords.sealing_ring() } else { Ok(opening.clone()) }
}

/// The lines, and how many bytes they are, if that is known.
fn open_input(args: &Convert) -> anyhow::Result<(Box<dyn BufRead + Send>, Option<u64>)> {
    let Some(path) = args.input.as_deref().filter(|path| path.as_os_str() != "-") else {
        if io::stdin().is_terminal() {
            anstream::eprintln!("reading cookies from the terminal, one a line; end them with Ctrl-D");
        }
        return Ok((Box::new(BufReader::with_capacity(READ_AT_ONCE, io::stdin())), None));
    };
    let file = File::open(path).with_context(|| format!("{} cannot be read", shown_path(path)))?;
    let bytes = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    Ok((Box::new(BufReader::with_capacity(READ_AT_ONCE, file)), bytes))
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// On a terminal only; elsewhere it draws nothing.
fn progress(bytes: Option<u64>, done: &Done) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
    let template = match bytes {
        Some(_) => "{wide_bar} {percent:>3} %  {msg}  {eta} left",
        None => "{spinner} {bytes}  {msg}  {elapsed}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_position(done.bytes);
    bar
}
