//! The sessions of the pages: by a cookie, of whose value the hash alone is kept here.
//!
//! Sessions live as long as the server does, and no longer than they are used. A saved state has those of its time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::secret::{self, Secret};

use crate::limits::BROWSER_SESSIONS;

/// A session that isn't used for so long is over.
const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// And every one after that.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    user: Uuid,
    begun: Timestamp,
    used: Timestamp,
}

impl Session {
    fn is_good_at(&self, now: Timestamp) -> bool {
        now.duration_since(self.used) < IDLE && now.duration_since(self.begun) < LONGEST
    }
}

/// All sessions, by the hashes of their secrets.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// Begins a session; its secret is the browser's to keep.
    pub(crate) fn begin(&self, user: Uuid, now: Timestamp) -> Secret {
        let secret = secret::mint();
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_good_at(now));
        if sessions.len() >= BROWSER_SESSIONS
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.used)
        {
            let oldest = oldest.0.clone();
            sessions.remove(&oldest);
        }
        sessions.insert(secret::hash(secret.reveal()), Session { user, begun: now, used: now });
        secret
    }

    /// Returns the user of a session, if it still exists; counts as a use of it.
    pub(crate) fn user(&self, secret: &str, now: Timestamp) -> Option<Uuid> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(&secret::hash(secret)).filter(|session| session.is_good_at(now))?;
        session.used = now;
        Some(session.user)
    }

    /// Ends one session.
    pub(crate) fn end(&self, secret: &str) {
        self.lock().remove(&secret::hash(secret));
    }

    /// Ends all sessions of a user: somebody else may have the name, and so the id, later.
    pub(crate) fn end_all_of(&self, user: Uuid) {
        self.lock().retain(|_, session| session.user != user);
    }

    /// All sessions by the hashes of their secrets, to be saved.
    pub(crate) fn saved(&self) -> HashMap<String, Session> {
        self.lock().clone()
    }

    /// Puts sessions that were saved in the place of these.
    pub(crate) fn restore(&self, saved: HashMap<String, Session>) {
        *self.lock() = saved;
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().expect("no thread panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_while_it_is_used_and_not_for_ever() {
        let sessions = Sessions::default();
        let (user, start) = (Uuid::from_u128(1), Timestamp::UNIX_EPOCH);
        let secret = sessions.begin(user, start);
        let at = |hours: i64| start + SignedDuration::from_hours(hours);
        for hours in (0..168).step_by(11) {
            assert_eq!(sessions.user(secret.reveal(), at(hours)), Some(user), "after {hours} hours");
        }
        assert_eq!(sessions.user(secret.reveal(), at(168)), None);
        let idle = sessions.begin(user, start);
        assert_eq!(sessions.user(idle.reveal(), at(12)), None);
    }

    #[test]
    fn who_signs_out_is_out() {
        let sessions = Sessions::default();
        let (user, now) = (Uuid::from_u128(1), Timestamp::UNIX_EPOCH);
        let (one, other) = (sessions.begin(user, now), sessions.begin(user, now));
        sessions.end(one.reveal());
        assert_eq!(sessions.user(one.reveal(), now), None);
        assert_eq!(sessions.user(other.reveal(), now), Some(user));
        sessions.end_all_of(user);
        assert_eq!(sessions.user(other.reveal(), now), None);
        assert_eq!(sessions.user("", now), None);
    }

    #[test]
    fn who_was_signed_in_when_a_state_was_saved_is_so_again() {
        let sessions = Sessions::default();
        let (user, now) = (Uuid::from_u128(1), Timestamp::UNIX_EPOCH);
        let before = sessions.begin(user, now);
        let saved = serde_json::to_string(&sessions.saved()).expect("JSON");
        assert!(!saved.contains(before.reveal()), "the secret is the browser's alone");
        sessions.clear();
        let after = sessions.begin(user, now);
        sessions.restore(serde_json::from_str(&saved).expect("the same"));
        assert_eq!(sessions.user(before.reveal(), now), Some(user));
        assert_eq!(sessions.user(after.reveal(), now), None);
    }
}
