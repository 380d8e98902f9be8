//! The servers that scenarios run on: vsts-mock by one of its transports, or stock git's own server side.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vsts_mock::{MockServer, Seed};

use crate::cgi;
use crate::fixture::{self, Fixture};
use crate::git::Git;

/// The transport of a client to vsts-mock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    Https,
    Ssh,
}

/// The user who asks. alice owns everything, bob reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Alice,
    Bob,
}

/// A running vsts-mock with a repository for every name, each with the fixture's history.
pub(crate) struct Site {
    dir: TempDir,
    pub(crate) fixture: Fixture,
    server: Option<MockServer>,
    runtime: Runtime,
    /// Name and folder.
    repositories: Vec<(String, PathBuf)>,
}

impl Site {
    /// Starts it. A name that begins with `empty` is given no history.
    pub(crate) fn start(names: &[&str]) -> Self {
        let dir = TempDir::new().expect("a folder");
        let fixture = fixture::make(dir.path());
        let runtime = Runtime::new().expect("a runtime");
        let seed =
            Seed { base: dir.path().to_owned(), ..Seed::parse(&seed(dir.path(), names)).expect("a seed") };
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let builder = MockServer::builder().seed(seed).https(loopback).data_dir(dir.path().join("data"));
        let server = runtime.block_on(builder.start()).expect("the server starts");
        let write = |name: &str, text: Option<&str>| {
            std::fs::write(dir.path().join(name), text.expect("the ready line has it")).expect("a file");
        };
        write("ca.pem", server.ready().ca_pem.as_deref());
        write("known_hosts", server.ready().known_hosts.as_deref());
        let repositories = repositories(&server);
        Self { dir, fixture, server: Some(server), runtime, repositories }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The id of a commit that no ref points to, and that can be reached from one.
    pub(crate) fn early(&self) -> String {
        Git::new(&self.fixture.base).run(&["rev-parse", "v1~1"]).ok().trim().to_owned()
    }

    fn server(&self) -> &MockServer {
        self.server.as_ref().expect("it runs until it is dropped")
    }

    /// The address of a repository.
    pub(crate) fn url(&self, transport: Transport, repo: &str) -> String {
        let server = self.server();
        match transport {
            Transport::Http => Some(server.clone_url("acme", "iris", repo)),
            Transport::Https => server.https_clone_url("acme", "iris", repo),
            Transport::Ssh => server.ssh_clone_url("acme", "iris", repo),
        }
        .expect("the transport is open")
    }

    /// A folder of the server's.
    pub(crate) fn folder(&self, repo: &str) -> &Path {
        let found = self.repositories.iter().find(|(name, _)| name == repo);
        &found.unwrap_or_else(|| panic!("no repository {repo}")).1
    }

    /// Git with somebody's credentials for a transport.
    pub(crate) fn git(&self, dir: &Path, transport: Transport, who: Who) -> Git {
        let token = if who == Who::Alice { "alicepat" } else { "bobspat" };
        let git = Git::new(dir);
        let basic =
            format!("http.extraHeader=Authorization: Basic {}", STANDARD.encode(format!("me:{token}")));
        match transport {
            Transport::Http => git.set(basic),
            Transport::Https => {
                git.set(basic).set(format!("http.sslCAInfo={}", self.dir().join("ca.pem").display()))
            }
            Transport::Ssh => {
                let key = self.dir().join(if who == Who::Alice { "alice" } else { "bob" });
                let ssh = format!(
                    "ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile={} \
                     -o StrictHostKeyChecking=yes -i {}",
                    self.dir().join("known_hosts").display(),
                    key.display()
                );
                git.env("GIT_SSH_COMMAND", ssh)
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

fn seed(dir: &Path, names: &[&str]) -> String {
    let mut seed = String::new();
    for (user, token) in [("alice", "alicepat"), ("bob", "bobspat")] {
        let file = dir.join(user);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", user, "-f"])
            .arg(&file)
            .status();
        assert!(made.expect("ssh-keygen runs").success());
        let key = std::fs::read_to_string(file.with_extension("pub")).expect("a public key");
        write!(
            seed,
            "[[users]]\nname = \"{user}\"\ntokens = [{{ name = \"ci\", value = \"{token}\" }}]\n\
             ssh_keys = [{{ name = \"key\", key = \"{}\" }}]\n",
            key.trim()
        )
        .expect("a String takes all");
    }
    seed += "[[accounts]]\nname = \"acme\"\nowner = \"alice\"\n[[accounts.projects]]\nname = \"iris\"\nreaders = [\"bob\"]\n";
    for name in names {
        let import = if name.starts_with("empty") { "" } else { "import = \"base.git\"\n" };
        write!(
            seed,
            "[[accounts.projects.repos]]\nname = \"{name}\"\n{import}\
             [[accounts.projects.repos.acl]]\nuser = \"alice\"\nallow = [\"ForcePush\"]\n"
        )
        .expect("a String takes all");
    }
    seed
}

fn repositories(server: &MockServer) -> Vec<(String, PathBuf)> {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).expect("it listens");
    let token = server.admin_token();
    let head = format!(
        "GET /_mock/accounts/acme/projects/iris/repos HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let body = answer.split_once("\r\n\r\n").expect("a head").1;
    let listed: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let repos = listed["repos"].as_array().expect("a list");
    repos.iter().map(|repo| (text(&repo["name"]), PathBuf::from(text(&repo["path"])))).collect()
}

/// Stock git's own server side: the same repositories as plain folders, over `file://` or by `git http-backend`.
pub(crate) struct Oracle {
    root: PathBuf,
    /// `http://HOST:PORT`, where it is reached over HTTP.
    backend: Option<String>,
}

/// The repository that is read by hand.
pub(crate) const READ: &str = "read";

/// The settings of stock git that turn on what vsts-mock lets everybody do.
const OPEN: [&str; 5] = [
    "uploadpack.allowFilter",
    "uploadpack.allowAnySHA1InWant",
    "receive.advertisePushOptions",
    "http.receivepack",
    "transfer.fsckObjects",
];

impl Oracle {
    /// Sets the repositories up in a folder. Over HTTP if `serves`.
    pub(crate) fn start(dir: &Path, fixture: &Fixture, names: &[&str], serves: bool) -> Self {
        let root = dir.join("oracle");
        std::fs::create_dir(&root).expect("a folder");
        let git = Git::new(&root);
        // One is set up, and the others are its copies.
        git.run(&["clone", "-q", "--bare", fixture.base.to_str().expect("UTF-8"), "base.git"]).ok();
        git.run(&["init", "-q", "--bare", "empty.git"]).ok();
        for template in ["base.git", "empty.git"] {
            for key in OPEN {
                git.at(&root.join(template)).run(&["config", key, "true"]).ok();
            }
        }
        for name in names {
            let template = if name.starts_with("empty") { "empty.git" } else { "base.git" };
            copy(&root.join(template), &root.join(name));
        }
        let backend = serves.then(|| cgi::serve(&root));
        Self { root, backend }
    }

    pub(crate) fn url(&self, repo: &str) -> String {
        match &self.backend {
            Some(address) => format!("{address}/{repo}"),
            None => format!("file://{}", self.root.join(repo).display()),
        }
    }

    pub(crate) fn folder(&self, repo: &str) -> PathBuf {
        self.root.join(repo)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
