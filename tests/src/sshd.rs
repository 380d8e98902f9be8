//! A real OpenSSH server without a port: `ssh` starts `sshd -i` as its proxy command, so that nothing listens
//! and no test can meet another's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Actor, Sandbox};

/// The `ssh` command line that reaches it; the host's name is `box`. `None` on a machine that has no sshd and
/// can't install one.
pub fn prepare(sandbox: &Sandbox, actor: &Actor<'_>) -> Option<String> {
    let sshd = find_or_install()?;
    let dir = sandbox.dir("sshd");
    for key in ["host", "user"] {
        let args = ["-q", "-t", "ed25519", "-N", "", "-f", key];
        let _made =
            actor.sh(&dir, &format!("ssh-keygen {}", args.map(|arg| format!("'{arg}'")).join(" "))).ok();
    }
    let path = |name: &str| dir.join(name).display().to_string();
    std::fs::copy(dir.join("user.pub"), dir.join("authorized_keys")).expect("a key is copied");
    let server = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n\
         PasswordAuthentication no\nPidFile none\nSetEnv PATH=/usr/local/bin:/usr/bin:/bin\n",
        path("host"),
        path("authorized_keys"),
    );
    std::fs::write(dir.join("sshd_config"), server).expect("a file is written");
    let host_key = std::fs::read_to_string(dir.join("host.pub")).expect("a key was made");
    std::fs::write(dir.join("known_hosts"), format!("box {host_key}")).expect("a file is written");
    let client = format!(
        "Host box\n  HostKeyAlias box\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  \
         StrictHostKeyChecking yes\n  BatchMode yes\n  ProxyCommand {} -i -f {} 2>/dev/null\n",
        path("user"),
        path("known_hosts"),
        sshd.display(),
        path("sshd_config"),
    );
    std::fs::write(dir.join("ssh_config"), client).expect("a file is written");
    let ssh = format!("ssh -F {}", path("ssh_config"));
    let probe = actor.sh(&dir, &format!("{ssh} box true"));
    if probe.code != Some(0) {
        println!("this machine's sshd does not work here: {probe}");
        return None;
    }
    Some(ssh)
}

fn find_or_install() -> Option<PathBuf> {
    let sshd = PathBuf::from("/usr/sbin/sshd");
    if !sshd.exists() {
        let apt = |args: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.args(args)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            apt.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let install = ["install", "-y", "--no-install-recommends", "openssh-server"];
        if !(apt(&install) || apt(&["update"]) && apt(&install)) {
            println!("openssh-server is not here and can't be installed");
            return None;
        }
    }
    // Where a service manager would have made it.
    if !Path::new("/run/sshd").exists() && std::fs::create_dir_all("/run/sshd").is_err() {
        println!("/run/sshd is not here and can't be made");
        return None;
    }
    Some(sshd)
}
