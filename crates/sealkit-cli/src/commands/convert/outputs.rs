//! The two places where lines end up.
//!
//! The failing lines of a batch are written before its converted ones: whatever is interrupted, every failing line before the
//! last converted one is there, so that counting tells where to go on.

use super::{pipeline::Converted, resume::Done};
use crate::args::Convert;
use anyhow::{Context as _, bail};
use sealkit::config::shown_path;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// Where to write. Nothing named is standard output, and standard error for what fails.
pub(super) struct Paths {
    pub(super) out: Option<PathBuf>,
    pub(super) failed: Option<PathBuf>,
}

impl Paths {
    /// # Errors
    /// Two of the files are one, or hold something that would be overwritten.
    pub(super) fn of(args: &Convert) -> anyhow::Result<Self> {
        let out = args.out.clone();
        let failed = args.failed.clone().or_else(|| out.as_deref().map(beside));
        let same = |one: &Path, other: &Path| match (one.canonicalize(), other.canonicalize()) {
            (Ok(one), Ok(other)) => one == other,
            _ => one == other,
        };
        let all = [args.input.as_deref(), out.as_deref(), failed.as_deref()];
        let named: Vec<&Path> = all.into_iter().flatten().collect();
        for (at, one) in named.iter().enumerate() {
            if named.iter().skip(at + 1).any(|other| same(one, other)) {
                bail!("{} is named twice; every file needs a name of its own", shown_path(one));
            }
        }
        for path in [&out, &failed].into_iter().flatten().filter(|_| !args.resume) {
            if fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0) {
                bail!(
                    "{} exists; go on with what it holds (--resume), or name another file",
                    shown_path(path)
                );
            }
        }
        Ok(Self { out, failed })
    }
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".failed");
    name.into()
}

/// The open files. The one for what fails is made when the first line does.
pub(super) struct Outputs<'p> {
    out: Option<(&'p Path, File)>,
    failed: Option<(&'p Path, Option<File>)>,
}

impl<'p> Outputs<'p> {
    /// Opens them behind what is already done; what stands behind that is cut off.
    pub(super) fn open(paths: &'p Paths, done: &Done) -> anyhow::Result<Self> {
        let out = match paths.out.as_deref() {
            Some(path) => Some((path, open(path, done.out_bytes)?)),
            None => None,
        };
        let failed = match paths.failed.as_deref() {
            Some(path) if path.exists() => Some((path, Some(open(path, done.failed_bytes)?))),
            other => other.map(|path| (path, None)),
        };
        Ok(Self { out, failed })
    }

    pub(super) fn write(&mut self, batch: &Converted) -> anyhow::Result<()> {
        if !batch.failed.is_empty() {
            self.write_failed(&batch.failed)?;
        }
        match &mut self.out {
            Some((path, file)) => file.write_all(&batch.out).with_context(|| cannot_write(path)),
            None => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&batch.out)?;
                Ok(stdout.flush()?)
            }
        }
    }

    fn write_failed(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        match &mut self.failed {
            None => Ok(io::stderr().lock().write_all(lines)?),
            Some((path, file)) => {
                let file = match file {
                    Some(file) => file,
                    None => file.insert(open(path, 0)?),
                };
                file.write_all(lines).with_context(|| cannot_write(path))
            }
        }
    }

    /// Waits until everything is on the disk.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let failed = self.failed.and_then(|(path, file)| file.map(|file| (path, file)));
        for (path, file) in self.out.into_iter().chain(failed) {
            // A pipe or a terminal cannot be synchronized.
            if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                file.sync_all().with_context(|| cannot_write(path))?;
            }
        }
        Ok(())
    }
}

fn cannot_write(path: &Path) -> String {
    format!("{} cannot be written", shown_path(path))
}

/// For its owner alone: what is in it signs people in.
fn open(path: &Path, keep: u64) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let open = || -> io::Result<File> {
        let mut file = options.open(path)?;
        if file.metadata()?.is_file() {
            file.set_len(keep)?;
            file.seek(SeekFrom::Start(keep))?;
        }
        Ok(file)
    };
    open().with_context(|| cannot_write(path))
}
