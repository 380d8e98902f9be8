//! Another machine: namespaces for its network, processes, mounts and name, and a line to it that can be cut.
//!
//! A process holds each namespace open while the test holds the pipe to its standard input. The kernel closes the pipe
//! when the test ends, in whatever way; then all processes of the machine are killed, and its mounts and network go.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use test_support::ssh::make_key;

use crate::{Actor, Output, Sandbox};

/// The machine's name, also for `ssh`.
pub(super) const NAME: &str = "node1";
/// Its address on the line.
const ADDRESS: &str = "10.99.7.2";
/// The home of its only user, root.
const HOME: &str = "/root";
/// Debian's place for the server, and that of most other systems (`cargo xtask e2e` installs it).
const SSHD: &str = "/usr/sbin/sshd";

/// A machine with a user, root, whose home is a folder of the sandbox. Dropping it is a power cut.
#[derive(Debug)]
pub struct Host<'s> {
    sandbox: &'s Sandbox,
    /// Holds the laptop's end of the line.
    line: Child,
    /// Holds the machine.
    machine: Child,
    home: PathBuf,
}

/// An end of the line.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The laptop's.
    Here,
    /// The machine's.
    There,
}

impl<'s> Host<'s> {
    /// Starts a machine that runs nothing.
    pub fn start(sandbox: &'s Sandbox) -> Self {
        let home = sandbox.dir(NAME);
        let line = hold(sandbox.command("unshare", sandbox.path(), sandbox.path()), &["--net"]);
        let mut machine = sandbox.command("nsenter", sandbox.path(), sandbox.path());
        machine.args([&format!("--net=/proc/{}/ns/net", line.id()), "unshare", "--uts", "--net", "--pid"]);
        let machine = hold(machine, &["--fork", "--kill-child", "--mount-proc"]);
        let host = Self { sandbox, line, machine, home };
        host.on_line(&format!(
            "ip link set lo up; ip link add line type veth peer name eth0; ip addr add 10.99.7.1/24 dev line\n\
             ip link set line up; ip link set eth0 netns {}",
            host.machine.id()
        ));
        let hosts = sandbox.path().join("hosts");
        std::fs::write(&hosts, format!("127.0.0.1 localhost {NAME}\n")).expect("a file is written");
        let _up = host
            .sh(&format!(
                "hostname {NAME}; mount --bind '{}' /etc/hosts; ip addr add {ADDRESS}/24 dev eth0; ip link set eth0 up; ip link set lo up\n\
                 mount --bind '{}' {HOME}",
                hosts.display(),
                host.home.display()
            ))
            .ok();
        host
    }

    /// The home of its user.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Cuts the line: packets are lost, and nobody is told.
    pub fn cut(&self) {
        self.on_line("ip link set line down");
    }

    /// Mends the line, at whichever end it was cut.
    pub fn mend(&self) {
        self.on_line("ip link set line up");
        let _up = self.sh("ip link set eth0 up").ok();
    }

    /// A program on the machine, not started. It starts in the user's home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.sandbox.command("nsenter", Path::new(HOME), self.sandbox.path());
        command.args(self.entry()).arg(format!("--wdns={HOME}")).arg(program);
        command
            .env("PATH", "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin")
            .env_remove("TMPDIR");
        command
    }

    /// Runs lines of shell on the machine, to their end.
    pub fn sh(&self, script: &str) -> Output {
        self.sandbox.run(self.command("sh"), &["-ec", script], None)
    }

    /// Puts a program of the machine on the PATH of the sandbox's people, as if theirs was the same machine.
    pub fn share(&self, program: &str) {
        let entry = self.entry().join(" ");
        let real = format!("/usr/bin/{program}");
        self.sandbox.script(program, &format!("exec nsenter {entry} --wdns=\"$PWD\" {real} \"$@\"\n"));
    }

    /// Has a program of the sandbox's people, which is a link, start in the machine's network.
    pub fn lend_network(&self, program: &str) {
        let link = self.sandbox.path().join("bin").join(program);
        let real = std::fs::read_link(&link).expect("a link");
        std::fs::remove_file(&link).expect("a link goes");
        let net = format!("--net=/proc/{}/ns/net", self.machine.id());
        self.sandbox.script(program, &format!("exec nsenter {net} '{}' \"$@\"\n", real.display()));
    }

    /// Starts OpenSSH's server, and puts an `ssh` that knows the machine as [`NAME`] on the PATH of the sandbox's people.
    pub fn serve_ssh(&self) {
        assert!(Path::new(SSHD).exists(), "{SSHD} is not here (`cargo xtask e2e` installs it)");
        let dir = self.sandbox.dir("sshd");
        let kind = ["-t", "ed25519"];
        let (host_key, user_key) = (make_key(&dir, "host", &kind), make_key(&dir, "user", &kind));
        let put = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("a file is written");
        put("authorized_keys", user_key);
        // Every command passes by the lines of `on_command`.
        executable(
            &dir.join("command"),
            &format!(
                "#!/bin/sh\nset -- \"$SSH_ORIGINAL_COMMAND\"\n[ ! -e {0}/there ] || . {0}/there\nexec /bin/sh -c \"$1\"\n",
                dir.display()
            ),
        );
        put("known_hosts", format!("{NAME} {host_key}\n"));
        let place = dir.display();
        put(
            "sshd_config",
            format!(
                "ListenAddress {ADDRESS}\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized_keys\nStrictModes no\n\
                 UsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nPidFile none\n\
                 SetEnv PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin\nForceCommand {place}/command\n"
            ),
        );
        put(
            "ssh_config",
            format!(
                "Host {NAME}\n  HostName {ADDRESS}\n  HostKeyAlias {NAME}\n  User root\n  IdentityFile {place}/user\n  \
                 IdentitiesOnly yes\n  UserKnownHostsFile {place}/known_hosts\n  StrictHostKeyChecking yes\n  BatchMode yes\n"
            ),
        );
        let net = format!("--net=/proc/{}/ns/net", self.line.id());
        // The first value of an option counts: a line that is cut is noticed sooner than azml asks for.
        let ssh = format!(
            "nsenter {net} /usr/bin/ssh -F {place}/ssh_config -o ServerAliveInterval=2 -o ServerAliveCountMax=3 \"$@\""
        );
        let ssh = format!("real_ssh() {{ {ssh}; }}\n[ ! -e {place}/here ] || . {place}/here\nexec {ssh}\n");
        self.sandbox.script("ssh", &ssh);
        // sshd needs its folder where no service manager made it.
        self.start_sshd();
    }

    /// Starts the server of [`Self::serve_ssh`] again.
    pub fn start_sshd(&self) {
        let place = self.sandbox.dir("sshd");
        let place = place.display();
        // It goes to the background before it listens.
        let listens =
            "timeout 60 sh -c 'until grep -q \":0016 00000000:0000 0A\" /proc/net/tcp; do sleep 0.05; done'";
        let start = format!("mkdir -p /run/sshd; {SSHD} -f {place}/sshd_config -E {place}/log; {listens}");
        let _up = self.sh(&start).ok();
    }

    /// Runs lines of shell once, as soon as a command by SSH passes by whose text has `part`: `at` the laptop, in place of
    /// `real_ssh "$@"` (the parent is whoever started it), or at the machine, in place of the command `$1` (the parent is the
    /// connection). What does not exit goes on with that.
    pub fn on_command(&self, at: End, part: &str, script: &str) {
        let place = self.sandbox.dir("sshd");
        let place = place.display();
        let name = match at {
            End::Here => "here",
            End::There => "there",
        };
        let script =
            format!("case \"$*\" in *\"{part}\"*) mv {place}/{name} {place}/met\n{script}\n;; esac\n");
        std::fs::write(format!("{place}/new"), script).expect("a file is written");
        std::fs::rename(format!("{place}/new"), format!("{place}/{name}")).expect("a file is moved");
    }

    /// Returns whether the command of [`Self::on_command`] has passed by since the last time that this was asked.
    pub fn has_met(&self) -> bool {
        std::fs::remove_file(self.sandbox.dir("sshd").join("met")).is_ok()
    }

    /// Lines of shell at the laptop's end of the line.
    fn on_line(&self, script: &str) {
        let mut command = self.sandbox.command("nsenter", self.sandbox.path(), self.sandbox.path());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.arg(format!("--net=/proc/{}/ns/net", self.line.id()));
        let _done = self.sandbox.run(command, &["sh", "-ec", script], None).ok();
    }

    /// The arguments of `nsenter` that lead into the machine.
    fn entry(&self) -> [String; 4] {
        let place = |option: &str, file: &str| format!("--{option}=/proc/{}/ns/{file}", self.machine.id());
        [place("net", "net"), place("pid", "pid_for_children"), place("mount", "mnt"), place("uts", "uts")]
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        for holder in [&mut self.machine, &mut self.line] {
            drop(holder.stdin.take());
            drop(holder.wait());
        }
    }
}

/// Starts the process that holds namespaces; returns when they are there.
fn hold(mut command: Command, options: &[&str]) -> Child {
    // A shell, the first process of the machine, waits for processes that have lost their parents.
    command.args(options).args(["sh", "-c", "echo ready; cat; exit"]).env("PATH", "/usr/bin:/bin");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("no namespaces here: {error}"));
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("stdout can be read");
    assert_eq!(line, "ready\n", "namespaces need root, or a user who may make them");
    child
}

/// Writes an executable file.
pub(super) fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a script is written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode is set");
}

/// Runs a program of the sandbox's people until its output holds what is asked for.
#[track_caller]
pub fn until(actor: &Actor<'_>, dir: &Path, command: &str, expect: &str) -> Output {
    let script = format!(
        "until out=$({command}) && case $out in {expect}) true;; *) false;; esac; do sleep 0.1; done; printf '%s\\n' \"$out\""
    );
    actor.run("timeout", dir, &["120", "sh", "-c", &script]).ok()
}
