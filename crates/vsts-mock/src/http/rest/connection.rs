//! `_apis/connectionData`: who the caller is, and where. Nobody is told to be `Anonymous`.

use serde_json::{Value, json};

use super::reply::{Outcome, Reply};
use super::{Call, locations};
use crate::access::{Principal, Target, can_see};
use crate::directory::{Directory, name, subject};

/// The id under which nobody goes.
const ANONYMOUS: &str = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";
/// The location service's own id.
const LOCATION_SERVICE: &str = "00025394-6065-48ca-87d9-7f5672854ef7";

#[expect(clippy::unnecessary_wraps, reason = "every handler returns one of these")]
pub(super) fn data(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let user = identity(&directory, &call.principal);
    let seen = directory.account(&call.account);
    let seen = seen.filter(|account| can_see(&directory, &call.principal, Target::Account(account)));
    let instance = seen.map_or_else(|| name::derive(&["instance"]), |account| account.id);
    Ok(Reply::ok(json!({
        "authenticatedUser": user,
        "authorizedUser": user,
        "instanceId": instance.to_string(),
        "deploymentId": name::derive(&["deployment"]).to_string(),
        "deploymentType": "hosted",
        "locationServiceData": {
            "serviceOwner": LOCATION_SERVICE,
            "defaultAccessMappingMoniker": "PublicAccessMapping",
            "lastChangeId": 1,
            "lastChangeId64": 1,
        },
    })))
}

fn identity(directory: &Directory, principal: &Principal) -> Value {
    let Some(user) = principal.user.and_then(|user| directory.users.get(&user)) else {
        return json!({
            "id": ANONYMOUS,
            "descriptor": format!("System:PublicAccess;{ANONYMOUS}"),
            "subjectDescriptor": "sysPublicAccess",
            "providerDisplayName": "Anonymous",
            "customDisplayName": "Anonymous",
            "isActive": true,
            "properties": { "Account": { "$type": "System.String", "$value": "Anonymous" } },
            "resourceVersion": 2,
            "metaTypeId": 255,
        });
    };
    let account = subject::login(user);
    json!({
        "id": user.id.to_string(),
        "descriptor": subject::user_descriptor(user),
        "subjectDescriptor": subject::user_subject(user.id),
        "providerDisplayName": user.name,
        "isActive": true,
        "properties": { "Account": { "$type": "System.String", "$value": account } },
        "resourceVersion": 2,
        "metaTypeId": 0,
    })
}

/// Every area is served where the account is, or at the server's own address.
#[expect(clippy::unnecessary_wraps, reason = "every handler returns one of these")]
pub(super) fn resource_areas(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let base = match call.account(&directory) {
        Ok(account) => call.base(account),
        Err(_) => call.app.base_url().to_owned(),
    };
    Ok(Reply::ok(locations::areas(call.app.profile, &base, call.value("areaId"))))
}
