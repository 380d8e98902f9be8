//! WebDriver's protocol with chromedriver: a process of one test, JSON over loopback. What to do with it is
//! [`crate::Browser`]'s business.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Sandbox;

/// The key under which the protocol hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The time limit of one step of a browser, on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The number of ports that are tried. See [`start_process`].
const PORTS: usize = 20;

/// A running chromedriver with one browser.
#[derive(Debug)]
pub(crate) struct Chromedriver {
    process: Child,
    /// Kept open: a chromedriver that writes to a closed pipe ends.
    _stdout: BufReader<ChildStdout>,
    agent: ureq::Agent,
    session: String,
}

/// An element of the page that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element(String);

impl Element {
    /// As an argument of a script.
    pub(crate) fn to_json(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

impl Chromedriver {
    /// Starts chromedriver on a free port and Chromium in it.
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let (process, stdout, port) = start_process(sandbox);
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        let session = format!("http://127.0.0.1:{port}/session");
        let mut driver = Self { process, _stdout: stdout, agent: config.into(), session };
        let arguments = [
            "--headless=new",
            // Chromium refuses its sandbox to root, whom tests in containers run as.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--window-size=1280,860",
        ];
        let options = json!({ "binary": chromium(), "args": arguments });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let made = driver.post("", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session in {made}"));
        driver.session = format!("{}/{id}", driver.session);
        driver
    }

    /// Sends a command; it has to succeed.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        match self.try_post(path, body) {
            Ok(value) => value,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// Sends a command; an error is what the browser says about it.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.agent.post(format!("{}{path}", self.session));
        let sent = request.header("content-type", "application/json").send(&body.to_string());
        unwrap(sent.and_then(|mut response| response.body_mut().read_to_string()))
    }

    /// Asks for something; it has to be answered.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let sent = self.agent.get(format!("{}{path}", self.session)).call();
        match unwrap(sent.and_then(|mut response| response.body_mut().read_to_string())) {
            Ok(value) => value,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// All elements that an XPath expression or CSS selector names, in the page's order.
    #[track_caller]
    pub(crate) fn find_all(&self, using: &str, value: &str) -> Vec<Element> {
        let found = self.post("/elements", &json!({ "using": using, "value": value }));
        let found = found.as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|element| Some(Element(element[ELEMENT].as_str()?.to_owned()))).collect()
    }

    /// The first such element; waits a little for it to come.
    #[track_caller]
    pub(crate) fn find_one(&self, using: &str, value: &str) -> Option<Element> {
        if let Some(found) = self.find_all(using, value).into_iter().next() {
            return Some(found);
        }
        self.post("/timeouts", &json!({ "implicit": 2_000 }));
        let found = self.find_all(using, value).into_iter().next();
        self.post("/timeouts", &json!({ "implicit": 0 }));
        found
    }

    /// The element that has the keyboard's focus.
    #[track_caller]
    pub(crate) fn focused(&self) -> Element {
        let focused = self.get("/element/active");
        Element(focused[ELEMENT].as_str().expect("something has the focus").to_owned())
    }

    /// Does something with an element, or asks something of it.
    #[track_caller]
    pub(crate) fn with(&self, element: &Element, action: &str, body: Option<&Value>) -> Value {
        let path = format!("/element/{}/{action}", element.0);
        body.map_or_else(|| self.get(&path), |body| self.post(&path, body))
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Ends the browser, which would outlive a chromedriver that is killed.
        let ended = self.agent.delete(&self.session).call();
        if ended.is_err() {
            println!("the browser did not end by itself");
        }
        self.process.kill().and_then(|()| self.process.wait()).expect("a child process can be ended");
    }
}

/// Starts chromedriver and reads its port.
///
/// With `--port=0` chromedriver takes a free port of `::1` and then the same port of `127.0.0.1`. It ends if a program
/// has that one, such as the servers of the tests that run beside this one; then it is started again on another port.
fn start_process(sandbox: &Sandbox) -> (Child, BufReader<ChildStdout>, String) {
    let home = sandbox.dir("home-browser");
    let log_path = sandbox.path().join("chromedriver.log");
    for _ in 0..PORTS {
        let log = std::fs::File::create(&log_path).expect("a log file");
        let mut command = sandbox.command("chromedriver", &home, &home);
        command.arg("--port=0").stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().expect("chromedriver starts (`cargo xtask e2e` installs it)");
        let mut stdout = BufReader::new(process.stdout.take().expect("stdout was asked for as a pipe"));
        let mut printed = String::new();
        while stdout.read_line(&mut printed).expect("chromedriver prints text") > 0 {
            if let Some((_, port)) = printed.split_once("successfully on port ") {
                let port = port.trim_end().trim_end_matches('.').to_owned();
                return (process, stdout, port);
            }
        }
        let status = process.wait().expect("a child process can be waited for");
        let log = std::fs::read_to_string(&log_path).unwrap_or_default();
        assert!(printed.contains("port not available"), "chromedriver ended with {status}: {printed}{log}");
    }
    panic!("{PORTS} ports that chromedriver tried are taken");
}

fn unwrap(answer: Result<String, ureq::Error>) -> Result<Value, String> {
    let text = answer.map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    let value = answer["value"].take();
    match value["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", value["message"].as_str().unwrap_or_default())),
        None => Ok(value),
    }
}

/// Debian's name for the browser, or its maker's.
fn chromium() -> &'static str {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .unwrap_or("/usr/bin/chromium")
}

#[cfg(test)]
mod tests {
    use super::start_process;
    use crate::Sandbox;

    /// A chromedriver that prints and ends as version 156 does if another program has its port on 127.0.0.1.
    const PORT_IS_TAKEN: &str = "\
if [ ! -e \"$TMPDIR/started\" ]; then
    touch \"$TMPDIR/started\"
    echo 'Starting ChromeDriver on port 0'
    echo '[SEVERE]: bind() failed: Address already in use (98)' >&2
    echo 'IPv4 port not available. Exiting...'
    exit 1
fi
echo 'Starting ChromeDriver on port 0'
echo 'ChromeDriver was started successfully on port 4711.'
exec cat
";

    #[test]
    fn chromedriver_is_started_again_where_its_port_is_taken() {
        let sandbox = Sandbox::new();
        sandbox.script("chromedriver", PORT_IS_TAKEN);
        let (mut process, _stdout, port) = start_process(&sandbox);
        process.wait().expect("it ends with its input");
        assert_eq!(port, "4711");
    }
}
