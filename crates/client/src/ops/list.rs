//! Listing runs: whole records, or the fields of them that a query reads.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use azml_core::run::{Parts, RunRecord, RunStore, Status};
use serde_json::{Map, Value};

use super::listed::Listed;
use super::runs::{self, Error, InProgress, warn_of_unreadable};
use crate::context::{Context, Opened};

/// Selects the runs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The number of the newest runs; all if there is none.
    pub last: Option<usize>,
    pub status: Option<Status>,
    pub script: Option<String>,
    /// The run that started them.
    pub parent: Option<String>,
}

impl Filter {
    /// Returns whether it lets every run through that is not hidden.
    fn is_open(&self) -> bool {
        self.status.is_none() && self.script.is_none() && self.parent.is_none()
    }

    fn has(&self, record: &RunRecord) -> bool {
        !record.hidden
            && self.status.is_none_or(|status| record.status == status)
            && self.script.as_ref().is_none_or(|script| record.script_name == *script)
            && self.parent.as_ref().is_none_or(|parent| record.parent_run_id.as_ref() == Some(parent))
    }
}

/// Gives the runs that a filter lets through, newest first, each as `make` makes it of these parts. Reads as many records as are
/// asked for, and no more.
pub fn list<T: Send>(
    ctx: &Context,
    opened: &Opened,
    filter: &Filter,
    parts: Parts<'_>,
    make: impl Fn(RunRecord) -> T + Sync,
) -> Result<Vec<T>, Error> {
    let Some(most) = filter.last else {
        let listed = Listed::read(ctx, opened)?;
        return Ok(choose(ctx, &listed, filter, parts, |_, record| make(record)));
    };
    let in_progress = InProgress::read(ctx, opened)?;
    let mut records = Vec::new();
    for record in RunStore::new(&opened.history).records()? {
        if records.len() == most {
            break;
        }
        let mut record = record?;
        in_progress.update(&mut record);
        if filter.has(&record) {
            records.push(record);
        }
    }
    let mut all: Vec<RunRecord> =
        in_progress.unrecorded(&records).filter(|record| filter.has(record)).cloned().collect();
    all.append(&mut records);
    all.truncate(most);
    warn_of_unreadable(ctx, &all);
    Ok(all.into_iter().map(make).collect())
}

/// Gives the runs that a filter lets through, each as `make` makes it of the place and the parts. Warns of those that can't be read.
fn choose<T: Send>(
    ctx: &Context,
    listed: &Listed,
    filter: &Filter,
    parts: Parts<'_>,
    make: impl Fn(usize, RunRecord) -> T + Sync,
) -> Vec<T> {
    let odd = Mutex::new(Vec::new());
    let make = |place: usize, record: RunRecord| {
        if record.why_unreadable().is_some() {
            odd.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        }
        make(place, record)
    };
    let all = if filter.is_open() || matches!(parts, Parts::Named(_)) {
        listed.select(parts, |place, record| filter.has(&record).then(|| make(place, record)))
    } else {
        // More is read of those alone that the filter lets through.
        let places = listed.select(Parts::Named(&[]), |place, record| filter.has(&record).then_some(place));
        listed.select_at(&places, parts, |place, record| Some(make(place, record)))
    };
    let mut odd = odd.into_inner().unwrap_or_else(PoisonError::into_inner);
    odd.sort_unstable();
    warn_of_unreadable(ctx, &listed.at(&odd));
    all
}

/// The keys that are wanted of runs.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'k> {
    /// The keys of fields.
    pub names: &'k BTreeSet<String>,
    /// Of the objects at keys, the keys that are wanted alone.
    pub below: &'k BTreeSet<(String, String)>,
}

/// The key that leads from an object with some fields of a run to the whole.
const PLACE: &str = "\0place";

/// Some fields of the runs that a filter lets through, newest first, each in an object of which [`whole_runs`] makes all fields.
pub fn list_fields(
    ctx: &Context,
    opened: &Opened,
    filter: &Filter,
    keys: &Keys<'_>,
) -> Result<(Listed, Vec<Value>), Error> {
    /// The objects of which a part can be read.
    const OBJECTS: [&str; 3] = ["parameters", "properties", "tags"];
    let listed = Listed::read(ctx, opened)?;
    let is_whole = |key: &str| OBJECTS.contains(&key) || matches!(key, "attachments" | "curves");
    let metric = |name: &str| name.strip_prefix("metrics.").map(str::to_owned);
    let below = keys.below.iter().flat_map(|(key, below)| [key, below]).cloned();
    let names: Vec<String> = keys.names.iter().cloned().chain(below).collect();
    let names: Vec<String> =
        names.iter().filter_map(|name| metric(name)).chain(names.iter().cloned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let is_all = keys.names.iter().any(|key| is_whole(key))
        || keys.below.iter().any(|(key, _)| matches!(key.as_str(), "attachments" | "curves"));
    let fields = |place: usize, record: &RunRecord| {
        let mut fields = Map::new();
        let mut all = (record.status == Status::NotResponding).then(|| runs::fields(record));
        for key in keys.names.iter().chain(keys.below.iter().map(|(key, _)| key)) {
            let value = match &mut all {
                Some(all) => all.get(key).cloned(),
                None => record.shown(key),
            };
            fields.extend(value.map(|value| (key.clone(), value)));
        }
        fields.insert(PLACE.to_owned(), place.into());
        Value::Object(fields)
    };
    let parts = if is_all { Parts::All } else { Parts::Named(&names) };
    let all = choose(ctx, &listed, filter, parts, |place, record| fields(place, &record));
    Ok((listed, all))
}

/// Puts all fields of a run where `value` has its object of some.
pub fn whole_runs(listed: &Listed, value: &mut Value) {
    let mut places = Vec::new();
    each_run(value, &mut |place, _| places.push(place));
    let mut records = listed.at(&places).into_iter();
    each_run(value, &mut |_, run| {
        *run = records.next().map_or(Value::Null, |record| runs::fields(&record).into());
    });
}

/// Calls `act` with each object of [`list_fields`] in `value` and the run's place.
fn each_run(value: &mut Value, act: &mut impl FnMut(usize, &mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_run(item, act)),
        Value::Object(some) => match some.get(PLACE).and_then(Value::as_u64) {
            Some(place) => act(usize::try_from(place).unwrap_or(usize::MAX), value),
            None => some.values_mut().for_each(|item| each_run(item, act)),
        },
        _ => {}
    }
}
