//! Changes of refs, put through the engine as a push is: with its checks, its questions of who may, and its records.

use std::collections::HashMap;
use std::io;

use git_wire::{Error, RefRefusal, Service};
use gix::ObjectId;
use http::StatusCode;

use super::super::failure::Failure;
use super::place::Place;
use crate::access::authorize_push;
use crate::admission::Client;
use crate::hosting::Session;

/// The change of one ref.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) old: Option<ObjectId>,
    pub(super) new: Option<ObjectId>,
}

impl Command {
    /// Whether it can be written into a request at all.
    pub(super) fn is_sound(&self) -> bool {
        !self.name.is_empty() && self.name.len() < 4096 && !self.name.chars().any(char::is_control)
    }
}

/// What became of the changes.
#[derive(Debug)]
pub(super) struct Received {
    refused: HashMap<String, RefRefusal>,
}

impl Received {
    /// Why a ref has not changed.
    pub(super) fn refusal(&self, name: &str) -> Option<&RefRefusal> {
        self.refused.get(name)
    }
}

/// Changes refs, with the objects in `pack`, which may be none.
pub(super) fn receive(place: &Place, commands: &[Command], pack: &[u8]) -> Result<Received, Failure> {
    authorize_push(&place.world, &place.principal, &place.repo)
        .map_err(|refusal| Failure::refused(&refusal))?;
    let null = ObjectId::null(gix::hash::Kind::Sha1);
    let mut request = Vec::new();
    for (position, command) in commands.iter().enumerate() {
        let (old, new) = (command.old.unwrap_or(null), command.new.unwrap_or(null));
        let capabilities = if position == 0 { "\0report-status delete-refs" } else { "" };
        let line = format!("{old} {new} {}{capabilities}", command.name);
        request.extend_from_slice(format!("{:04x}{line}", line.len() + 4).as_bytes());
    }
    request.extend_from_slice(b"0000");
    if commands.iter().any(|command| command.new.is_some()) {
        request.extend_from_slice(pack);
    }
    let client = Client::User(place.principal.user.unwrap_or_default());
    let turn = place.runtime.block_on(place.app.conversations.open(client)).ok_or_else(|| {
        let message = "The server is busy. Try again in a moment.";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "VssServiceException", message)
    })?;
    let session =
        Session::new(&place.app, place.principal.clone(), place.repo.clone(), Service::ReceivePack, "", turn);
    match session.respond(&mut request.as_slice(), &mut io::sink()) {
        Ok(summary) => Ok(Received {
            refused: summary.refused.into_iter().map(|(name, reason)| (name.to_string(), reason)).collect(),
        }),
        Err(Error::Denied(denial)) => {
            Err(Failure::new(StatusCode::FORBIDDEN, "GitNeedsPermissionException", denial.to_string()))
        }
        Err(error @ (Error::Limit { .. } | Error::Protocol(_))) => Err(Failure::bad(error.to_string())),
        Err(error) => Err(Failure::internal(&error)),
    }
}
