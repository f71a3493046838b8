//! A real library in a process of its own, asked one thing at a time: a JSON object a line in, one a line out.

use super::{
    find,
    places::{in_repository, script_path},
};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// A library that has said nothing for so long is stuck; it keeps a broken peer from hanging the suite.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// A script of `tests/peers` on Node with the packages of `.peers/node`; `None` skips the test.
    pub(crate) fn node(script: &str, library: &str) -> Option<Self> {
        let node = find::program(&["node"]);
        let packages = in_repository(PathBuf::from(".peers/node/node_modules").join(library));
        let (node, _) = find::or_skip(node.zip(packages), &format!("Node with {library}"))?;
        let mut command = Command::new(node);
        // Node calls the way in which authkit-session reads its own version experimental.
        command.arg("--no-warnings").arg(script_path(script)).arg(library);
        Some(Self::start(command))
    }

    pub(super) fn start(mut command: Command) -> Self {
        let root = in_repository(".peers").unwrap();
        let mut child = command
            .env_clear()
            .env("SEALKIT_PEERS", root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, questions, answers }
    }

    /// Asks; a library that throws fails the test.
    pub(crate) async fn ask(&mut self, operation: &str, arguments: Value) -> Value {
        let mut answer = self.exchange(operation, arguments).await;
        assert!(answer.get("error").is_none(), "{operation}: {answer:#}");
        answer["ok"].take()
    }

    /// Asks for what must fail, and gives what was thrown: `name`, `message`, and what the library adds.
    pub(crate) async fn refusal(&mut self, operation: &str, arguments: Value) -> Value {
        let mut answer = self.exchange(operation, arguments).await;
        assert!(answer.get("ok").is_none(), "{operation} did not fail: {answer:#}");
        answer["error"].take()
    }

    async fn exchange(&mut self, operation: &str, arguments: Value) -> Value {
        let question = json!({ "operation": operation, "arguments": arguments });
        self.questions.write_all(format!("{question}\n").as_bytes()).await.unwrap();
        let answer = timeout(PATIENCE, self.answers.next_line());
        let Some(answer) = answer.await.expect("the peer answers in time").unwrap() else {
            panic!("{operation}: the peer is gone, {}", self.ended().await);
        };
        serde_json::from_str(&answer).unwrap()
    }

    async fn ended(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }
}
