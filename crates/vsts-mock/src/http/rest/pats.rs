//! Personal access tokens in their second form, `_apis/tokens/pats`: listed in pages, made, changed, revoked.
//!
//! A token's value is in the answer to its creation and nowhere else. What is wrong with a request stands in
//! `patTokenError`, beside a status of 200, as the service has it. Sessions of signed-in programs are no personal access
//! tokens. Who may what is as in [`tokens`](super::tokens).

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Call;
use super::failure::Failure;
use super::reply::{Outcome, Reply};
use super::tokens::FOREVER;
use crate::access::Principal;
use crate::directory::{Directory, Token};
use crate::operations::refused::Refused;
use crate::operations::tokens;
use crate::registry::{RegistryError, TokenInput, TokenUpdate};

/// Tokens on a page: by default, and at most.
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

/// A selection of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Active,
    Revoked,
    Expired,
    All,
}

const FILTERS: [(&str, u64, Filter); 4] = [
    ("active", 1, Filter::Active),
    ("revoked", 2, Filter::Revoked),
    ("expired", 3, Filter::Expired),
    ("all", 4, Filter::All),
];

/// By what they are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Name,
    Date,
    Status,
}

const ORDERS: [(&str, u64, By); 3] =
    [("displayName", 1, By::Name), ("displayDate", 2, By::Date), ("status", 3, By::Status)];

/// The properties of a token in a request.
struct Wanted {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    expires: Option<Timestamp>,
    /// It is good for all accounts.
    everywhere: Option<bool>,
}

/// The id of a token, in the path or in the query.
fn id<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    call.value("id").or_else(|| call.query.get("authorizationId"))
}

/// The account that the URL names; tokens made here are good for it alone, unless they are for all.
fn own_account(call: &Call<'_>, directory: &Directory) -> Option<Uuid> {
    directory.account(&call.account).map(|account| account.id)
}

fn list(call: &Call<'_>) -> Outcome {
    let (directory, now) = (call.app.state.directory(), call.app.clock.now());
    let filter = call.query.choice(&["displayFilterOption"], &FILTERS)?.unwrap_or(Filter::Active);
    let by = call.query.choice(&["sortByOption"], &ORDERS)?.unwrap_or(By::Date);
    let account = own_account(call, &directory);
    let is_here = |token: &Token| {
        token.accounts.is_empty() || account.is_none_or(|account| token.accounts.contains(&account))
    };
    let mut mine: Vec<&Token> = tokens::list(&directory, &call.principal)?
        .into_iter()
        .filter(|token| !token.is_session && is_here(token))
        .filter(|token| match filter {
            Filter::Active => is_active(token, now),
            Filter::Expired => !is_active(token, now),
            Filter::Revoked => false,
            Filter::All => true,
        })
        .collect();
    mine.sort_by_key(|token| {
        let (name, date) = (token.name.to_lowercase(), token.created);
        match by {
            By::Name => (false, name, date, token.id),
            By::Date => (false, String::new(), date, token.id),
            By::Status => (!is_active(token, now), name, date, token.id),
        }
    });
    if !call.query.flag("isSortAscending") && call.query.get("isSortAscending").is_some() {
        mine.reverse();
    }
    let top = call.query.amount(&["$top"])?.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let skip = call.query.amount(&["continuationToken"])?.unwrap_or(0);
    let next = skip.saturating_add(top);
    let page: Vec<Value> = mine.iter().skip(skip).take(top).map(|token| shown(token, None)).collect();
    let continued = (next < mine.len()).then(|| next.to_string());
    Ok(Reply::ok(json!({ "continuationToken": continued.unwrap_or_default(), "patTokens": page })))
}

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let Some(id) = id(call) else { return list(call) };
    let directory = call.app.state.directory();
    Ok(Reply::ok(match find(&directory, &call.principal, id) {
        Err(Refused::NoToken { .. }) => refused("authorizationNotFound"),
        token => result(&shown(token?, None)),
    }))
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
    let directory = call.app.state.directory();
    tokens::owner(&directory, &call.principal)?;
    let wanted = match Wanted::of(&body, call.app.clock.now()) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(Reply::ok(refused(error))),
    };
    let Some(name) = wanted.name else { return Ok(Reply::ok(refused("displayNameRequired"))) };
    let scopes = wanted.scopes.unwrap_or_else(|| vec!["app_token".to_owned()]);
    let own = own_account(call, &directory);
    let accounts: Vec<Uuid> =
        if wanted.everywhere == Some(true) { Vec::new() } else { own.into_iter().collect() };
    let input = TokenInput {
        name: &name,
        scopes: &scopes,
        accounts: &accounts,
        expires: wanted.expires,
        has_own_name: false,
        ..TokenInput::named()
    };
    match tokens::create(call.app, &call.principal, input).await {
        Ok((token, value)) => Ok(Reply::ok(result(&shown(&token, Some(value.reveal()))))),
        Err(error) => named(error),
    }
}

pub(super) async fn update(call: &Call<'_>, body: Value) -> Outcome {
    let directory = call.app.state.directory();
    tokens::owner(&directory, &call.principal)?;
    let id = body["authorizationId"].as_str().ok_or_else(|| Failure::missing("authorizationId"))?;
    let Ok(token) = find(&directory, &call.principal, id) else {
        return Ok(Reply::ok(refused("authorizationNotFound")));
    };
    let wanted = match Wanted::of(&body, call.app.clock.now()) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(Reply::ok(refused(error))),
    };
    let own = own_account(call, &directory);
    let accounts = wanted
        .everywhere
        .map(|everywhere| if everywhere { Vec::new() } else { own.into_iter().collect::<Vec<Uuid>>() });
    let update = TokenUpdate {
        name: wanted.name.as_deref(),
        scopes: wanted.scopes.as_deref(),
        accounts: accounts.as_deref(),
        expires: wanted.expires,
    };
    match tokens::update(call.app, &call.principal, token.id, &update).await {
        Ok(token) => Ok(Reply::ok(result(&shown(&token, None)))),
        Err(error) => named(error),
    }
}

pub(super) async fn revoke(call: &Call<'_>) -> Outcome {
    let id = id(call).ok_or_else(|| Failure::missing("authorizationId"))?;
    find(&call.app.state.directory(), &call.principal, id)?;
    tokens::revoke(call.app, &call.principal, id).await?;
    Ok(Reply::nothing())
}

impl Wanted {
    /// Reads a body; or how the service calls what is wrong with it.
    fn of(body: &Value, now: Timestamp) -> Result<Self, &'static str> {
        let name = match &body["displayName"] {
            Value::Null => None,
            Value::String(name) if name.trim().is_empty() => return Err("displayNameRequired"),
            Value::String(name) => Some(name.clone()),
            _ => return Err("invalidDisplayName"),
        };
        let scopes = match &body["scope"] {
            Value::Null => None,
            Value::String(scope) => Some(scope.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
            _ => return Err("invalidScope"),
        };
        if scopes.as_ref().is_some_and(Vec::is_empty) {
            return Err("invalidScope");
        }
        let expires = match &body["validTo"] {
            Value::Null => None,
            Value::String(text) => {
                let time = crate::http::dates::parse(text).ok_or("invalidValidTo")?;
                Some(time).filter(|time| *time > now).ok_or("invalidValidTo").map(Some)?
            }
            _ => return Err("invalidValidTo"),
        };
        Ok(Self { name, scopes, expires, everywhere: body["allOrgs"].as_bool() })
    }
}

fn is_active(token: &Token, now: Timestamp) -> bool {
    token.expires.is_none_or(|expires| now < expires)
}

/// The caller's own token of that id. Sessions of programs are no personal access tokens.
fn find<'w>(directory: &'w Directory, principal: &Principal, id: &str) -> Result<&'w Token, Refused> {
    tokens::find(directory, principal, id)
        .and_then(|token| if token.is_session { Err(Refused::no_token(id)) } else { Ok(token) })
}

/// The name that the service has for a refusal of a token's name or scopes.
fn named(error: Refused) -> Outcome {
    match &error {
        Refused::Registry(RegistryError::Name(_)) => Ok(Reply::ok(refused("invalidDisplayName"))),
        Refused::Registry(RegistryError::Value { field: "scopes", .. }) => {
            Ok(Reply::ok(refused("invalidScope")))
        }
        _ => Err(error.into()),
    }
}

fn result(token: &Value) -> Value {
    json!({ "patToken": token, "patTokenError": "none" })
}

fn refused(error: &str) -> Value {
    json!({ "patToken": null, "patTokenError": error })
}

fn shown(token: &Token, value: Option<&str>) -> Value {
    let accounts: Vec<String> = token.accounts.iter().map(Uuid::to_string).collect();
    json!({
        "displayName": token.name,
        "validTo": token.expires.map_or_else(|| FOREVER.to_owned(), |time| time.to_string()),
        "scope": token.scopes.join(" "),
        "targetAccounts": if accounts.is_empty() { Value::Null } else { accounts.into() },
        "validFrom": token.created,
        "authorizationId": token.id.to_string(),
        "token": value,
    })
}
