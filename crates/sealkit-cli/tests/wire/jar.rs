//! curl with a cookie jar: a visitor without a browser.

use crate::{
    support::find,
    world::{App, World},
};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// Nothing here takes a second on an idle machine; it keeps a broken server from hanging the suite.
const PATIENCE_SECONDS: &str = "60";

/// A jar. Several servers of one host share it, because cookies do not distinguish ports.
#[derive(Debug)]
pub(crate) struct Jar {
    curl: PathBuf,
    folder: TempDir,
}

/// The last response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Whether it set a cookie.
    pub(crate) sets: bool,
}

impl Jar {
    /// An empty one; `None` skips the test.
    pub(crate) fn new() -> Option<Self> {
        let curl = find::or_skip(find::program(&["curl"]), "curl")?;
        Some(Self { curl, folder: TempDir::new().unwrap() })
    }

    /// Signs in at the application, with user data of a length whose seal has different wire forms, if its format has two. One
    /// length of three needs no padding in base64, and padding is all that is encoded in a Fernet token.
    pub(crate) async fn sign_in(&self, world: &World, app: &App) -> Answer {
        let mut lengths = [0, 16, 32].into_iter();
        loop {
            let length = lengths.next();
            world.grow(length.unwrap_or_default());
            let answer = self.curl(&["--location", &format!("{}/login?return_to=/who", app.url)]).await;
            assert_eq!(answer.status, 200, "{}: {answer:?}", app.format);
            let differs = |(_, value): &(String, String)| value.contains(['%', '=', '+', '/']);
            if length.is_none() || self.cookies().iter().any(differs) {
                return answer;
            }
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Answer {
        self.curl(&[url]).await
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.curl(&["--header", "content-type: application/json", "--data-raw", &body, url]).await
    }

    /// With a cookie that is not in the jar.
    pub(crate) async fn get_with(&self, cookie: &str, url: &str) -> Answer {
        self.curl(&["--header", &format!("cookie: {cookie}"), url]).await
    }

    /// The names and values of the application's cookies, as they are on the wire. The provider has one of its own.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.folder.path().join("jar")).unwrap();
        // A line has seven columns; that of an HttpOnly cookie looks like a comment.
        let lines = text.lines().map(|line| line.strip_prefix("#HttpOnly_").unwrap_or(line));
        let columns =
            lines.filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
        columns
            .filter(|line| line.len() == 7 && line[5] != "devidp_browser")
            .map(|line| (line[5].to_owned(), line[6].to_owned()))
            .collect()
    }

    async fn curl(&self, arguments: &[&str]) -> Answer {
        let file = |name: &str| self.folder.path().join(name);
        let output = Command::new(&self.curl)
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                PATIENCE_SECONDS,
                "--write-out",
                "\n%{http_code}",
            ])
            .arg("--cookie")
            .arg(file("jar"))
            .arg("--cookie-jar")
            .arg(file("jar"))
            .arg("--dump-header")
            .arg(file("head"))
            .args(arguments)
            .env_clear()
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        let head = std::fs::read_to_string(file("head")).unwrap().to_ascii_lowercase();
        Answer {
            status: status.parse().unwrap(),
            body: serde_json::from_str(body).unwrap_or_else(|_| body.into()),
            sets: head.lines().any(|line| line.starts_with("set-cookie:")),
        }
    }
}
