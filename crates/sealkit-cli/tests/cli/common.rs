//! Runs the binary as a shell would: with an environment of its own, input on stdin, everything that comes out kept.

use std::{
    fmt,
    io::Write as _,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// The password of the public vectors.
pub(crate) const PASSWORD: &str = "cookie-password-for-tests-only-0123456789";

/// A call of the binary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealkit {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    input: Vec<u8>,
}

/// What a call gave. `Display` is what snapshots show.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A call with these arguments.
pub(crate) fn sealkit(arguments: impl IntoIterator<Item = impl Into<String>>) -> Sealkit {
    Sealkit { arguments: arguments.into_iter().map(Into::into).collect(), ..Sealkit::default() }
}

impl Sealkit {
    /// One more argument with its value.
    pub(crate) fn arg(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.arguments.extend([flag.to_owned(), value.into()]);
        self
    }

    /// One more argument.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.arguments.push(flag.to_owned());
        self
    }

    /// A variable. Nothing of the test's own environment is passed on.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The cookie password in its variable.
    pub(crate) fn password(self, password: &str) -> Self {
        self.env("WORKOS_COOKIE_PASSWORD", password)
    }

    /// Standard input.
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    pub(crate) fn run(self) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealkit"))
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A command that has its answer may go away before it has read everything.
        let _ = stdin.write_all(&self.input);
        drop(stdin);
        let output = child.wait_with_output().expect("the binary ends");
        Ran {
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("stdout is text"),
            stderr: String::from_utf8(output.stderr).expect("stderr is text"),
        }
    }
}

impl Ran {
    /// The one line on stdout as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line: {self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code: {}", self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(
                    f,
                    "--- {name}\n{text}{}",
                    if text.ends_with('\n') { "" } else { "\u{240a}missing\n" }
                )?;
            }
        }
        Ok(())
    }
}

/// Calls `check` for every item, on a few threads: a call is a process, and mostly waits for it.
pub(crate) fn in_parallel<T: Sync>(items: &[T], check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(item);
                }
            });
        }
    });
}

/// The vectors of a public set.
pub(crate) fn vectors(set: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/../../vectors/{set}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    let mut file: serde_json::Value = serde_json::from_str(&text).expect("they are JSON");
    match file["vectors"].take() {
        serde_json::Value::Array(vectors) => vectors,
        _ => panic!("{set} has no vectors"),
    }
}
