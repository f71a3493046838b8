//! A Chromium of its own, with an empty profile, driven through chromedriver.

use super::find;
use fantoccini::{Client, ClientBuilder, Locator, wd::WebDriverCompatibleCommand};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::{path::PathBuf, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Nothing here takes a second on an idle machine; it keeps a broken page from hanging the suite.
const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium's own traffic off, and no sandbox, which needs rights that containers do not give.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// For file names and messages.
    pub(crate) name: &'static str,
    width: u32,
    height: u32,
    phone: bool,
    dark: bool,
}

pub(crate) const DESKTOP: View =
    View { name: "desktop-light", width: 1280, height: 900, phone: false, dark: false };

/// Phone and desktop, light and dark.
pub(crate) const VIEWS: [View; 4] = [
    View { name: "phone-light", width: 390, height: 844, phone: true, dark: false },
    View { name: "phone-dark", width: 390, height: 844, phone: true, dark: true },
    View { name: "desktop-dark", width: 1280, height: 900, phone: false, dark: true },
    DESKTOP,
];

/// The browser. Dropping it ends driver and browser.
#[derive(Debug)]
pub(crate) struct Chromium {
    client: Client,
    /// Chromium outlives a driver that is killed, so its own number is kept.
    process: Option<u64>,
    _driver: Child,
    _profile: TempDir,
}

impl Chromium {
    /// `None` skips the test.
    pub(crate) async fn open() -> Option<Self> {
        Self::open_with(&[]).await
    }

    /// The same, with flags of the test's own.
    pub(crate) async fn open_with(own: &[&str]) -> Option<Self> {
        let driver = find::program(&["chromedriver"]);
        let browser = find::program(&["chromium", "chromium-browser", "google-chrome"]);
        let (driver, browser) = find::or_skip(driver.zip(browser), "Chromium with chromedriver")?;
        let (driver, port) = start_driver(driver).await;
        let profile = TempDir::new().unwrap();
        let flags: Vec<String> = FLAGS
            .iter()
            .chain(own)
            .map(|flag| (*flag).to_owned())
            .chain([format!("--user-data-dir={}", profile.path().display())])
            .collect();
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": browser, "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let process = client.capabilities().and_then(|told| told.get("goog:processID")?.as_u64());
        Some(Self { client, process, _driver: driver, _profile: profile })
    }

    /// Ends the session in good order.
    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }

    pub(crate) async fn go(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn url(&self) -> String {
        self.client.current_url().await.unwrap().into()
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The text that can be seen on the page.
    pub(crate) async fn text(&self) -> String {
        self.run("return document.body.innerText").await.as_str().unwrap().to_owned()
    }

    /// Everything that the browser holds of the page, seen or not.
    pub(crate) async fn source(&self) -> String {
        self.client.source().await.unwrap()
    }

    /// The cookies of this page.
    pub(crate) async fn cookies(&self) -> Vec<fantoccini::cookies::Cookie<'static>> {
        self.client.get_all_cookies().await.unwrap()
    }

    /// Types into the field with this id.
    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let field = self.client.find(Locator::Id(id)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks what holds this text (a button, link or summary), and waits until it has led to a new page.
    pub(crate) async fn follow(&self, label: &str) {
        let element = self.find(label).await;
        self.leave(async { element.click().await.unwrap() }).await;
    }

    /// Clicks what opens something on the page itself.
    pub(crate) async fn click(&self, label: &str) {
        self.find(label).await.click().await.unwrap();
    }

    pub(crate) async fn reload(&self) {
        self.leave(async { self.client.refresh().await.unwrap() }).await;
    }

    pub(crate) async fn back(&self) {
        self.leave(async { self.client.back().await.unwrap() }).await;
    }

    /// Waits until a script returns something true.
    async fn until(&self, script: &str) {
        let waiting = async {
            // A page that is just going away cannot answer; the next one can.
            while !matches!(self.client.execute(script, Vec::new()).await, Ok(value) if value == true) {
                tokio::task::yield_now().await;
            }
        };
        assert!(
            timeout(PATIENCE, waiting).await.is_ok(),
            "{script} at {}: {}",
            self.url().await,
            self.text().await
        );
    }

    /// What the page and the browser had to say on the console since the last time.
    pub(crate) async fn console(&self) -> Vec<Value> {
        let log = self.extension("se/log", json!({ "type": "browser" })).await;
        log.as_array().unwrap().clone()
    }

    /// Looks at the page as this device would.
    pub(crate) async fn view(&self, view: View) {
        let metrics = json!({
            "width": view.width, "height": view.height, "mobile": view.phone,
            "deviceScaleFactor": if view.phone { 2 } else { 1 },
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if view.dark { "dark" } else { "light" };
        // Whoever wants no motion gets the final colours at once, and so do we.
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// A picture of the whole page, under the build's own folder.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let shot = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            shot["data"].as_str().unwrap(),
        );
        std::fs::write(folder.join(format!("{name}.png")), bytes.unwrap()).unwrap();
    }

    async fn find(&self, label: &str) -> fantoccini::elements::Element {
        assert!(!label.contains('"'));
        let path = format!(
            "//*[self::button or self::a or self::summary][contains(normalize-space(.), \"{label}\")]"
        );
        match self.client.find(Locator::XPath(&path)).await {
            Ok(element) => element,
            Err(_) => panic!("no {label:?} at {}: {}", self.url().await, self.text().await),
        }
    }

    /// Does something, and waits until it has led to another page.
    async fn leave(&self, act: impl Future<Output = ()>) {
        self.run("window.left = true").await;
        act.await;
        self.until("return !window.left && document.readyState === 'complete'").await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.extension("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn extension(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Extension { path, body }).await.unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            // Already gone after `close`; then this says so and nobody minds.
            let kill =
                std::process::Command::new("kill").arg(process.to_string()).stderr(Stdio::null()).status();
            drop(kill);
        }
    }
}

/// chromedriver on a port of its own choice.
async fn start_driver(program: PathBuf) -> (Child, u16) {
    let mut driver = Command::new(program)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return port.trim_end_matches('.').parse().unwrap();
            }
        }
    };
    (driver, timeout(PATIENCE, port).await.expect("chromedriver starts in time"))
}

/// A command of chromedriver's own.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
