//! `_apis/securitynamespaces`, `accesscontrollists`, `accesscontrolentries`, `permissions`: who may do what, shown,
//! asked and set.
//!
//! The entries of the namespace of Git repositories are what every door decides by. Those of the other namespaces
//! follow from them and from who is in which group: they are shown and evaluated, and cannot be set.

mod checks;
mod derived;
mod entries;
mod lists;
mod namespaces;

use axum::body::Body;
use http::Method;
use serde_json::Value;
use uuid::Uuid;

use super::failure::{Failure, shown};
use super::locations::Route;
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::access::Permissions;
use crate::directory::{Account, Directory, subject};
use namespaces::Namespace;

pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route, body: Body) -> Option<Outcome> {
    let id = route.value("securityNamespaceId");
    let bits = route.value("permissions");
    Some(match (route.resource().as_str(), method) {
        ("security/securitynamespaces", &Method::GET) => namespaces_of(call, id),
        ("security/accesscontrollists", &Method::GET) => lists::query(call, id),
        ("security/accesscontrollists", &Method::POST) => lists::set(call, id, body).await,
        ("security/accesscontrollists", &Method::DELETE) => lists::remove(call, id).await,
        ("security/accesscontrolentries", &Method::POST) => entries::set(call, id, body).await,
        ("security/accesscontrolentries", &Method::DELETE) => entries::remove(call, id).await,
        ("security/permissions", &Method::GET) => checks::one(call, id, bits),
        ("security/permissions", &Method::DELETE) => entries::remove_bits(call, id, bits).await,
        ("security/permissionevaluationbatch", &Method::POST) => checks::batch(call, body).await,
        _ => return None,
    })
}

/// Always a list, also of one.
fn namespaces_of(call: &Call<'_>, id: Option<&str>) -> Outcome {
    call.account(&call.app.state.directory())?;
    let shown: Vec<Value> = match id {
        Some(id) => vec![namespace(Some(id))?.json()],
        None => Namespace::ALL.into_iter().map(Namespace::json).collect(),
    };
    Ok(Reply::ok(shape::list(shown.into_iter())))
}

fn namespace(id: Option<&str>) -> Result<Namespace, Failure> {
    let id = id.ok_or_else(|| Failure::missing("securityNamespaceId"))?;
    let found = Uuid::parse_str(id).ok().and_then(Namespace::from_id);
    found.ok_or_else(|| {
        Failure::not_found(
            "InvalidSecurityNamespaceException",
            format!("The security namespace {} does not exist.", shown(id)),
        )
    })
}

/// The namespace, if its entries can be set.
fn settable(id: Option<&str>) -> Result<(), Failure> {
    let namespace = namespace(id)?;
    if namespace == Namespace::Git {
        return Ok(());
    }
    Err(Failure::new(
        http::StatusCode::BAD_REQUEST,
        "InvalidOperationException",
        format!(
            "The entries of the namespace {} cannot be set on this server: they follow from those of Git Repositories and \
             from who is in which group.",
            namespace.name()
        ),
    ))
}

/// The bits of a path or a body.
fn bits(text: &str) -> Result<u32, Failure> {
    let number = text.parse::<i64>().ok().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Failure::bad(format!("{:?} is not a set of permissions.", shown(text))))
}

/// The user or the group of a descriptor, if the account has it.
fn subject_of(directory: &Directory, account: &Account, descriptor: &str) -> Result<Uuid, Failure> {
    let found = subject::by_descriptor(directory, descriptor)
        .filter(|id| directory.groups.get(id).is_none_or(|group| group.account == account.id));
    found.ok_or_else(|| {
        Failure::not_found(
            "IdentityNotFoundException",
            format!("The identity with the descriptor {} could not be found.", shown(descriptor)),
        )
    })
}

fn entry_json(descriptor: &str, allow: Permissions, deny: Permissions) -> Value {
    serde_json::json!({ "descriptor": descriptor, "allow": allow.bits(), "deny": deny.bits() })
}
