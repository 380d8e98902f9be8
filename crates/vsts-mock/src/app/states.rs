//! The server's whole state, replaced at once: by the seed's, or by one that was saved under a name.
//!
//! Nothing else works with the state meanwhile: requests under way end first, and those that come wait. What has begun goes on
//! to its end when the caller has gone.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::App;
use crate::config::{GeneratedTokens, Origin, apply};
use crate::faults::SavedFaults;
use crate::gate::Closed;
use crate::identity::sessions::Session;
use crate::limits::{REPLACE_END, REPLACE_TIMEOUT, SAVE_TIMEOUT};
use crate::registry::{self, RegistryError};
use crate::state::{SavedError, SavedState, StateName, to_its_end};

/// The tokens that the seed had generated, whose values the database does not have: now, and in the states that this process
/// has saved.
#[derive(Default)]
pub(super) struct Tokens {
    now: GeneratedTokens,
    saved: HashMap<StateName, GeneratedTokens>,
}

/// The part of the state that is in memory alone.
#[derive(Serialize, Deserialize)]
struct Memory {
    clock_ahead: u32,
    holds_completions: bool,
    faults: SavedFaults,
    sessions: HashMap<String, Session>,
    uses: HashMap<Uuid, Timestamp>,
}

impl App {
    /// Goes back to the seed: everything else is gone, and the journal is empty.
    pub(crate) async fn reset(&self) -> Result<GeneratedTokens, RegistryError> {
        let app = self.clone();
        to_its_end(async move { app.go_to_seed().await }).await
    }

    /// Saves the state under a name, in the place of the one that has the name; what is saved, and whether the name is new.
    pub(crate) async fn save_state(&self, name: &str) -> Result<(SavedState, bool), RegistryError> {
        let (app, name) = (self.clone(), StateName::parse(name)?);
        to_its_end(async move { app.save_as(name).await }).await
    }

    /// Goes back to a saved state, with an empty journal; the tokens that the seed had generated there, as far as this process
    /// knows them.
    pub(crate) async fn restore_state(&self, name: &str) -> Result<GeneratedTokens, RegistryError> {
        let (app, name) = (self.clone(), StateName::parse(name)?);
        to_its_end(async move { app.go_to(name).await }).await
    }

    /// All saved states, by name.
    pub(crate) fn saved_states(&self) -> Result<Vec<SavedState>, RegistryError> {
        Ok(self.state.saved()?)
    }

    /// Removes a saved state.
    pub(crate) async fn remove_state(&self, name: &str) -> Result<(), RegistryError> {
        let name = StateName::parse(name)?;
        if !self.state.remove_saved(&name).await? {
            return Err(SavedError::NotFound { name: name.as_str().to_owned() }.into());
        }
        self.tokens().saved.remove(&name);
        Ok(())
    }

    /// Remembers the tokens that the seed had generated.
    pub(super) fn set_tokens(&self, generated: &GeneratedTokens) {
        self.tokens().now.clone_from(generated);
    }

    async fn go_to_seed(self) -> Result<GeneratedTokens, RegistryError> {
        let _still = self.stand_still(REPLACE_TIMEOUT, Some(REPLACE_END)).await?;
        let mut change = self.state.change().await;
        registry::clear(&mut change);
        let generated = apply(&mut change, &self.seed, Origin::Seed(&self.hashed), self.clock.now()).await?;
        change.commit().await?;
        self.forget_what_was();
        self.clock.set_ahead(0);
        self.faults.replace(&self.seed.faults)?;
        self.merge_queue.hold_completions(false);
        self.sessions.clear();
        self.uses.clear();
        self.set_tokens(&generated);
        Ok(generated)
    }

    async fn save_as(self, name: StateName) -> Result<(SavedState, bool), RegistryError> {
        let _still = self.stand_still(SAVE_TIMEOUT, None).await?;
        let memory = Memory {
            clock_ahead: self.clock.ahead(),
            holds_completions: self.merge_queue.are_completions_held(),
            faults: self.faults.saved(),
            sessions: self.sessions.saved(),
            uses: self.uses.saved(),
        };
        let memory = serde_json::to_vec(&memory).expect("it has texts as keys");
        let is_new = self.state.saved()?.iter().all(|saved| saved.name != name.as_str());
        let saved = self.state.save(&name, memory, self.clock.unmoved().now()).await?;
        let mut tokens = self.tokens();
        let now = tokens.now.clone();
        tokens.saved.insert(name, now);
        Ok((saved, is_new))
    }

    async fn go_to(self, name: StateName) -> Result<GeneratedTokens, RegistryError> {
        let _still = self.stand_still(REPLACE_TIMEOUT, Some(REPLACE_END)).await?;
        let memory: Memory = self.state.restore(&name).await?;
        self.forget_what_was();
        self.clock.set_ahead(memory.clock_ahead);
        self.faults.restore(memory.faults);
        self.merge_queue.hold_completions(memory.holds_completions);
        self.sessions.restore(memory.sessions);
        self.uses.restore(memory.uses);
        // What was due when the state was saved is due again.
        let active = self.state.directory().pulls.active.clone();
        active.iter().for_each(|(repo, _)| self.merge_queue.add(*repo));
        let mut tokens = self.tokens();
        tokens.now = tokens.saved.get(&name).cloned().unwrap_or_default();
        Ok(tokens.now.clone())
    }

    /// Waits until nothing works with the state, and keeps everything from it.
    async fn stand_still(
        &self,
        timeout: Duration,
        ends: Option<Duration>,
    ) -> Result<Closed<'_>, RegistryError> {
        self.maintenance.break_off();
        self.gate.close(timeout, ends).await.map_err(|inside| RegistryError::Busy { requests: inside.0 })
    }

    /// Forgets what the server has seen and done in the state that goes.
    fn forget_what_was(&self) {
        self.state.events.forget();
        self.journal.clear();
        self.deliveries.clear();
        self.jobs.clear();
        self.device_codes.clear();
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        self.tokens.lock().expect("no thread panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file with what is in memory, as the first version of saved states has written it.
    const FIRST: &str = r#"{
        "clock_ahead": 60,
        "holds_completions": true,
        "faults": {"last": 2, "rows": [{"id": 2, "fault": {"kind": "status", "status": 503}, "seen": 3, "met": 1}]},
        "sessions": {"5f2b": {"user": "00000000-0000-0000-0000-000000000001", "begun": "2026-11-29T15:00:00Z",
            "used": "2026-11-29T15:01:00Z"}},
        "uses": {"00000000-0000-0000-0000-000000000002": "2026-11-29T15:02:00Z"}
    }"#;

    #[test]
    fn what_the_first_version_has_written_is_read() {
        let memory: Memory = serde_json::from_str(FIRST).expect("it is read");
        let written = serde_json::to_value(&memory).expect("JSON");
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(FIRST).expect("JSON"));
    }
}
