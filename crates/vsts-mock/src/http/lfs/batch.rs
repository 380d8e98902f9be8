//! The batch API.

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use lfs_wire::Oid;
use lfs_wire::batch::{
    self, Action, Actions, Answer, Answered, BASIC, HASH_ALGORITHM, ObjectError, Operation,
};

use super::Call;
use super::answer::{Failure, json};
use crate::identity::grant::Holder;
use crate::limits::LFS_GRANT;
use crate::operations::lfs::batch::{Todo, ask};
use crate::operations::lfs::{address, authorization, find};

pub(super) async fn serve(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let asked: batch::Request = call.body(request).await?;
    call.check_grant(asked.operation, None)?;
    if asked.operation == Operation::Upload {
        find(&call.app.state.directory(), &call.principal, call.names, Operation::Upload)?;
    }
    let todos = ask(call.app, &call.principal, &call.repo, &asked).await?;
    let actions = ActionMaker::of(call, asked.operation);
    let objects = asked.objects.into_iter().zip(todos).map(|(one, todo)| {
        let mut answered =
            Answered { oid: one.oid, size: one.size, authenticated: None, actions: None, error: None };
        match todo {
            Todo::Nothing => {}
            Todo::Transfer(oid, size) => {
                answered.authenticated = Some(true);
                answered.actions = Some(actions.of_object(oid, size));
            }
            Todo::Refused(refused) => {
                answered.error = Some(ObjectError { code: refused.code(), message: refused.to_string() });
            }
        }
        answered
    });
    let answer = Answer {
        transfer: BASIC.to_owned(),
        objects: objects.collect(),
        hash_algo: HASH_ALGORITHM.to_owned(),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// Makes the actions of one answer.
struct ActionMaker<'a> {
    call: &'a Call<'a>,
    operation: Operation,
    /// The address of the repository's API.
    address: String,
    holder: Holder,
}

impl<'a> ActionMaker<'a> {
    fn of(call: &'a Call<'a>, operation: Operation) -> Self {
        let holder = Holder::of(&call.app.state.directory(), &call.principal);
        Self { call, operation, address: address(call.app, &call.repo), holder }
    }

    fn of_object(&self, oid: Oid, size: u64) -> Actions {
        let Call { app, repo, .. } = self.call;
        let grant = authorization(app, &self.holder, repo, self.operation, Some((oid, size)), LFS_GRANT);
        let action = |tail: &str| {
            let header = [("Authorization".to_owned(), grant.clone())].into();
            let href = format!("{}/objects/{tail}", self.address);
            Some(Action { href, header, expires_in: Some(LFS_GRANT.as_secs()) })
        };
        let transfer = action(&oid.to_string());
        match self.operation {
            Operation::Download => Actions { download: transfer, ..Actions::default() },
            Operation::Upload => Actions { upload: transfer, verify: action("verify"), download: None },
        }
    }
}
