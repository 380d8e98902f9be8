//! `_apis/Profile/Profiles`: who the caller is, in an account and at the service itself. Both SDKs ask for it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Call;
use super::failure::{Failure, excerpt};
use super::reply::{Outcome, Reply};
use crate::access::{Use, authorize_use, sees_subject};
use crate::directory::{Directory, User, subject};

/// Profiles never change here.
const REVISION: u32 = 1;

/// Shows a profile: `me` or an id.
pub(super) fn show(call: &Call<'_>) -> Outcome {
    let asked = call.value("id").unwrap_or("me");
    let directory = call.app.state.directory();
    authorize_use(&directory, &call.principal, Use::Subjects)?;
    let user = find(call, &directory, asked).ok_or_else(|| {
        Failure::not_found(
            "ProfileDoesNotExistException",
            format!("The profile {} does not exist.", excerpt(asked)),
        )
    })?;
    let mail = subject::login(user);
    let time = Timestamp::UNIX_EPOCH;
    let mut value = json!({
        "displayName": user.name,
        "publicAlias": user.id.to_string(),
        "emailAddress": mail,
        "coreRevision": REVISION,
        "timeStamp": time,
        "id": user.id.to_string(),
        "revision": REVISION,
    });
    if call.query.flag("details") {
        let id = user.id.to_string();
        let all = [("DisplayName", user.name.as_str()), ("PublicAlias", &id), ("EmailAddress", mail)];
        let attribute = |(name, value): (&str, &str)| {
            let attribute = json!({
                "descriptor": { "attributeName": name, "containerName": "Core" },
                "value": value,
                "timeStamp": time,
                "revision": REVISION,
            });
            (name.to_owned(), attribute)
        };
        value["coreAttributes"] = Value::Object(all.into_iter().map(attribute).collect::<Map<_, _>>());
    }
    Ok(Reply::ok(value))
}

/// The caller, or somebody whom the account that the URL names shows to the caller.
fn find<'w>(call: &Call<'_>, directory: &'w Directory, asked: &str) -> Option<&'w User> {
    let me = call.principal.user;
    let id = if asked.eq_ignore_ascii_case("me") { me? } else { Uuid::parse_str(asked).ok()? };
    let is_seen = || {
        let account = call.account(directory);
        account.is_ok_and(|account| sees_subject(directory, &call.principal, account.id, id))
    };
    if Some(id) == me || is_seen() { directory.users.get(&id) } else { None }
}
