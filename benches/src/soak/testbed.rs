//! The server that is loaded, where it is at the moment, and the repositories and people it begins with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::latency::Latencies;
use super::ledger::Ledger;
use crate::server::{Server, basic, request};
use crate::{Outcome, process};

/// Repositories that clients push to.
pub(super) const REPOS: usize = 8;
/// Users; each client is one of them.
pub(super) const USERS: usize = 8;
/// The repository with everything in it that is expensive to show.
pub(super) const TRAPS: &str = "traps";
/// Bytes of the file of zeros in [`TRAPS`].
const ZEROS: u64 = 64 << 20;
/// Levels of the tree bomb in [`TRAPS`], and equal entries on each.
const BOMB: (usize, usize) = (12, 10);

/// The server's addresses, and the number of its life.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// `http://127.0.0.1:41234`.
    pub(super) http: String,
    /// `127.0.0.1:41235`.
    pub(super) ssh: std::net::SocketAddr,
    life: u64,
}

#[derive(Debug, Default)]
struct State {
    /// `None` while the server is down.
    endpoint: Option<Endpoint>,
    life: u64,
    is_over: bool,
}

/// The state that all clients share.
#[derive(Debug)]
pub(super) struct Testbed {
    pub(super) dir: PathBuf,
    binary: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    pub(super) ledger: Ledger,
    pub(super) latencies: Latencies,
}

/// The name of a user.
pub(super) fn user(number: usize) -> String {
    format!("user{}", number % USERS)
}

/// A user's token as the header of a request.
pub(super) fn authorization(number: usize) -> String {
    basic(&format!("token-of-user-{}", number % USERS))
}

/// The name of a repository that clients push to.
pub(super) fn repo(number: usize) -> String {
    format!("r{}", number % REPOS)
}

impl Testbed {
    /// Makes the folder's content: a key, the seed, the repositories that are imported.
    pub(super) fn prepare(dir: &Path, binary: &Path) -> Outcome<Self> {
        let key = dir.join("key");
        process::capture(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
        let key = fs::read_to_string(key.with_extension("pub"))?.trim().to_owned();
        let testbed = Self {
            dir: dir.to_path_buf(),
            binary: binary.to_path_buf(),
            state: Mutex::default(),
            changed: Condvar::new(),
            ledger: Ledger::default(),
            latencies: Latencies::default(),
        };
        let (first, traps) = (dir.join("first.git"), dir.join("traps.git"));
        testbed.shell(
            dir,
            "git init -q --bare first.git && cd first.git && blob=$(seq 2000 | git hash-object -w --stdin)
             tree=$(printf '100644 blob %s\\tREADME.md\\n100644 blob %s\\ttrain.py\\n' $blob $blob | git mktree)
             git update-ref refs/heads/master $(git commit-tree -m first $tree)",
        )?;
        let (levels, width) = BOMB;
        testbed.shell(
            dir,
            &format!(
                "git init -q --bare traps.git && cd traps.git
                 tree=$(echo leaf | git hash-object -w --stdin | sed 's/.*/100644 blob &\\tleaf/' | git mktree)
                 for level in $(seq {levels}); do
                   tree=$(for name in $(seq {width}); do printf '040000 tree %s\\t%s\\n' $tree $name; done | git mktree)
                 done
                 zeros=$(head -c {ZEROS} /dev/zero | git hash-object -w --stdin)
                 quotes=$(head -c 60000 /dev/zero | tr '\\0' '>' | git hash-object -w --stdin)
                 tree=$(printf '100644 blob %s\\tREADME.md\\n040000 tree %s\\tbomb\\n100644 blob %s\\tzeros.bin\\n' \\
                   $quotes $tree $zeros | git mktree)
                 git update-ref refs/heads/master $(git commit-tree -m traps $tree)"
            ),
        )?;
        fs::write(dir.join("seed.toml"), seed(&key, &first, &traps))?;
        Ok(testbed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server and lets the clients at it once what was acknowledged before is found to be there.
    pub(super) fn start(&self) -> Outcome<(Server, Vec<String>)> {
        let (seed, data) = (self.dir.join("seed.toml"), self.dir.join("data"));
        let life = self.lock().life;
        let log = self.dir.join(format!("server-{life}.log"));
        let server = Server::start(&self.binary, &seed, &data, &log)?;
        let endpoint = Endpoint { http: server.http().to_owned(), ssh: server.ssh_address()?, life };
        let wrong = self.check(&endpoint)?;
        self.lock().endpoint = Some(endpoint);
        self.changed.notify_all();
        Ok((server, wrong))
    }

    /// Announces that the server is about to stop: from now on failures of what began before are no fault.
    pub(super) fn take_down(&self) {
        let mut state = self.lock();
        state.endpoint = None;
        state.life += 1;
    }

    /// Ends the work of all clients.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Returns the server's addresses, and waits while it is down. `None` once the work is to end.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        let mut state = self.lock();
        loop {
            match &state.endpoint {
                _ if state.is_over => return None,
                Some(endpoint) => return Some(endpoint.clone()),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// True if the server has not been stopped since `endpoint` was asked for.
    pub(super) fn is_same_life(&self, endpoint: &Endpoint) -> bool {
        self.lock().life == endpoint.life
    }

    /// Compares all that was acknowledged with what the server has; returns what is wrong.
    fn check(&self, endpoint: &Endpoint) -> Outcome<Vec<String>> {
        let mut wrong = Vec::new();
        for name in (0..REPOS).map(repo) {
            let listed = process::capture(self.git(&self.dir, 0).args(["ls-remote", &endpoint.repo(&name)]))?;
            let listed = String::from_utf8(listed)?;
            let refs: BTreeMap<String, String> = listed
                .lines()
                .filter_map(|line| line.split_once('\t'))
                .map(|(id, name)| (name.to_owned(), id.to_owned()))
                .collect();
            wrong.extend(self.ledger.check_refs(&name, &refs));
        }
        let url = format!("{}/acme/soak/_apis/git/repositories?api-version=4.1", endpoint.http);
        let answer = request("GET", &url, &[("Authorization", &authorization(0))], b"")?;
        let body: Value = serde_json::from_slice(&answer.body)?;
        let names = body["value"].as_array().into_iter().flatten().filter_map(|repo| repo["name"].as_str());
        wrong.extend(self.ledger.check_repositories(&names.map(ToOwned::to_owned).collect::<Vec<_>>()));
        Ok(wrong)
    }

    /// Stock git with nothing of the caller's configuration, as one of the users, over HTTP and SSH.
    pub(super) fn git(&self, dir: &Path, user: usize) -> Command {
        let mut git = Command::new("git");
        self.surround(&mut git);
        git.current_dir(dir)
            .arg("-c")
            .arg(format!("http.extraHeader=Authorization: {}", authorization(user)));
        // An answer that stays away for so long is a failure.
        git.args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=120"]);
        git.env(
            "GIT_SSH_COMMAND",
            format!(
                "ssh -F none -i {}/key -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
                 -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60 -o ServerAliveInterval=30",
                self.dir.display()
            ),
        );
        git
    }

    fn surround(&self, command: &mut Command) {
        command.env("HOME", &self.dir).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "soak")
                .env(format!("GIT_{role}_EMAIL"), "soak@example.com");
        }
    }

    fn shell(&self, dir: &Path, script: &str) -> Outcome {
        let mut shell = Command::new("sh");
        self.surround(&mut shell);
        process::capture(shell.current_dir(dir).args(["-ec", script])).map(drop)
    }
}

impl Endpoint {
    /// A repository's URL over HTTP.
    pub(super) fn repo(&self, name: &str) -> String {
        format!("{}/acme/soak/_git/{name}", self.http)
    }

    /// A repository's URL over SSH.
    pub(super) fn ssh_repo(&self, name: &str) -> String {
        format!("ssh://acme@{}/soak/_git/{name}", self.ssh)
    }

    /// A REST resource below a repository, or below the project's repositories if `name` is empty.
    pub(super) fn rest(&self, name: &str, rest: &str) -> String {
        let name = if name.is_empty() { String::new() } else { format!("/{name}") };
        format!("{}/acme/soak/_apis/git/repositories{name}{rest}", self.http)
    }
}

fn seed(key: &str, first: &Path, traps: &Path) -> String {
    let users = (0..USERS).map(|number| {
        let name = user(number);
        let keys = if number == 0 { format!("ssh_keys = [{{ name = \"soak\", key = \"{key}\" }}]\n") } else { String::new() };
        format!(
            "[[users]]\nname = \"{name}\"\nemail = \"{name}@example.com\"\n\
             tokens = [{{ name = \"soak\", value = \"token-of-user-{number}\", scopes = [\"vso.code_full\"] }}]\n{keys}"
        )
    });
    let all: Vec<String> = (0..USERS).map(|number| format!("\"{}\"", user(number))).collect();
    let project = format!(
        "[[accounts]]\nname = \"acme\"\nowner = \"user0\"\n\
         [[accounts.projects]]\nname = \"soak\"\nadministrators = [{}]\n",
        all.join(", ")
    );
    let repos = (0..REPOS).map(|number| (repo(number), first)).chain([(TRAPS.to_owned(), traps)]);
    let repos = repos.map(|(name, import)| {
        format!(
            "[[accounts.projects.repos]]\nname = \"{name}\"\nimport = \"{}\"\npublic = {}\n",
            import.display(),
            name == TRAPS
        )
    });
    users.chain([project]).chain(repos).collect()
}
