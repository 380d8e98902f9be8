//! Credentials by Git's own ways of asking: the credential helpers of the user's configuration, then an askpass program,
//! then the terminal. All as Git's `credential.c` does it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, Mutex};

use bstr::{BStr, BString, ByteSlice as _};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::protocol::Description;
use super::{Error, Secret, program};
use crate::env::{Env, GIT_ASKPASS, GIT_TERMINAL_PROMPT, SSH_ASKPASS};
use crate::git_config::{self, GitConfig, NormalUrl};

/// Characters that stay as they are in the URL that a question shows.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PLAIN_HOST: &AsciiSet = &PLAIN.remove(b':').remove(b'[').remove(b']');
const PLAIN_PATH: &AsciiSet = &PLAIN.remove(b'/');

/// The ways to ask the user, beside the helpers.
#[derive(Clone, Debug, Default)]
pub struct Prompts {
    /// `GIT_ASKPASS`; an empty one says that no program is to be asked.
    git_askpass: Option<OsString>,
    ssh_askpass: Option<OsString>,
    /// True if a person sits at a terminal, and may be asked there.
    terminal: bool,
}

impl Prompts {
    /// As the environment says.
    pub fn of(env: &Env) -> Self {
        let variable = |name: &str| env.vars().get(OsStr::new(name)).cloned();
        Self {
            git_askpass: variable(GIT_ASKPASS),
            ssh_askpass: variable(SSH_ASKPASS),
            terminal: may_ask(env),
        }
    }
}

/// Returns whether a person sits at a terminal, and Git's own programs may ask there.
pub fn may_ask(env: &Env) -> bool {
    let allowed = env
        .get(GIT_TERMINAL_PROMPT)
        .and_then(|value| gix::config::Boolean::try_from(BStr::new(value.as_bytes())).ok());
    env.stdin_is_terminal && env.stderr_is_terminal && allowed.is_none_or(|allowed| allowed.0)
}

pub(super) struct Helpers {
    config: Arc<GitConfig>,
    prompts: Prompts,
    now: Timestamp,
    /// Helpers are processes that may talk to a person: one at a time.
    asking: Mutex<()>,
}

/// `credential.*`, as it is for one URL.
struct Settings<'a> {
    helpers: Vec<&'a BStr>,
    username: Option<String>,
    use_http_path: bool,
    is_interactive: bool,
}

impl Helpers {
    pub(super) fn new(config: Arc<GitConfig>, prompts: Prompts, now: Timestamp) -> Self {
        Self { config, prompts, now, asking: Mutex::new(()) }
    }

    /// Completes a description: by the helpers, else by asking. `None`: nobody knows, and nobody may be asked.
    pub(super) fn fill(&self, mut wanted: Description) -> Result<Option<Description>, Error> {
        let _one_at_a_time = self.asking.lock();
        let settings = self.settings(&wanted)?;
        if wanted.username.is_none() {
            wanted.username = settings.username;
        }
        if !settings.use_http_path {
            wanted.path = None;
        }
        wanted.next_stage();
        for definition in settings.helpers {
            let mut answer = wanted.clone();
            let output = program::helper(
                OsStr::from_bytes(definition),
                "get",
                &wanted.question()?,
                self.prompts.terminal,
            );
            match output.map(|output| answer.update(&mut output.as_slice())) {
                Ok(Ok(())) => wanted = answer,
                Ok(Err(error)) => {
                    tracing::warn!(%definition, %error, "a git credential helper's answer can't be read");
                }
                Err(error) => tracing::warn!(%definition, %error, "a git credential helper can't be run"),
            }
            if wanted.expires.is_some_and(|end| end < self.now) {
                (wanted.password, wanted.expires) = (None, None);
            }
            if wanted.is_complete() {
                wanted.challenges.clear();
                return Ok(Some(wanted));
            }
            if wanted.quits {
                return Err(Error::Quit { helper: definition.to_string() });
            }
        }
        if !settings.is_interactive {
            return Ok(None);
        }
        if wanted.username.is_none() {
            let Some(user) = self.ask("Username", &wanted, gix::prompt::Mode::Visible)? else {
                return Ok(None);
            };
            wanted.username = Some(user.expose().to_owned());
        }
        let Some(password) = self.ask("Password", &wanted, gix::prompt::Mode::Hidden)? else {
            return Ok(None);
        };
        wanted.password = Some(password);
        wanted.challenges.clear();
        Ok(Some(wanted))
    }

    /// Tells all helpers whether the host took what they answered. A helper that fails at this is no concern.
    pub(super) fn report(&self, answer: &Description, accepted: bool) {
        let _one_at_a_time = self.asking.lock();
        let mut answer = answer.clone();
        answer.next_state();
        let operation = if accepted { "store" } else { "erase" };
        let Ok(settings) = self.settings(&answer) else { return };
        if !settings.use_http_path {
            answer.path = None;
        }
        let Ok(text) = answer.report() else { return };
        for definition in settings.helpers {
            let helper = OsStr::from_bytes(definition);
            if let Err(error) = program::helper(helper, operation, &text, self.prompts.terminal) {
                tracing::debug!(%error, "a git credential helper could not be told");
            }
        }
    }

    fn settings(&self, wanted: &Description) -> Result<Settings<'_>, git_config::Error> {
        let url = NormalUrl::parse(shown(wanted).as_bytes());
        let is_partly_that =
            |pattern: &BStr| Partial::parse(pattern).is_some_and(|partial| partial.fits(wanted));
        let mut found =
            Settings { helpers: Vec::new(), username: None, use_http_path: false, is_interactive: true };
        for entry in self.config.all_for_url("credential", url.as_ref(), is_partly_that) {
            match entry.name() {
                "helper" if entry.text()?.is_empty() => found.helpers.clear(),
                "helper" => found.helpers.push(entry.text()?),
                "username" => found.username = Some(entry.str()?.to_owned()),
                "usehttppath" => found.use_http_path = entry.boolean()?,
                "interactive" => {
                    found.is_interactive =
                        entry.text().is_ok_and(|text| text != "never") && entry.boolean().unwrap_or(true);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Asks a person, by the askpass program if there is one, else at the terminal.
    fn ask(
        &self,
        what: &str,
        wanted: &Description,
        mode: gix::prompt::Mode,
    ) -> Result<Option<Secret>, Error> {
        let prompt = format!("{what} for '{}': ", shown(wanted));
        let configured = || -> Result<Option<OsString>, git_config::Error> {
            let Some(entry) = self.config.last("core", "askpass") else { return Ok(None) };
            Ok(self.config.path(entry)?.map(OsString::from))
        };
        let askpass = match &self.prompts.git_askpass {
            Some(program) => Some(program.clone()),
            None => configured()?.or_else(|| self.prompts.ssh_askpass.clone()),
        };
        if let Some(program) = askpass.filter(|program| !program.is_empty()) {
            match program::askpass(&program, &prompt) {
                Ok(answer) => return Ok(Some(answer)),
                Err(source) if !self.prompts.terminal => {
                    return Err(Error::Askpass { program: program.to_string_lossy().into_owned(), source });
                }
                Err(error) => tracing::warn!(%error, ?program, "the askpass program gave no answer"),
            }
        }
        if !self.prompts.terminal {
            return Ok(None);
        }
        let answer = gix::prompt::ask(&prompt, &gix::prompt::Options { askpass: None, mode });
        match answer {
            Ok(answer) => Ok(Some(Secret::new(answer))),
            Err(error) => {
                tracing::debug!(%error, "nobody can be asked at the terminal");
                Ok(None)
            }
        }
    }
}

/// For what a credential is, as a URL without any secret.
fn shown(wanted: &Description) -> String {
    let protocol = wanted.protocol.as_deref().unwrap_or_default();
    let user = wanted.username.as_deref().filter(|user| !user.is_empty());
    let user = user.map(|user| format!("{}@", utf8_percent_encode(user, PLAIN))).unwrap_or_default();
    let host = utf8_percent_encode(wanted.host.as_deref().unwrap_or_default(), PLAIN_HOST);
    let path = wanted.path.as_ref().map(|path| format!("/{}", utf8_percent_encode(path, PLAIN_PATH)));
    format!("{protocol}://{user}{host}{}", path.unwrap_or_default())
}

/// A pattern `credential.<pattern>.*` that is not all of a URL: a host, a host with a path, a protocol alone.
struct Partial {
    protocol: Option<BString>,
    username: Option<BString>,
    host: Option<BString>,
    path: Option<BString>,
}

impl Partial {
    fn parse(text: &BStr) -> Option<Self> {
        let decode = |text: &[u8]| BString::from(percent_encoding::percent_decode(text).collect::<Vec<u8>>());
        let some = |text: &[u8]| Some(decode(text)).filter(|text| !text.is_empty());
        let (protocol, rest) = match text.split_once_str("://") {
            Some((protocol, rest)) => (some(protocol), rest),
            None => (None, text.as_bytes()),
        };
        let end = rest.find_byteset(b"/?#").unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = match authority.split_once_str("@") {
            Some((user, host)) => (some(user.split_str(":").next().unwrap_or_default()), host),
            None => (None, authority),
        };
        let path = path.trim_start_with(|c| c == '/').trim_end_with(|c| c == '/');
        let found = Self { protocol, username: user, host: some(host), path: some(path) };
        // A control character could forge a line.
        let parts = [&found.protocol, &found.username, &found.host, &found.path];
        let is_forged = parts.into_iter().flatten().any(|part| part.contains(&b'\n'));
        (!is_forged).then_some(found)
    }

    fn fits(&self, wanted: &Description) -> bool {
        let is = |part: &Option<BString>, found: &Option<String>| {
            part.as_ref().is_none_or(|part| found.as_ref().is_some_and(|found| part == found.as_bytes()))
        };
        is(&self.protocol, &wanted.protocol)
            && is(&self.username, &wanted.username)
            && is(&self.host, &wanted.host)
            && is(&self.path, &wanted.path)
    }
}
