//! Stock git as the other side and as the judge.

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gix::ObjectId;

use crate::client::{Connection, Duplex, TransportError};

/// The transport to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One stream in each direction, as by SSH.
    Stream,
    /// One process for each request, as `git http-backend` does it.
    Requests,
}

/// A repository that stock git works on.
pub(super) struct Git {
    dir: tempfile::TempDir,
    may_fail: std::cell::Cell<bool>,
}

impl Git {
    pub(super) fn bare() -> Self {
        let git = Self { dir: tempfile::tempdir().unwrap(), may_fail: false.into() };
        git.run(&["init", "-q", "--bare", "-b", "master"]);
        git
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// From now on a server that ends with a failure is what a test wants.
    pub(super) fn may_fail(&self) {
        self.may_fail.set(true);
    }

    pub(super) fn run(&self, args: &[&str]) -> String {
        let output = command(self.path()).args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(super) fn id(&self, revision: &str) -> ObjectId {
        self.run(&["rev-parse", revision]).parse_id()
    }

    /// Returns whether git finds nothing wrong, connectivity included.
    pub(super) fn is_sound(&self) -> bool {
        command(self.path()).args(["fsck", "--strict", "--full"]).status().unwrap().success()
    }

    /// Adds `count` commits on a branch, each with a file of its own and one that changes; gives their ids.
    pub(super) fn commits(&self, branch: &str, count: usize) -> Vec<ObjectId> {
        let mut script = Vec::new();
        let has = command(self.path())
            .args(["rev-parse", "-q", "--verify", branch])
            .output()
            .unwrap()
            .status
            .success();
        let before: usize = if has { self.run(&["rev-list", "--count", branch]).parse().unwrap() } else { 0 };
        for n in before..before + count {
            let long = format!("{branch} {n}\n").repeat(200);
            script.push(format!(
                "commit {branch}\ncommitter A <a@example.com> {} +0000\ndata 2\nc\n",
                1_500_000_000 + n * 60
            ));
            if n == before && has {
                script.push(format!("from {branch}^0\n"));
            }
            script.push(format!("M 644 inline dir/changing\ndata {}\n{long}\n", long.len()));
            script.push(format!("M 644 inline files/{n}\ndata {}\n{n}\n", n.to_string().len()));
        }
        self.feed(&["fast-import", "--quiet", "--force"], &script.concat());
        let list = self.run(&["rev-list", "--reverse", branch]);
        list.lines().skip(before).map(ParseId::parse_id).collect()
    }

    fn feed(&self, args: &[&str], input: &str) {
        let mut child = command(self.path()).args(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    pub(super) fn gix(&self) -> gix::Repository {
        gix::open_opts(self.path(), gix::open::Options::isolated()).unwrap()
    }

    /// A server of this repository.
    pub(super) fn serve(&self, service: &'static str, kind: Kind, version: u8) -> Box<dyn Connection> {
        match kind {
            Kind::Stream => {
                let mut child = spawn(self.path(), version, &[service]);
                let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
                Box::new(Stream {
                    pipes: Some(Duplex::new(Box::new(output), Box::new(input))),
                    child,
                    may_fail: self.may_fail.get(),
                })
            }
            Kind::Requests => {
                Box::new(Requests { path: self.path().to_owned(), service, version, children: Vec::new() })
            }
        }
    }
}

pub(super) trait ParseId {
    fn parse_id(&self) -> ObjectId;
}

impl ParseId for str {
    fn parse_id(&self) -> ObjectId {
        ObjectId::from_hex(self.as_bytes()).unwrap()
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("GIT_DIR");
    command
}

fn spawn(dir: &Path, version: u8, args: &[&str]) -> Child {
    let mut command = command(dir);
    if version > 0 {
        command.env("GIT_PROTOCOL", format!("version={version}"));
    }
    command.args(args).arg(".").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

struct Stream {
    pipes: Option<Duplex>,
    child: Child,
    may_fail: bool,
}

impl Connection for Stream {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        self.pipes.as_mut().unwrap().advertisement()
    }

    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        self.pipes.as_mut().unwrap().exchange(request)
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.pipes.take());
        // The server saw a proper end of the conversation.
        let status = self.child.wait().unwrap();
        assert!(
            status.success() || self.may_fail || std::thread::panicking(),
            "the server ended with {status}"
        );
    }
}

struct Requests {
    path: PathBuf,
    service: &'static str,
    version: u8,
    children: Vec<Child>,
}

impl Connection for Requests {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        let mut child =
            spawn(&self.path, self.version, &[self.service, "--stateless-rpc", "--advertise-refs"]);
        let output = child.stdout.take().unwrap();
        self.children.push(child);
        if self.version == 2 {
            return Ok(Box::new(output));
        }
        let line = format!("# service=git-{}\n", self.service);
        let preamble = format!("{:04x}{line}0000", line.len() + 4);
        Ok(Box::new(std::io::Cursor::new(preamble).chain(output)))
    }

    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        let mut child = spawn(&self.path, self.version, &[self.service, "--stateless-rpc"]);
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        self.children.push(child);
        std::io::copy(request, &mut input).map_err(|error| TransportError::from_io("sending", error))?;
        drop(input);
        Ok(Box::new(output))
    }

    fn is_stateless(&self) -> bool {
        true
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.wait());
        }
    }
}
