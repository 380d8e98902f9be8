//! `_apis/securitynamespaces`, `accesscontrollists`, `accesscontrolentries`, `permissions`: who may do what, shown,
//! asked and set.
//!
//! The entries of the namespace of Git repositories decide on every transport. Those of the other namespaces
//! follow from them and from who is in which group: they are shown and evaluated, and cannot be set.

pub(super) mod checks;
mod derived;
pub(super) mod entries;
pub(super) mod lists;
mod namespaces;
mod selection;

use serde_json::Value;
use uuid::Uuid;

use super::failure::{Failure, excerpt};
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::access::Permissions;
use crate::directory::{Account, Directory, subject};
use namespaces::Namespace;

/// The value of a path that names the namespace.
const NAMESPACE: &str = "securityNamespaceId";

/// Always a list, also of one.
pub(crate) fn namespaces(call: &Call<'_>) -> Outcome {
    call.account(&call.app.state.directory())?;
    let shown: Vec<Value> = match call.value(NAMESPACE) {
        Some(id) => vec![namespace(Some(id))?.json()],
        None => Namespace::ALL.into_iter().map(Namespace::json).collect(),
    };
    Ok(Reply::ok(shape::list(shown.into_iter())))
}

fn namespace(id: Option<&str>) -> Result<Namespace, Failure> {
    let id = id.ok_or_else(|| Failure::missing(NAMESPACE))?;
    let found = Uuid::parse_str(id).ok().and_then(Namespace::from_id);
    found.ok_or_else(|| {
        Failure::not_found(
            "InvalidSecurityNamespaceException",
            format!("The security namespace {} does not exist.", excerpt(id)),
        )
    })
}

/// Refuses a request about a namespace whose entries cannot be set.
fn settable(call: &Call<'_>) -> Result<(), Failure> {
    let namespace = namespace(call.value(NAMESPACE))?;
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
    number.ok_or_else(|| Failure::bad(format!("{:?} is not a set of permissions.", excerpt(text))))
}

/// The user or the group of a descriptor, if the account has it.
fn subject_of(directory: &Directory, account: &Account, descriptor: &str) -> Result<Uuid, Failure> {
    let found = subject::by_descriptor(directory, descriptor)
        .filter(|id| directory.groups.get(id).is_none_or(|group| group.account == account.id));
    found.ok_or_else(|| {
        Failure::not_found(
            "IdentityNotFoundException",
            format!("The identity with the descriptor {} could not be found.", excerpt(descriptor)),
        )
    })
}

fn entry_json(descriptor: &str, allow: Permissions, deny: Permissions) -> Value {
    serde_json::json!({ "descriptor": descriptor, "allow": allow.bits(), "deny": deny.bits() })
}
