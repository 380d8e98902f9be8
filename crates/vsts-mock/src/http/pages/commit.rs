//! One commit: who, when, why, and what it changed. A snapshot of a run says which run.

use git_wire::history::History;
use gix::ObjectId;
use gix::objs::Kind as ObjectKind;
use maud::{Markup, html};

use super::parts::{ago, avatar};
use super::source::{Kind, Named, Source, Version, history_of, short};
use super::{Failure, Outcome, diff_view};
use crate::limits::COMMIT_BRANCHES;
use crate::operations::commits::CommitInfo;
use crate::operations::objects;

pub(super) fn show(source: &Source<'_>, id: &str) -> Outcome {
    let missing = || Failure::absent("There is no such commit in this repository.");
    let id = ObjectId::from_hex(id.as_bytes()).map_err(|_| missing())?;
    if !objects::is(&source.repository, id, ObjectKind::Commit)? {
        return Err(missing());
    }
    let info = CommitInfo::read(&source.repository, id)?;
    let version = Version { kind: Kind::Commit, name: id.to_string(), commit: id };
    let now = source.ctx.now;
    let run = info.trailer("Run-Id");
    let body = html! {
        div.page {
            div.commit {
                div.head {
                    h1 { bdi { (info.subject()) } }
                    div.actions { a.button.plain href=(source.at("", &version, "")) { "Browse files" } }
                }
                @if !info.body().is_empty() { pre.text { (info.body()) } }
                p.by {
                    (avatar(&info.author.name))
                    span { strong title=(info.author.email) { bdi { (info.author.name) } } " wrote it " (ago(now, info.author.time)) }
                    @if info.committer.name != info.author.name {
                        span { " · " bdi { (info.committer.name) } " committed it " (ago(now, info.committer.time)) }
                    }
                }
                dl.facts {
                    dt { "Commit" } dd { code.break { (id) } }
                    @if !info.parents.is_empty() {
                        dt { @if info.parents.len() == 1 { "Parent" } @else { "Parents" } }
                        dd { @for parent in &info.parents { a href=(source.commit_path(*parent)) { code { (short(*parent)) } } " " } }
                    }
                    @for (name, value) in info.trailers() {
                        dt { bdi { (spoken(name)) } } dd { (trailer(source, name, value)) }
                    }
                    (on_branches(source, id, run.is_some())?)
                }
            }
            @if info.parents.len() > 1 {
                p.note { "A merge of " (info.parents.len()) " commits: what it changed is told against the first of them." }
            }
            (diff_view::show(source, info.parents.first().copied(), id)?)
        }
    };
    Ok(source.page(&info.subject(), "commits", &body).into())
}

/// A trailer's name as a word: `Run-Id` is `Run id`.
pub(super) fn spoken(name: &str) -> String {
    let name = name.replace('-', " ");
    let mut chars = name.chars();
    chars.next().map(|first| first.to_string() + &chars.as_str().to_lowercase()).unwrap_or_default()
}

/// A trailer's value; one that is a commit of the repository leads to it.
fn trailer(source: &Source<'_>, name: &str, value: &str) -> Markup {
    let commit = name.ends_with("Commit").then(|| ObjectId::from_hex(value.as_bytes()).ok()).flatten();
    let commit =
        commit.filter(|id| objects::is(&source.repository, *id, ObjectKind::Commit).unwrap_or(false));
    html! {
        @match commit {
            Some(id) => a href=(source.commit_path(id)) { code { (short(id)) } },
            None if name.ends_with("Id") || name.ends_with("Commit") => code.break { (value) },
            None => bdi { (value) },
        }
    }
}

/// The branches that have the commit at their tip; of a snapshot, its run history.
fn on_branches(source: &Source<'_>, id: ObjectId, is_snapshot: bool) -> Result<Markup, Failure> {
    let all = source.branches()?;
    let may_go_on = || source.work.check().is_ok();
    let mut history = source.history(&may_go_on);
    let mut found: Vec<&Named> = Vec::new();
    for branch in all.iter().take(COMMIT_BRANCHES) {
        let is_its = is_snapshot && history_of(&branch.name).is_some();
        if branch.commit == id || (is_its && has(source, &mut history, branch.commit, id)?) {
            found.push(branch);
        }
    }
    Ok(html! { @if !found.is_empty() {
        dt { "Branch" }
        dd { @for branch in found {
            @let version = Version { kind: Kind::Branch, name: branch.name.clone(), commit: branch.commit };
            a href=(source.at("commits", &version, "")) { bdi { (branch.name) } } " "
        } }
    } })
}

/// Returns whether a commit is in the history of another one.
fn has(source: &Source<'_>, history: &mut History<'_>, tip: ObjectId, id: ObjectId) -> Result<bool, Failure> {
    let common = history.merge_bases(tip, id).map_err(|error| source.work.history_error(error))?;
    Ok(common.first() == Some(&id))
}
