//! Pushes that the server makes itself: changes of refs that pass the engine's checks, the policy and the records as a
//! client's push does.

use std::collections::HashMap;
use std::io;

use git_wire::{Error, RefRefusal, Service, pktline};
use gix::ObjectId;

use super::context::RepoContext;
use super::refused::Refused;
use crate::access::authorize_push;
use crate::admission::Client;
use crate::disk_full;
use crate::hosting::{GitRefusal, PushOrigin, Session};

/// The change of one ref.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) old: Option<ObjectId>,
    pub(crate) new: Option<ObjectId>,
}

impl Command {
    /// Returns whether it can be written into a request at all.
    pub(crate) fn is_sound(&self) -> bool {
        !self.name.is_empty() && self.name.len() < 4096 && !self.name.chars().any(char::is_control)
    }
}

/// The outcome of a push.
#[derive(Debug)]
pub(crate) struct Received {
    refused: HashMap<String, RefRefusal>,
}

impl Received {
    /// The reason why a ref has not changed.
    pub(crate) fn refusal(&self, name: &str) -> Option<&RefRefusal> {
        self.refused.get(name)
    }
}

/// Changes refs, with the objects in `pack`, which may be none. Blocks.
pub(crate) fn push(ctx: &RepoContext, commands: &[Command], pack: &[u8]) -> Result<Received, Refused> {
    push_through(ctx, commands, pack, PushOrigin::Client)
}

fn push_through(
    ctx: &RepoContext,
    commands: &[Command],
    pack: &[u8],
    origin: PushOrigin,
) -> Result<Received, Refused> {
    if origin != PushOrigin::Server {
        authorize_push(&ctx.directory, &ctx.principal, &ctx.repo)?;
    }
    let null = ObjectId::null(gix::hash::Kind::Sha1);
    let mut lines = pktline::Writer::new(Vec::new());
    for (position, command) in commands.iter().enumerate() {
        let (old, new) = (command.old.unwrap_or(null), command.new.unwrap_or(null));
        let capabilities = if position == 0 { "\0report-status delete-refs" } else { "" };
        let line = format!("{old} {new} {}{capabilities}", command.name);
        lines.data(line.as_bytes()).map_err(Refused::internal)?;
    }
    lines.flush_line().map_err(Refused::internal)?;
    let mut request = lines.into_inner();
    if commands.iter().any(|command| command.new.is_some()) {
        request.extend_from_slice(pack);
    }
    let client = Client::User(ctx.principal.user.unwrap_or_default());
    let (principal, repo) = (ctx.principal.clone(), ctx.repo.clone());
    let session = Session::begin(&ctx.app, principal, repo, Service::ReceivePack, "", client);
    let session = ctx.runtime.block_on(session)?.through(origin);
    match session.respond(&mut request.as_slice(), &mut io::sink()) {
        Ok(summary)
            if summary.updated.is_empty() && summary.refused.iter().any(|(_, why)| why.is_disk_full()) =>
        {
            Err(Refused::internal(disk_full::error()))
        }
        Ok(summary) => Ok(Received {
            refused: summary.refused.into_iter().map(|(name, reason)| (name.to_string(), reason)).collect(),
        }),
        Err(Error::Denied(denial)) => Err(Refused::Denied(denial.to_string())),
        Err(error @ (Error::Limit { .. } | Error::Protocol(_))) => Err(Refused::invalid(error.to_string())),
        Err(error) => Err(Refused::internal(error)),
    }
}

/// Changes one ref.
pub(crate) fn push_one(ctx: &RepoContext, command: &Command, pack: &[u8]) -> Result<(), Refused> {
    push_one_through(ctx, command, pack, PushOrigin::Client)
}

/// Changes one ref in one of the ways.
pub(crate) fn push_one_through(
    ctx: &RepoContext,
    command: &Command,
    pack: &[u8],
    origin: PushOrigin,
) -> Result<(), Refused> {
    let received = push_through(ctx, std::slice::from_ref(command), pack, origin)?;
    received.refusal(&command.name).map_or(Ok(()), |reason| Err(ref_refused(&command.name, reason)))
}

/// The refusal of a push that changes one ref.
pub(crate) fn ref_refused(name: &str, refusal: &RefRefusal) -> Refused {
    let other = || Refused::RefNotUpdated { name: name.to_owned(), reason: refusal.to_string() };
    match refusal {
        RefRefusal::Stale | RefRefusal::Gone | RefRefusal::NothingToDelete => {
            Refused::StaleRef { name: name.to_owned() }
        }
        RefRefusal::Rejected(error) => match error.as_ref() {
            git_wire::pack::Error::Rejected { rule, .. } => {
                Refused::ObjectRejected { rule: *rule, reason: error.to_string() }
            }
            _ => other(),
        },
        refusal if refusal.is_disk_full() => Refused::internal(disk_full::error()),
        RefRefusal::Denied(denial) => match denial.reason() {
            Some(GitRefusal::Access(refusal)) => refusal.clone().into(),
            Some(GitRefusal::NoRepository { name }) => Refused::no_repository(name),
            Some(GitRefusal::Stale) => Refused::StaleRef { name: name.to_owned() },
            Some(
                GitRefusal::Fault(_)
                | GitRefusal::NameNotUtf8
                | GitRefusal::NameTooLong
                | GitRefusal::Busy(_),
            )
            | None => other(),
        },
        _ => other(),
    }
}
