//! Permission checks: what the caller may do, asked without doing it. The answer is the decision of every front end.

use serde_json::Value;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::{Call, shape};
use super::namespaces::Namespace;
use super::{NAMESPACE, bits, derived, namespace};
use crate::access::{Permissions, holds};
use crate::directory::{Account, Directory};
use crate::limits::BATCH_EVALUATIONS;
use crate::operations::securable;

/// One truth value per token. Clients of version 1.0 ask about one token, and hear one value.
pub(crate) fn one(call: &Call<'_>) -> Outcome {
    let namespace = namespace(call.value(NAMESPACE))?;
    let asked = bits(call.value("permissions").ok_or_else(|| Failure::missing("permissions"))?)?;
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let always = call.query.flag("alwaysAllowAdministrators");
    let has = |token: &str| has(call, &directory, account, namespace, asked, token, always).map(Value::from);
    match (call.query.get("tokens"), call.query.get("token")) {
        (Some(tokens), _) => {
            let delimiter = call.query.get("delimiter").unwrap_or(",");
            let all: Result<Vec<Value>, Failure> = tokens.split(delimiter).map(has).collect();
            Ok(Reply::ok(shape::list(all?.into_iter())))
        }
        (None, Some(token)) => Ok(Reply::ok(has(token)?)),
        (None, None) => Err(Failure::missing("tokens")),
    }
}

/// The batch as it was asked, with the answers in it.
pub(crate) async fn batch(call: &Call<'_>, mut body: Value) -> Outcome {
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let always = body["alwaysAllowAdministrators"].as_bool().unwrap_or(false);
    let evaluations = body.get_mut("evaluations").and_then(Value::as_array_mut);
    let evaluations = evaluations.ok_or_else(|| Failure::missing("evaluations"))?;
    if evaluations.len() > BATCH_EVALUATIONS {
        return Err(Failure::bad(format!("A batch has at most {BATCH_EVALUATIONS} evaluations.")));
    }
    for evaluation in evaluations {
        let namespace = namespace(evaluation["securityNamespaceId"].as_str())?;
        let token = evaluation["token"].as_str().ok_or_else(|| Failure::missing("token"))?;
        let asked = bits(&evaluation["permissions"].to_string())?;
        let value = has(call, &directory, account, namespace, asked, token, always)?;
        match evaluation.as_object_mut() {
            Some(fields) => fields.insert("value".to_owned(), value.into()),
            None => return Err(Failure::missing("securityNamespaceId")),
        };
    }
    Ok(Reply::ok(body))
}

fn has(
    call: &Call<'_>,
    directory: &Directory,
    account: &Account,
    namespace: Namespace,
    asked: u32,
    token: &str,
    always: bool,
) -> Result<bool, Failure> {
    if namespace != Namespace::Git {
        return Ok(derived::has(namespace, directory, &call.principal, account, asked, token));
    }
    let permissions = Permissions::from_bits(asked);
    let is_known = permissions.bits() == asked;
    let securable = securable::parse(directory, account, token)?;
    Ok(is_known
        && securable.is_some_and(|securable| {
            holds(directory, &call.principal, permissions, securable.target(), always)
        }))
}
