//! The environment: every variable that azml reads, and the only file that reads them.
//!
//! The binary reads the process once ([`Env::from_process`]); everything else is given an [`Env`], so that
//! tests may say what the world looks like.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::home;

/// The folder of settings and logins; default `$XDG_CONFIG_HOME/azml`, else `~/.config/azml`.
pub const AZML_CONFIG_DIR: &str = "AZML_CONFIG_DIR";
/// The folder of run folders; default `$XDG_STATE_HOME/azml`, else `~/.local/state/azml`.
pub const AZML_STATE_DIR: &str = "AZML_STATE_DIR";
/// A personal access token for the project's remote; `--vststoken` goes before it. Never passed on to scripts.
pub const AZML_VSTS_TOKEN: &str = "AZML_VSTS_TOKEN";
/// The origins that [`AZML_VSTS_TOKEN`] and `--vststoken` may be sent to.
pub const AZML_VSTS_URL: &str = "AZML_VSTS_URL";
/// `off`: logins are kept in a file that only its owner may read, even where there is a system keyring.
pub const AZML_KEYRING: &str = "AZML_KEYRING";
/// The setting `push_wait`. What settings mean is in [`crate::settings`].
pub const AZML_PUSH_WAIT: &str = "AZML_PUSH_WAIT";
/// The setting `heartbeat`.
pub const AZML_HEARTBEAT: &str = "AZML_HEARTBEAT";
/// The setting `attachments_limit`.
pub const AZML_ATTACHMENTS_LIMIT: &str = "AZML_ATTACHMENTS_LIMIT";
/// The setting `large_file`.
pub const AZML_LARGE_FILE: &str = "AZML_LARGE_FILE";
/// The setting `large_limit`.
pub const AZML_LARGE_LIMIT: &str = "AZML_LARGE_LIMIT";
/// The setting `keep_days`.
pub const AZML_KEEP_DAYS: &str = "AZML_KEEP_DAYS";
/// The setting `keep_size`.
pub const AZML_KEEP_SIZE: &str = "AZML_KEEP_SIZE";
/// The setting `connect_timeout`.
pub const AZML_CONNECT_TIMEOUT: &str = "AZML_CONNECT_TIMEOUT";
/// The setting `stall_timeout`.
pub const AZML_STALL_TIMEOUT: &str = "AZML_STALL_TIMEOUT";
/// The setting `output`.
pub const AZML_OUTPUT: &str = "AZML_OUTPUT";
/// The setting `color`.
pub const AZML_COLOR: &str = "AZML_COLOR";
/// The setting `pager`.
pub const AZML_PAGER: &str = "AZML_PAGER";
/// Arguments whose values are recorded though they look like secrets.
pub const AZML_PLAIN_ARGUMENTS: &str = "AZML_PLAIN_ARGUMENTS";
/// The setting `log`.
pub const AZML_LOG: &str = "AZML_LOG";
/// Set by azml for itself: this azml watches a run without a terminal (`--detach`).
pub const AZML_DETACHED: &str = "AZML_DETACHED";
/// On a computer where other computers' runs go on: the folder of azml's files; default `~/.azml`.
pub const AZML_NODE_DIR: &str = "AZML_NODE_DIR";
/// For tests: the time, in RFC 3339, instead of the system's clock.
pub const AZML_NOW: &str = "AZML_NOW";
/// For tests, in debug builds: `restore:<n>` aborts the process at the n-th step (from 1) of a restore's journal,
/// `submit:<n>` after the n-th step of a run.
pub const AZML_FAULT: &str = "AZML_FAULT";

/// Given to a run's script: the run's id.
pub const AZML_RUN_ID: &str = "AZML_RUN_ID";
/// Given to a run's script: the file to which metrics are appended, one JSON object a line.
pub const AZML_METRICS_FILE: &str = "AZML_METRICS_FILE";
/// Given to a run's script: the folder whose files become the run's attachments.
pub const AZML_ATTACHMENTS_DIR: &str = "AZML_ATTACHMENTS_DIR";
/// Given to a run's script: a folder shared by all runs of the project.
pub const AZUREML_NATIVE_SHARE_DIRECTORY: &str = "AZUREML_NATIVE_SHARE_DIRECTORY";

/// The tracking server of MLflow's clients; a run's script gets azml's own, unless it is set.
pub const MLFLOW_TRACKING_URI: &str = "MLFLOW_TRACKING_URI";
/// A token for a tracking server to which runs are moved.
pub const MLFLOW_TRACKING_TOKEN: &str = "MLFLOW_TRACKING_TOKEN";
/// The user's name at such a server, and the password.
pub const MLFLOW_TRACKING_USERNAME: &str = "MLFLOW_TRACKING_USERNAME";
/// See [`MLFLOW_TRACKING_USERNAME`].
pub const MLFLOW_TRACKING_PASSWORD: &str = "MLFLOW_TRACKING_PASSWORD";
/// Tags for every run that MLflow's clients create, as JSON; a run's script gets its id and snapshot there.
pub const MLFLOW_RUN_CONTEXT: &str = "MLFLOW_RUN_CONTEXT";

/// No colour, whatever its value, unless empty (<https://no-color.org>).
pub const NO_COLOR: &str = "NO_COLOR";
/// Colour even without a terminal, unless empty or `0`.
pub const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// `dumb` means no colour and no progress bars.
pub const TERM: &str = "TERM";
/// The pager, unless azml's own setting names one.
pub const PAGER: &str = "PAGER";
/// The name of who commits, as Git itself reads it.
pub const GIT_AUTHOR_NAME: &str = "GIT_AUTHOR_NAME";
/// The e-mail address of who commits, as Git itself reads it.
pub const GIT_AUTHOR_EMAIL: &str = "GIT_AUTHOR_EMAIL";
/// The address that Git takes when its configuration has none.
pub const EMAIL: &str = "EMAIL";
/// The ssh command for Git remotes, as Git itself reads it.
pub const GIT_SSH_COMMAND: &str = "GIT_SSH_COMMAND";
/// The ssh program for Git remotes, as Git itself reads it.
pub const GIT_SSH: &str = "GIT_SSH";
/// The options that the program in place of ssh takes, as Git itself reads it.
pub const GIT_SSH_VARIANT: &str = "GIT_SSH_VARIANT";
/// A file of PEM certificates to trust for https remotes, as Git itself reads it.
pub const GIT_SSL_CAINFO: &str = "GIT_SSL_CAINFO";
/// Set, whatever its value: any certificate of an https remote will do, as Git itself reads it.
pub const GIT_SSL_NO_VERIFY: &str = "GIT_SSL_NO_VERIFY";
/// A folder of PEM certificates to trust as well, as Git itself reads it.
pub const GIT_SSL_CAPATH: &str = "GIT_SSL_CAPATH";
/// The user's own certificate for https remotes, as Git itself reads it.
pub const GIT_SSL_CERT: &str = "GIT_SSL_CERT";
/// The key of that certificate, as Git itself reads it.
pub const GIT_SSL_KEY: &str = "GIT_SSL_KEY";
/// The user agent for HTTP remotes, as Git itself reads it.
pub const GIT_HTTP_USER_AGENT: &str = "GIT_HTTP_USER_AGENT";
/// The system-wide Git configuration, as Git itself reads it.
pub const GIT_CONFIG_SYSTEM: &str = "GIT_CONFIG_SYSTEM";
/// True: no system-wide Git configuration, as Git itself reads it.
pub const GIT_CONFIG_NOSYSTEM: &str = "GIT_CONFIG_NOSYSTEM";
/// The user's Git configuration, as Git itself reads it.
pub const GIT_CONFIG_GLOBAL: &str = "GIT_CONFIG_GLOBAL";
/// The number of pairs `GIT_CONFIG_KEY_<n>` and `GIT_CONFIG_VALUE_<n>`, as Git itself reads it.
pub const GIT_CONFIG_COUNT: &str = "GIT_CONFIG_COUNT";
/// The settings given to `git -c`, as Git itself passes them on.
pub const GIT_CONFIG_PARAMETERS: &str = "GIT_CONFIG_PARAMETERS";
/// The program that asks for user name and password, as Git itself reads it.
pub const GIT_ASKPASS: &str = "GIT_ASKPASS";
/// The same, when neither [`GIT_ASKPASS`] nor Git's configuration names one.
pub const SSH_ASKPASS: &str = "SSH_ASKPASS";
/// The proxy for http, as curl reads it.
pub const HTTP_PROXY: &str = "http_proxy";
/// The proxy for https, as curl reads it.
pub const HTTPS_PROXY: &str = "https_proxy";
/// The same.
pub const HTTPS_PROXY_UPPER: &str = "HTTPS_PROXY";
/// The proxy for both, as curl reads it.
pub const ALL_PROXY: &str = "all_proxy";
/// The same.
pub const ALL_PROXY_UPPER: &str = "ALL_PROXY";
/// Hosts that are reached without a proxy, as curl reads it.
pub const NO_PROXY: &str = "no_proxy";
/// The same.
pub const NO_PROXY_UPPER: &str = "NO_PROXY";
/// A file of PEM certificates that takes the place of the system's, as OpenSSL reads it.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
/// `0` forbids every question at a terminal, as Git itself reads it.
pub const GIT_TERMINAL_PROMPT: &str = "GIT_TERMINAL_PROMPT";
/// The folders of programs; read to find a run's interpreter, and given to scripts with azml's own folder at its end.
pub const PATH: &str = "PATH";
/// Python's module path; a run's script gets the `azureml` module on top of it.
pub const PYTHONPATH: &str = "PYTHONPATH";
/// The current folder, as the shell calls it; a script is given its own.
pub const PWD: &str = "PWD";
/// The user's home folder.
pub const HOME: &str = "HOME";
/// The address of the session bus, which leads to the system keyring.
pub const DBUS_SESSION_BUS_ADDRESS: &str = "DBUS_SESSION_BUS_ADDRESS";
/// Another folder that may have the session bus, as the file `bus`.
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";
/// The X display: without it or [`WAYLAND_DISPLAY`] no browser is opened on Linux.
pub const DISPLAY: &str = "DISPLAY";
/// The Wayland display.
pub const WAYLAND_DISPLAY: &str = "WAYLAND_DISPLAY";
/// The base of [`AZML_CONFIG_DIR`]'s default.
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// The base of [`AZML_STATE_DIR`]'s default.
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";

/// The clock, the random numbers and the waiting of a process.
pub trait Pace: Sync {
    /// The time since some moment of the process's own.
    fn now(&self) -> Duration;
    /// Any number.
    fn random(&self) -> u64;
    /// Does nothing for so long.
    fn sleep(&self, time: Duration);
}

/// The process's own clock and chance, for waiting.
#[derive(Clone, Copy, Debug)]
pub struct SystemPace;

impl Pace for SystemPace {
    fn now(&self) -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        BEGUN.get_or_init(Instant::now).elapsed()
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            // Where there is none, processes differ at least.
            Err(_) => u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// The path of the state below a home folder.
const STATE: &str = ".local/state";

/// The possible places of one of azml's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The variable that says so.
    pub variable: &'static str,
    /// The folder.
    pub dir: PathBuf,
}

/// Why a place can't be used for run folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is in the project folder.
    InProject,
    /// A home folder that can't be written.
    ReadOnly,
}

impl Place {
    fn unusable_for(&self, root: &Path) -> Option<Unusable> {
        if home::is_inside(&self.dir, root) {
            return Some(Unusable::InProject);
        }
        // Of a folder that was named for this its user wants to know.
        (self.variable == HOME && !home::can_be_written(&self.dir)).then_some(Unusable::ReadOnly)
    }
}

/// The environment of the process, and its clock.
#[derive(Clone, Debug)]
pub struct Env {
    vars: BTreeMap<OsString, OsString>,
    /// The home folder that the system's user database names.
    account_home: Option<PathBuf>,
    /// The system's folder for temporary files.
    temp: PathBuf,
    /// Takes the home folder's place for azml's own folders where there is none; made when it is asked for.
    fallback: Arc<OnceLock<PathBuf>>,
    /// The current folder.
    pub cwd: PathBuf,
    /// True if a terminal reads standard output.
    pub stdout_is_terminal: bool,
    /// True if a terminal reads standard error.
    pub stderr_is_terminal: bool,
    /// True if standard input is a terminal.
    pub stdin_is_terminal: bool,
}

/// The words of the command line, the name of the program first.
pub fn arguments() -> std::env::ArgsOs {
    std::env::args_os()
}

impl Env {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_process() -> Self {
        let vars: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        Self {
            vars,
            // Without HOME, under cron or systemd, the account's home folder counts, as for OpenSSH.
            account_home: home::of_account(),
            temp: std::env::temp_dir(),
            fallback: Arc::default(),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
        }
    }

    /// An environment of exactly these variables, without terminals.
    #[cfg(test)]
    pub fn fixed<K: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (K, V)>,
        cwd: impl Into<PathBuf>,
    ) -> Self {
        Self {
            vars: vars.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
            account_home: None,
            temp: std::env::temp_dir(),
            fallback: Arc::default(),
            cwd: cwd.into(),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            stdin_is_terminal: false,
        }
    }

    /// The same with another value of a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// The system's folder for temporary files.
    pub fn temp(&self) -> &Path {
        &self.temp
    }

    /// All variables: what a script inherits.
    pub fn vars(&self) -> &BTreeMap<OsString, OsString> {
        &self.vars
    }

    /// A variable, unless absent or empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns whether a variable is there at all, be it empty.
    pub fn has(&self, name: &str) -> bool {
        self.vars.contains_key(OsStr::new(name))
    }

    /// A variable as text, unless absent, empty or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str)
    }

    /// The folder of settings and logins.
    pub fn config_dir(&self) -> PathBuf {
        self.dir(AZML_CONFIG_DIR, XDG_CONFIG_HOME, ".config")
    }

    /// The folder of run folders when no project is given.
    pub fn state_dir(&self) -> PathBuf {
        self.dir(AZML_STATE_DIR, XDG_STATE_HOME, STATE)
    }

    /// Returns the place for run folders of the project in `root`: not the project folder itself, or each run would be part
    /// of the next one, and not in a home folder that can't be written.
    pub fn state_dir_for(&self, root: &Path) -> PathBuf {
        let usable = self.state_dirs().into_iter().find(|place| place.unusable_for(root).is_none());
        usable.map_or_else(|| self.fallback_dir(STATE), |place| place.dir)
    }

    /// The place that would come first for the run folders of the project in `root`, and why it can't be used, if so.
    pub fn unusable_state_dir(&self, root: &Path) -> Option<(Place, Unusable)> {
        let first = self.state_dirs().into_iter().next()?;
        let why = first.unusable_for(root)?;
        Some((first, why))
    }

    fn state_dirs(&self) -> Vec<Place> {
        self.dirs(AZML_STATE_DIR, XDG_STATE_HOME, STATE)
    }

    /// The user's home folder: what [`HOME`] says, else the account's.
    pub fn home(&self) -> Option<&Path> {
        self.get(HOME).map(Path::new).or(self.account_home.as_deref())
    }

    fn dir(&self, own: &'static str, xdg: &'static str, below_home: &str) -> PathBuf {
        let first = self.dirs(own, xdg, below_home).into_iter().next();
        first.map_or_else(|| self.fallback_dir(below_home), |place| place.dir)
    }

    /// The possible places of one of azml's folders, the first choice first.
    fn dirs(&self, own: &'static str, xdg: &'static str, below_home: &str) -> Vec<Place> {
        let home =
            |home: &Path| Place { variable: HOME, dir: self.cwd.join(home).join(below_home).join("azml") };
        // The XDG specification: a relative path is to be ignored.
        let xdg_base = self.get(xdg).map(Path::new).filter(|base| base.is_absolute());
        let places = [
            self.get(own).map(|dir| Place { variable: own, dir: self.cwd.join(dir) }),
            xdg_base.map(|base| Place { variable: xdg, dir: base.join("azml") }),
            self.get(HOME).map(|dir| home(Path::new(dir))),
            self.account_home.as_deref().map(home),
        ];
        places.into_iter().flatten().collect()
    }

    /// The place of a folder of azml's own where there is no other.
    fn fallback_dir(&self, below_home: &str) -> PathBuf {
        self.fallback.get_or_init(|| home::private_folder(&self.temp)).join(below_home).join("azml")
    }

    /// The time: the system's, unless [`AZML_NOW`] fixes it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        self.text(AZML_NOW).and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
        })
    }

    /// The zone of the clock on the wall.
    #[expect(clippy::unused_self, reason = "the zone is a part of the environment")]
    pub fn zone(&self) -> TimeZone {
        TimeZone::system()
    }

    /// The step at which [`AZML_FAULT`] ends the process during `operation`. None does in a release build.
    pub fn fault(&self, operation: &str) -> Option<u64> {
        let fault = self.text(AZML_FAULT).filter(|_| cfg!(debug_assertions))?;
        fault.strip_prefix(operation)?.strip_prefix(':')?.parse().ok()
    }

    /// Ends the process at a step of an operation, if [`AZML_FAULT`] asks for that.
    pub fn pass(&self, operation: &str, step: u64) {
        if self.fault(operation) == Some(step) {
            std::process::abort();
        }
    }
}

/// This computer's name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_from_the_own_variable_then_xdg_then_home() {
        let env = |vars: &[(&str, &str)]| Env::fixed(vars.iter().copied(), "/here").state_dir();
        assert_eq!(env(&[(AZML_STATE_DIR, "/s"), (XDG_STATE_HOME, "/x"), (HOME, "/h")]), Path::new("/s"));
        assert_eq!(env(&[(AZML_STATE_DIR, "s")]), Path::new("/here/s"));
        assert_eq!(env(&[(XDG_STATE_HOME, "/x"), (HOME, "/h")]), Path::new("/x/azml"));
        assert_eq!(env(&[(XDG_STATE_HOME, "x"), (HOME, "/h")]), Path::new("/h/.local/state/azml"));
        let nowhere = env(&[]);
        assert!(
            nowhere.starts_with(std::env::temp_dir()) && nowhere.ends_with(".local/state/azml"),
            "{nowhere:?}"
        );
    }

    #[test]
    fn run_folders_are_never_in_the_project_folder() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("p");
        std::fs::create_dir_all(root.join("real")).unwrap();
        std::os::unix::fs::symlink(root.join("real"), dir.path().join("link")).unwrap();
        let [p, via_link, h] =
            ["p", "link", "h"].map(|name| dir.path().join(name).to_str().unwrap().to_owned());
        let env = |vars: &[(&str, &str)]| Env::fixed(vars.iter().copied(), &root);
        for vars in [
            &[(XDG_STATE_HOME, p.as_str()), (HOME, &h)][..],
            &[(XDG_STATE_HOME, &format!("{p}/not/yet")), (HOME, &h)],
            &[(XDG_STATE_HOME, &via_link), (HOME, &h)],
            &[(AZML_STATE_DIR, ".state"), (HOME, &h)],
        ] {
            let env = env(vars);
            assert_eq!(env.state_dir_for(&root), dir.path().join("h/.local/state/azml"), "{vars:?}");
            let (place, why) = env.unusable_state_dir(&root).unwrap();
            assert_eq!((place.variable, why), (vars[0].0, Unusable::InProject));
        }
        let inside = env(&[(HOME, ".")]).state_dir_for(&root);
        assert!(inside.starts_with(std::env::temp_dir()) && !inside.starts_with(&root), "{inside:?}");
        let beside = env(&[(XDG_STATE_HOME, &format!("{p}2"))]);
        assert_eq!(beside.state_dir_for(&root), Path::new(&format!("{p}2/azml")));
        assert_eq!(beside.unusable_state_dir(&root), None);
        std::fs::write(dir.path().join("file"), "").unwrap();
        let nobody = env(&[(HOME, &format!("{}/file/nonexistent", dir.path().display()))]);
        assert!(nobody.state_dir_for(&root).starts_with(std::env::temp_dir()));
        assert_eq!(nobody.unusable_state_dir(&root).unwrap().1, Unusable::ReadOnly);
    }

    #[test]
    fn the_clock_and_the_fault_can_be_set() {
        let env = Env::fixed([(AZML_NOW, "2017-09-08T00:58:03Z"), (AZML_FAULT, "restore:3")], "/");
        assert_eq!(env.now().to_string(), "2017-09-08T00:58:03Z");
        assert_eq!(env.fault("restore"), Some(3));
        assert_eq!(Env::fixed([(AZML_FAULT, "nonsense")], "/").fault("restore"), None);
    }
}
