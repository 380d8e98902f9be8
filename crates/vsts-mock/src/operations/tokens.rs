//! Users' own tokens: listed, created, changed, revoked; and the sessions of programs, which are tokens too.
//!
//! A principal that signed in with a token needs one that is good for everything or for tokens (`vso.tokens`), and gives
//! no scope away that its token does not have.

use jiff::SignedDuration;
use uuid::Uuid;

use super::refused::Refused;
use crate::access::{Principal, Use, authorize_use};
use crate::app::App;
use crate::directory::{Directory, Token};
use crate::identity::{Secret, secret};
use crate::registry::{RegistryError, TokenInput, TokenUpdate};

/// The lifetime of a token that was created without an end.
const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The user, if the principal may manage this user's tokens and keys.
pub(crate) fn owner(directory: &Directory, principal: &Principal) -> Result<Uuid, Refused> {
    authorize_use(directory, principal, Use::Tokens)
        .map_err(|refusal| Refused::AccessCheck(refusal.to_string()))?;
    Ok(principal.user.unwrap_or_default())
}

/// The principal's tokens, oldest first.
pub(crate) fn list<'w>(directory: &'w Directory, principal: &Principal) -> Result<Vec<&'w Token>, Refused> {
    let user = owner(directory, principal)?;
    let mut mine: Vec<_> = directory.tokens.values().filter(|token| token.user == user).collect();
    mine.sort_by_key(|token| (token.created, token.id));
    Ok(mine)
}

/// The principal's token of that id.
pub(crate) fn find<'w>(
    directory: &'w Directory,
    principal: &Principal,
    id: &str,
) -> Result<&'w Token, Refused> {
    let user = owner(directory, principal)?;
    let token = Uuid::parse_str(id).ok().and_then(|id| directory.tokens.get(&id));
    token.filter(|token| token.user == user).ok_or_else(|| Refused::no_token(id))
}

/// Creates a token; its value is shown now and never again. Without an end it lasts a year.
pub(crate) async fn create(
    app: &App,
    principal: &Principal,
    input: TokenInput<'_>,
) -> Result<(Token, Secret), Refused> {
    let now = app.clock.now();
    let mut change = app.state.change().await;
    let user = user_name(&change.directory, owner(&change.directory, principal)?);
    may_give_away(&change.directory, principal, input.scopes)?;
    let expires = input.expires.or_else(|| now.saturating_add(DEFAULT_LIFE).ok());
    let (id, value) = change.create_token(&user, &TokenInput { expires, ..input }, now)?;
    let token =
        change.directory.tokens.get(&id).cloned().ok_or_else(|| Refused::no_token(&id.to_string()))?;
    change.commit().await?;
    Ok((token, value))
}

/// Changes a token. A longer life gives away its scopes again.
pub(crate) async fn update(
    app: &App,
    principal: &Principal,
    id: Uuid,
    update: &TokenUpdate<'_>,
) -> Result<Token, Refused> {
    let mut change = app.state.change().await;
    let token = find(&change.directory, principal, &id.to_string())?;
    may_give_away(&change.directory, principal, update.scopes.unwrap_or(&token.scopes))?;
    change.update_token(id, update)?;
    let token =
        change.directory.tokens.get(&id).cloned().ok_or_else(|| Refused::no_token(&id.to_string()))?;
    change.commit().await?;
    Ok(token)
}

/// Revokes a token; the connections that it opened end.
pub(crate) async fn revoke(app: &App, principal: &Principal, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let token = find(&change.directory, principal, id)?;
    let (user, id) = (user_name(&change.directory, token.user), token.id.to_string());
    change.delete_token(&user, &id)?;
    Ok(change.commit().await?)
}

/// Creates the token of a program's session; gives the user's name and the token's value.
pub(crate) async fn create_session(
    app: &App,
    user: Uuid,
    name: &str,
    life: SignedDuration,
) -> Result<(String, Secret), Refused> {
    let now = app.clock.now();
    let mut change = app.state.change().await;
    let found = change.directory.users.get(&user);
    let user = found.ok_or_else(|| RegistryError::not_found("user", &user.to_string()))?.name.clone();
    let expires = Some(now.saturating_add(life).unwrap_or(now));
    let input = TokenInput { name, expires, is_session: true, has_own_name: false, ..TokenInput::named() };
    let (_, value) = change.create_token(&user, &input, now)?;
    change.commit().await?;
    Ok((user, value))
}

/// Ends the session of a token's value, if there is one.
pub(crate) async fn end_session(app: &App, value: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let found = change.directory.token_by_hash(&secret::hash(value)).filter(|token| token.is_session);
    let Some((id, user)) = found.map(|token| (token.id.to_string(), token.user)) else { return Ok(()) };
    let user = user_name(&change.directory, user);
    change.delete_token(&user, &id)?;
    Ok(change.commit().await?)
}

/// Asks whether the principal's credential has these scopes; and is good for all accounts, if it is a token.
pub(super) fn may_give_away(
    directory: &Directory,
    principal: &Principal,
    asked: &[String],
) -> Result<(), Refused> {
    let Some(token) = principal.token.and_then(|token| directory.tokens.get(&token)) else { return Ok(()) };
    let has = |scope: &String| token.scopes.iter().any(|own| own == scope || own == "app_token");
    if token.accounts.is_empty() && asked.iter().all(has) {
        return Ok(());
    }
    let message = "TF400813: An access token cannot make what may do more than it may do itself.";
    Err(Refused::AccessCheck(message.to_owned()))
}

pub(super) fn user_name(directory: &Directory, user: Uuid) -> String {
    directory.users.get(&user).map(|user| user.name.clone()).unwrap_or_default()
}
