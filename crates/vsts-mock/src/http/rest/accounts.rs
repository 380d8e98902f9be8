//! `_apis/accounts`: the accounts that somebody belongs to. Clients ask `app.vssps.visualstudio.com`, with no account in the URL.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::failure::{Failure, excerpt};
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::access::{Target, Use, authorize_use, can_see, sees_subject};
use crate::directory::Account;

/// Lists the accounts of a member or an owner that the caller may know of, or shows the one in the path.
pub(super) fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    authorize_use(&directory, &call.principal, Use::Subjects)?;
    let seen = directory
        .accounts
        .values()
        .filter(|account| can_see(&directory, &call.principal, Target::Account(account)));
    if let Some(asked) = call.value("accountId") {
        let is_it = |account: &&Account| {
            account.id.to_string().eq_ignore_ascii_case(asked) || account.name.eq_ignore_ascii_case(asked)
        };
        let found = seen.into_iter().find(is_it);
        let message = || format!("The account {} does not exist.", excerpt(asked));
        let absent = || Failure::not_found("AccountNotFoundException", message());
        return found.map(|account| Reply::ok(shown(call, account))).ok_or_else(absent);
    }
    let (owner, member) = (id(call, "ownerId")?, id(call, "memberId")?);
    let of_owner = |account: &&Account| owner.is_none() || account.owner == owner;
    let of_member = |account: &&Account| {
        member.is_none_or(|member| {
            account.owner == Some(member)
                || call.principal.user == Some(member)
                || sees_subject(&directory, &call.principal, account.id, member)
        })
    };
    let mut accounts: Vec<_> = seen.filter(of_owner).filter(of_member).collect();
    accounts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Reply::ok(shape::list(accounts.into_iter().map(|account| shown(call, account)))))
}

/// An id in the query.
fn id(call: &Call<'_>, name: &str) -> Result<Option<Uuid>, Failure> {
    let asked = call.query.get(name).filter(|asked| !asked.is_empty());
    let parse = |asked: &str| {
        Uuid::parse_str(asked).map_err(|_| Failure::bad(format!("{name} is not an id: {}", excerpt(asked))))
    };
    asked.map(parse).transpose()
}

fn shown(call: &Call<'_>, account: &Account) -> Value {
    json!({
        "accountId": account.id.to_string(),
        "accountUri": format!("{}/", call.base_of(&account.name)),
        "accountName": account.name,
        "properties": Map::new(),
    })
}
