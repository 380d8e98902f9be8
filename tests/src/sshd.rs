//! A real OpenSSH server without a port: `ssh` starts `sshd -i` as its proxy command, so that nothing listens
//! and no test can meet another's.

use std::path::Path;

use crate::{Actor, Sandbox};

/// Debian's place for the server, and that of most other systems (`cargo xtask e2e` installs it).
const SSHD: &str = "/usr/sbin/sshd";
/// A folder that sshd needs when root starts it; a service manager makes it at boot.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";

/// The `ssh` command line that reaches it; the host's name is `box`.
pub fn prepare(sandbox: &Sandbox, actor: &Actor<'_>) -> String {
    assert!(Path::new(SSHD).exists(), "{SSHD} is not here (`cargo xtask e2e` installs it)");
    let made = std::fs::create_dir_all(PRIVILEGE_SEPARATION);
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
        SSHD,
        path("sshd_config"),
    );
    std::fs::write(dir.join("ssh_config"), client).expect("a file is written");
    let ssh = format!("ssh -F {}", path("ssh_config"));
    let probe = actor.sh(&dir, &format!("{ssh} box true"));
    assert_eq!(probe.code, Some(0), "sshd does not work here ({PRIVILEGE_SEPARATION}: {made:?}): {probe}");
    ssh
}
