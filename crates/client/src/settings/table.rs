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
    /// The value if nobody has set it, as it would be written.
    pub default: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    /// Its purpose, in one sentence.
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
    pub name: &'static str,
    /// Its purpose, in one sentence.
    pub about: &'static str,
}

/// Makes the table of settings of rows: key, kind, default, variable and purpose.
macro_rules! settings {
    ($($key:literal $kind:ident = $default:literal, $variable:ident: $about:literal;)*) => {
        /// All settings.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            variable: env::$variable,
            default: $default,
            kind: Kind::$kind,
            about: $about,
        }),*];
    };
}

/// Makes the table of all other variables of rows: name and purpose.
macro_rules! variables {
    ($($name:ident: $about:literal;)*) => {
        /// All other variables of azml's own, and those of others that it heeds.
        pub static VARIABLES: &[Variable] = &[$(Variable { name: env::$name, about: $about }),*];
    };
}

settings! {
    "push_wait" Seconds = "10", AZML_PUSH_WAIT:
        "Seconds that the end of a run waits for its push; after that the next command that talks to the remote pushes the rest";
    "attachments_limit" Size = "50MB", AZML_ATTACHMENTS_LIMIT:
        "The most bytes of outputs and logs of a run to push; the rest stays on its computer, and is named";
    "large_file" Size = "50MB", AZML_LARGE_FILE:
        "Files of so many bytes or more are large files: a snapshot has Git LFS pointers in their places; 0 for none";
    "large_limit" Size = "10GB", AZML_LARGE_LIMIT:
        "The most bytes of new large files that a snapshot takes without --allow-large; 0 for no limit";
    "plain_arguments" Text = "", AZML_PLAIN_ARGUMENTS:
        "Arguments whose values are recorded though they look like secrets: their names without dashes, with commas between them, or * for all";
    "keep_days" Days = "30", AZML_KEEP_DAYS:
        "Days to keep the files that a run wrote beside its outputs; the first run after that removes them; 0 for ever";
    "keep_size" Size = "20GB", AZML_KEEP_SIZE:
        "The most bytes of such files in a project; a run names the oldest excess files and the next run removes them; 0 for no limit";
    "heartbeat" Seconds = "600", AZML_HEARTBEAT:
        "Seconds between two signs of life that a running run gives in the history; 0 for none";
    "connect_timeout" Seconds = "10", AZML_CONNECT_TIMEOUT:
        "Seconds to wait for a connection to a remote";
    "stall_timeout" Seconds = "60", AZML_STALL_TIMEOUT:
        "Seconds that a conversation with a remote may be silent";
    "output" Output = "", AZML_OUTPUT:
        "Format of results: json, jsonc, table, tsv, yaml or none; a table on a terminal and json otherwise, if not set";
    "color" Color = "auto", AZML_COLOR:
        "When to use colour: auto, always or never";
    "pager" Text = "", AZML_PAGER:
        "Command that shows tables longer than the terminal; $PAGER, else less, if not set; cat for none";
    "log" Text = "", AZML_LOG:
        "What to log on standard error, in the syntax of RUST_LOG; goes before --verbose and --debug";
}

variables! {
    AZML_VSTS_TOKEN:
        "A personal access token for the project's remote; --vststoken takes precedence, and scripts do not get it";
    AZML_VSTS_URL:
        "The hosts that this token may go to, as URLs; else the service that you are signed in to, else https://*.visualstudio.com and https://dev.azure.com";
    AZML_CONFIG_DIR: "Where config.toml and logins are; else $XDG_CONFIG_HOME/azml, else ~/.config/azml";
    AZML_STATE_DIR:
        "Where the folders of runs are, outside the project; else $XDG_STATE_HOME/azml, else ~/.local/state/azml";
    AZML_KEYRING: "off keeps logins in a file that only you can read, even where there is a system keyring";
    AZML_RUN_ID: "Given to a run's script: the run's id";
    AZML_METRICS_FILE:
        "Given to a run's script: the file that metrics are appended to, one JSON object a line";
    AZML_ATTACHMENTS_DIR: "Given to a run's script: the folder whose files become the run's attachments";
    AZUREML_NATIVE_SHARE_DIRECTORY: "Given to a run's script: a folder that all runs of the project share";
    AZML_NODE_DIR: "Where other computers' runs go on: the folder of azml's files; default ~/.azml";
    AZML_DETACHED: "Set by azml for itself: this azml watches a run without a terminal";
    AZML_NOW: "For tests: the time, in RFC 3339, in place of the clock's";
    AZML_FAULT: "For tests: ends a debug build of azml at a step of a restore or a run";
    NO_COLOR: "No colour, whatever its value";
    CLICOLOR_FORCE: "Colour even without a terminal, unless 0";
    TERM: "dumb means no colour, no progress bars and no pager";
    PAGER: "The pager, if azml's own setting names none";
    GIT_AUTHOR_NAME: "The name of who commits, as Git reads it";
    GIT_AUTHOR_EMAIL: "The e-mail address of who commits, as Git reads it";
    EMAIL: "The address if Git's configuration has none, as Git reads it";
    GIT_SSH_COMMAND: "The ssh command for remotes, as Git reads it";
    GIT_SSH: "The ssh program for remotes, as Git reads it";
    GIT_SSH_VARIANT: "Which options that program takes, as Git reads it";
    GIT_SSL_CAINFO: "Certificates to trust for https remotes, as Git reads it";
    GIT_SSL_NO_VERIFY: "Accepts any certificate of an https remote, as Git reads it";
    GIT_SSL_CAPATH: "A folder of more such certificates, as Git reads it";
    GIT_SSL_CERT: "Your own certificate for https remotes, as Git reads it";
    GIT_SSL_KEY: "The key of that certificate, as Git reads it";
    GIT_HTTP_USER_AGENT: "What http remotes see as the client, as Git reads it";
    GIT_CONFIG_SYSTEM: "The system-wide Git configuration, as Git reads it";
    GIT_CONFIG_NOSYSTEM: "true reads no system-wide Git configuration, as Git reads it";
    GIT_CONFIG_GLOBAL: "Your Git configuration, as Git reads it";
    GIT_CONFIG_COUNT: "How many GIT_CONFIG_KEY_<n> and GIT_CONFIG_VALUE_<n> there are, as Git reads it";
    GIT_CONFIG_PARAMETERS: "What git -c passes on, as Git reads it";
    GIT_ASKPASS:
        "The program that asks for user name and password; goes before core.askPass, as Git reads it";
    SSH_ASKPASS: "The same, after core.askPass";
    HTTP_PROXY: "The proxy for http remotes, as curl reads it";
    HTTPS_PROXY: "The proxy for https remotes, as curl reads it";
    HTTPS_PROXY_UPPER: "The same";
    ALL_PROXY: "The proxy for both, as curl reads it";
    ALL_PROXY_UPPER: "The same";
    MLFLOW_TRACKING_URI: "The tracking server of MLflow's clients; a run's script gets azml's own, unless it is set";
    MLFLOW_TRACKING_TOKEN: "A token for the server of mlflow import and export, as MLflow reads it";
    MLFLOW_TRACKING_USERNAME: "The user's name there, as MLflow reads it";
    MLFLOW_TRACKING_PASSWORD: "The password there, as MLflow reads it";
    MLFLOW_RUN_CONTEXT: "Tags of MLflow's runs, as JSON; a run's script gets its id and snapshot in it, too";
    NO_PROXY: "Hosts that are reached without a proxy, as curl reads it";
    NO_PROXY_UPPER: "The same";
    SSL_CERT_FILE: "Certificates in place of the system's, as OpenSSL reads it";
    GIT_TERMINAL_PROMPT: "0 forbids every question at a terminal, as Git reads it";
    DBUS_SESSION_BUS_ADDRESS: "The session bus: the way to the system keyring on Linux";
    XDG_RUNTIME_DIR: "Where the session bus may be, too, as the file bus";
    DISPLAY: "The X display: without one, or Wayland's, azml ui opens no browser";
    WAYLAND_DISPLAY: "The Wayland display";
    HOME: "The user's home folder; else the account's";
    XDG_CONFIG_HOME: "See AZML_CONFIG_DIR";
    XDG_STATE_HOME: "See AZML_STATE_DIR";
}
