//! Every setting and every environment variable of azml's, with what it is for.

use super::{Error, Kind};
use crate::env;

/// A setting: a key in `config.toml` and a variable that goes before it.
#[derive(Debug)]
pub struct Setting {
    /// Its key in `config.toml`.
    pub key: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// What holds when nobody has set it, as it would be written.
    pub default: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// What it is for: one sentence.
    pub about: &'static str,
}

impl Setting {
    /// The setting of that key.
    pub fn by_key(key: &str) -> Result<&'static Self, Error> {
        SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .ok_or_else(|| Error::Unknown { name: key.to_owned() })
    }
}

/// An environment variable that is no setting: it says something of one command's world.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is for: one sentence.
    pub about: &'static str,
}

/// All settings.
pub static SETTINGS: [Setting; 12] = [
    Setting {
        key: "push_wait",
        variable: env::AZML_PUSH_WAIT,
        default: "10",
        kind: Kind::Seconds,
        about: "Seconds that the end of a run waits for its push; after that the next command that talks to the remote pushes the rest",
    },
    Setting {
        key: "attachments_limit",
        variable: env::AZML_ATTACHMENTS_LIMIT,
        default: "50MB",
        kind: Kind::Size,
        about: "The most bytes of outputs and logs of a run to push; the rest stays on its computer, and is named",
    },
    Setting {
        key: "plain_arguments",
        variable: env::AZML_PLAIN_ARGUMENTS,
        default: "",
        kind: Kind::Text,
        about: "Arguments whose values are recorded though they look like secrets: their names without dashes, with commas between them, or * for all",
    },
    Setting {
        key: "keep_days",
        variable: env::AZML_KEEP_DAYS,
        default: "30",
        kind: Kind::Days,
        about: "Days to keep the files that a run wrote beside its outputs; the first run after that removes them; 0 for ever",
    },
    Setting {
        key: "keep_size",
        variable: env::AZML_KEEP_SIZE,
        default: "20GB",
        kind: Kind::Size,
        about: "The most bytes of such files in a project; a run names the oldest excess files and the next run removes them; 0 for no limit",
    },
    Setting {
        key: "heartbeat",
        variable: env::AZML_HEARTBEAT,
        default: "600",
        kind: Kind::Seconds,
        about: "Seconds between two signs of life that a running run gives in the history; 0 for none",
    },
    Setting {
        key: "connect_timeout",
        variable: env::AZML_CONNECT_TIMEOUT,
        default: "10",
        kind: Kind::Seconds,
        about: "Seconds to wait for a connection to a remote",
    },
    Setting {
        key: "stall_timeout",
        variable: env::AZML_STALL_TIMEOUT,
        default: "60",
        kind: Kind::Seconds,
        about: "Seconds that a conversation with a remote may be silent",
    },
    Setting {
        key: "output",
        variable: env::AZML_OUTPUT,
        default: "",
        kind: Kind::Output,
        about: "Format of results: json, jsonc, table, tsv, yaml or none; a table on a terminal and json otherwise, if not set",
    },
    Setting {
        key: "color",
        variable: env::AZML_COLOR,
        default: "auto",
        kind: Kind::Color,
        about: "When to use colour: auto, always or never",
    },
    Setting {
        key: "pager",
        variable: env::AZML_PAGER,
        default: "",
        kind: Kind::Text,
        about: "Command that shows tables longer than the terminal; $PAGER, else less, if not set; cat for none",
    },
    Setting {
        key: "log",
        variable: env::AZML_LOG,
        default: "",
        kind: Kind::Text,
        about: "What to log on standard error, in the syntax of RUST_LOG; goes before --verbose and --debug",
    },
];

/// All other variables of azml's own, and those of others that it heeds.
pub static VARIABLES: &[Variable] = &[
    Variable {
        name: env::AZML_VSTS_TOKEN,
        about: "A personal access token for the project's remote; --vststoken takes precedence, and scripts do not get it",
    },
    Variable {
        name: env::AZML_VSTS_URL,
        about: "The hosts that this token may go to, as URLs; else the service that you are signed in to, else https://*.visualstudio.com and https://dev.azure.com",
    },
    Variable {
        name: env::AZML_CONFIG_DIR,
        about: "Where config.toml and logins are; else $XDG_CONFIG_HOME/azml, else ~/.config/azml",
    },
    Variable {
        name: env::AZML_STATE_DIR,
        about: "Where the folders of runs are, outside the project; else $XDG_STATE_HOME/azml, else ~/.local/state/azml",
    },
    Variable {
        name: env::AZML_KEYRING,
        about: "off keeps logins in a file that only you can read, even where there is a system keyring",
    },
    Variable { name: env::AZML_RUN_ID, about: "Given to a run's script: the run's id" },
    Variable {
        name: env::AZML_METRICS_FILE,
        about: "Given to a run's script: the file that metrics are appended to, one JSON object a line",
    },
    Variable {
        name: env::AZML_ATTACHMENTS_DIR,
        about: "Given to a run's script: the folder whose files become the run's attachments",
    },
    Variable {
        name: env::AZUREML_NATIVE_SHARE_DIRECTORY,
        about: "Given to a run's script: a folder that all runs of the project share",
    },
    Variable { name: env::AZML_NOW, about: "For tests: the time, in RFC 3339, in place of the clock's" },
    Variable { name: env::AZML_FAULT, about: "For tests: ends azml at a step of a restore or a run" },
    Variable { name: env::NO_COLOR, about: "No colour, whatever its value" },
    Variable { name: env::CLICOLOR_FORCE, about: "Colour even without a terminal, unless 0" },
    Variable { name: env::TERM, about: "dumb means no colour, no progress bars and no pager" },
    Variable { name: env::PAGER, about: "The pager, if azml's own setting names none" },
    Variable { name: env::GIT_AUTHOR_NAME, about: "The name of who commits, as Git reads it" },
    Variable { name: env::GIT_AUTHOR_EMAIL, about: "The e-mail address of who commits, as Git reads it" },
    Variable { name: env::EMAIL, about: "The address if Git's configuration has none, as Git reads it" },
    Variable { name: env::GIT_SSH_COMMAND, about: "The ssh command for remotes, as Git reads it" },
    Variable { name: env::GIT_SSH, about: "The ssh program for remotes, as Git reads it" },
    Variable { name: env::GIT_SSH_VARIANT, about: "Which options that program takes, as Git reads it" },
    Variable { name: env::GIT_SSL_CAINFO, about: "Certificates to trust for https remotes, as Git reads it" },
    Variable {
        name: env::GIT_SSL_NO_VERIFY,
        about: "Accepts any certificate of an https remote, as Git reads it",
    },
    Variable { name: env::GIT_SSL_CAPATH, about: "A folder of more such certificates, as Git reads it" },
    Variable { name: env::GIT_SSL_CERT, about: "Your own certificate for https remotes, as Git reads it" },
    Variable { name: env::GIT_SSL_KEY, about: "The key of that certificate, as Git reads it" },
    Variable {
        name: env::GIT_HTTP_USER_AGENT,
        about: "What http remotes see as the client, as Git reads it",
    },
    Variable { name: env::GIT_CONFIG_SYSTEM, about: "The system-wide Git configuration, as Git reads it" },
    Variable {
        name: env::GIT_CONFIG_NOSYSTEM,
        about: "true reads no system-wide Git configuration, as Git reads it",
    },
    Variable { name: env::GIT_CONFIG_GLOBAL, about: "Your Git configuration, as Git reads it" },
    Variable {
        name: env::GIT_CONFIG_COUNT,
        about: "How many GIT_CONFIG_KEY_<n> and GIT_CONFIG_VALUE_<n> there are, as Git reads it",
    },
    Variable { name: env::GIT_CONFIG_PARAMETERS, about: "What git -c passes on, as Git reads it" },
    Variable {
        name: env::GIT_ASKPASS,
        about: "The program that asks for user name and password; goes before core.askPass, as Git reads it",
    },
    Variable { name: env::SSH_ASKPASS, about: "The same, after core.askPass" },
    Variable { name: env::HTTP_PROXY, about: "The proxy for http remotes, as curl reads it" },
    Variable { name: env::HTTPS_PROXY, about: "The proxy for https remotes, as curl reads it" },
    Variable { name: env::HTTPS_PROXY_UPPER, about: "The same" },
    Variable { name: env::ALL_PROXY, about: "The proxy for both, as curl reads it" },
    Variable { name: env::ALL_PROXY_UPPER, about: "The same" },
    Variable { name: env::NO_PROXY, about: "Hosts that are reached without a proxy, as curl reads it" },
    Variable { name: env::NO_PROXY_UPPER, about: "The same" },
    Variable {
        name: env::SSL_CERT_FILE,
        about: "Certificates in place of the system's, as OpenSSL reads it",
    },
    Variable {
        name: env::GIT_TERMINAL_PROMPT,
        about: "0 forbids every question at a terminal, as Git reads it",
    },
    Variable {
        name: env::DBUS_SESSION_BUS_ADDRESS,
        about: "The session bus: the way to the system keyring on Linux",
    },
    Variable { name: env::XDG_RUNTIME_DIR, about: "Where the session bus may be, too, as the file bus" },
    Variable {
        name: env::DISPLAY,
        about: "The X display: without one, or Wayland's, azml ui opens no browser",
    },
    Variable { name: env::WAYLAND_DISPLAY, about: "The Wayland display" },
    Variable { name: env::HOME, about: "The user's home folder; else the account's" },
    Variable { name: env::XDG_CONFIG_HOME, about: "See AZML_CONFIG_DIR" },
    Variable { name: env::XDG_STATE_HOME, about: "See AZML_STATE_DIR" },
];
