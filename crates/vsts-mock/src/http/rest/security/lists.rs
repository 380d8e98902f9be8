//! Access control lists: queried, replaced as a whole, removed.

use http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, shape};
use super::namespaces::Namespace;
use super::selection::{Selection, whole_list};
use super::{NAMESPACE, derived, entries, namespace, settable, subject_of};
use crate::access::{Effect, Viewer, authorize_acl_reading, effect, sees_subject, token};
use crate::directory::{Account, Directory, subject};
use crate::operations::permissions::{self, NewList, tokens_below};
use crate::operations::securable;

pub(crate) fn query(call: &Call<'_>) -> Outcome {
    let namespace = namespace(call.value(NAMESPACE))?;
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let wanted: Option<Vec<Uuid>> = call.query.get("descriptors").map(|_| {
        let all = call.query.list("descriptors").into_iter();
        all.filter_map(|one| subject_of(&directory, account, one).ok())
            .filter(|id| sees_subject(&directory, &call.principal, account.id, *id))
            .collect()
    });
    let selection = Selection { wanted, extended: call.query.flag("includeExtendedInfo") };
    if namespace != Namespace::Git {
        let lists = derived::lists(namespace, &directory, &call.principal, account);
        let only = call.query.get("token");
        let shown = lists.into_iter().filter(|list| only.is_none_or(|only| list.is_at(only)));
        return Ok(Reply::ok(shape::list(shown.map(|list| list.json(&directory, &selection)))));
    }
    let (at, exactly) = match call.query.get("token") {
        None => (token::COLLECTION.to_owned(), false),
        Some(text) => match securable::parse(&directory, account, text)? {
            Some(securable) => (securable.target().token(), !call.query.flag("recurse")),
            // What is not there has no list, and neither has what is not to be seen.
            None => return Ok(Reply::ok(shape::list(std::iter::empty()))),
        },
    };
    let mut tokens = tokens_below(&directory, account, &at);
    if selection.wanted.is_some() && call.query.get("token").is_some() {
        tokens.insert(&at);
    }
    let viewer = Viewer::new(&directory, &call.principal);
    let mut shown = Vec::new();
    for found in tokens.into_iter().filter(|found| !exactly || *found == at) {
        let Some(securable) = securable::parse(&directory, account, found)? else { continue };
        if authorize_acl_reading(&viewer, securable.target()).is_ok() {
            shown.push(list_json(&directory, account, found, securable.target().project(), &selection));
        }
    }
    Ok(Reply::ok(shape::list(shown.into_iter())))
}

fn list_json(
    directory: &Directory,
    account: &Account,
    at: &str,
    project: Option<Uuid>,
    selection: &Selection,
) -> Value {
    let own = directory.entries_at(account.id, at);
    let identities: Vec<Uuid> = match &selection.wanted {
        Some(wanted) => wanted.clone(),
        None => own.into_iter().flatten().map(|(identity, _)| *identity).collect(),
    };
    let mut entries = Map::new();
    for identity in identities {
        let Some(descriptor) = subject::descriptor(directory, identity) else { continue };
        let entry = own.and_then(|own| own.get(&identity)).copied().unwrap_or_default();
        let mut value = super::entry_json(&descriptor, entry.allow, entry.deny);
        if selection.extended {
            value["extendedInfo"] = extended(&effect(directory, identity, account.id, project, at));
        }
        entries.insert(descriptor, value);
    }
    whole_list(&securable::show(at), directory.inherits(account.id, at), &entries, selection)
}

/// The extended information of an entry, without the sets that are empty.
fn extended(effect: &Effect) -> Value {
    let all = [
        ("effectiveAllow", effect.allow),
        ("effectiveDeny", effect.deny),
        ("inheritedAllow", effect.inherited_allow),
        ("inheritedDeny", effect.inherited_deny),
    ];
    let some = all.into_iter().filter(|(_, bits)| !bits.is_empty());
    some.map(|(name, bits)| (name.to_owned(), Value::from(bits.bits()))).collect::<Map<_, _>>().into()
}

/// Replaces whole lists: all of them, or none if one cannot be.
pub(crate) async fn set(call: &Call<'_>, body: Value) -> Outcome {
    settable(call)?;
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let mut lists = Vec::new();
    for list in body.as_array().ok_or_else(|| Failure::missing("value"))? {
        let token = list["token"].as_str().ok_or_else(|| Failure::missing("token"))?;
        permissions::may_change_list(call.scope(), &directory, token)?;
        let dictionary = match &list["acesDictionary"] {
            Value::Null => Vec::new(),
            Value::Object(entries) => entries.iter().collect(),
            _ => return Err(Failure::bad("acesDictionary has to be an object.")),
        };
        let given = |(key, entry): (&String, &Value)| {
            entries::given(&directory, account, entry, Some(key)).map(|(entry, _)| entry)
        };
        let entries: Result<Vec<_>, Failure> = dictionary.into_iter().map(given).collect();
        let inherits = list["inheritPermissions"].as_bool().unwrap_or(true);
        lists.push(NewList { token, entries: entries?, inherits });
    }
    permissions::replace_lists(call.app, call.scope(), &lists).await?;
    Ok(Reply::nothing())
}

/// Removes lists; answers whether there was any. Of the lists below them, those go that the caller may change.
pub(crate) async fn remove(call: &Call<'_>) -> Outcome {
    settable(call)?;
    let tokens = call.query.list("tokens");
    if tokens.is_empty() {
        return Err(Failure::missing("tokens"));
    }
    let recurse = call.query.flag("recurse");
    let any = permissions::remove_lists(call.app, call.scope(), &tokens, recurse).await?;
    Ok(Reply::json(StatusCode::OK, any.into()))
}
