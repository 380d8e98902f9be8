//! A running server in the hands of the program that started it: everything that the admin API can do, as calls.
//!
//! Values to create are described by the same types as a seed's pieces. Each call is one change: it happens as a whole, or
//! not at all.

mod hierarchy;
mod users;

use std::fmt;

use crate::app::App;
use crate::config::{GeneratedTokens, Origin, Seed, apply};
use crate::faults::{Fault, FaultRow};
use crate::journal::JournalEntry;
use crate::operations::lfs::garbage;
use crate::registry::RegistryError;
use crate::state::{Change, SavedState};
pub use users::{KeyInfo, TokenInfo};

/// A running server, as [`MockServer::admin`](crate::MockServer::admin) gives it.
///
/// Accounts, projects and repositories are named by paths: `acme`, `acme/iris`, `acme/iris/extra`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use vsts_mock::{MockServer, SeedAccount, SeedEntry, SeedProject, SeedRepo, SeedToken, SeedUser};
///
/// let mut server = MockServer::builder().user(SeedUser::new("alice")).start().await?;
/// let admin = server.admin();
/// admin.add_account(&SeedAccount::new("acme").owner("alice")).await?;
/// admin.add_project("acme", &SeedProject::new("iris").contributor("alice")).await?;
/// admin.add_repo("acme/iris", &SeedRepo::new("extra")).await?;
/// admin.set_acl("acme/iris/extra", &SeedEntry::user("alice").deny(["ForcePush"])).await?;
/// let token = admin.add_token("alice", &SeedToken::new("ci").scope("vso.code_write")).await?;
/// assert_eq!(token.len(), 52);
/// assert_eq!(admin.tokens("alice")?[0].scopes, ["vso.code_write"]);
/// admin.remove_token("alice", "ci").await?;
/// assert!(admin.journal().is_empty(), "nobody has asked for anything yet");
/// server.reset().await?;
/// assert!(server.admin().repos("acme/iris").is_err(), "it was not in the seed");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Admin<'s> {
    app: &'s App,
}

type Result<T> = std::result::Result<T, RegistryError>;

impl<'s> Admin<'s> {
    pub(crate) fn of(app: &'s App) -> Self {
        Self { app }
    }

    async fn change(&self) -> Change<'s> {
        self.app.state.change().await
    }

    /// Makes everything that a seed has and the server lacks; gives the tokens that were generated, by user and name.
    pub async fn apply(&self, seed: &Seed) -> Result<GeneratedTokens> {
        let mut change = self.change().await;
        let generated = apply(&mut change, seed, Origin::Hand, self.app.clock.now()).await?;
        change.commit().await?;
        Ok(generated)
    }

    /// The requests to the server, oldest first.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.journal_after(0)
    }

    /// The events that were sent to service hooks, oldest first, with each attempt: JSON as `GET /_mock/deliveries` has it.
    pub fn deliveries(&self) -> serde_json::Value {
        serde_json::json!(self.app.deliveries.list(None))
    }

    /// Moves the server's clock ahead of the time that it would tell by so many seconds: tokens expire, and waits end. A reset moves it back.
    pub fn set_clock_ahead(&self, seconds: u32) {
        self.app.clock.set_ahead(seconds);
    }

    /// The entries after that number.
    pub fn journal_after(&self, seq: u64) -> Vec<JournalEntry> {
        self.app.journal.after(seq)
    }

    /// Removes the objects of Git LFS that no ref reaches and nobody has counted on for two weeks, and the contents that no
    /// repository has; gives the numbers of both. The server does so by itself every hour.
    pub async fn sweep_large_files(&self) -> Result<(usize, usize)> {
        let swept = garbage::sweep(self.app).await?;
        Ok((swept.objects, swept.contents))
    }

    /// Saves the whole state under a name, in the place of the one that has the name: users, repositories, large files, pull requests, hooks,
    /// faults, the clock, sessions of browsers. [`MockServer::restore`](crate::MockServer::restore) goes back to it.
    pub async fn snapshot(&self, name: &str) -> Result<SavedState> {
        Ok(self.app.save_state(name).await?.0)
    }

    /// The saved states, by name.
    pub fn snapshots(&self) -> Result<Vec<SavedState>> {
        self.app.saved_states()
    }

    /// Removes a saved state.
    pub async fn remove_snapshot(&self, name: &str) -> Result<()> {
        self.app.remove_state(name).await
    }

    /// Sets a fault: some requests go wrong on purpose, until it is removed or spent. Gives its number.
    pub fn add_fault(&self, fault: Fault) -> Result<u64> {
        Ok(self.app.faults.add(fault)?)
    }

    /// The faults, oldest first, with what each has met.
    pub fn faults(&self) -> Vec<FaultRow> {
        self.app.faults.all()
    }

    /// Removes a fault.
    pub fn remove_fault(&self, id: u64) -> Result<()> {
        if self.app.faults.remove(id) {
            Ok(())
        } else {
            Err(RegistryError::not_found("fault", &id.to_string()))
        }
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.app.faults.clear();
    }

    /// Forgets what was asked.
    pub fn clear_journal(&self) {
        self.app.journal.clear();
    }
}

impl fmt::Debug for Admin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admin")
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort_unstable();
    names
}
