//! `_apis/userentitlements`: the users of an account with their licences. Everybody here has the same one.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::Call;
use super::super::failure::{Failure, excerpt};
use super::super::reply::{Outcome, Reply};
use super::{no_subject, shapes};
use crate::access::is_known;
use crate::directory::{User, name, subject};
use crate::limits::ENTITLEMENTS;

/// The time of something that has not happened, as the service writes it.
const NEVER: &str = "0001-01-01T00:00:00Z";

fn shown(call: &Call<'_>, base: &str, user: &User) -> Value {
    let directory = call.app.state.directory();
    let used = directory.tokens.values().filter(|token| token.user == user.id);
    let last = used.filter_map(|token| call.app.uses.last(token.id)).max();
    json!({
        "id": user.id.to_string(),
        "user": shapes::graph_user(base, user),
        "accessLevel": {
            "licensingSource": "account", "accountLicenseType": "express", "msdnLicenseType": "none",
            "licenseDisplayName": "Basic", "status": "active", "statusMessage": "", "assignmentSource": "unknown",
        },
        "lastAccessedDate": last.map_or_else(|| NEVER.to_owned(), |time| time.to_string()),
        "dateCreated": NEVER,
        "projectEntitlements": [],
        "extensions": [],
        "groupAssignments": [],
    })
}

/// The part of a name or an address that a filter asks for; every user is a member with the same licence.
fn wanted(filter: &str) -> Result<Option<String>, Failure> {
    let mut name = None;
    for clause in clauses(filter).into_iter().map(str::trim).filter(|clause| !clause.is_empty()) {
        let parts = clause.split_once(" eq ").map(|(field, value)| (field.trim(), value.trim()));
        let text = parts.and_then(|(_, value)| value.strip_prefix('\'')?.strip_suffix('\''));
        match parts.zip(text) {
            Some(((field, _), text)) if field.eq_ignore_ascii_case("name") => {
                name = Some(text.replace("''", "'").to_lowercase());
            }
            Some(((field, _), "member")) if field.eq_ignore_ascii_case("userType") => {}
            _ => {
                let message =
                    format!("$filter knows name eq '…' and userType eq 'member', not {:?}.", excerpt(clause));
                return Err(Failure::bad(message));
            }
        }
    }
    Ok(name)
}

/// The clauses of a filter between `and`; what is in quotes is not looked into.
fn clauses(filter: &str) -> Vec<&str> {
    const AND: &str = " and ";
    let (mut all, mut begin, mut is_quoted) = (Vec::new(), 0, false);
    for (at, found) in filter.char_indices() {
        is_quoted ^= found == '\'';
        if !is_quoted && at >= begin && filter[at..].starts_with(AND) {
            all.push(&filter[begin..at]);
            begin = at + AND.len();
        }
    }
    all.push(&filter[begin..]);
    all
}

/// The users of the account, by name.
pub(crate) fn list(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let wanted = wanted(call.query.get("$filter").unwrap_or_default())?;
    let skip = match call.query.get("continuationToken").filter(|token| !token.is_empty()) {
        None => call.query.amount(&["$skip", "skip"])?.unwrap_or_default(),
        Some(token) => {
            token.parse().map_err(|_| Failure::bad("The continuation token is none of this server's."))?
        }
    };
    let top = call.query.amount(&["$top", "top"])?.unwrap_or(ENTITLEMENTS).min(ENTITLEMENTS);
    let mut found: Vec<&User> = directory
        .users
        .values()
        .filter(|user| is_known(&directory, user.id, account.id, None))
        .filter(|user| {
            wanted.as_ref().is_none_or(|wanted| {
                user.name.to_lowercase().contains(wanted)
                    || subject::login(user).to_lowercase().contains(wanted)
            })
        })
        .collect();
    found.sort_by_key(|user| name::key(&user.name));
    let (total, base) = (found.len(), call.base(account));
    let page: Vec<Value> =
        found.into_iter().skip(skip).take(top).map(|user| shown(call, &base, user)).collect();
    let next = skip.saturating_add(page.len());
    let more = (next < total && !page.is_empty()).then(|| next.to_string());
    Ok(Reply::ok(json!({ "members": page, "continuationToken": more, "totalCount": total })))
}

/// One of them, by its id.
pub(crate) fn show(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let asked = call.part("userId");
    let found = Uuid::parse_str(asked).ok().and_then(|id| directory.users.get(&id));
    let user = found.filter(|user| is_known(&directory, user.id, account.id, None));
    let user = user.ok_or_else(|| no_subject(asked))?;
    Ok(Reply::ok(shown(call, &call.base(account), user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_what_joins_clauses_and_quotes() {
        let found = |filter: &str| wanted(filter).map_err(|failure| failure.message);
        assert_eq!(found(""), Ok(None));
        assert_eq!(found("name eq 'Tom and Jerry'"), Ok(Some("tom and jerry".to_owned())));
        assert_eq!(found("userType eq 'member' and name eq 'O''Neil'"), Ok(Some("o'neil".to_owned())));
        assert_eq!(found("userType eq 'member'"), Ok(None));
        for wrong in ["name", "name eq Tom", "name eq 'Tom", "licenseId eq 'x'", "userType eq 'guest'"] {
            assert!(found(wrong).is_err_and(|message| message.contains("$filter")), "{wrong}");
        }
    }
}
