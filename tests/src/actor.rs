//! A person at a computer: a user name, maybe a token, and a home folder of their own. They run azml, az and
//! stock git, all with the same credentials.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use test_support::Step;

use crate::{Output, Sandbox};

/// A user with a home folder on one computer.
#[derive(Debug, Clone)]
pub struct Actor<'s> {
    sandbox: &'s Sandbox,
    home: PathBuf,
    name: String,
    token: Option<String>,
    env: Vec<(OsString, OsString)>,
}

impl<'s> Actor<'s> {
    pub(crate) fn new(sandbox: &'s Sandbox, computer: &str, name: &str, token: Option<&str>) -> Self {
        let home = sandbox.dir(&format!("home-{computer}"));
        let config = format!(
            "[user]\n\tname = {name}\n\temail = {name}@example.com\n[init]\n\tdefaultBranch = master\n\
             [advice]\n\tdetachedHead = false\n"
        );
        std::fs::write(home.join(".gitconfig"), config).expect("a new home folder can be written");
        Self { sandbox, home, name: name.to_owned(), token: token.map(str::to_owned), env: Vec::new() }
    }

    /// The same person with one more environment variable.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A program as this person would start it, not started.
    pub fn command(&self, program: &str, dir: &Path) -> Command {
        let mut command = self.sandbox.command(program, &self.home, dir);
        if let Some(token) = &self.token {
            command.env("AZML_VSTS_TOKEN", token).env("AZML_VSTS_URL", self.sandbox.origins());
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a program to its end.
    pub fn run(&self, program: &str, dir: &Path, args: &[&str]) -> Output {
        self.sandbox.run(self.command(program, dir), args, None)
    }

    /// Runs azml to its end.
    pub fn azml(&self, dir: &Path, args: &[&str]) -> Output {
        self.sandbox.run(self.command(&self.program("azml"), dir), args, None)
    }

    /// Runs azml through the link called `az`, to its end.
    pub fn az(&self, dir: &Path, args: &[&str]) -> Output {
        self.sandbox.run(self.command(&self.program("az"), dir), args, None)
    }

    /// Runs azml with `-o json` and parses what it prints; it has to succeed.
    #[track_caller]
    pub fn azml_json(&self, dir: &Path, args: &[&str]) -> Value {
        self.azml(dir, &[args, &["-o", "json"]].concat()).ok().json()
    }

    /// Runs azml, and kills it at a step.
    pub fn azml_killed_at(&self, dir: &Path, step: Step, args: &[&str]) -> Output {
        let mut command = self.command("strace", dir);
        command.args(["-f", "-qq", "-o", "/dev/null"]).args(step.options()).arg(self.program("azml"));
        self.sandbox.run(command, args, None)
    }

    /// Runs azml to its end, with this on its standard input.
    pub fn azml_given(&self, dir: &Path, args: &[&str], input: &str) -> Output {
        self.sandbox.run(self.command(&self.program("azml"), dir), args, Some(input.as_bytes()))
    }

    /// Returns azml's path, for other programs to start it.
    pub fn azml_path(&self) -> String {
        self.program("azml")
    }

    /// Starts azml with its stdout and stderr in pipes.
    pub fn spawn_azml(&self, dir: &Path, args: &[&str]) -> Child {
        self.command(&self.program("azml"), dir)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("azml starts")
    }

    /// Runs stock git with this person's token, to its end.
    pub fn git(&self, dir: &Path, args: &[&str]) -> Output {
        let mut command = self.command("git", dir);
        // What is fetched goes through `index-pack --strict`.
        command.args(["-c", "fetch.fsckObjects=true"]);
        if let Some(token) = &self.token {
            let helper = format!("!printf 'username={}\\npassword={token}\\n';:", self.name);
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "credential.helper")
                .env("GIT_CONFIG_VALUE_0", helper);
        }
        self.sandbox.run(command, args, None)
    }

    /// Runs lines of shell as this person, to their end.
    pub fn sh(&self, dir: &Path, script: &str) -> Output {
        self.sandbox.run(self.command("sh", dir), &["-ec", script], None)
    }

    /// Makes a project without a remote in `parent`; returns its folder.
    #[track_caller]
    pub fn create_project(&self, parent: &Path, name: &str) -> PathBuf {
        let _done = self.azml(parent, &["project", "create", "-n", name]).ok();
        parent.join(name)
    }

    /// Makes a project that is linked to a repo; returns its folder.
    #[track_caller]
    pub fn create_linked_project(&self, parent: &Path, name: &str, url: &str) -> PathBuf {
        let _done = self.azml(parent, &["project", "create", "-n", name, "-r", url]).ok();
        parent.join(name)
    }

    /// Submits a script that has to succeed; returns the run's id.
    #[track_caller]
    pub fn submit(&self, project: &Path, script: &[&str]) -> String {
        let args = [&["experiment", "submit", "-c", "local"], script].concat();
        self.azml(project, &args).ok().run_id()
    }

    /// The snapshot that a run names.
    #[track_caller]
    pub fn commit_of(&self, project: &Path, run_id: &str) -> String {
        let record = self.azml_json(project, &["history", "info", "--run", run_id]);
        record["properties"]["CommitId"]
            .as_str()
            .unwrap_or_else(|| panic!("no CommitId in {record}"))
            .to_owned()
    }

    /// The ids of all runs, newest first.
    #[track_caller]
    pub fn run_ids(&self, project: &Path) -> Vec<String> {
        let list = self.azml_json(project, &["history", "list"]);
        let runs = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
        runs.iter().map(|run| run["run_id"].as_str().expect("a run has a run_id").to_owned()).collect()
    }

    fn program(&self, name: &str) -> String {
        self.sandbox.path().join("bin").join(name).to_str().expect("the sandbox's path is UTF-8").to_owned()
    }
}
