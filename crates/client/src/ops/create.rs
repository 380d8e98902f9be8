//! Creating a project: in a new folder, or of a folder that is there.

use std::fs;
use std::path::{Path, PathBuf};

use azml_core::history::{self, HistoryRepo};
use azml_core::id::ProjectId;
use azml_core::project::{self, Created, Project, ProjectName, Scope};
use azml_core::quote::quoted_path;
use azml_core::remote_url::RemoteUrl;
use azml_core::snapshot::{Silent, initial_commit};
use azml_core::user_repo::UserRepo;

use super::snapshot::{self, limits, tell_large};
use super::{link, registry, template};
use crate::context::{Context, NamedBy, Opened};
use crate::error::CommandError;
use crate::service::{Filter, Service};
use crate::sync::LinkMode;

/// A request to create a project.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The project's name; by default the folder's.
    pub name: Option<&'a str>,
    /// The folder to create the project's folder in; with `existing` the folder itself. By default the current one.
    pub path: Option<&'a Path>,
    /// The remote repository to link the project to.
    pub repo: Option<&'a str>,
    /// Make a project of a folder that is there.
    pub existing: bool,
    /// Make a Git repository for the project alone, also inside another one.
    pub init_repo: bool,
    /// The repository whose files the project begins with.
    pub template: Option<&'a str>,
    /// Take in large files.
    pub allow_large: bool,
    /// A token for the remote.
    pub token: Option<&'a str>,
    /// The place in the registry.
    pub registry: Filter,
}

/// A refusal of the folder for a project.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder that was named is not there.
    #[error("there is no folder {}", root.display())]
    NoFolder { root: PathBuf },
    /// The folder for a new project has something in it.
    #[error("{} exists and is not an empty folder", root.display())]
    NotEmpty { root: PathBuf },
}

/// The subscription of an account that is named without one.
const NO_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// Creates a project; if that fails, the folder is as it was.
pub fn create(ctx: &Context, request: &Request<'_>) -> Result<Opened, CommandError> {
    let at = request.path.map_or_else(|| ctx.env.cwd.clone(), |path| ctx.env.cwd.join(path));
    let name = match request.name {
        Some(name) => name.to_owned(),
        None => at
            .canonicalize()
            .unwrap_or_else(|_| at.clone())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into(),
    };
    let name = ProjectName::parse(&name)?;
    let root = if request.existing { at } else { at.join(name.as_str()) };
    let url = request.repo.map(|url| ctx.url(url, &root)).transpose()?;
    let template = request.template.map(|url| ctx.url(url, &root)).transpose()?;
    if root.join(project::FILE).exists() {
        return Err(project::Error::AlreadyAProject { root }.into());
    }
    let mut undo = Undo::before(&root, request.existing)?;
    project::check_folder(&root, ctx.env.home())?;
    let repository = url.as_ref().map(|url| url.without_secret().to_string());
    let place = Place::find(ctx, &request.registry, &name, repository.as_deref())?;
    let made = make(ctx, request, &root, &place, template, &mut undo).and_then(|opened| {
        if let Some(url) = url {
            let mode = if request.existing { LinkMode::EmptyOrClone } else { LinkMode::Empty };
            link::link(ctx, &opened, url, request.token, mode)?;
        }
        Ok(opened)
    });
    let opened = match made {
        Ok(opened) => opened,
        Err(error) => {
            place.leave(ctx);
            return Err(error);
        }
    };
    undo.keep();
    ctx.notices.status(&format!("Made project {name} in {}", quoted_path(&root)));
    Ok(opened)
}

fn make(
    ctx: &Context,
    request: &Request<'_>,
    root: &Path,
    place: &Place,
    template: Option<RemoteUrl>,
    undo: &mut Undo,
) -> Result<Opened, CommandError> {
    let is_blank = !request.existing && template.is_none();
    if !request.existing {
        fs::create_dir_all(root).map_err(|error| CommandError::file("make folder", root, error))?;
    }
    if let Some(url) = template {
        let progress = ctx.notices.progress("Fetching the template");
        // Beside the URL of a repository the token is for that one.
        let token = request.token.filter(|_| request.repo.is_none());
        template::fetch(&ctx.remote_at(url, NamedBy::User(root), token)?, root, &*progress)?;
    }
    let user = if request.init_repo { UserRepo::open_at(root)? } else { UserRepo::open(root)? };
    let id = place.id;
    let created = project::create_files(root, id, place.scope.clone(), is_blank, ctx.env.home())?;
    undo.created = Some(created);
    let mut history = HistoryRepo::init(root, id)?;
    history.set_large_from(ctx.settings.large_file());
    if user.is_none() {
        undo.made_git = true;
        let user = UserRepo::init(root)?;
        let limits = limits(ctx, request.allow_large);
        let from = ctx.settings.large_file();
        let first = initial_commit(&user, &ctx.author(root), ctx.env.now(), (limits, from), &Silent)?;
        tell_large(ctx, &first.large);
    }
    // Opened only now: with --init-repo it is the new one.
    if let Some(around) = history.user_repo()?.filter(|user| user.is_around()) {
        ctx.notices.status(&format!(
            "The project is a folder of the Git repository {}, and uses it; to make one inside it: --init-repo",
            around.work_tree().display()
        ));
    }
    snapshot::take(ctx, &history, link::first_message(), request.allow_large)?;
    Ok(Opened { project: Project::open(root)?, history })
}

/// The identity of a new project: its id, and its place in a registry or in none.
struct Place {
    id: ProjectId,
    scope: Scope,
    /// The registry that lists it.
    service: Option<Service>,
}

impl Place {
    /// Registers the project if an account is named and somebody is signed in; else it gets an id of its own.
    fn find(
        ctx: &Context,
        at: &Filter,
        name: &ProjectName,
        repository: Option<&str>,
    ) -> Result<Self, CommandError> {
        if at.is_empty() {
            return Ok(Self { id: random_id()?, scope: Scope::local(name), service: None });
        }
        if let Some(service) = Service::if_signed_in(ctx)? {
            let found = registry::register(&service, at, name, repository)?;
            ctx.notices.status(&format!("Registered {name} in {}/{}", found.account, found.workspace));
            return Ok(Self { id: found.project, scope: found.scope, service: Some(service) });
        }
        ctx.notices.warning(
            "you are not signed in: the project carries the account's name, but is not registered there",
        );
        ctx.notices.hint("{azml} login --service URL");
        let or_local = |part: &Option<String>| part.clone().unwrap_or_else(|| "local".to_owned());
        let subscription = at.subscription.as_deref().unwrap_or(NO_SUBSCRIPTION);
        let [account, workspace, group] = [&at.account, &at.workspace, &at.group].map(or_local);
        let scope = Scope::new(subscription, &group, &account, &workspace, name.as_str())?;
        Ok(Self { id: random_id()?, scope, service: None })
    }

    /// Takes the project out of the registry again: it has not come about.
    fn leave(&self, ctx: &Context) {
        let Some(service) = &self.service else { return };
        if let Err(error) = service.unregister(self.scope.as_str()) {
            ctx.notices.warning(&format!("the project stays in the registry: {error}"));
            ctx.notices.hint("{azml} project delete -n NAME");
        }
    }
}

fn random_id() -> Result<ProjectId, CommandError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| CommandError::failed(std::io::Error::other(error)))?;
    Ok(ProjectId::from_random(random))
}

/// Takes back what was made, unless it is kept in the end.
struct Undo {
    root: PathBuf,
    existed: bool,
    created: Option<Created>,
    made_git: bool,
    kept: bool,
}

impl Undo {
    fn before(root: &Path, existing: bool) -> Result<Self, Error> {
        let found = fs::metadata(root);
        let is_empty = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_none());
        match (&found, existing) {
            (Ok(found), true) if found.is_dir() => {}
            (_, true) => {
                return Err(Error::NoFolder { root: root.to_owned() });
            }
            (Ok(_), false) if !is_empty => {
                return Err(Error::NotEmpty { root: root.to_owned() });
            }
            _ => {}
        }
        Ok(Self {
            root: root.to_owned(),
            existed: found.is_ok(),
            created: None,
            made_git: false,
            kept: existing && root.join(history::FOLDER).exists(),
        })
    }

    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // The error that brought us here is told; what can't be removed stays for the user to see.
        if !self.existed {
            drop(fs::remove_dir_all(&self.root));
            return;
        }
        drop(fs::remove_dir_all(self.root.join(history::FOLDER)));
        if self.made_git {
            drop(fs::remove_dir_all(self.root.join(".git")));
        }
        if let Some(created) = &self.created {
            created.take_back(&self.root);
        }
    }
}
