//! Access control entries: set one by one, merged with what is there or in its place, removed.

use serde_json::Value;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, shape};
use super::{bits, entry_json, settable, subject_of};
use crate::access::Permissions;
use crate::directory::{Account, Directory};
use crate::operations::permissions::{self, NewEntry};

/// Reads an entry and its descriptor; in a dictionary that is the key as well.
pub(super) fn given<'v>(
    directory: &Directory,
    account: &Account,
    value: &'v Value,
    key: Option<&'v str>,
) -> Result<(NewEntry, &'v str), Failure> {
    let descriptor = value["descriptor"].as_str().or(key).ok_or_else(|| Failure::missing("descriptor"))?;
    let set = |field: &str| match &value[field] {
        Value::Null => Ok(Permissions::NONE),
        number => bits(&number.to_string()).map(Permissions::from_bits),
    };
    let identity = subject_of(directory, account, descriptor)?;
    Ok((NewEntry { identity, allow: set("allow")?, deny: set("deny")? }, descriptor))
}

pub(crate) async fn set(call: &Call<'_>, body: Value) -> Outcome {
    settable(call)?;
    let token = body["token"].as_str().ok_or_else(|| Failure::missing("token"))?;
    let list = body["accessControlEntries"].as_array();
    let list = list.ok_or_else(|| Failure::missing("accessControlEntries"))?;
    let merges = body["merge"].as_bool().unwrap_or(false);
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    permissions::may_change_list(call.scope(), &directory, token)?;
    let given: Result<Vec<_>, Failure> =
        list.iter().map(|entry| given(&directory, account, entry, None)).collect();
    let (entries, descriptors): (Vec<_>, Vec<_>) = given?.into_iter().unzip();
    let set = permissions::set_entries(call.app, call.scope(), token, &entries, merges).await?;
    let shown = descriptors.into_iter().zip(set);
    Ok(Reply::ok(shape::list(shown.map(|(descriptor, (allow, deny))| entry_json(descriptor, allow, deny)))))
}

/// Removes entries; answers whether there was any.
pub(crate) async fn remove(call: &Call<'_>) -> Outcome {
    settable(call)?;
    let token = call.query.get("token").ok_or_else(|| Failure::missing("token"))?;
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let descriptors = call.query.list("descriptors").into_iter();
    let known: Vec<_> = descriptors.filter_map(|one| subject_of(&directory, account, one).ok()).collect();
    Ok(Reply::ok(permissions::remove_entries(call.app, call.scope(), token, &known).await?.into()))
}

/// Takes some permissions out of an entry; what is left of it.
pub(crate) async fn remove_bits(call: &Call<'_>) -> Outcome {
    settable(call)?;
    let removed = call.value("permissions");
    let removed = Permissions::from_bits(bits(removed.ok_or_else(|| Failure::missing("permissions"))?)?);
    let token = call.query.get("token").ok_or_else(|| Failure::missing("token"))?;
    let descriptor = call.query.get("descriptor").ok_or_else(|| Failure::missing("descriptor"))?;
    let directory = call.app.state.directory();
    permissions::may_change_list(call.scope(), &directory, token)?;
    let identity = subject_of(&directory, call.account(&directory)?, descriptor)?;
    let (allow, deny) =
        permissions::remove_permissions(call.app, call.scope(), token, identity, removed).await?;
    Ok(Reply::ok(entry_json(descriptor, allow, deny)))
}
