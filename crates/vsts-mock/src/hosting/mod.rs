//! A Git conversation of one principal with one repository, whatever carries it.
//!
//! A transport finds out who asks and which names are meant, [`admit`]s them, and lets a [`Session`] speak with the
//! engine. The texts of refusals are here, for all transports; HTTP gives them statuses. Nothing here knows HTTP.

mod policy;

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use git_wire::{Error, KeepAlive, Options, ProtocolVersion, RefRefusal, Service, Summary};
use tokio::runtime::Handle;

use crate::access::{
    Permission, Principal, Refusal, Target, authorize, authorize_push, object_rules, repository_not_found,
};
use crate::admission::Client;
use crate::app::App;
use crate::clock::Clock;
use crate::conversations::Turn;
use crate::directory::{Directory, Repo};
use crate::gate::Entered;
use crate::limits::{GIT_KEEPALIVE, REF_LOCK_WAITS, REF_NAME_BYTES};
use policy::RepoPolicy;

/// The beginning of a request for refs.
const ASKS_FOR_REFS: &[u8] = b"0014command=ls-refs\n";
/// Work that takes less time isn't worth handing to a thread that may block.
const AT_ONCE: Duration = Duration::from_micros(500);

/// The names in an address, as they were asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) account: Option<&'a str>,
    pub(crate) project: &'a str,
    pub(crate) repo: &'a str,
}

/// The reason why a conversation does not begin, or why a ref stays as it is. Git shows its text to the user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitRefusal {
    /// The repository does not exist, or the principal may not know of it. The name is the one in the request.
    #[error("{}", repository_not_found(name))]
    NoRepository { name: String },
    /// The rules of access refuse it.
    #[error(transparent)]
    Access(Refusal),
    /// The API could not show the ref.
    #[error("the ref's name is not UTF-8")]
    NameNotUtf8,
    /// The service takes no name that is so long.
    #[error("a ref's name has at most {REF_NAME_BYTES} characters")]
    NameTooLong,
    /// A fault has the ref moved in the meantime.
    #[error("{}", RefRefusal::Stale)]
    Stale,
    /// A fault refuses the push.
    #[error("{0}")]
    Fault(String),
    #[error(transparent)]
    Busy(#[from] Busy),
}

impl GitRefusal {
    /// The refusal of access to the repository of this name.
    pub(crate) fn of(refusal: Refusal, name: &str) -> Self {
        match refusal {
            Refusal::Invisible => Self::NoRepository { name: name.to_owned() },
            other => Self::Access(other),
        }
    }
}

/// The way by which refs change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushOrigin {
    /// A push, or a request for one.
    Client,
    /// The completion of a pull request, which has met the policies of the branch.
    Completion,
    /// The server itself, for refs that nobody else writes; this is no push.
    Server,
}

/// Too many conversations are open at the moment.
#[derive(Debug, thiserror::Error)]
#[error("The server is busy. Try again in a moment.")]
pub(crate) struct Busy;

/// Finds the repository, if the principal may do with it what the service does.
pub(crate) fn admit(
    directory: &Directory,
    principal: &Principal,
    names: Names<'_>,
    service: Service,
) -> Result<Repo, GitRefusal> {
    find(directory, principal, names, service).map_err(|refusal| GitRefusal::of(refusal, names.repo))
}

fn find(
    directory: &Directory,
    principal: &Principal,
    names: Names<'_>,
    service: Service,
) -> Result<Repo, Refusal> {
    let absent = || if principal.is_anonymous() { Refusal::SignInRequired } else { Refusal::Invisible };
    let account = names.account.and_then(|account| directory.account(account)).ok_or_else(absent)?;
    let project = directory.project(account.id, names.project).ok_or_else(absent)?;
    let repo = directory.repo(project.id, names.repo).ok_or_else(absent)?;
    authorize(directory, principal, Permission::GenericRead, Target::Repo(repo))?;
    if service == Service::ReceivePack {
        authorize_push(directory, principal, repo)?;
    }
    Ok(repo.clone())
}

/// An admitted conversation. Its methods block: call them where that is fine.
pub(crate) struct Session {
    app: Arc<App>,
    repo: Repo,
    policy: RepoPolicy,
    service: Service,
    version: ProtocolVersion,
    options: Options,
    turn: Arc<Turn>,
    /// The state stays in its place until the conversation has ended, whether its client waits for that or not.
    _inside: Entered,
}

impl Session {
    /// Begins a conversation, once there is room for it; `protocol` is the value of `GIT_PROTOCOL` that the client sent.
    /// Call it on the runtime, from inside the gate.
    pub(crate) async fn begin(
        app: &Arc<App>,
        principal: Principal,
        repo: Repo,
        service: Service,
        protocol: &str,
        client: Client,
    ) -> Result<Self, Busy> {
        let inside = app.gate.again();
        let turn = app.conversations.open(client, inside.ended()).await.ok_or(Busy)?;
        let traits = app.profile.traits();
        let version = if traits.negotiates_version {
            ProtocolVersion::from_git_protocol_value(protocol)
        } else {
            ProtocolVersion::V0
        };
        let mut options = Options {
            agent: format!("{}/{}", traits.product, env!("CARGO_PKG_VERSION")),
            profile: traits.git,
            keep_alive: Some(signs_of_life(app.clock.clone())),
            ref_in_want: app.git().ref_in_want,
            interrupt: turn.interrupt().clone(),
            break_locks_after: Some(REF_LOCK_WAITS),
            ..Options::default()
        };
        options.limits.max_pack_bytes = traits.max_push_bytes;
        options.rules = object_rules(&app.state.directory(), &repo);
        options.durable = app.is_durable;
        let policy = RepoPolicy {
            app: app.clone(),
            principal,
            repo: repo.clone(),
            origin: PushOrigin::Client,
            runtime: Handle::current(),
            fault: OnceLock::new(),
        };
        Ok(Self { app: app.clone(), repo, policy, service, version, options, turn, _inside: inside })
    }

    /// Has the refs change in another way.
    pub(crate) fn through(mut self, origin: PushOrigin) -> Self {
        self.policy.origin = origin;
        self
    }

    /// The conversation's place among the others.
    pub(crate) fn turn(&self) -> &Arc<Turn> {
        &self.turn
    }

    /// The bounds of this conversation.
    pub(crate) fn limits(&self) -> git_wire::Limits {
        self.options.limits
    }

    /// Writes what a stateless client hears first.
    pub(crate) fn advertise(&self, writer: &mut dyn Write) -> Result<(), Error> {
        let repository = self.open()?;
        self.server(&repository).advertise(self.service, self.version, writer)
    }

    /// Returns whether to advertise takes no time worth a thread: nothing of the repository is in the answer.
    pub(crate) fn advertises_at_once(&self) -> bool {
        self.service == Service::UploadPack
            && self.version == ProtocolVersion::V2
            && self.repo.handle.refs_took().is_some()
    }

    /// Returns whether answering `request`, which is here as a whole, takes too little time for a thread: it asks
    /// for refs, and those of this repository were read quickly the last time.
    pub(crate) fn responds_at_once(&self, request: &[u8]) -> bool {
        self.service == Service::UploadPack
            && self.version == ProtocolVersion::V2
            && request.starts_with(ASKS_FOR_REFS)
            && self.repo.handle.refs_took().is_some_and(|took| took < AT_ONCE)
    }

    /// Answers one stateless request.
    pub(crate) fn respond(&self, reader: &mut dyn BufRead, writer: &mut dyn Write) -> Result<Summary, Error> {
        let repository = self.open()?;
        // What can't be read now fails again where it is reported.
        let asks_for_refs = reader.fill_buf().is_ok_and(|request| request.starts_with(ASKS_FOR_REFS));
        let begun = Instant::now();
        let outcome = self.server(&repository).respond(self.service, self.version, reader, writer);
        if asks_for_refs && self.version == ProtocolVersion::V2 {
            self.repo.handle.set_refs_took(begun.elapsed());
        }
        outcome
    }

    /// Leads a whole conversation over a two-way stream.
    pub(crate) fn converse(
        &self,
        reader: &mut dyn BufRead,
        writer: &mut dyn Write,
    ) -> Result<Summary, Error> {
        let repository = self.open()?;
        self.server(&repository).converse(self.service, self.version, reader, writer)
    }

    fn server<'a>(&'a self, repository: &'a git_wire::Repository) -> git_wire::Server<'a> {
        git_wire::Server { repository, policy: &self.policy, options: &self.options }
    }

    fn open(&self) -> Result<git_wire::Repository, Error> {
        self.app.state.open_repo(&self.repo).map_err(Error::Repository)
    }
}

/// Says yes once for each stretch of [`GIT_KEEPALIVE`].
fn signs_of_life(clock: Clock) -> KeepAlive {
    let last = Mutex::new(clock.now());
    KeepAlive::new(move || {
        let now = clock.now();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due =
            Duration::try_from(now.duration_since(*last)).is_ok_and(|passed| passed >= GIT_KEEPALIVE);
        if is_due {
            *last = now;
        }
        is_due
    })
}
