//! SSH: the user's own `ssh`, so that configuration, agent, known hosts and hardware keys just work.
//!
//! Nothing that a URL says can become an option of `ssh` or a second command on the server: a host,
//! user or path that starts with `-` is refused, and the path is quoted. What `ssh` and the server
//! write to stderr is kept, and becomes the message when the conversation fails.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git_wire::Service;
use git_wire::client::{Connection, Duplex, TransportError, TransportErrorKind as Kind, ssh_failure};

use super::{TransportOptions, stall};
use crate::limits;

/// The exit code of ssh when it fails itself.
pub(super) const SSH_FAILED: i32 = 255;
/// The most bytes that are kept of stderr: its end.
const MAX_STDERR: usize = 64 * 1024;

/// The address of an SSH remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) path: String,
}

/// The end of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<T = Vec<u8>> {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output, or what became of that.
    pub out: T,
    /// Its standard error, cleaned.
    pub err: String,
}

/// A conversation with a service that an `ssh` process reaches.
pub struct Ssh {
    // Dropped first: closes ssh's stdin, which ends the server.
    stream: Option<Duplex>,
    child: Child,
    stderr: Arc<Mutex<Vec<u8>>>,
    /// Ends with the program's stderr; `None` when that was waited for.
    stderr_end: Option<Receiver<()>>,
    host: String,
}

impl Ssh {
    pub(super) fn connect(
        address: &Address,
        service: Service,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let line = format!("{} {}", service.as_str(), quoted(&address.path));
        Self::start(address, &line, service == Service::UploadPack, options)
    }

    /// Starts `git-lfs-transfer` at the server; gives its output and its input.
    pub(super) fn lfs_transfer(
        address: &Address,
        operation: &str,
        options: &TransportOptions,
    ) -> Result<(Self, stall::Watched, ChildStdin), TransportError> {
        let line = format!("git-lfs-transfer {} {operation}", quoted(&address.path));
        Self::begin(address, &line, false, options)
    }

    /// Runs `git-lfs-authenticate` at the server; gives what it prints.
    pub(super) fn lfs_authenticate(
        address: &Address,
        operation: &str,
        options: &TransportOptions,
    ) -> Result<Vec<u8>, TransportError> {
        let line = format!("git-lfs-authenticate {} {operation}", quoted(&address.path));
        let mut ssh = Self::start(address, &line, false, options)?;
        let mut answer = Vec::new();
        let stream = ssh.stream.as_mut().ok_or_else(ended)?;
        if let Err(error) = stream.take(limits::LFS_ANSWER).read_to_end(&mut answer) {
            return Err(ssh.explain(TransportError::from_io("reading from the server", error)));
        }
        if answer.trim_ascii().is_empty() {
            // It closed its output; the reason that it has to say follows at once.
            ssh.wait_for_stderr();
            let error = TransportError::new(Kind::Other, format!("{} tells no Git LFS server", ssh.host));
            return Err(ssh.explain(error));
        }
        Ok(answer)
    }

    /// Starts ssh with a command line for the server, for a conversation.
    fn start(
        address: &Address,
        line: &str,
        has_versions: bool,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let command = command(address, line, has_versions, options)?;
        Self::spawn(command, address.host.clone(), options.stall_timeout)
    }

    /// Starts ssh with a command line for the server; gives its output and its input.
    fn begin(
        address: &Address,
        line: &str,
        has_versions: bool,
        options: &TransportOptions,
    ) -> Result<(Self, stall::Watched, ChildStdin), TransportError> {
        let command = command(address, line, has_versions, options)?;
        Self::spawn_apart(command, address.host.clone(), options.stall_timeout)
    }

    /// Starts a program that is the way to `host`, for a conversation.
    pub(super) fn spawn(
        command: Command,
        host: String,
        stall_timeout: Duration,
    ) -> Result<Self, TransportError> {
        let (mut ssh, output, input) = Self::spawn_apart(command, host, stall_timeout)?;
        ssh.stream = Some(Duplex::new(Box::new(output), Box::new(input)));
        Ok(ssh)
    }

    /// The same; gives its output and its input.
    fn spawn_apart(
        mut command: Command,
        host: String,
        stall_timeout: Duration,
    ) -> Result<(Self, stall::Watched, ChildStdin), TransportError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            TransportError::new(Kind::Other, format!("can't start `{program}`, which SSH remotes need"))
                .with_source(error)
        })?;
        let input = child.stdin.take().expect("asked for as a pipe");
        let output = child.stdout.take().expect("asked for as a pipe");
        let errors = child.stderr.take().expect("asked for as a pipe");
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (ends, stderr_end) = channel();
        std::thread::spawn({
            let kept = Arc::clone(&stderr);
            move || {
                collect(errors, &kept);
                drop(ends);
            }
        });
        let output = stall::Watched::new(output, stall_timeout);
        Ok((Self { stream: None, child, stderr, stderr_end: Some(stderr_end), host }, output, input))
    }

    /// The same as [`Self::explain`], of a server that has ended its output: the reason that it has to say follows at once.
    pub(super) fn explain_end(&mut self, error: TransportError) -> TransportError {
        if error.kind != Kind::TimedOut {
            self.wait_for_stderr();
        }
        self.explain(error)
    }

    /// Gives the program its input, has `take` read its output, and waits for its end; an error of `take` is one of the connection.
    pub(super) fn complete<T>(
        mut self,
        input: &mut (dyn Read + Send),
        take: impl FnOnce(&mut dyn BufRead) -> io::Result<T>,
    ) -> Result<Answer<T>, TransportError> {
        let mut stream = self.stream.take().ok_or_else(ended)?;
        // One that ends early does not read it all: then its exit code and its words say why.
        let sent = stream.send(input);
        let mut stream = stream.into_reader();
        let out = match take(&mut stream) {
            Ok(out) => out,
            Err(error) => return Err(self.explain(TransportError::from_io("reading from the host", error))),
        };
        drop(stream);
        let status = self.child.wait().map_err(|error| TransportError::from_io("waiting for ssh", error))?;
        self.end();
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let err = message_of(&kept).unwrap_or_default();
        if status.code() == Some(0) {
            sent?;
        }
        Ok(Answer { code: status.code(), out, err })
    }

    /// Ends a conversation that has failed; gives the reason if that was ssh's own, the line for example.
    pub fn into_broken(mut self) -> Option<TransportError> {
        drop(self.stream.take());
        let ended = self.child.wait().ok()?;
        (ended.code().is_none_or(|code| code == SSH_FAILED)).then(|| {
            let error =
                TransportError::new(Kind::Unreachable, format!("the connection to {} broke", self.host));
            self.explain(error)
        })
    }

    /// Puts what ssh and the server said in the place of "the pipe broke".
    pub(super) fn explain(&mut self, error: TransportError) -> TransportError {
        if error.kind == Kind::TimedOut {
            return TransportError::new(Kind::TimedOut, format!("{} did not answer in time", self.host))
                .with_source(error);
        }
        self.end();
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        match message_of(&kept) {
            Some(message) => TransportError::new(ssh_failure(&message), message).with_source(error),
            None => error,
        }
    }

    /// Lets ssh come to its end, by force if it does not by itself.
    fn end(&mut self) {
        drop(self.stream.take());
        // A process that is done already can't be killed, and need not be.
        drop(self.child.kill());
        drop(self.child.wait());
        self.wait_for_stderr();
    }

    /// Waits for the program's last words, for a while: one that it has started may hold its stderr open.
    fn wait_for_stderr(&mut self) {
        if let Some(end) = self.stderr_end.take() {
            let _ended_or_late = end.recv_timeout(limits::SSH_LAST_WORDS);
        }
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        self.end();
    }
}

impl Connection for Ssh {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        let stream = self.stream.as_mut().ok_or_else(ended)?;
        match stream.wait() {
            Ok(true) => {}
            Ok(false) => {
                // ssh closed its output; what it has to say about that follows at once.
                self.wait_for_stderr();
                let error = TransportError::new(Kind::Other, format!("{} closed the connection", self.host));
                return Err(self.explain(error));
            }
            Err(error) => return Err(self.explain(error)),
        }
        self.stream.as_mut().ok_or_else(ended)?.advertisement()
    }

    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        let sent = self.stream.as_mut().ok_or_else(ended)?.send(request);
        if let Err(error) = sent {
            return Err(self.explain(error));
        }
        Ok(Box::new(self.stream.as_mut().ok_or_else(ended)?))
    }

    fn is_stateless(&self) -> bool {
        false
    }
}

fn ended() -> TransportError {
    TransportError::new(Kind::Other, "the connection has ended")
}

pub(super) fn command(
    address: &Address,
    line: &str,
    has_versions: bool,
    options: &TransportOptions,
) -> Result<Command, TransportError> {
    for (what, text) in
        [("host", Some(&address.host)), ("user", address.user.as_ref()), ("path", Some(&address.path))]
    {
        let Some(text) = text else { continue };
        if text.starts_with('-') || text.chars().any(char::is_control) || (what != "user" && text.is_empty())
        {
            let message =
                format!("the {what} `{}` of the SSH remote is not one to be trusted", text.escape_debug());
            return Err(TransportError::new(Kind::Refused, message));
        }
    }
    let mut command = start(options);
    let variant = variant(options, address);
    if variant == Variant::Ssh {
        if has_versions {
            command.args(["-o", "SendEnv=GIT_PROTOCOL"]).env("GIT_PROTOCOL", "version=2");
        }
        for option in &options.ssh_options {
            command.args(["-o", option]);
        }
        if !options.may_ask {
            command.args(["-o", "BatchMode=yes"]);
            command.args(["-o", &format!("ConnectTimeout={}", options.connect_timeout.as_secs().max(1))]);
        }
    } else if variant == Variant::TortoisePlink {
        command.arg("-batch");
    }
    if let Some(port) = address.port {
        let option = match variant {
            Variant::Ssh => "-p",
            Variant::Plink | Variant::TortoisePlink => "-P",
            Variant::Simple => {
                let message = "the program in place of ssh takes no port; if it does, set ssh.variant to ssh";
                return Err(TransportError::new(Kind::Refused, message));
            }
        };
        command.arg(option).arg(port.to_string());
    }
    match &address.user {
        Some(user) => command.arg(format!("{user}@{}", address.host)),
        None => command.arg(&address.host),
    };
    command.arg(line);
    Ok(command)
}

/// The program that is started, without arguments.
fn start(options: &TransportOptions) -> Command {
    match (&options.ssh_command, &options.ssh_program) {
        (Some(line), _) => {
            // As Git does: the line is the shell's, our arguments follow as they are.
            let mut script = line.clone();
            script.push(" \"$@\"");
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(script).arg("ssh");
            command
        }
        (None, Some(program)) => Command::new(program),
        (None, None) => Command::new("ssh"),
    }
}

/// The options that a program in place of `ssh` takes, as Git tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Ssh,
    Plink,
    TortoisePlink,
    /// None at all.
    Simple,
}

/// Chooses by the user's setting, else by the program's name, else by whether it takes OpenSSH's option `-G`.
fn variant(options: &TransportOptions, address: &Address) -> Variant {
    match options.ssh_variant.as_deref() {
        None | Some("auto") => {}
        Some("plink" | "putty") => return Variant::Plink,
        Some("tortoiseplink") => return Variant::TortoisePlink,
        Some("simple") => return Variant::Simple,
        Some(_) => return Variant::Ssh,
    }
    let program = match (&options.ssh_command, &options.ssh_program) {
        (Some(line), _) => {
            let line = line.to_string_lossy();
            let line = line.trim_start();
            let quote = line.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let first = match quote {
                Some(quote) => line[1..].split(quote).next(),
                None => line.split_whitespace().next(),
            };
            first.unwrap_or_default().to_owned().into()
        }
        (None, Some(program)) => program.clone(),
        (None, None) => return Variant::Ssh,
    };
    let name = Path::new(&program).file_stem().unwrap_or_default().to_ascii_lowercase();
    match name.to_str() {
        Some("ssh") => Variant::Ssh,
        Some("plink" | "putty") => Variant::Plink,
        Some("tortoiseplink") => Variant::TortoisePlink,
        _ => {
            let mut probe = start(options);
            probe.arg("-G").arg(&address.host);
            probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if probe.status().is_ok_and(|status| status.success()) { Variant::Ssh } else { Variant::Simple }
        }
    }
}

/// The text as one word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    word.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '!' => {
                word.push_str("'\\");
                word.push(c);
                word.push('\'');
            }
            _ => word.push(c),
        }
    }
    word.push('\'');
    word
}

fn collect(mut errors: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = errors.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let excess = kept.len().saturating_sub(MAX_STDERR);
        kept.drain(..excess);
    }
}

/// The message on stderr, without control characters and without the `remote:` that servers write in front.
fn message_of(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.strip_prefix("remote: ").unwrap_or(line))
        .map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, path: &str) -> Address {
        Address { user: Some("git".into()), host: host.into(), port: Some(2222), path: path.into() }
    }

    fn upload_pack(address: &Address, options: &TransportOptions) -> Result<Command, TransportError> {
        command(address, &format!("git-upload-pack {}", quoted(&address.path)), true, options)
    }

    fn arguments(command: &Command) -> Vec<String> {
        command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn nothing_in_an_address_becomes_an_option_or_a_second_command() {
        let options = TransportOptions::default();
        for bad in
            [address("-oProxyCommand=x", "/r"), address("h", "-x"), address("h", "/r\n/s"), address("", "/r")]
        {
            let error = upload_pack(&bad, &options).unwrap_err();
            assert_eq!(error.kind, Kind::Refused, "{bad:?}");
        }
        let command = upload_pack(&address("h", "/it's; rm -rf !x"), &options).unwrap();
        assert_eq!(arguments(&command).last().unwrap(), r"git-upload-pack '/it'\''s; rm -rf '\!'x'");
    }

    #[test]
    fn the_users_own_command_line_is_the_shells() {
        let options = TransportOptions {
            ssh_command: Some("ssh -i 'my key'".into()),
            may_ask: true,
            ..Default::default()
        };
        let command = upload_pack(&address("h", "/r"), &options).unwrap();
        let expected = [
            "-c",
            "ssh -i 'my key' \"$@\"",
            "ssh",
            "-o",
            "SendEnv=GIT_PROTOCOL",
            "-p",
            "2222",
            "git@h",
            "git-upload-pack '/r'",
        ];
        assert_eq!(arguments(&command), expected);
    }

    #[test]
    fn words_of_servers_behind_ssh_tell_the_kind() {
        let message =
            message_of(b"remote: TF401019: The Git repository with name or identifier x does not exist\r\n")
                .unwrap();
        assert!(message.starts_with("TF401019"));
        assert_eq!(ssh_failure(&message), Kind::NotFound);
    }
}
