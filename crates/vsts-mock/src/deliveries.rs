//! The history of deliveries of service hooks: each event that was sent, with every attempt. The oldest go when there are
//! too many.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::limits::HOOK_DELIVERIES;

/// An event that is sent to the URL of a subscription.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    pub(crate) subscription_id: Uuid,
    /// Counts up for each subscription.
    pub(crate) notification_id: u64,
    pub(crate) event_type: String,
    pub(crate) url: String,
    pub(crate) created: Timestamp,
    /// `queued`, `succeeded` or `failed`.
    pub(crate) status: &'static str,
    pub(crate) attempts: Vec<Attempt>,
    /// The body of the request.
    pub(crate) payload: Value,
}

/// One request of a delivery.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    pub(crate) time: Timestamp,
    /// The receiver's status; none if it did not answer.
    pub(crate) status: Option<u16>,
    /// The reason why it did not.
    pub(crate) error: Option<String>,
}

/// The deliveries of one server, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Counts how often all were cleared: the numbers begin again then.
    clearings: u64,
    all: VecDeque<Delivery>,
    last: HashMap<Uuid, u64>,
}

/// A delivery's key: no other one has it, even after the numbers have begun again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    subscription: Uuid,
    pub(crate) number: u64,
    clearings: u64,
}

impl Deliveries {
    /// Takes the key of the next delivery of a subscription.
    pub(crate) fn next(&self, subscription: Uuid) -> Key {
        let mut kept = self.kept();
        let clearings = kept.clearings;
        let last = kept.last.entry(subscription).or_default();
        *last += 1;
        Key { subscription, number: *last, clearings }
    }

    pub(crate) fn add(&self, delivery: Delivery) {
        let mut kept = self.kept();
        if kept.all.len() >= HOOK_DELIVERIES {
            kept.all.pop_front();
        }
        kept.all.push_back(delivery);
    }

    /// Adds an attempt to a delivery that is still kept.
    pub(crate) fn attempt(&self, key: Key, attempt: Attempt, status: &'static str) {
        let mut kept = self.kept();
        if kept.clearings != key.clearings {
            return;
        }
        let is_it = |one: &&mut Delivery| {
            one.subscription_id == key.subscription && one.notification_id == key.number
        };
        if let Some(delivery) = kept.all.iter_mut().rev().find(is_it) {
            delivery.attempts.push(attempt);
            delivery.status = status;
        }
    }

    /// All deliveries, or those of one subscription, oldest first.
    pub(crate) fn list(&self, subscription: Option<Uuid>) -> Vec<Delivery> {
        let kept = self.kept();
        let is_wanted = |one: &&Delivery| subscription.is_none_or(|id| one.subscription_id == id);
        kept.all.iter().filter(is_wanted).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut kept = self.kept();
        *kept = Kept { clearings: kept.clearings + 1, ..Kept::default() };
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_from_before_all_were_cleared_is_not_that_of_another_delivery() {
        let (deliveries, subscription) = (Deliveries::default(), Uuid::from_u128(1));
        let begin = || {
            let key = deliveries.next(subscription);
            deliveries.add(Delivery {
                subscription_id: subscription,
                notification_id: key.number,
                event_type: "git.push".to_owned(),
                url: String::new(),
                created: Timestamp::UNIX_EPOCH,
                status: "queued",
                attempts: Vec::new(),
                payload: Value::Null,
            });
            key
        };
        let attempt = || Attempt { time: Timestamp::UNIX_EPOCH, status: Some(200), error: None };
        let before = begin();
        deliveries.clear();
        let after = begin();
        assert_eq!((before.number, after.number), (1, 1));
        deliveries.attempt(before, attempt(), "succeeded");
        let state =
            || deliveries.list(None).iter().map(|one| (one.status, one.attempts.len())).collect::<Vec<_>>();
        assert_eq!(state(), [("queued", 0)]);
        deliveries.attempt(after, attempt(), "succeeded");
        assert_eq!(state(), [("succeeded", 1)]);
    }
}
