//! Access control entries: set one by one, merged with what is there or in its place, removed.

use axum::body::Body;
use serde_json::Value;
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, models, read, shape};
use super::{bits, entry_json, place, settable, subject_of};
use crate::access::{Permissions, merged};
use crate::world::{Account, Entry, World};

/// An entry as a client gives it.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) identity: Uuid,
    descriptor: String,
    pub(super) allow: Permissions,
    pub(super) deny: Permissions,
}

/// Reads an entry; in a dictionary its descriptor is the key as well.
pub(super) fn given(
    world: &World,
    account: &Account,
    value: &Value,
    key: Option<&str>,
) -> Result<Given, Failure> {
    let descriptor = value["descriptor"].as_str().or(key).ok_or_else(|| Failure::missing("descriptor"))?;
    let set = |field: &str| match &value[field] {
        Value::Null => Ok(Permissions::NONE),
        number => bits(&number.to_string()).map(Permissions::from_bits),
    };
    let identity = subject_of(world, account, descriptor)?;
    Ok(Given { identity, descriptor: descriptor.to_owned(), allow: set("allow")?, deny: set("deny")? })
}

/// Merged, what is newly allowed is no longer denied, and the other way round.
pub(super) async fn set(call: &Call<'_>, id: Option<&str>, body: Body) -> Outcome {
    settable(id)?;
    let body = read(call.app, body, &models::ENTRIES).await?;
    let text = body["token"].as_str().ok_or_else(|| Failure::missing("token"))?;
    let list = body["accessControlEntries"].as_array();
    let list = list.ok_or_else(|| Failure::missing("accessControlEntries"))?;
    let merges = body["merge"].as_bool().unwrap_or(false);
    let mut change = call.app.state.change().await?;
    let (account, at, all) = {
        let account = call.account(&change.world)?;
        let place = place::to_change(call, &change.world, account, text)?;
        let all: Result<Vec<_>, Failure> =
            list.iter().map(|entry| given(&change.world, account, entry, None)).collect();
        (account.id, place.target().token(), all?)
    };
    let mut shown = Vec::new();
    for new in all {
        let old = if merges { change.entry(account, &at, new.identity) } else { Entry::default() };
        let (allow, deny) = merged(old, new.allow, new.deny);
        change.set_entry(account, &at, new.identity, allow, deny).await?;
        shown.push(entry_json(&new.descriptor, allow, deny));
    }
    change.commit().await?;
    Ok(Reply::ok(shape::list(shown.into_iter())))
}

/// Whether there was an entry of one of these.
pub(super) async fn remove(call: &Call<'_>, id: Option<&str>) -> Outcome {
    settable(id)?;
    let text = call.query.get("token").ok_or_else(|| Failure::missing("token"))?;
    let descriptors = call.query.list("descriptors");
    let mut change = call.app.state.change().await?;
    let (account, at, identities) = {
        let account = call.account(&change.world)?;
        let place = place::to_change(call, &change.world, account, text)?;
        let known = descriptors.into_iter().filter_map(|one| subject_of(&change.world, account, one).ok());
        (account.id, place.target().token(), known.collect::<Vec<_>>())
    };
    let mut any = false;
    for identity in identities {
        let entry = change.entry(account, &at, identity);
        any |= !entry.allow.is_empty() || !entry.deny.is_empty();
        change.set_entry(account, &at, identity, Permissions::NONE, Permissions::NONE).await?;
    }
    change.commit().await?;
    Ok(Reply::ok(any.into()))
}

/// Takes some permissions out of an entry; what is left of it.
pub(super) async fn remove_bits(call: &Call<'_>, id: Option<&str>, removed: Option<&str>) -> Outcome {
    settable(id)?;
    let removed = Permissions::from_bits(bits(removed.ok_or_else(|| Failure::missing("permissions"))?)?);
    let text = call.query.get("token").ok_or_else(|| Failure::missing("token"))?;
    let descriptor = call.query.get("descriptor").ok_or_else(|| Failure::missing("descriptor"))?;
    let mut change = call.app.state.change().await?;
    let (account, at, identity) = {
        let account = call.account(&change.world)?;
        let place = place::to_change(call, &change.world, account, text)?;
        (account.id, place.target().token(), subject_of(&change.world, account, descriptor)?)
    };
    let entry = change.entry(account, &at, identity);
    let (allow, deny) = (entry.allow.without(removed), entry.deny.without(removed));
    change.set_entry(account, &at, identity, allow, deny).await?;
    change.commit().await?;
    Ok(Reply::ok(entry_json(descriptor, allow, deny)))
}
