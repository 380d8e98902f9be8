//! SSH: the refs of a tiny repository on a new connection, from vsts-mock and from OpenSSH's sshd with git, by the
//! same OpenSSH client; its own start-up is part of both figures.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::http::{Sample, load};
use super::report::Goal;
use super::{Bench, CLIENTS};
use crate::server::Server;
use crate::{Outcome, machine, process};

/// The time limit for sshd to listen.
const START: Duration = Duration::from_secs(10);

/// A private sshd that lets one key in. Dropping it ends it.
struct Sshd {
    child: Child,
    address: SocketAddr,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("could not end sshd: {error}");
        }
    }
}

/// A new key pair; the path of the private one.
fn key(path: &Path) -> Outcome {
    process::capture(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path))
        .map(drop)
}

/// The key that the load shows, made in `dir`; its public half as a line.
pub(super) fn client_key(dir: &Path) -> Outcome<String> {
    let path = dir.join("id");
    if !path.exists() {
        key(&path)?;
    }
    Ok(std::fs::read_to_string(path.with_extension("pub"))?.trim().to_owned())
}

impl Sshd {
    fn start(dir: &Path) -> Outcome<Self> {
        let program = machine::sshd()?;
        key(&dir.join("host"))?;
        std::fs::copy(dir.join("id.pub"), dir.join("authorized"))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let configuration = format!(
            "ListenAddress {address}\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nMaxStartups 100:30:200\nAcceptEnv GIT_PROTOCOL\n",
            dir.display()
        );
        std::fs::write(dir.join("sshd_config"), configuration)?;
        // Where sshd puts what runs without privileges: it exists wherever sshd was ever started.
        process::succeeds(Command::new("mkdir").args(["-p", "/run/sshd"]));
        let mut sshd = Command::new(program);
        sshd.args(["-D", "-f"]).arg(dir.join("sshd_config")).arg("-E").arg(dir.join("sshd.log"));
        let mut child = sshd.stdin(Stdio::null()).spawn()?;
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > START || child.try_wait()?.is_some() {
                return Err(std::fs::read_to_string(dir.join("sshd.log")).unwrap_or_default().into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { child, address })
    }
}

/// One side as `ssh` reaches it.
struct Way {
    key: PathBuf,
    user: String,
    address: SocketAddr,
    command: String,
}

impl Way {
    /// The refs, heard on a new connection.
    fn once(&self) -> std::io::Result<()> {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]);
        ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes"]);
        ssh.arg("-i").arg(&self.key).arg("-p").arg(self.address.port().to_string());
        ssh.arg(format!("{}@{}", self.user, self.address.ip())).arg(&self.command);
        // A flush: the client wants nothing.
        let mut child = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        std::io::Write::write_all(&mut child.stdin.take().expect("stdin was asked for as a pipe"), b"0000")?;
        let output = child.wait_with_output()?;
        if output.stdout.ends_with(b"0000") {
            return Ok(());
        }
        Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn load(&self, clients: usize, window: Duration) -> Outcome<Sample> {
        Ok(load(clients, window, &|_| self.once())?)
    }
}

impl Bench {
    pub(super) fn ssh(&mut self, server: &Server) -> Outcome {
        let dir = self.dir.join("ssh");
        let sshd = Sshd::start(&dir)?;
        let key = dir.join("id");
        let user = String::from_utf8(process::capture(Command::new("id").arg("-un"))?)?.trim().to_owned();
        let path = self.dir.join("repos/tiny.git");
        let command = format!("git-upload-pack '{}'", path.display());
        let theirs = Way { key: key.clone(), user, address: sshd.address, command };
        let ours = Way {
            key,
            user: "acme".to_owned(),
            address: server.ssh_address()?,
            command: "git-upload-pack '/bench/_git/tiny'".to_owned(),
        };
        // A connection takes long: fewer would tell nothing.
        let window = self.scale.window * 2;
        for clients in [1, CLIENTS] {
            let (our, their) =
                self.in_turns(&mut || ours.load(clients, window), &mut || theirs.load(clients, window))?;
            let goal = if clients == 1 { Goal::Times(3.0) } else { Goal::None };
            let plural = if clients == 1 { "client" } else { "clients" };
            self.report.push(format!("SSH: refs on a new connection, {clients} {plural}"), our, their, goal);
        }
        self.report
            .note("The SSH rows start OpenSSH's client for each connection, which is part of both figures.");
        Ok(())
    }
}
