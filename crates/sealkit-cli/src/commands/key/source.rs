//! The lines of a sample: plain or compressed, read with bounded memory.

use crate::lines::MAX_LINE;
use anyhow::{Context as _, bail};
use flate2::bufread::MultiGzDecoder;
use sealkit::config::shown_path;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, IsTerminal as _, Read},
    path::Path,
};

const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];

/// The beginnings of what is not text, and what makes text of it.
const NOT_TEXT: &[(&[u8], &str)] = &[
    (
        &[0x28, 0xb5, 0x2f, 0xfd],
        "it is compressed with zstd; decompress it first: `zstdcat FILE | sealkit key status …`",
    ),
    (b"BZh", "it is compressed with bzip2; decompress it first: `bzcat FILE | sealkit key status …`"),
    (
        &[0xfd, b'7', b'z', b'X', b'Z'],
        "it is compressed with xz; decompress it first: `xzcat FILE | sealkit key status …`",
    ),
    (&[0xff, 0xfe], "it is UTF-16; convert it first: `iconv -f UTF-16 -t UTF-8 FILE | sealkit key status …`"),
    (&[0xfe, 0xff], "it is UTF-16; convert it first: `iconv -f UTF-16 -t UTF-8 FILE | sealkit key status …`"),
];

/// Bytes that tell what a file is.
const HEAD: usize = 5;

/// A file or standard input as text. Gzip is recognized by its first bytes, and may have several members, as logrotate's files have
/// that were put one behind the other.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        if io::stdin().is_terminal() {
            anstream::eprintln!("reading a sample from the terminal; end it with Ctrl-D");
        }
        return text(io::stdin()).context("standard input cannot be read");
    }
    let open = || text(File::open(path)?);
    open().with_context(|| format!("{} cannot be read", shown_path(path)))
}

fn text(input: impl Read + 'static) -> anyhow::Result<Box<dyn BufRead>> {
    let mut input = BufReader::new(input);
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(u64::try_from(HEAD)?).read_to_end(&mut head)?;
    let known = NOT_TEXT.iter().find(|(start, _)| head.starts_with(start));
    if let Some((_, problem)) = known {
        bail!("{problem}");
    }
    let is_gzip = head.starts_with(GZIP);
    let whole = Cursor::new(head).chain(input);
    Ok(if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(whole))) } else { Box::new(whole) })
}

/// What comes next of a sample.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line, without its end, is in the buffer.
    Line,
    /// A line longer than [`MAX_LINE`] was passed over. The cookie's name stood in it so often.
    TooLong {
        /// How often.
        mentions: u64,
    },
    /// Nothing.
    End,
}

/// Reads the next line into `buffer`.
///
/// # Errors
/// What the reader says, and a gzip member that begins in the middle of plain text: its lines would be passed over in silence.
pub(super) fn next_line(input: &mut impl BufRead, buffer: &mut Vec<u8>, name: &str) -> anyhow::Result<Next> {
    buffer.clear();
    let most = u64::try_from(MAX_LINE)?;
    let read = input.by_ref().take(most + 1).read_until(b'\n', buffer)?;
    if read == 0 {
        return Ok(Next::End);
    }
    if is_gzip_within(buffer) {
        bail!(
            "gzip data begin in the middle of the text; decompress all of it first: `zcat -f FILES | sealkit key status …`"
        );
    }
    if buffer.ends_with(b"\n") {
        buffer.pop();
        if buffer.ends_with(b"\r") {
            buffer.pop();
        }
        return Ok(Next::Line);
    }
    if buffer.len() <= MAX_LINE {
        return Ok(Next::Line);
    }
    let mut mentions = count(buffer, name);
    // The end of what was counted can hold the start of a name.
    while !buffer.ends_with(b"\n") {
        let kept = buffer.len().saturating_sub(name.len().saturating_sub(1));
        buffer.drain(..kept);
        if input.by_ref().take(most).read_until(b'\n', buffer)? == 0 {
            break;
        }
        mentions += count(buffer, name);
    }
    buffer.clear();
    Ok(Next::TooLong { mentions })
}

/// A gzip member can only begin where a file does: at the start of a line, or behind a file that does not end with one.
fn is_gzip_within(line: &[u8]) -> bool {
    line.windows(GZIP.len()).any(|bytes| bytes == GZIP)
}

fn count(bytes: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    u64::try_from(text.matches(name).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    const NAME: &str = "wos-session";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(input: Vec<u8>) -> anyhow::Result<Vec<String>> {
        let (mut input, mut buffer, mut lines) = (text(Cursor::new(input))?, Vec::new(), Vec::new());
        loop {
            match next_line(&mut input, &mut buffer, NAME)? {
                Next::Line => lines.push(String::from_utf8(buffer.clone()).unwrap()),
                Next::TooLong { mentions } => lines.push(format!("{mentions} mentions")),
                Next::End => return Ok(lines),
            }
        }
    }

    #[test]
    fn plain_and_compressed_lines_are_the_same() {
        let text = b"a\r\n\nb\r\r\n\r\nc";
        let expected = ["a", "", "b\r", "", "c"];
        assert_eq!(read(text.to_vec()).unwrap(), expected);
        assert_eq!(read(gzip(text)).unwrap(), expected);
        let members = [gzip(b"a\r\n\nb\r"), gzip(b""), gzip(b"\r\n\r\nc")].concat();
        assert_eq!(read(members).unwrap(), expected);
        assert_eq!(read(Vec::new()).unwrap(), Vec::<String>::new());
        assert_eq!(read(b"a".to_vec()).unwrap(), ["a"]);
    }

    #[test]
    fn input_that_cannot_be_read_whole_is_an_error() {
        let whole = gzip(&b"wos-session=x\n".repeat(1000));
        let cut = whole[..whole.len() - 9].to_vec();
        assert!(read(cut).is_err());
        assert!(read([whole.clone(), b"plain\n".to_vec()].concat()).is_err());
        for start in ["plain\n", "no line end", "more than the buffer of the reader\n"] {
            let error = read([start.as_bytes().to_vec(), whole.clone()].concat()).unwrap_err();
            assert!(error.to_string().contains("zcat -f"), "{error}");
        }
        for (start, tool) in
            [(&b"\x28\xb5\x2f\xfd"[..], "zstdcat"), (b"BZh9", "bzcat"), (b"\xff\xfea\0", "iconv")]
        {
            assert!(read(start.to_vec()).unwrap_err().to_string().contains(tool), "{tool}");
        }
    }

    /// 64 MiB without a line end, of 64 KiB compressed, pass through a buffer of one line.
    #[test]
    fn line_that_is_too_long_is_counted_not_kept() {
        let filler = vec![b'x'; MAX_LINE - 3];
        let long =
            [&filler[..], b"wos-session=1", &filler[..], b"wos-session=2", &filler[..], b"\nshort"].concat();
        assert_eq!(read(long.clone()).unwrap(), ["2 mentions", "short"]);
        assert_eq!(read(gzip(&long)).unwrap(), ["2 mentions", "short"]);
        let mut buffer = Vec::new();
        let mut bomb = io::repeat(b'x').take(8 * u64::try_from(MAX_LINE).unwrap());
        let mut bomb = BufReader::new(&mut bomb);
        assert_eq!(next_line(&mut bomb, &mut buffer, NAME).unwrap(), Next::TooLong { mentions: 0 });
        assert!(buffer.capacity() <= 3 * MAX_LINE, "{}", buffer.capacity());
        let exact = vec![b'x'; MAX_LINE];
        assert_eq!(read(exact).unwrap()[0].len(), MAX_LINE);
    }
}
