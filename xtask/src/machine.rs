//! Programs that the tasks need: found on the machine, or installed.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{Outcome, process};

/// The longest wait for another run of apt-get or dpkg.
const LOCK_TIMEOUT: Duration = Duration::from_mins(10);
/// The time between two tries to take its lock.
const LOCK_INTERVAL: Duration = Duration::from_secs(2);

/// The real Python 3 interpreter (not a version manager's stand-in), installed by the system's package manager
/// if the machine has none.
pub fn python() -> Outcome<PathBuf> {
    require("python3", &["python3"], || find_python().is_some())?;
    find_python().ok_or_else(|| "python3 does not say where it is".into())
}

fn find_python() -> Option<PathBuf> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !path.trim().is_empty()).then(|| PathBuf::from(path.trim()))
}

/// Everything that the tests start beside the Rust toolchain and git; installed where the machine lacks it.
pub fn require_test_programs() -> Outcome {
    python()?;
    // Debian's python3 makes no virtual environments without it.
    let can_make_environments =
        || process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]));
    require("Python's module venv", &["python3-venv"], can_make_environments)?;
    // The tests kill azml by it at every step.
    require("strace", &["strace"], || answers("strace", "-V"))?;
    require("an SSH client", &["openssh-client"], || answers("ssh", "-V"))?;
    sshd()?;
    require_engines()?;
    require_git_lfs()?;
    // A session bus and a keyring on it, in which the tests keep a login.
    require("a keyring", &["dbus", "gnome-keyring"], || {
        answers("dbus-run-session", "--version") && answers("gnome-keyring-daemon", "--version")
    })?;
    require_browser()
}

/// The judge of what azml and vsts-mock make of large files, and their peer.
pub fn require_git_lfs() -> Outcome {
    require("git-lfs", &["git-lfs"], || answers("git-lfs", "--version"))
}

/// Engines that run jobs: the tools for networks of their own, Slurm, podman and docker with the files of an image.
pub fn require_engines() -> Outcome {
    require("ip of iproute2", &["iproute2"], || answers("ip", "-V"))?;
    // Slurm's clients look for a cluster before they say their version; they come with the daemons.
    require("Slurm", &["slurm-wlm", "munge"], || {
        answers("slurmctld", "-V") && answers("slurmd", "-V") && answers("munged", "--version")
    })?;
    require("podman", &["podman", "runc", "catatonit"], || {
        ["podman", "runc", "catatonit"].iter().all(|program| answers(program, "--version"))
    })?;
    require("docker's daemon", &["docker.io"], || answers("dockerd", "--version"))?;
    // Debian has its client in a package of its own since version 13.
    require("docker", &["docker-cli"], || answers("/usr/bin/docker", "--version"))?;
    require("a static busybox", &["busybox-static"], || PathBuf::from("/bin/busybox").exists())
}

/// The program by which people copy folders to other computers.
pub fn require_rsync() -> Outcome {
    require("rsync", &["rsync"], || answers("rsync", "--version"))
}

/// The programs of the tests that run with `--all` alone: PyTorch with its launchers, R, Go, Java. Installed where the machine lacks them.
pub fn require_heavy_programs() -> Outcome {
    let has_torch = || process::succeeds(Command::new("/usr/bin/python3").args(["-c", "import torch, venv"]));
    require("PyTorch of the system's Python", &["python3-torch", "python3-venv"], has_torch)?;
    require("R", &["r-base-core"], || answers("Rscript", "--version"))?;
    // Slurm's accounting, with its database.
    let accounting = ["slurmdbd", "mariadb-server-core", "mariadb-client-core"];
    require("Slurm's accounting", &accounting, || {
        answers("slurmdbd", "-V") && answers("mariadbd", "--version") && answers("mariadb", "--version")
    })?;
    // What @azure-devops/mcp stores its login with.
    let libsecret = || PathBuf::from("/usr/include/libsecret-1/libsecret/secret.h").exists();
    require("libsecret's headers", &["libsecret-1-dev", "g++", "make"], libsecret)?;
    // Languages whose clients vsts-mock's --intercept has to reach.
    require("Go", &["golang-go"], || answers("go", "version"))?;
    let go_git = || PathBuf::from("/usr/share/gocode/src/github.com/go-git/go-git").exists();
    require("go-git", &["golang-github-go-git-go-git-dev"], go_git)?;
    // Python's packages of Debian: it is at hand as a whole nowhere else.
    let az_devops = || PathBuf::from("/usr/lib/python3/dist-packages/azext_devops").exists();
    require(
        "the Azure CLI with its extension for Azure DevOps",
        &["azure-cli", "python3-azext-devops"],
        az_devops,
    )?;
    require("Java", &["default-jdk-headless"], || answers("java", "-version"))
}

/// Go, and the libraries of git-lfs as packages have them.
pub fn require_go_for_git_lfs() -> Outcome {
    let packages = [
        "golang-go",
        "dpkg-dev",
        "golang-github-pkg-errors-dev",
        "golang-github-spf13-cobra-dev",
        "golang-github-rubyist-tracerx-dev",
        "golang-github-olekukonko-ts-dev",
        "golang-github-xeipuuv-gojsonschema-dev",
        "golang-github-git-lfs-wildmatch-dev",
        "golang-github-git-lfs-go-netrc-dev",
        "golang-github-git-lfs-gitobj-dev",
        "golang-github-mattn-go-isatty-dev",
        "golang-github-ssgelm-cookiejarparser-dev",
        "golang-golang-x-sync-dev",
        "golang-github-dpotapov-go-spnego-dev",
        "golang-github-git-lfs-pktline-dev",
        "golang-github-leonelquinteros-gotext-dev",
    ];
    let last = PathBuf::from("/usr/share/gocode/src/github.com/leonelquinteros/gotext");
    let has_go = || process::succeeds(Command::new("go").arg("version"));
    require("Go with git-lfs' libraries", &packages, || last.exists() && has_go())
}

/// OpenSSH's server, which is on nobody's PATH.
pub fn sshd() -> Outcome<PathBuf> {
    let path = PathBuf::from("/usr/sbin/sshd");
    require("an SSH server", &["openssh-server"], || path.exists())?;
    Ok(path)
}

/// Chromium, the program that drives it, and npm for the accessibility engine.
pub fn require_browser() -> Outcome {
    require("Chromium with chromedriver", &["chromium", "chromium-driver"], || {
        answers("chromium", "--version") && answers("chromedriver", "--version")
    })?;
    require("npm", &["npm"], || answers("npm", "--version"))
}

/// Fails early, and clearly, on a machine without git.
pub fn require_git() -> Outcome {
    require("git", &["git"], || answers("git", "--version"))
}

/// The packages for building git (a compiler, the libraries of its HTTP client) and the web server of its tests.
pub fn require_git_build() -> Outcome {
    let packages =
        ["gcc", "libc6-dev", "make", "perl", "libcurl4-openssl-dev", "zlib1g-dev", "libexpat1-dev"];
    require("a compiler with libcurl", &packages, || {
        ["gcc", "make", "perl", "curl-config"].iter().all(|program| answers(program, "--version"))
    })?;
    require("Apache", &["apache2"], || PathBuf::from("/usr/sbin/apache2").exists())
}

fn answers(program: &str, flag: &str) -> bool {
    process::succeeds(Command::new(program).arg(flag))
}

/// Installs packages of Debian's unless what they bring is there already.
fn require(what: &str, packages: &[&str], is_there: impl Fn() -> bool) -> Outcome {
    if is_there() {
        return Ok(());
    }
    let packages = packages.join(" ");
    eprintln!("{what} is missing; trying `apt-get install {packages}`");
    let reason = match install(&packages) {
        Ok(()) if is_there() => return Ok(()),
        Ok(()) => "it was installed, and still does not start".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!("{what} is needed; install it (on Debian: {packages}) and try again\n{reason}").into())
}

/// Asks apt-get for packages.
fn install(packages: &str) -> Outcome {
    let args: Vec<&str> =
        ["install", "-y", "--no-install-recommends"].into_iter().chain(packages.split(' ')).collect();
    with_lists(|| apt_get(&args))
}

/// Does something with apt-get's lists of packages, which a fresh machine has to get before.
pub fn with_lists(work: impl Fn() -> Outcome) -> Outcome {
    work().or_else(|_| apt_get(&["update"]).and_then(|()| work()))
}

/// Runs apt-get, and waits while another run of it has a lock. apt-get's own option for this, `DPkg::Lock::Timeout`,
/// leaves out the locks of the lists and of the downloaded archives.
pub fn apt_get(args: &[&str]) -> Outcome {
    let start = Instant::now();
    loop {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
        match process::capture(&mut command) {
            Err(error) if is_about_a_lock(&error.to_string()) && start.elapsed() < LOCK_TIMEOUT => {
                std::thread::sleep(LOCK_INTERVAL);
            }
            outcome => return outcome.map(drop),
        }
    }
}

/// As `E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt-get)` is.
fn is_about_a_lock(message: &str) -> bool {
    ["Could not get lock", "Unable to lock", "Unable to acquire the dpkg frontend lock"]
        .iter()
        .any(|part| message.contains(part))
}

#[cfg(test)]
mod tests {
    use super::is_about_a_lock;

    #[test]
    fn a_lock_that_another_program_holds_is_told_from_other_trouble() {
        for message in [
            "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 4711 (apt-get)\n\
             E: Unable to lock directory /var/lib/apt/lists/",
            "E: Could not get lock /var/cache/apt/archives/lock. It is held by process 4711 (apt-get)",
            "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
        ] {
            assert!(is_about_a_lock(message), "{message}");
        }
        assert!(!is_about_a_lock("E: Unable to locate package chromium"));
    }
}
