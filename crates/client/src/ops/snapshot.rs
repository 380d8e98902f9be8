//! Taking a snapshot of the project folder, and reporting what was left out of it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use azml_core::history::{self, HistoryRepo};
use azml_core::ignore::{Held, line_for};
use azml_core::quote::quoted;
use azml_core::secret;
use azml_core::snapshot::{self, LeftOut, Limits, Message, Observer, Request, Taken, Why};
use azml_core::user_repo::UserRepo;
use gix::bstr::{BString, ByteSlice as _};

use super::maintenance;
use crate::context::Context;
use crate::error::CommandError;
use crate::notices::Progress;
use crate::text::{shell_quoted, size};

/// The most left-out files that are named.
const NAMED: usize = 5;

struct Bar<'a>(&'a dyn Progress);

impl Observer for Bar<'_> {
    fn progress(&self, progress: snapshot::Progress) {
        match progress {
            snapshot::Progress::Looking { files } => self.0.say(&format!("{files} files seen")),
            snapshot::Progress::Storing { files, of_files, bytes, of_bytes } => {
                let text = format!("{files}/{of_files} files, {} of {}", size(bytes), size(of_bytes));
                self.0.part(bytes, of_bytes.max(1), &text);
            }
        }
    }
}

/// The bytes that a snapshot may store.
pub fn limits(ctx: &Context, allow_large: bool) -> Limits {
    if allow_large {
        return Limits::NONE;
    }
    let usual = Limits::default();
    // A file is Git's up to the size from which on it is a large one.
    Limits { file: usual.file.max(ctx.settings.large_file()), large: ctx.settings.large_limit(), ..usual }
}

/// Takes a snapshot of the project folder, with the user's HEAD as its base.
pub fn take(
    ctx: &Context,
    history: &HistoryRepo,
    mut message: Message,
    allow_large: bool,
) -> Result<Taken, CommandError> {
    let user = history.user_repo()?;
    if message.base.is_none() {
        message.base = user.map(UserRepo::head).transpose()?.flatten();
    }
    if let Some(user) = user.filter(|user| user.format().is_some()) {
        ctx.notices.warning(&format!(
            "the Git repository {} keeps its refs in a reftable, which azml can't read: the snapshot does not say on \
             which commit it is",
            user.work_tree().display()
        ));
    }
    let request = Request {
        home: ctx.env.home().map(ToOwned::to_owned),
        limits: limits(ctx, allow_large),
        author: user.map_or_else(|| ctx.author(history.root()), |user| ctx.author_by(user.identity())),
        time: ctx.env.now(),
        message,
    };
    let progress = ctx.notices.progress("Snapshot");
    let taken = snapshot::take(history, &request, &Bar(&*progress))?;
    drop(progress);
    warn_left_out(ctx, history.root(), &taken.left_out);
    let held = taken.left_out.iter().filter(|left| left.why == Why::Held);
    let held: BTreeSet<BString> = held.map(|left| with_slash(history.root(), &left.path)).collect();
    warn_held_back(ctx, "held back from the snapshot since a restore", &held);
    // Also when nothing was new: each run's record is some objects.
    maintenance::start_if_due(history);
    Ok(taken)
}

/// The path, with a slash at its end if it is a folder's.
fn with_slash(root: &Path, path: &BString) -> BString {
    let is_folder = root.join(OsStr::from_bytes(path)).is_dir();
    let mut path = path.clone();
    if is_folder {
        path.push(b'/');
    }
    path
}

/// Names what is held back, and the lines that decide about it; folders end with a slash.
pub fn warn_held_back(ctx: &Context, what: &str, paths: &BTreeSet<BString>) {
    if paths.is_empty() {
        return;
    }
    let names: Vec<String> = paths.iter().map(ToString::to_string).collect();
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    ctx.notices.warning(&format!("{what}: {named}{more}"));
    let lines = |not: &str| {
        let line = |path: &BString| match path.strip_suffix(b"/") {
            Some(folder) => shell_quoted(&format!("{not}{}", Held::line(folder.as_bstr(), true))),
            None => shell_quoted(&format!("{not}{}", Held::line(path.as_bstr(), false))),
        };
        if paths.len() <= NAMED {
            let words: Vec<String> = paths.iter().map(line).collect();
            format!("printf '%s\\n' {}", words.join(" "))
        } else {
            format!("sed -n 's|^/|{not}/|p' {}/azml/held-back", history::FOLDER)
        }
    };
    ctx.notices.hint(&format!("no run is to have it: {} >> .amlignore", lines("")));
    ctx.notices.hint(&format!("runs are to have it, and the remote: {} >> .amlignore", lines("!")));
}

/// Names where a snapshot has a commit of another repository.
pub fn warn_passed_over(ctx: &Context, paths: &[BString]) {
    if paths.is_empty() {
        return;
    }
    let named = paths.iter().take(NAMED).map(|path| quoted(path)).collect::<Vec<_>>().join(", ");
    let more = if paths.len() > NAMED { format!(" and {} more", paths.len() - NAMED) } else { String::new() };
    ctx.notices.warning(&format!(
        "passed over, because it is another repository's commit, whose files the snapshot does not hold: {named}{more}"
    ));
}

/// Names the large files that the first commit of the user's own repository has left out.
pub fn tell_large(ctx: &Context, paths: &[BString]) {
    if paths.is_empty() {
        return;
    }
    let named = paths.iter().take(NAMED).map(|path| quoted(path)).collect::<Vec<_>>().join(", ");
    let more = if paths.len() > NAMED { format!(" and {} more", paths.len() - NAMED) } else { String::new() };
    let them = if paths.len() == 1 { "it" } else { "them" };
    ctx.notices.status(&format!(
        "Large: {named}{more}; snapshots have {them}, the first commit of the folder's own Git repository does not"
    ));
}

/// Names the files that a snapshot has left out by itself.
fn warn_left_out(ctx: &Context, root: &Path, left_out: &[LeftOut]) {
    let reasons = [
        (Why::Secret, "it looks like a secret", "they look like secrets"),
        (Why::Special, "it is no file", "they are no files"),
        (Why::Unreadable, "it can't be read", "they can't be read"),
        (Why::Changing, "it kept changing", "they kept changing"),
        (Why::Name, "Git can't store its name", "Git can't store their names"),
    ];
    for left in left_out.iter().filter(|left| left.why == Why::Repository) {
        ctx.notices.warning(&format!(
            "the index of the Git repository {} can't be read: ignore rules alone decide there",
            left.path
        ));
        ctx.notices.hint(&format!("see what is wrong with it: git -C '{}' status", left.path));
    }
    for (why, one, many) in reasons {
        let paths: Vec<&BString> =
            left_out.iter().filter(|left| left.why == why).map(|left| &left.path).collect();
        let Some(first) = paths.first() else { continue };
        let name = |path: &&BString| match why {
            Why::Secret => format!("{}{}", quoted(path), why_secret(root, path)),
            _ => quoted(path).into_owned(),
        };
        let named = paths.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
        let more =
            if paths.len() > NAMED { format!(" and {} more", paths.len() - NAMED) } else { String::new() };
        let reason = if paths.len() == 1 { one } else { many };
        ctx.notices.warning(&format!("left out of the snapshot, because {reason}: {named}{more}"));
        if why == Why::Secret {
            let line = shell_quoted(&format!("!{}", line_for(first.as_bstr())));
            ctx.notices.hint(&format!("if it is none, take it in: echo {line} >> .amlignore"));
        }
    }
}

/// The kind of secret that a file holds and the line that it is on, in brackets.
fn why_secret(root: &Path, path: &BString) -> String {
    if let Some(rule) = secret::of_name(path) {
        return format!(" ({rule})");
    }
    match secret::first_in_file(&root.join(OsStr::from_bytes(path))) {
        Ok(Some(found)) => format!(" ({}, line {})", found.rule, found.line),
        // It has changed since.
        _ => String::new(),
    }
}
