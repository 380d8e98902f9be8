//! vsts-mock as its users have it: the binary, on free ports, with a seed file.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::{Sandbox, git};

/// The usual people: alice owns the account, carol contributes, bob reads, mallory has an account of her own.
/// carol is denied what would let her rewrite a branch, so that a forced push of hers can't go unnoticed.
pub const SEED: &str = r#"
[[users]]
name = "alice"
email = "alice@example.com"
password = "alice-password"
tokens = [{ name = "ci", value = "alicepat", scopes = ["vso.code_full"] }]
[[users]]
name = "bob"
email = "bob@example.com"
tokens = [{ name = "ci", value = "bobpat", scopes = ["vso.code_full"] }]
[[users]]
name = "carol"
email = "carol@example.com"
tokens = [{ name = "ci", value = "carolpat", scopes = ["vso.code_full"] }]
[[users]]
name = "mallory"
email = "mallory@example.com"
tokens = [{ name = "ci", value = "mallorypat", scopes = ["vso.code_full"] }]

[[accounts]]
name = "acme"
owner = "alice"
[[accounts.projects]]
name = "iris"
contributors = ["alice", "carol"]
readers = ["bob"]
[[accounts.projects.repos]]
name = "extra"
[[accounts.projects.repos.acl]]
user = "carol"
deny = ["ForcePush"]

[[accounts]]
name = "elsewhere"
owner = "mallory"
[[accounts.projects]]
name = "hers"
"#;

/// A running vsts-mock. Dropping it ends the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    ready: Value,
    data: PathBuf,
    log: PathBuf,
    seed: PathBuf,
}

impl Server {
    /// Starts the binary on free ports and waits for its ready line.
    pub fn start(sandbox: &Sandbox, seed: &str) -> Self {
        let data = sandbox.dir("vsts-data");
        let file = sandbox.path().join("seed.toml");
        std::fs::write(&file, seed).expect("a seed is written");
        Self::launch(sandbox, file, data, ["127.0.0.1:0"; 2], &[], None)
    }

    /// The same with its data on a file system of its own, of this size; [`Server::disk`] is the way to it.
    pub fn start_on_disk_of(sandbox: &Sandbox, seed: &str, size: &str) -> Self {
        let data = sandbox.dir("vsts-data");
        let file = sandbox.path().join("seed.toml");
        std::fs::write(&file, seed).expect("a seed is written");
        Self::launch(sandbox, file, data, ["127.0.0.1:0"; 2], &[], Some(size))
    }

    /// The same, listening for HTTPS as well.
    pub fn start_https(sandbox: &Sandbox, seed: &str) -> Self {
        let data = sandbox.dir("vsts-data");
        let file = sandbox.path().join("seed.toml");
        std::fs::write(&file, seed).expect("a seed is written");
        Self::launch(sandbox, file, data, ["127.0.0.1:0"; 2], &["--https", "127.0.0.1:0"], None)
    }

    /// Ends the process at once, as a power cut would, and returns what starts it again at the same addresses.
    pub fn go_down(mut self) -> Down {
        self.stop();
        let http = self.http().trim_start_matches("http://").to_owned();
        let ssh = self.ssh().trim_start_matches("ssh://").to_owned();
        Down { addresses: [http, ssh], data: self.data.clone(), seed: self.seed.clone() }
    }

    fn launch(
        sandbox: &Sandbox,
        seed: PathBuf,
        data: PathBuf,
        [http, ssh]: [&str; 2],
        more: &[&str],
        disk: Option<&str>,
    ) -> Self {
        let log = sandbox.path().join("vsts-mock.log");
        let binary = sandbox.path().join("bin/vsts-mock");
        let binary = binary.to_str().expect("a path in UTF-8");
        let program = if disk.is_some() { "unshare" } else { binary };
        let mut command = sandbox.command(program, sandbox.path(), sandbox.path());
        if let Some(size) = disk {
            // It goes with the process that sees it, and keeps the process's id.
            let script = format!("mount -t tmpfs -o size={size} tmpfs \"$DATA\" && exec \"$@\"");
            command
                .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh", binary])
                .env("DATA", &data);
        }
        command.args(["serve", "--http", http, "--ssh", ssh]).args(more).arg("--config").arg(&seed);
        command.arg("--data-dir").arg(&data).env("RUST_LOG", "info");
        let log_file = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn().expect("vsts-mock starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("stdout can be read");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            panic!("vsts-mock did not get ready: {line}\n{log}")
        });
        for url in ["http", "https"].into_iter().filter_map(|key| Value::as_str(&ready[key])) {
            sandbox.add_origin(url);
        }
        Self { child, ready, data, log, seed }
    }

    /// The first line that it printed.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// `http://127.0.0.1:41234`.
    pub fn http(&self) -> &str {
        self.ready["http"].as_str().expect("the ready line says where HTTP is")
    }

    /// `ssh://127.0.0.1:41235`.
    pub fn ssh(&self) -> &str {
        self.ready["ssh"].as_str().expect("the ready line says where SSH is")
    }

    /// vsts-mock with the usual people and repos, in which alice has an SSH key; and her ssh command.
    pub fn with_ssh_key(sandbox: &Sandbox) -> (Self, String) {
        Self::with_ssh_key_and(sandbox, "")
    }

    /// The same, listening for HTTPS as well.
    pub fn with_ssh_key_and_https(sandbox: &Sandbox) -> (Self, String) {
        Self::with_key(sandbox, "", Self::start_https)
    }

    /// The same with sections before the usual seed.
    pub fn with_ssh_key_and(sandbox: &Sandbox, before: &str) -> (Self, String) {
        Self::with_key(sandbox, before, Self::start)
    }

    /// The same with its data on a file system of its own, of this size.
    pub fn with_ssh_key_on_disk_of(sandbox: &Sandbox, size: &str) -> (Self, String) {
        Self::with_key(sandbox, "", |sandbox, seed| Self::start_on_disk_of(sandbox, seed, size))
    }

    fn with_key(
        sandbox: &Sandbox,
        before: &str,
        start: impl FnOnce(&Sandbox, &str) -> Self,
    ) -> (Self, String) {
        let dir = sandbox.dir("ssh");
        let mut keygen = sandbox.command("ssh-keygen", &dir, &dir);
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
        assert!(keygen.status().is_ok_and(|status| status.success()), "OpenSSH makes a key");
        let alice = "name = \"alice\"\n";
        let key = "ssh_keys = [{ name = \"laptop\", file = \"ssh/key.pub\" }]\n";
        let seed = SEED.replacen(alice, &format!("{alice}{key}"), 1);
        let server = start(sandbox, &format!("{before}{seed}"));
        let known_hosts = format!("{}\n", server.known_hosts());
        std::fs::write(dir.join("known_hosts"), known_hosts).expect("a file is written");
        let ssh = format!(
            "ssh -F none -i {0}/key -o IdentitiesOnly=yes -o UserKnownHostsFile={0}/known_hosts -o BatchMode=yes",
            dir.display()
        );
        (server, ssh)
    }

    /// The address of a repo of the project `iris` in the account `acme` over SSH.
    pub fn ssh_repo(&self, name: &str) -> String {
        format!("{}/iris/_git/{name}", self.ssh().replace("ssh://", "ssh://acme@"))
    }

    /// The line for a `known_hosts` file.
    pub fn known_hosts(&self) -> &str {
        self.ready["known_hosts"].as_str().expect("the ready line says what the host key is")
    }

    /// `https://127.0.0.1:41236`.
    pub fn https(&self) -> &str {
        self.ready["https"].as_str().expect("the ready line says where HTTPS is")
    }

    /// A file with what has to be trusted for HTTPS; written anew.
    pub fn ca_file(&self, sandbox: &Sandbox) -> PathBuf {
        let file = sandbox.path().join("ca.pem");
        let pem = self.ready["ca_pem"].as_str().expect("the ready line holds the authority");
        std::fs::write(&file, pem).expect("a file is written");
        file
    }

    /// The address of a repo of the project `iris` in the account `acme`: `iris` itself, or `extra`.
    pub fn repo(&self, name: &str) -> String {
        match name {
            "iris" => format!("{}/acme/_git/iris", self.http()),
            other => format!("{}/acme/iris/_git/{other}", self.http()),
        }
    }

    /// The process, for `usage`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the folder of its state.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The same, as others than the server reach it if it is on a file system of its own.
    pub fn disk(&self) -> PathBuf {
        let inside = self.data.strip_prefix("/").expect("its path is absolute");
        Path::new("/proc").join(self.pid().to_string()).join("root").join(inside)
    }

    /// The bare repositories that hold any ref.
    pub fn repositories(&self) -> Vec<PathBuf> {
        git::repositories_below(&self.data)
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn stop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("a child process can be ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            // The harness shows it with the failed test.
            println!("--- vsts-mock said\n{}", self.log());
        }
    }
}

/// A server that is down.
#[derive(Debug)]
pub struct Down {
    addresses: [String; 2],
    data: PathBuf,
    seed: PathBuf,
}

impl Down {
    /// Starts it again where it was, with the state that it had.
    pub fn come_back(self, sandbox: &Sandbox) -> Server {
        let [http, ssh] = &self.addresses;
        Server::launch(sandbox, self.seed, self.data, [http, ssh], &[], None)
    }
}
