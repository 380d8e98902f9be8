//! Commands on a host: another computer by the user's own ssh, or this one.
//!
//! A host is given whole command lines for its shell. Nothing stays attached: a command ends soon, and what is to go on is
//! started by it in a session of its own. The exit code 255 is ssh's own, and means that the host could not be reached.

use std::io::{self, BufRead, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use git_wire::client::{TransportError, TransportErrorKind as Kind, ssh_failure};

use super::TransportOptions;
use super::ssh::{Address, SSH_FAILED, command, quoted};
pub use super::ssh::{Answer, Ssh};

/// The longest path of a control socket without the name that ssh gives it, in bytes: a socket's path has 108 at most, the
/// name 40, and ssh adds a suffix of 17 while it makes it.
const CONTROL_FOLDER: usize = 108 - 40 - 17 - 2;

/// A computer on which commands are run.
#[derive(Clone, Debug)]
pub enum Host {
    /// This one.
    Here,
    /// Another one, by ssh.
    Ssh {
        /// The user, if not as ssh finds it.
        user: Option<String>,
        /// Its name or address, or what `~/.ssh/config` calls it.
        name: String,
        /// Its port, if not as ssh finds it.
        port: Option<u16>,
        /// The options of ssh.
        options: Box<TransportOptions>,
    },
}

impl Host {
    /// Another computer: `[USER@]NAME[:PORT]`. `sockets` is a folder for the sockets by which connections are kept and shared.
    pub fn by_ssh(address: &str, sockets: &Path, mut options: TransportOptions) -> Self {
        let (user, rest) = match address.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, address),
        };
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') => match port.parse() {
                Ok(port) => (name, Some(port)),
                Err(_) => (rest, None),
            },
            _ => (rest, None),
        };
        // Nobody is there to answer: this is asked anew at each look at a run.
        options.may_ask = false;
        options.ssh_options.extend(["ServerAliveInterval=5", "ServerAliveCountMax=3"].map(str::to_owned));
        if sockets.as_os_str().len() <= CONTROL_FOLDER && make_private(sockets) {
            options.ssh_options.extend([
                "ControlMaster=auto".to_owned(),
                format!("ControlPath={}/%C", sockets.display()),
                "ControlPersist=60".to_owned(),
            ]);
        }
        Self::Ssh { user, name: name.to_owned(), port, options: Box::new(options) }
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        match self {
            Self::Here => "this computer",
            Self::Ssh { name, .. } => name,
        }
    }

    /// Runs a line of shell to its end; gives no more than `most` bytes of what it writes.
    ///
    /// # Errors
    /// The host could not be reached, or the connection broke: the command may have been run, or not.
    pub fn run(
        &self,
        line: &str,
        input: &mut (dyn Read + Send),
        most: u64,
    ) -> Result<Answer, TransportError> {
        self.run_with(line, input, at_most(most))
    }

    /// The same; `take` reads what it writes.
    pub fn run_with<T>(
        &self,
        line: &str,
        input: &mut (dyn Read + Send),
        take: impl FnOnce(&mut dyn BufRead) -> io::Result<T>,
    ) -> Result<Answer<T>, TransportError> {
        tracing::debug!(host = self.name(), line, "running");
        self.complete(self.start(line)?, input, take)
    }

    /// Gives what was started its input, has `take` read its output, and waits for its end; errors as [`Self::run`].
    pub fn complete<T>(
        &self,
        started: Ssh,
        input: &mut (dyn Read + Send),
        take: impl FnOnce(&mut dyn BufRead) -> io::Result<T>,
    ) -> Result<Answer<T>, TransportError> {
        let answer = started.complete(input, take)?;
        if answer.code == Some(SSH_FAILED) && !matches!(self, Self::Here) {
            let said = if answer.err.is_empty() { "ssh failed" } else { &answer.err };
            let kind = match ssh_failure(said) {
                Kind::Other => Kind::Unreachable,
                kind => kind,
            };
            return Err(TransportError::new(kind, format!("{}: {said}", self.name())));
        }
        Ok(answer)
    }

    /// Begins a conversation in Git's protocol with what a line of shell starts.
    pub fn start(&self, line: &str) -> Result<Ssh, TransportError> {
        match self {
            Self::Here => {
                let mut command = Command::new("/bin/sh");
                command.arg("-c").arg(line);
                Ssh::spawn(command, self.name().to_owned(), super::STALL_TIMEOUT)
            }
            Self::Ssh { user, name, port, options } => {
                let address =
                    Address { user: user.clone(), host: name.clone(), port: *port, path: "/".to_owned() };
                // The user's login shell may be any.
                let line = format!("exec /bin/sh -c {}", quoted(line));
                let mut command = command(&address, &line, false, options)?;
                // Ctrl-C at the terminal is azml's: the connection goes on.
                command.process_group(0);
                Ssh::spawn(command, name.clone(), options.stall_timeout)
            }
        }
    }
}

/// Reads what a command writes, and no more than `most` bytes of it.
pub fn at_most(most: u64) -> impl FnOnce(&mut dyn BufRead) -> io::Result<Vec<u8>> {
    move |output| {
        let mut bytes = Vec::new();
        output.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Makes a folder that only this user can enter; returns whether it is one.
fn make_private(folder: &Path) -> bool {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    drop(std::fs::DirBuilder::new().mode(0o700).create(folder));
    let found = folder.symlink_metadata();
    found.is_ok_and(|found| {
        found.is_dir() && found.uid() == rustix::process::getuid().as_raw() && found.mode() & 0o777 == 0o700
    })
}
