//! What a command works with: the environment, the user interface, and the way to a project and its remote.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::history::{self, HistoryRepo};
use azml_core::project::Project;
use azml_core::remote_url::RemoteUrl;
use azml_core::restore::{self, Recovered, Step, Steps, Stopped};
use azml_core::snapshot::Signature;
use azml_core::user_repo::{self, Identity, UserRepo};
use gix::actor;

use crate::cli::Invoked;
use crate::credentials::{
    Binding, BoundToken, Keyring, Origin, Prompts, Provider, Secret, TokenStore, may_ask,
};
use crate::env::{
    AZML_STATE_DIR, AZML_VSTS_TOKEN, AZML_VSTS_URL, EMAIL, Env, GIT_AUTHOR_EMAIL, GIT_AUTHOR_NAME, GIT_SSH,
    GIT_SSH_COMMAND, GIT_SSH_VARIANT, Unusable,
};
use crate::error::CommandError;
use crate::git_config::{GitConfig, Repository};
use crate::run::recovery;
use crate::settings::Settings;
use crate::sync::Event;
use crate::transport::{HttpVariables, Remote, TransportOptions};
use crate::ui::{Progress, Ui};

/// The world of one command.
pub struct Context {
    /// The environment.
    pub env: Env,
    /// The user interface.
    pub ui: Arc<Ui>,
    /// The name that azml was started under.
    pub invoked: Invoked,
    /// What the user has set for all commands.
    pub settings: Settings,
}

/// The one who has named a remote.
#[derive(Clone, Copy, Debug)]
pub enum NamedBy<'p> {
    /// The user, on this command's line, for the project in this folder.
    User(&'p Path),
    /// The configuration of the project in this folder.
    Folder(&'p Path),
    /// The service that the user is signed in to.
    Service,
}

/// A project that a command has opened.
pub struct Opened {
    /// The project.
    pub project: Project,
    /// Its history.
    pub history: HistoryRepo,
}

impl Context {
    /// The world of a command.
    pub fn new(env: Env, ui: Ui, invoked: Invoked, settings: Settings) -> Self {
        Self { env, ui: Arc::new(ui), invoked, settings }
    }

    /// Opens the project at `path`, else the one that the current folder is in, and ends what a killed command
    /// left unfinished there.
    pub fn open(&self, path: Option<&Path>) -> Result<Opened, CommandError> {
        let start = path.map_or_else(|| self.env.cwd.clone(), |path| self.env.cwd.join(path));
        let project = match path {
            Some(_) => Project::open(&start)?,
            None => Project::find(&start)?,
        };
        if let Some((place, Unusable::InProject)) = self.env.unusable_state_dir(project.root())
            && place.variable == AZML_STATE_DIR
        {
            let text = format!(
                "{AZML_STATE_DIR} ({}) is in the project folder: every run's folder would be part of the next run",
                place.dir.display()
            );
            return Err(CommandError::usage(text).hint(format!(
                "unset {AZML_STATE_DIR}, or set it to a folder outside {}",
                project.root().display()
            )));
        }
        let history = match HistoryRepo::open(project.root(), *project.id()) {
            Err(history::Error::NotFound { .. }) => self.adopt(&project)?,
            opened => opened?,
        };
        let opened = Opened { project, history };
        self.recover(&opened)?;
        Ok(opened)
    }

    /// Makes the history of a project that came here by a plain `git clone`; its remote is then the project's.
    fn adopt(&self, project: &Project) -> Result<HistoryRepo, CommandError> {
        let history = HistoryRepo::init(project.root(), *project.id())?;
        let user = UserRepo::open(project.root())?;
        // A larger repository's remote need not be the project's.
        let is_around = user.as_ref().is_some_and(UserRepo::is_around);
        match user.and_then(|user| user.remote_url()) {
            Some(url) if is_around => {
                self.ui.status(&format!("Made a run history in {}", project.root().display()));
                self.ui.hint(&format!(
                    "if its run history is at the repository's remote: {{azml}} project update -r {}",
                    url.without_secret()
                ));
            }
            Some(url) => {
                history.set_remote(&url)?;
                self.ui.status(&format!(
                    "Made a run history in {}, with the remote {url}",
                    project.root().display()
                ));
                self.ui.hint("{azml} history sync");
            }
            None => self.ui.status(&format!("Made a run history in {}", project.root().display())),
        }
        Ok(history)
    }

    fn recover(&self, opened: &Opened) -> Result<(), CommandError> {
        match restore::recover(&opened.history, &Faults::of(&self.env))? {
            Recovered::Nothing => {}
            Recovered::Finished(_) => {
                self.ui.warning("a restore was cut off; it has been finished now");
                self.ui.hint("to go back: {azml} project restore --undo");
            }
            Recovered::RolledBack { .. } => {
                self.ui.warning(
                    "a restore was cut off and could not be finished; the folder is as it was before it",
                );
            }
        }
        recovery::dead_runs(self, opened)
    }

    /// The user: as Git finds the author of a commit, else the account.
    pub fn author(&self, root: &Path) -> Signature {
        // A configuration that can't be read is told where it is needed.
        let configured = self.git_config(Some(root), "").ok().map(|config| config.identity());
        self.author_by(configured.unwrap_or_else(|| user_repo::identity(root)))
    }

    /// [`Self::author`], with what Git's configuration says: the environment goes before it.
    pub fn author_by(&self, configured: Identity) -> Signature {
        let given = |name: &str| self.env.text(name).map(str::to_owned);
        // Where Git would refuse a name with nothing in it, a run goes on.
        let is_name = |name: &String| !user_repo::clean(name).is_empty();
        let account = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| self.env.text(name));
        let account = account.unwrap_or("azml").to_owned();
        let email = given(GIT_AUTHOR_EMAIL).or(configured.email).or_else(|| given(EMAIL));
        let made_up =
            || if configured.use_config_only { String::new() } else { format!("{account}@{}", host_name()) };
        let email = email.unwrap_or_else(made_up);
        let name = given(GIT_AUTHOR_NAME).filter(is_name).or(configured.name.filter(is_name));
        Signature { name: name.unwrap_or(account), email }
    }

    /// The user, now, as Git writes it.
    pub fn signature(&self, root: &Path) -> actor::Signature {
        self.author(root).at(self.env.now())
    }

    /// The project's remote, if it has one.
    pub fn remote(&self, opened: &Opened, token: Option<&str>) -> Result<Option<Remote>, CommandError> {
        let url = opened.history.remote_url()?;
        url.map(|url| self.remote_at(url, NamedBy::Folder(opened.project.root()), token)).transpose()
    }

    /// The stored logins.
    pub fn logins(&self) -> TokenStore {
        let logins = TokenStore::in_folder(&self.env.config_dir());
        if let Some(mode) = logins.protect() {
            self.ui.warning(&format!(
                "{} could be read by others (mode {mode:04o}) and is yours alone now; a token in it may be known",
                logins.path().display()
            ));
            self.ui.hint("revoke it where it was made, and sign in again: {azml} login");
        }
        logins.with_keyring(Keyring::of(&self.env)).at(self.env.now())
    }

    /// The user's Git configuration, as it is for the project in `root` and a remote at `url` there.
    pub fn git_config(&self, root: Option<&Path>, url: &str) -> Result<GitConfig, CommandError> {
        let repository = root.map(Repository::of_project).transpose();
        if repository.is_err() {
            // A file of the user's own that can't be read is the reason that helps.
            GitConfig::load(&self.env, None)?;
        }
        let repository = repository?.map(|found| found.with_remote(url));
        Ok(GitConfig::load(&self.env, repository.as_ref())?)
    }

    /// The same error; if it is a Git configuration that can't be read, with file and line, of which gix names neither.
    pub fn with_place_in_git_config(&self, error: CommandError) -> CommandError {
        let is_it = |line: &String| line.starts_with("Could not parse") && line.contains("configuration");
        if !error.chain().iter().any(is_it) {
            return error;
        }
        let project = Project::find(&self.env.cwd).ok();
        self.git_config(project.as_ref().map(Project::root), "").err().unwrap_or(error)
    }

    /// A remote's URL as somebody typed it for the project in `root`. It is kept as it is where Git's configuration rewrites
    /// it. A folder that is named relative to the current one is kept by its whole path, for later commands are given
    /// elsewhere.
    pub fn url(&self, text: &str, root: &Path) -> Result<RemoteUrl, CommandError> {
        let text = text.trim();
        if self.git_config(Some(root), text)?.rewrites(text)? {
            return Ok(RemoteUrl::parse_rewritable(text)?);
        }
        let url = RemoteUrl::parse(text)?;
        match url.local_path() {
            Some(path) if path.is_relative() => {
                let whole = self.env.cwd.join(path);
                let whole = whole.canonicalize().unwrap_or(whole);
                Ok(RemoteUrl::parse(&whole.to_string_lossy())?)
            }
            _ => Ok(url),
        }
    }

    /// The remote at a URL, with the credentials that there may be for it, among them the `token` of the command line; the
    /// project folder's own Git configuration counts.
    pub fn remote_at(
        &self,
        url: RemoteUrl,
        by: NamedBy<'_>,
        token: Option<&str>,
    ) -> Result<Remote, CommandError> {
        let root = match by {
            NamedBy::User(root) | NamedBy::Folder(root) => Some(root),
            NamedBy::Service => None,
        };
        let config = Arc::new(self.git_config(root, url.as_str())?);
        let foreign = match by {
            NamedBy::Folder(root) => self.foreign_folder(root)?,
            NamedBy::User(_) | NamedBy::Service => None,
        };
        let auth = Provider::new()
            .with_token(self.token(&url, by, token)?)
            .withheld_from(foreign)
            .with_store(self.logins())
            .with_netrc(self.env.home().map(|home| home.join(".netrc")))
            .with_git_helpers(Arc::clone(&config), Prompts::of(&self.env), self.env.now());
        let options = TransportOptions {
            connect_timeout: self.settings.connect_timeout(),
            stall_timeout: self.settings.stall_timeout(),
            ssh_command: self.env.get(GIT_SSH_COMMAND).map(ToOwned::to_owned),
            ssh_program: self.env.get(GIT_SSH).map(ToOwned::to_owned),
            ssh_variant: self.env.text(GIT_SSH_VARIANT).map(str::to_ascii_lowercase),
            http: HttpVariables::of(&self.env),
            may_ask: may_ask(&self.env),
            ..TransportOptions::default()
        };
        Ok(Remote::new(url, auth, options.with_git_config(config)?))
    }

    /// The token of this command, and whom it is for: a token and a URL that are typed side by side belong together; all
    /// others go where `AZML_VSTS_URL` says, else to the service that the user is signed in to, else to VSTS.
    fn token(
        &self,
        url: &RemoteUrl,
        by: NamedBy<'_>,
        typed: Option<&str>,
    ) -> Result<Option<BoundToken>, CommandError> {
        let (token, name) = match (typed, self.env.text(AZML_VSTS_TOKEN)) {
            (Some(token), _) => (token, "--vststoken"),
            (None, Some(token)) => (token, AZML_VSTS_TOKEN),
            (None, None) => return Ok(None),
        };
        let binding = match (typed, by, self.env.text(AZML_VSTS_URL)) {
            (Some(_), NamedBy::User(_), _) => {
                Binding::Origins(Origin::parse(url.as_str()).into_iter().collect())
            }
            (_, _, Some(list)) => Binding::parse(list).map_err(|word| {
                CommandError::usage(format!(
                    "{AZML_VSTS_URL} has to name hosts by http or https, and has `{word}`"
                ))
                .hint("export AZML_VSTS_URL=https://HOST")
            })?,
            (_, _, None) => match self.logins().services() {
                // Stored logins that can't be read are told when one is looked for.
                Ok(services) if !services.is_empty() => Binding::Origins(services),
                _ => Binding::Service,
            },
        };
        Ok(Some(BoundToken { token: Secret::new(token), name, binding }))
    }

    /// The project folder or its history, if that is another user's and the user has not said to Git that it is safe.
    fn foreign_folder(&self, root: &Path) -> Result<Option<PathBuf>, CommandError> {
        let history = root.join(history::FOLDER);
        let is_foreign = |path: &Path| {
            let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            // What can't be looked at is nobody's yet.
            gix::sec::Trust::from_path_ownership(&real).is_ok_and(|trust| trust != gix::sec::Trust::Full)
        };
        let config_file = history.join("config");
        if ![root, &history, &config_file].into_iter().any(is_foreign) {
            return Ok(None);
        }
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        // What the folder says of itself does not count.
        let config = self.git_config(None, "")?;
        Ok(if config.is_safe_directory(&root)? { None } else { Some(root) })
    }

    /// A function for [`crate::sync::Context::observer`] that shows what happens in a bar.
    pub fn watch<'a>(&self, progress: &'a Progress) -> impl Fn(Event) + Sync + 'a {
        |event| match event {
            Event::Remote(line) => progress.say(format!("remote: {line}")),
            Event::Received(bytes) => progress.say(format!("{} received", size(bytes))),
            Event::Sent(bytes) => progress.say(format!("{} sent", size(bytes))),
            Event::Joining => progress.say("joining with what others pushed"),
            Event::Waiting { others } => {
                progress.say(format!("waiting for others who push now; {others} went first"));
            }
        }
    }
}

/// This computer's name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// The fault that `AZML_FAULT` puts into a restore, for tests.
pub struct Faults {
    abort_at: Option<u64>,
}

impl Faults {
    /// As the environment says.
    pub fn of(env: &Env) -> Self {
        Self { abort_at: env.restore_fault() }
    }
}

impl Steps for Faults {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        if self.abort_at == Some(step.number) {
            std::process::abort();
        }
        Ok(())
    }

    fn watches(&self) -> bool {
        self.abort_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 KB"),
            (12_345, "12 KB"),
            (999_700, "1.0 MB"),
            (5_400_000_000, "5.4 GB"),
        ];
        for (bytes, expect) in cases {
            assert_eq!(size(bytes), expect);
        }
    }
}
