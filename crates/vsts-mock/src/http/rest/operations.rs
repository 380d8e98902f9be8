//! `_apis/operations`: how far a piece of work is that was begun by another request.

use uuid::Uuid;

use super::failure::{Failure, excerpt};
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::jobs::Progress;

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let id = call.part("operationId");
    let directory = call.app.state.directory();
    let account = call.account(&directory)?;
    let parsed = Uuid::parse_str(id)
        .map_err(|_| Failure::bad(format!("{:?} is not an operation's id.", excerpt(id))))?;
    let known = call.app.jobs.get(parsed).filter(|job| job.account == account.id);
    let known = known.ok_or_else(|| {
        Failure::not_found(
            "OperationNotFoundException",
            format!("There is no operation with the id {parsed}."),
        )
    })?;
    let mut value = shape::operation(&call.base(account), &parsed.to_string(), known.progress.name());
    if let Progress::Failed(message) = &known.progress {
        value["resultMessage"] = message.clone().into();
        value["detailedMessage"] = message.clone().into();
    }
    Ok(Reply::ok(value))
}
