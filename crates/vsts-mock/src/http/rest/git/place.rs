//! A repository that the caller may read, and what every resource of it needs: the objects, the URLs, the caller.

use std::sync::Arc;

use encoding_rs::Encoding;
use git_wire::Reader;
use git_wire::history::History;
use gix::ObjectId;
use gix::objs::Kind;
use http::header::ACCEPT;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::super::failure::{Failure, shown};
use super::super::query::Query;
use super::super::{Call, shape};
use crate::access::Principal;
use crate::app::App;
use crate::operations::commit_text::decode;
use crate::operations::work::Work;
use crate::world::{Repo, World};

/// A repository, and who asks about it.
pub(super) struct Place {
    pub(super) app: Arc<App>,
    pub(super) world: Arc<World>,
    pub(super) principal: Principal,
    pub(super) repo: Repo,
    /// The repository as it is shown where something belongs to it.
    pub(super) shown: Value,
    base: String,
    pub(super) query: Query,
    pub(super) accept: String,
    pub(super) runtime: Handle,
    /// What may be done for this request.
    pub(super) work: Arc<Work>,
}

impl Place {
    /// Finds the repository. Call it on the runtime.
    pub(super) fn find(call: &Call<'_>, asked: &str) -> Result<Self, Failure> {
        let world = call.app.state.world();
        let (account, project, repo) = call.repo(&world, asked)?;
        let accept = call.headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        Ok(Self {
            app: call.app.clone(),
            principal: call.principal.clone(),
            shown: call.repo_json(account, project, repo),
            base: call.base(account),
            repo: repo.clone(),
            query: call.query.clone(),
            accept: accept.collect::<Vec<_>>().join(",").to_lowercase(),
            runtime: Handle::current(),
            work: Work::new(),
            world: world.clone(),
        })
    }

    /// A repository that was made for the caller. Call it on the runtime's own threads.
    pub(super) fn new(app: &Arc<App>, principal: &Principal, repo: Uuid) -> Result<Self, Failure> {
        let world = app.state.world();
        let repo = world.repos.get(&repo).cloned().ok_or_else(|| Failure::no_repo(&repo.to_string()))?;
        Ok(Self {
            app: app.clone(),
            principal: principal.clone(),
            shown: Value::Null,
            base: String::new(),
            repo,
            query: Query::default(),
            accept: String::new(),
            runtime: Handle::current(),
            work: Work::new(),
            world,
        })
    }

    /// Opens it for reading: what is there stays until the handle is dropped.
    pub(super) fn open(&self) -> Result<Reader, Failure> {
        let opened = self.app.state.open_repo(&self.repo);
        let mut repository = opened.map_err(|error| Failure::unopened(&error))?.read();
        repository.object_cache_size_if_unset(4 << 20);
        Ok(repository)
    }

    /// Asks for a commit-graph if a walk had to read many commits because there is none that has them.
    pub(super) fn wants_graph(&self, history: &History<'_>) {
        self.app.wants_graph(&self.repo, history);
    }

    /// The URL of something of the repository.
    pub(super) fn url(&self, tail: &str) -> String {
        format!("{}/{tail}", self.shown["url"].as_str().unwrap_or_default())
    }

    /// The URL of something of the repository on its pages.
    pub(super) fn page(&self, tail: &str) -> String {
        format!("{}/{tail}", self.shown["remoteUrl"].as_str().unwrap_or_default())
    }

    pub(super) fn identity(&self, user: Uuid) -> Value {
        shape::identity(&self.world, &self.base, user)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.app.clock.now()
    }
}

/// The id of an object of one kind, by the id in a request.
pub(super) fn object_of(repository: &gix::Repository, id: &str, kind: Kind) -> Result<ObjectId, Failure> {
    let parsed = object_id(id)?;
    let found = repository.try_find_header(parsed)?.is_some_and(|header| header.kind() == kind);
    if found { Ok(parsed) } else { Err(no_object(id)) }
}

/// The data of an object of one kind, by the id in a request.
pub(super) fn object(
    repository: &gix::Repository,
    id: &str,
    kind: Kind,
) -> Result<(ObjectId, Vec<u8>), Failure> {
    let parsed = object_id(id)?;
    let found = repository.try_find_object(parsed)?.filter(|object| object.kind == kind);
    let mut object = found.ok_or_else(|| no_object(id))?;
    Ok((parsed, std::mem::take(&mut object.data)))
}

/// An id of forty hexadecimal digits.
pub(super) fn object_id(text: &str) -> Result<ObjectId, Failure> {
    ObjectId::from_hex(text.as_bytes()).ok().filter(|_| text.len() == 40).ok_or_else(|| {
        Failure::bad(format!("{:?} is not the id of an object: 40 hexadecimal digits.", shown(text)))
    })
}

pub(super) fn no_object(id: &str) -> Failure {
    let message = format!("TF401035: The object '{}' does not exist.", shown(id));
    Failure::not_found("GitObjectDoesNotExistException", message)
}

/// Who wrote something and when.
pub(super) fn person(signature: gix::actor::SignatureRef<'_>, encoding: Option<&'static Encoding>) -> Value {
    json!({
        "name": decode(signature.name, encoding),
        "email": decode(signature.email, encoding),
        "date": time_of(signature),
    })
}

pub(super) fn time_of(signature: gix::actor::SignatureRef<'_>) -> Timestamp {
    let seconds = signature.time().map_or(0, |time| time.seconds);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
