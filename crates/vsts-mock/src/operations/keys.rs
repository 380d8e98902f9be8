//! Users' own SSH public keys: listed, registered, removed.

use uuid::Uuid;

use super::refused::Refused;
use super::tokens::{may_give_away, owner, user_name};
use crate::access::Principal;
use crate::app::App;
use crate::registry::KeyInput;
use crate::world::{SshKey, World};

/// The principal's keys, oldest first.
pub(crate) fn list<'w>(world: &'w World, principal: &Principal) -> Result<Vec<&'w SshKey>, Refused> {
    let user = owner(world, principal)?;
    let mut mine: Vec<_> = world.keys.values().filter(|key| key.user == user).collect();
    mine.sort_by_key(|key| (key.created, key.id));
    Ok(mine)
}

/// The principal's key of that id.
pub(crate) fn find<'w>(world: &'w World, principal: &Principal, id: &str) -> Result<&'w SshKey, Refused> {
    let user = owner(world, principal)?;
    let key = Uuid::parse_str(id).ok().and_then(|id| world.keys.get(&id));
    key.filter(|key| key.user == user).ok_or_else(|| Refused::no_token(id))
}

/// Registers a key, which is worth as much as a token for everything.
pub(crate) async fn register(
    app: &App,
    principal: &Principal,
    input: &KeyInput<'_>,
) -> Result<SshKey, Refused> {
    let mut change = app.state.change().await?;
    let user = user_name(&change.world, owner(&change.world, principal)?);
    may_give_away(&change.world, principal, &["app_token".to_owned()])?;
    if let Some(reason) = app.profile.refuses_key(input.key) {
        return Err(Refused::invalid(reason));
    }
    let id = change.create_key(&user, input, app.clock.now()).await?;
    let key = change.world.keys.get(&id).cloned().ok_or_else(|| Refused::no_token(&id.to_string()))?;
    change.commit().await?;
    Ok(key)
}

/// Removes a key; the connections that it opened end. By its id alone: a key may be named like the id of another.
pub(crate) async fn remove(app: &App, principal: &Principal, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await?;
    let key = find(&change.world, principal, id)?;
    let (user, id) = (user_name(&change.world, key.user), key.id.to_string());
    change.delete_key(&user, &id).await?;
    Ok(change.commit().await?)
}
