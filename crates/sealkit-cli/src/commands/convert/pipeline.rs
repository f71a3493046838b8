//! A reader, a worker for each processor, and the caller, who gets the batches in the order of the input.
//!
//! Batch `k` goes to worker `k mod n` and is fetched from there again, each worker with two short queues of its own: order costs
//! nothing, nobody contends for a lock, and at most a few batches are in memory.

use super::{job::Job, report::Tally};
use crate::lines::read_line;
use anyhow::{Context as _, bail};
use std::{
    io::BufRead,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// Most lines of a batch: few enough that costly formats show progress.
const LINES: usize = 64;

/// A batch with so many bytes is full.
const BYTES: usize = 256 * 1024;

/// Batches that wait for a worker, and that wait for the caller.
const WAITING: usize = 4;

/// Lines as they came.
struct Batch {
    /// The number of the first, from 1.
    first: u64,
    text: Vec<u8>,
    /// Where each line ends in `text`.
    ends: Vec<usize>,
}

/// What became of a batch.
pub(super) struct Converted {
    pub(super) out: Vec<u8>,
    pub(super) failed: Vec<u8>,
    /// Of the input.
    pub(super) bytes: u64,
    pub(super) tally: Tally,
}

/// Converts all lines of `input`, whose first has the number `before + 1`.
///
/// # Errors
/// What the reader or the sink says. Everything that came before a line that cannot be read has gone to the sink.
pub(super) fn run(
    input: impl BufRead + Send,
    before: u64,
    job: &Job,
    workers: usize,
    sink: impl FnMut(Converted) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let (mut feeds, mut results, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..workers.max(1) {
            let (feed, batches) = sync_channel::<Batch>(WAITING);
            let (done, result) = sync_channel(WAITING);
            feeds.push(feed);
            results.push(result);
            threads.push(scope.spawn(move || {
                for batch in batches {
                    if done.send(batch.convert(job)).is_err() {
                        break;
                    }
                }
            }));
        }
        let reader = scope.spawn(move || feed(input, before, &feeds));
        // When the sink fails, the queues close, and everybody goes home.
        collect(results, sink)?;
        for thread in threads {
            if thread.join().is_err() {
                bail!("a thread that converts has ended unexpectedly");
            }
        }
        match reader.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("the thread that reads has ended unexpectedly"),
        }
    })
}

fn feed(mut input: impl BufRead, before: u64, feeds: &[SyncSender<Batch>]) -> anyhow::Result<()> {
    let mut line = before + 1;
    for feed in feeds.iter().cycle() {
        let mut batch = Batch { first: line, text: Vec::new(), ends: Vec::with_capacity(LINES) };
        let mut outcome = Ok(true);
        while batch.ends.len() < LINES && batch.text.len() < BYTES {
            outcome = read_line(&mut input, &mut batch.text);
            if !matches!(outcome, Ok(true)) {
                break;
            }
            batch.ends.push(batch.text.len());
            line += 1;
        }
        if !batch.ends.is_empty() && feed.send(batch).is_err() {
            break;
        }
        if !outcome.with_context(|| format!("line {line} of the input cannot be read"))? {
            break;
        }
    }
    Ok(())
}

fn collect(
    results: Vec<Receiver<Converted>>,
    mut sink: impl FnMut(Converted) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for result in results.iter().cycle() {
        match result.recv() {
            Ok(converted) => sink(converted)?,
            Err(_) => break,
        }
    }
    Ok(())
}

impl Batch {
    fn convert(self, job: &Job) -> Converted {
        let mut out = Vec::with_capacity(self.text.len() + self.text.len() / 2);
        let (mut failed, mut tally, mut start) = (Vec::new(), Tally::default(), 0);
        for (number, end) in (self.first..).zip(&self.ends) {
            let line = self.text.get(start..*end).unwrap_or_default();
            job.line(number, line, &mut out, &mut failed, &mut tally);
            start = *end;
        }
        let bytes = u64::try_from(self.text.len() + self.ends.len()).unwrap_or(u64::MAX);
        Converted { out, failed, bytes, tally }
    }
}
