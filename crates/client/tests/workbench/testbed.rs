//! A project with runs, its Workbench as a process, and HTTP by hand.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use azml_core::history::HistoryRepo;
use azml_core::id::{ProjectId, RunId};
use azml_core::project::Project;
use azml_core::run::{Metric, RunRecord, RunStore, Status};
use jiff::Timestamp;
use serde_json::Value;
use test_support::http;

/// A project folder and a home, and azml in them.
pub(crate) struct Testbed {
    dir: tempfile::TempDir,
}

/// A running `azml ui`.
pub(crate) struct Ui {
    child: Child,
    pub(crate) port: u16,
    pub(crate) key: String,
    cookie: String,
}

/// The server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Testbed {
    /// An empty project `iris`.
    pub(crate) fn new() -> Self {
        let testbed = Self { dir: tempfile::tempdir().unwrap() };
        for name in ["home", "work"] {
            std::fs::create_dir(testbed.dir.path().join(name)).unwrap();
        }
        let made = testbed.azml_at(&testbed.dir.path().join("work"), &["project", "create", "-n", "iris"]);
        assert!(made.status.success(), "{made:?}");
        testbed
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("work/iris")
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(crate) fn command(&self, cwd: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_azml"));
        command
            .args(args)
            .current_dir(cwd)
            .env_clear()
            .env("HOME", self.dir.path().join("home"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com");
        command
    }

    fn azml_at(&self, cwd: &Path, args: &[&str]) -> Output {
        self.command(cwd, args).output().unwrap()
    }

    /// Submits a script; gives the run's id.
    pub(crate) fn submit(&self, args: &[&str]) -> String {
        let ran = self.azml_at(&self.root(), &[&["experiment", "submit", "-c", "local"], args].concat());
        let stdout = String::from_utf8_lossy(&ran.stdout).into_owned();
        let id = stdout.lines().next().and_then(|line| line.strip_prefix("RunId: "));
        id.unwrap_or_else(|| panic!("{ran:?}")).to_owned()
    }

    pub(crate) fn history(&self) -> (HistoryRepo, ProjectId) {
        let project = Project::open(&self.root()).unwrap();
        (HistoryRepo::open(&self.root(), *project.id()).unwrap(), *project.id())
    }

    /// Puts records into the history, as if they had come from other computers.
    pub(crate) fn put(&self, records: impl IntoIterator<Item = RunRecord>) {
        let (history, _) = self.history();
        let ada =
            azml_core::snapshot::Signature { name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
        let by = ada.at(Timestamp::UNIX_EPOCH);
        for record in records {
            RunStore::new(&history).put(&record, &by).unwrap();
        }
    }

    pub(crate) fn ui(&self) -> Ui {
        Ui::start(self.command(&self.root(), &["ui", "--no-open", "-o", "json"]))
    }
}

/// A record that no run has made: the `n`th of a project.
pub(crate) fn record(project: &ProjectId, n: u64) -> RunRecord {
    let id = RunId::new("iris", 1_511_000_000_000 + n * 60_000).unwrap();
    let at = Timestamp::from_millisecond(i64::try_from(id.epoch_ms()).unwrap()).unwrap();
    let mut record =
        RunRecord::new(id, project, if n.is_multiple_of(5) { "eval.py" } else { "train.py" }, at);
    record.run_number = n + 1;
    record.status = if n.is_multiple_of(7) { Status::Failed } else { Status::Completed };
    record.start_time_utc = Some(at);
    record.end_time_utc = Some(at + jiff::SignedDuration::from_secs(i64::try_from(n % 90).unwrap()));
    "ada@example.com".clone_into(&mut record.user_id);
    record.host = Some("elsewhere".to_owned());
    record.arguments = vec!["--alpha".to_owned(), format!("0.{n}")];
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let auc = (n % 100) as f64 / 100.0;
    record.metrics.insert("auc".to_owned(), Metric::from_f64(auc));
    record
}

impl Ui {
    /// Starts it and signs in.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        let output: Value = loop {
            assert_ne!(stdout.read_line(&mut text).unwrap(), 0, "azml ended: {text}");
            if let Ok(output) = serde_json::from_str(&text) {
                break output;
            }
        };
        let port = u16::try_from(output["port"].as_u64().unwrap()).unwrap();
        let url = output["url"].as_str().unwrap();
        let key = url.strip_prefix(&format!("http://127.0.0.1:{port}/?key=")).unwrap().to_owned();
        let mut ui = Self { child, port, key, cookie: String::new() };
        let signed_in = ui.send("GET", &format!("/?key={}", ui.key), &[], "");
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        signed_in.headers["set-cookie"].split(';').next().unwrap().clone_into(&mut ui.cookie);
        ui
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The token that a page's form has.
    pub(crate) fn token_of(page: &Answer) -> String {
        let rest =
            page.body.split("name=\"form\" value=\"").nth(1).unwrap_or_else(|| panic!("no form: {page:?}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Exactly these headers, and the right `Host` if they have none.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = self.origin();
        let answer = http::send(
            &url,
            &http::head(&url, method, path, &http::lines(headers), body.len()),
            body.as_bytes(),
        );
        let answer = answer.unwrap_or_else(|error| panic!("no answer: {error}"));
        let headers = answer.head.lines().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Answer { status: answer.status, headers, body: answer.text() }
    }

    /// A page, with the cookie.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[("Cookie", &self.cookie), ("Sec-Fetch-Site", "same-origin")], "")
    }

    /// A page that has to be there.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// A form, as the browser sends it from a page of this server; `fields` are encoded already.
    pub(crate) fn post(&self, path: &str, form_token: &str, fields: &str) -> Answer {
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Origin", &self.origin()),
            ("Sec-Fetch-Site", "same-origin"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        self.send("POST", path, &headers, &format!("form={form_token}&{fields}"))
    }

    /// The page that a form's answer leads to.
    #[track_caller]
    pub(crate) fn follow(&self, answer: &Answer) -> String {
        assert_eq!(answer.status, 303, "{answer:?}");
        self.page(&answer.headers["location"])
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// A text as one part of a path or a query.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}
