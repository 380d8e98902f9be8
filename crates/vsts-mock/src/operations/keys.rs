//! Users' own SSH public keys: listed, registered, removed.

use uuid::Uuid;

use super::refused::Refused;
use super::tokens::{may_give_away, owner, user_name};
use crate::access::Principal;
use crate::app::App;
use crate::directory::{Directory, SshKey};
use crate::registry::KeyInput;

/// The principal's keys, oldest first.
pub(crate) fn list<'w>(directory: &'w Directory, principal: &Principal) -> Result<Vec<&'w SshKey>, Refused> {
    let user = owner(directory, principal)?;
    let mut mine: Vec<_> = directory.keys.values().filter(|key| key.user == user).collect();
    mine.sort_by_key(|key| (key.created, key.id));
    Ok(mine)
}

/// The principal's key of that id.
pub(crate) fn find<'w>(
    directory: &'w Directory,
    principal: &Principal,
    id: &str,
) -> Result<&'w SshKey, Refused> {
    let user = owner(directory, principal)?;
    let key = Uuid::parse_str(id).ok().and_then(|id| directory.keys.get(&id));
    key.filter(|key| key.user == user).ok_or_else(|| Refused::no_token(id))
}

/// Registers a key, which is worth as much as a token for everything.
pub(crate) async fn register(
    app: &App,
    principal: &Principal,
    input: &KeyInput<'_>,
) -> Result<SshKey, Refused> {
    let mut change = app.state.change().await;
    let user = user_name(&change.directory, owner(&change.directory, principal)?);
    may_give_away(&change.directory, principal, &["app_token".to_owned()])?;
    if let Some(reason) = app.profile.refuses_key(input.key) {
        return Err(Refused::invalid(reason));
    }
    let id = change.create_key(&user, input, app.clock.now())?;
    let key = change.directory.keys.get(&id).cloned().ok_or_else(|| Refused::no_token(&id.to_string()))?;
    change.commit().await?;
    Ok(key)
}

/// Removes a key; the connections that it opened end. By its id alone: a key may be named like the id of another.
pub(crate) async fn remove(app: &App, principal: &Principal, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let key = find(&change.directory, principal, id)?;
    let (user, id) = (user_name(&change.directory, key.user), key.id.to_string());
    change.delete_key(&user, &id)?;
    Ok(change.commit().await?)
}
