//! `_apis/operations`: how far a piece of work is that was begun by another request.

use http::StatusCode;
use uuid::Uuid;

use super::failure::{Failure, shown};
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::jobs::Progress;
use crate::registry::RegistryError;

pub(super) fn show(call: &Call<'_>, id: &str) -> Outcome {
    let world = call.app.state.world();
    let account = call.account(&world)?;
    let parsed = Uuid::parse_str(id)
        .map_err(|_| Failure::bad(format!("{:?} is not an operation's id.", shown(id))))?;
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

impl Call<'_> {
    /// Lets work go on after this request has been answered; the answer says where to ask how far it is.
    pub(super) fn begin<W>(
        &self,
        account: Uuid,
        base: &str,
        reserved: Option<String>,
        work: W,
    ) -> Option<Reply>
    where
        W: Future<Output = Result<(), RegistryError>> + Send + 'static,
    {
        let id = crate::registry::random_id();
        self.app.jobs.add(id, account, reserved)?;
        let app = self.app.clone();
        tokio::spawn(async move {
            app.jobs.set(id, Progress::Running);
            let progress = match work.await {
                Ok(()) => Progress::Succeeded,
                Err(error) => Progress::Failed(error.in_one_line()),
            };
            app.jobs.set(id, progress);
        });
        let value = shape::operation(base, &id.to_string(), Progress::Queued.name());
        Some(Reply::json(StatusCode::ACCEPTED, value))
    }
}
