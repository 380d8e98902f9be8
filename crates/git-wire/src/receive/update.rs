//! Changing refs: what each change amounts to, whether the policy allows it, and the transaction under lock.

use std::collections::HashSet;

use bstr::{BStr, ByteSlice};
use gix::ObjectId;
use gix::lock::acquire::Fail;
use gix::objs::Kind;
use gix::refs::file::transaction::prepare::{MustNotExist, ReferenceOutOfDate};
use gix::refs::store::WriteReflog;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};

use super::commands::{Command, Request};
use super::connectivity::refuse_incomplete;
use super::names::refuse_conflicts;
use crate::context::Context;
use crate::pack::error::is_full;
use crate::pack::objects::{IdMap, Objects};
use crate::pack::{Closure, Commits, Opened, Quarantine};
use crate::policy::{RefUpdate, UpdateKind};
use crate::{Error, RefRefusal, Summary};

use super::dead_lock::Locks;

/// So many refs created at once go into `packed-refs` and not into a file each.
const PACK_REFS_FROM: usize = 256;
/// The time to wait for a ref's lock.
const LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

/// Decides on every command, takes the pack in and changes the refs; refusals stand with the commands afterwards.
pub(super) fn apply(
    context: &Context<'_>,
    request: &mut Request,
    quarantine: Option<Quarantine>,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut updates = {
        let opened = match &quarantine {
            Some(quarantine) => Some(quarantine.open()?),
            None => None,
        };
        let objects = opened.as_ref().map_or::<&dyn Objects, _>(&context.repo.objects, Opened::objects);
        let interrupt = &context.options.interrupt;
        let mut commits = Commits::new(&context.repo, objects).until(interrupt);
        for command in &mut request.commands {
            if interrupt.is_set() {
                return Err(Error::Interrupted);
            }
            if command.refusal.is_none() {
                command.refusal = check_current(context, command).err();
            }
        }
        if let (Some(quarantine), Some(opened)) = (&quarantine, &opened) {
            refuse_incomplete(context, &mut commits, quarantine, opened, request)?;
        }
        let head = head(context);
        let mut updates = Vec::with_capacity(request.commands.len());
        let mut kinds = Kinds::default();
        for command in &mut request.commands {
            if command.refusal.is_none() {
                match decide(context, &mut commits, &mut kinds, head.as_ref(), command)? {
                    Ok(update) => {
                        updates.push(Some(update));
                        continue;
                    }
                    Err(reason) => command.refusal = Some(reason),
                }
            }
            updates.push(None);
        }
        updates
    };
    refuse_conflicts(context, request, &mut updates);
    if context.options.interrupt.is_set() {
        return Err(Error::Interrupted);
    }
    let is_atomic = request.is_atomic();
    if is_atomic && updates.iter().any(Option::is_none) {
        request.refuse_all(&RefRefusal::Atomic);
        return Ok(());
    }
    if updates.iter().all(Option::is_none) {
        return Ok(());
    }
    let closure = quarantine.as_ref().and_then(|quarantine| quarantine.closure().cloned());
    if let Some(quarantine) = quarantine {
        quarantine.accept()?;
    }
    let mut changes: Vec<(&mut Command, RefUpdate)> = request
        .commands
        .iter_mut()
        .zip(updates)
        .filter_map(|(command, update)| Some((command, update?)))
        .collect();
    commit(context, &mut changes, is_atomic);
    for (command, update) in changes {
        if command.refusal.is_none() {
            summary.updated.push(update);
        }
    }
    if let Some(closure) = closure {
        note_closure(context, &closure, &summary.updated);
    }
    if !summary.updated.is_empty() {
        context.policy.updated(&summary.updated);
    }
    Ok(())
}

/// Remembers that the pack is all that the new branches and tags reach, where nothing better is known: so it is with
/// the first push of a project.
fn note_closure(context: &Context<'_>, closure: &Closure, updated: &[RefUpdate]) {
    let is_shown = |name: &BStr| name.starts_with(b"refs/heads/") || name.starts_with(b"refs/tags/");
    let new: HashSet<ObjectId> = updated
        .iter()
        .filter(|update| is_shown(update.name.as_bstr()))
        .filter_map(|update| update.new)
        .collect();
    let record = context.repository.closure();
    if closure.tips.iter().all(|tip| new.contains(tip))
        && record.get().is_none_or(|known| known.objects < closure.objects)
        && let Err(error) = record.set(closure)
    {
        tracing::warn!(error = %super::describe(&error), "what a pack holds can't be remembered");
    }
}

/// Checks that the ref is what the client thinks it is.
fn check_current(context: &Context<'_>, command: &Command) -> Result<(), RefRefusal> {
    let Some(name) = &command.full_name else { return Err(RefRefusal::InvalidName) };
    let current = match context.repo.refs.try_find(name.as_ref()) {
        Ok(Some(reference)) => match reference.target {
            Target::Object(id) => Some(id),
            Target::Symbolic(_) => return Err(RefRefusal::Symbolic),
        },
        Ok(None) => None,
        // A loose ref that can't be read.
        Err(_) => return Err(RefRefusal::Unreadable),
    };
    if current == command.old {
        return Ok(());
    }
    let is_gone = current.is_none() && command.new.is_none();
    Err(if is_gone { RefRefusal::Gone } else { RefRefusal::Stale })
}

/// Returns the change that `command` makes, or the refusal.
fn decide(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    kinds: &mut Kinds,
    head: Option<&FullName>,
    command: &Command,
) -> Result<Result<RefUpdate, RefRefusal>, Error> {
    let Some(name) = command.full_name.clone() else { return Ok(Err(RefRefusal::InvalidName)) };
    let kind = match (command.old, command.new) {
        (_, None) => UpdateKind::Delete,
        (None, Some(new)) => match check_target(kinds.of(commits.objects(), new)?, &name) {
            Ok(_) => UpdateKind::Create,
            Err(reason) => return Ok(Err(reason)),
        },
        (Some(old), Some(new)) => match check_target(kinds.of(commits.objects(), new)?, &name) {
            Ok(Kind::Commit)
                if kinds.of(commits.objects(), old)? == Some(Kind::Commit)
                    && commits.is_ancestor(old, new)? =>
            {
                UpdateKind::FastForward
            }
            Ok(_) => UpdateKind::Rewrite,
            Err(reason) => return Ok(Err(reason)),
        },
    };
    let update = RefUpdate { name, old: command.old, new: command.new, kind };
    if let Err(denial) = context.policy.may_update(&update) {
        return Ok(Err(RefRefusal::Denied(denial)));
    }
    if kind == UpdateKind::Delete && head == Some(&update.name) && !context.options.allow_delete_current {
        return Ok(Err(RefRefusal::CurrentBranch));
    }
    Ok(Ok(update))
}

/// The branch that `HEAD` points to.
fn head(context: &Context<'_>) -> Option<FullName> {
    match context.repo.refs.try_find("HEAD").ok()??.target {
        Target::Symbolic(name) => Some(name),
        Target::Object(_) => None,
    }
}

/// The kinds of objects, each looked up once, whether it is there or not.
#[derive(Default)]
struct Kinds(IdMap<Option<Kind>>);

impl Kinds {
    fn of(&mut self, objects: &dyn Objects, id: ObjectId) -> Result<Option<Kind>, Error> {
        if let Some(kind) = self.0.get(&id) {
            return Ok(*kind);
        }
        let kind = objects.header(&id)?.map(|(kind, _)| kind);
        self.0.insert(id, kind);
        Ok(kind)
    }
}

/// Checks what a ref is to point to: something that is there, and a commit for a branch.
fn check_target(kind: Option<Kind>, name: &FullName) -> Result<Kind, RefRefusal> {
    let kind = kind.ok_or(RefRefusal::MissingObjects)?;
    if name.as_bstr().starts_with(b"refs/heads/") && kind != Kind::Commit {
        return Err(RefRefusal::NotACommit);
    }
    Ok(kind)
}

/// Changes the refs: all in one transaction, or, if that fails and it needn't be all or none, each in its own.
fn commit(context: &Context<'_>, changes: &mut [(&mut Command, RefUpdate)], is_atomic: bool) {
    let all: Vec<RefEdit> = changes.iter().map(|(_, update)| edit(update)).collect();
    let result = if needs_order(changes) { Err(RefRefusal::Order) } else { transact(context, &all) };
    match result {
        Ok(()) => {}
        // One by one, some would find room for a moment.
        Err(reason) if is_atomic || changes.len() == 1 || reason.is_disk_full() => {
            let as_one = is_atomic && changes.len() > 1;
            let reason = if as_one { RefRefusal::AtomicTransaction(Box::new(reason)) } else { reason };
            for (command, _) in changes {
                command.refusal = Some(reason.clone());
            }
        }
        Err(_) => {
            // Deletions first, as they may make room: `a` goes, `a/b` comes.
            changes.sort_by_key(|(_, update)| update.kind != UpdateKind::Delete);
            for (command, update) in changes {
                command.refusal = transact(context, &[edit(update)]).err();
            }
        }
    }
}

/// Returns whether a ref to delete is in the way of one to create, which one transaction can't do.
fn needs_order(changes: &[(&mut Command, RefUpdate)]) -> bool {
    let going = |(_, update): &&(&mut Command, RefUpdate)| update.kind == UpdateKind::Delete;
    let gone: HashSet<&BStr> =
        changes.iter().filter(going).map(|(_, update)| update.name.as_bstr()).collect();
    let is_below = |name: &BStr, others: &HashSet<&BStr>| {
        name.find_iter(b"/").any(|at| others.contains(name[..at].as_bstr()))
    };
    let come: HashSet<&BStr> = changes
        .iter()
        .filter(|(_, update)| update.kind == UpdateKind::Create)
        .map(|(_, update)| update.name.as_bstr())
        .collect();
    come.iter().any(|name| is_below(name, &gone)) || gone.iter().any(|name| is_below(name, &come))
}

fn edit(update: &RefUpdate) -> RefEdit {
    let expected = |old: Option<ObjectId>| match old {
        Some(old) => PreviousValue::MustExistAndMatch(Target::Object(old)),
        None => PreviousValue::MustNotExist,
    };
    let change = match update.new {
        Some(new) => Change::Update {
            log: LogChange { message: "push".into(), ..LogChange::default() },
            expected: expected(update.old),
            new: Target::Object(new),
        },
        None => Change::Delete { expected: expected(update.old), log: RefLog::AndReference },
    };
    RefEdit { change, name: update.name.clone(), deref: false }
}

/// Makes `edits` all or none.
fn transact(context: &Context<'_>, edits: &[RefEdit]) -> Result<(), RefRefusal> {
    let mut refs = context.repo.refs.clone();
    let committer = context.options.committer.as_ref();
    if committer.is_none() {
        refs.write_reflog = WriteReflog::Disable;
    }
    let locks = Locks::of(refs.common_dir_resolved(), edits);
    let waits = context.options.break_locks_after.unwrap_or(0);
    let mut waited = 0;
    let prepared = loop {
        match prepare(context, &refs, edits) {
            Ok(prepared) => break prepared,
            Err(error) => {
                waited += 1;
                let is_dead = waited == waits && locks.break_unchanged();
                if is_moved(&error) || is_disk_full(&error) || (waited >= waits && !is_dead) {
                    return Err(explain(&error));
                }
            }
        }
    };
    let mut time = gix::date::parse::TimeBuf::default();
    let committer = committer.map(|committer| committer.to_ref(&mut time));
    prepared.commit(committer).map(|_| ()).map_err(|error| explain(&error))
}

/// Takes the locks and looks at the refs.
fn prepare<'s>(
    context: &'s Context<'_>,
    refs: &'s gix::refs::file::Store,
    edits: &[RefEdit],
) -> Result<gix::refs::file::Transaction<'s, 's>, gix::Error> {
    let creations = edits.iter().filter(|edit| matches!(edit.change, Change::Update { .. })).count();
    let mut transaction = refs.transaction();
    if creations >= PACK_REFS_FROM {
        use gix::refs::file::transaction::PackedRefs::DeletionsAndNonSymbolicUpdatesRemoveLooseSourceReference as Pack;
        transaction = transaction.packed_refs(Pack(Box::new(context.repo.objects.clone())));
    }
    let wait = Fail::AfterDurationWithBackoff(LOCK_TIMEOUT);
    transaction.prepare(edits.iter().cloned(), wait, wait)
}

/// Returns whether a ref isn't what the client thought.
fn is_moved(error: &gix::Error) -> bool {
    error.downcast_any_ref::<ReferenceOutOfDate>().is_some()
        || error.downcast_any_ref::<MustNotExist>().is_some()
}

/// Returns whether there is no room for a lock, a ref or its log.
fn is_disk_full(error: &gix::Error) -> bool {
    error.iter_errors().any(|error| error.downcast_ref().is_some_and(is_full))
}

fn explain(error: &gix::Error) -> RefRefusal {
    if is_moved(error) {
        return RefRefusal::Stale;
    }
    if is_disk_full(error) {
        tracing::error!(error = %super::describe(error), "the disk is full");
        return RefRefusal::DiskFull;
    }
    tracing::warn!(error = %super::describe(error), "a ref can't be changed");
    RefRefusal::Locked
}
