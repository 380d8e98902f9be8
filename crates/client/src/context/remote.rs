//! The project's remote, and the credentials and the Git configuration that apply to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::history;
use azml_core::project::Project;
use azml_core::remote_url::RemoteUrl;

use super::{Context, Opened};
use crate::credentials::{
    Binding, BoundToken, Keyring, Origin, Prompts, Provider, Secret, TokenStore, may_ask,
};
use crate::env::{AZML_VSTS_TOKEN, AZML_VSTS_URL, GIT_SSH, GIT_SSH_COMMAND, GIT_SSH_VARIANT};
use crate::error::CommandError;
use crate::git_config::{GitConfig, Repository};
use crate::limits;
use crate::transport::host::Host;
use crate::transport::{HttpVariables, Remote, TransportOptions};

/// Whoever named a remote.
#[derive(Clone, Copy, Debug)]
pub enum NamedBy<'p> {
    /// The user, on this command's line, for the project in this folder.
    User(&'p Path),
    /// The configuration of the project in this folder.
    Folder(&'p Path),
    /// The service that the user is signed in to.
    Service,
}

impl Context {
    /// The project's remote, if it has one.
    pub fn remote(&self, opened: &Opened, token: Option<&str>) -> Result<Option<Remote>, CommandError> {
        let Some(url) = opened.history.remote_url()? else { return Ok(None) };
        let at = |url| self.remote_at(url, NamedBy::Folder(opened.project.root()), token);
        let remote = at(url)?;
        Ok(Some(match opened.history.large_files_url()? {
            Some(url) => remote.with_large_files_at(at(url)?),
            None => remote,
        }))
    }

    /// The stored logins.
    pub fn logins(&self) -> TokenStore {
        let logins = TokenStore::in_folder(&self.env.config_dir());
        if let Some(mode) = logins.protect() {
            self.notices.warning(&format!(
                "{} could be read by others (mode {mode:04o}) and is yours alone now; a token in it may be known",
                logins.path().display()
            ));
            self.notices.hint("revoke it where it was made, and sign in again: {azml} login");
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
        Ok(Remote::new(url, auth, self.transport_options().with_git_config(config)?))
    }

    fn transport_options(&self) -> TransportOptions {
        TransportOptions {
            connect_timeout: self.settings.connect_timeout(),
            stall_timeout: self.settings.stall_timeout(),
            ssh_command: self.env.get(GIT_SSH_COMMAND).map(ToOwned::to_owned),
            ssh_program: self.env.get(GIT_SSH).map(ToOwned::to_owned),
            ssh_variant: self.env.text(GIT_SSH_VARIANT).map(str::to_ascii_lowercase),
            http: HttpVariables::of(&self.env),
            may_ask: may_ask(&self.env),
            ..TransportOptions::default()
        }
    }

    /// A host that is reached by the user's own ssh: `[USER@]NAME[:PORT]`.
    pub fn host(&self, address: &str) -> Result<Host, CommandError> {
        let config = Arc::new(self.git_config(None, "")?);
        let options = TransportOptions {
            connect_timeout: self.settings.connect_timeout().min(limits::NODE_CONNECT),
            ..self.transport_options()
        };
        let user = rustix::process::getuid().as_raw();
        let sockets = self.env.temp().join(format!("azml-{user}"));
        Ok(Host::by_ssh(address, &sockets, options.with_git_config(config)?))
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
}
