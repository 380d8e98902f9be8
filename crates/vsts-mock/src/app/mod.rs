//! The state that all requests of one server share.

mod states;

use std::fs::Permissions;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex, OnceLock};

use git_wire::history::History;
use tempfile::TempDir;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::config::{Config, GeneratedTokens, HashedPasswords, Origin, Profile, Seed, SeedGit, apply};
use crate::conversations::Conversations;
use crate::deliveries::Deliveries;
use crate::directory::Repo;
use crate::faults::Faults;
use crate::gate::Gate;
use crate::histories::Histories;
use crate::identity::device::DeviceCodes;
use crate::identity::grant::GrantKey;
use crate::identity::sessions::Sessions;
use crate::identity::uses::Uses;
use crate::identity::{Authenticator, Secret, secret};
use crate::jobs::Jobs;
use crate::journal::Journal;
use crate::limits::{BYTES_IN_FLIGHT, COMMITS_WITHOUT_GRAPH, Limits};
use crate::maintenance::Maintenance;
use crate::merge_queue::MergeQueue;
use crate::registry::RegistryError;
use crate::service_hosts::without_port;
use crate::state::{State, StateError};

/// One server as one of its listeners shows it: what all of them share, and what URLs in answers begin with there.
#[derive(Clone)]
pub(crate) struct App {
    shared: Arc<Shared>,
    base_url: String,
}

/// One server's insides.
pub(crate) struct Shared {
    pub(crate) state: State,
    /// The gate for all that works with the state.
    pub(crate) gate: Arc<Gate>,
    pub(crate) authenticator: Authenticator,
    pub(crate) device_codes: DeviceCodes,
    /// The sessions of the pages.
    pub(crate) sessions: Sessions,
    /// Signs what clients show when they transfer large files.
    pub(crate) grant_key: GrantKey,
    /// The last uses of tokens and keys.
    pub(crate) uses: Uses,
    /// The address of the SSH listener, once there is one: `HOST:PORT`.
    pub(crate) ssh_address: OnceLock<String>,
    pub(crate) journal: Journal,
    /// The events that were sent to service hooks.
    pub(crate) deliveries: Deliveries,
    /// Requests that go wrong on purpose.
    pub(crate) faults: Faults,
    pub(crate) jobs: Jobs,
    pub(crate) clock: Clock,
    pub(crate) profile: Profile,
    pub(crate) admin_token: Secret,
    pub(crate) conversations: Conversations,
    /// The memory that clients may take up together.
    pub(crate) budget: Budget,
    pub(crate) maintenance: Maintenance,
    pub(crate) histories: Histories,
    /// The repositories whose pull requests have to be looked at.
    pub(crate) merge_queue: MergeQueue,
    /// True if what is pushed has to outlive a power cut: state in a temporary folder doesn't outlive the process.
    pub(crate) is_durable: bool,
    seed: Seed,
    hashed: HashedPasswords,
    tokens: Mutex<states::Tokens>,
    /// Last, so that it goes when everything in it is closed.
    _temporary: Option<TempDir>,
}

impl App {
    /// Opens the state and applies the seed; returns the tokens that the seed had generated.
    pub(crate) async fn open(config: &Config) -> Result<(Self, GeneratedTokens), RegistryError> {
        let (dir, temporary) = if let Some(dir) = &config.data_dir {
            (dir.clone(), None)
        } else {
            let made = tempfile::Builder::new()
                .prefix("vsts-mock-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir();
            let made = made.map_err(|source| StateError::Io {
                action: "create a temporary folder in",
                path: std::env::temp_dir(),
                source,
            })?;
            (made.path().to_owned(), Some(made))
        };
        let state = State::open(&dir, temporary.is_none()).await?;
        let gate = Arc::<Gate>::default();
        let maintenance = Maintenance::start(
            temporary.is_none(),
            state.open_repos(),
            gate.clone(),
            state.look_for_unreadable(),
        );
        let app = Shared {
            state,
            gate,
            authenticator: Authenticator::new(),
            device_codes: DeviceCodes::default(),
            sessions: Sessions::default(),
            grant_key: GrantKey::new(),
            uses: Uses::default(),
            ssh_address: OnceLock::new(),
            journal: Journal::default(),
            deliveries: Deliveries::default(),
            faults: Faults::default(),
            jobs: Jobs::default(),
            clock: config.clock.clone(),
            profile: config.profile,
            admin_token: config.admin_token.as_deref().map_or_else(secret::mint, Secret::new),
            conversations: Conversations::new(&config.seed.limits),
            budget: Budget::new(BYTES_IN_FLIGHT),
            maintenance,
            histories: Histories::default(),
            merge_queue: MergeQueue::default(),
            is_durable: temporary.is_none(),
            seed: config.seed.clone(),
            hashed: HashedPasswords::default(),
            tokens: Mutex::default(),
            _temporary: temporary,
        };
        let mut change = app.state.change().await;
        change.complete_groups();
        app.faults.replace(&app.seed.faults)?;
        let generated = apply(&mut change, &app.seed, Origin::Seed(&app.hashed), app.clock.now()).await?;
        change.commit().await?;
        let app = Self { shared: Arc::new(app), base_url: "http://localhost".to_owned() };
        app.set_tokens(&generated);
        Ok((app, generated))
    }

    /// The same server, with URLs that begin with this, without a slash at the end.
    pub(crate) fn at(&self, base_url: String) -> Arc<Self> {
        Arc::new(Self { shared: self.shared.clone(), base_url })
    }

    /// The users as whom a visitor of the pages may sign in with one click.
    pub(crate) fn demo_users(&self) -> Vec<String> {
        let users = self.seed.users.iter().filter(|_| self.seed.demo_sign_in);
        users.map(|user| user.name.clone()).collect()
    }

    /// The bounds that the seed may set.
    pub(crate) fn limits(&self) -> &Limits {
        &self.seed.limits
    }

    /// Asks for a commit-graph if a walk had to read many commits because there is none that has them. This may block.
    pub(crate) fn wants_graph(&self, repo: &Repo, walked: &History<'_>) {
        if walked.read_without_graph() > COMMITS_WITHOUT_GRAPH
            && let Ok(repository) = self.state.open_repo(repo)
        {
            self.maintenance.wants_graph(repository);
        }
    }

    /// The hosts besides this computer to which events may be sent.
    pub(crate) fn hook_hosts(&self) -> &[String] {
        &self.seed.hook_hosts
    }

    /// The seed's settings of the Git protocol.
    pub(crate) fn git(&self) -> &SeedGit {
        &self.seed.git
    }

    /// The base of the server's URLs, without a slash at the end.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The host in the server's URLs.
    pub(crate) fn own_host(&self) -> Option<&str> {
        let authority = self.base_url().split_once("://")?.1.split('/').next()?;
        Some(without_port(authority))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}
