//! A run history as what it is: a row of snapshots, each with the run it was taken for, its script and what had changed.
//! All of it is read from the commits and the trailers of their messages.

use maud::{Markup, html};
use uuid::Uuid;

use super::Outcome;
use super::diff_view::letter;
use super::parts::{PAGE, ago, avatar, pages};
use super::source::{Kind, Source, Version, short};
use crate::limits::SNAPSHOTS_COUNTED;
use crate::operations::changed_files::Change;
use crate::operations::commits::{self, CommitInfo};
use crate::operations::tree_walk::WalkError;
use crate::operations::work::Exceeded;

/// Changed files that a row names.
const NAMED: usize = 3;

/// A snapshot and what had changed since the one before.
struct Snapshot {
    info: CommitInfo,
    /// The first changes, and how many there are; `None` if there are too many to be counted.
    changes: Option<(Vec<Change>, usize)>,
}

pub(super) fn show(source: &Source<'_>, version: &Version, project: Uuid) -> Outcome {
    let skip = source.ctx.ask_number("skip");
    let (ids, total) = commits::first_parents(
        &source.repository,
        &source.work,
        version.commit,
        (skip, PAGE + 1),
        SNAPSHOTS_COUNTED,
    )?;
    let has_more = ids.len() > PAGE;
    let mut all = Vec::new();
    for id in ids.into_iter().take(PAGE) {
        let info = CommitInfo::read(&source.repository, id)?;
        let changes = match commits::changes(&source.repository, &source.work, id) {
            Ok(mut changes) => {
                let total = changes.len();
                changes.truncate(NAMED);
                changes.shrink_to_fit();
                Some((changes, total))
            }
            Err(WalkError::Exceeded(Exceeded::ClientGone)) => return Err(Exceeded::ClientGone.into()),
            Err(WalkError::Exceeded(_)) => None,
            Err(error) => return Err(error.into()),
        };
        all.push(Snapshot { info, changes });
    }
    let body = html! {
        div.page {
            div.head {
                h1 { "Run history" }
                (source.picker(version, |other| source.at("commits", other, ""))?)
                div.actions { a.button.plain href=(source.at("", version, "")) { "Browse files" } }
            }
            p.lead {
                "Snapshots of the project " code { (project) } ", each taken before a run. "
                span.quiet { (super::parts::count(total, "snapshot", "snapshots")) @if total >= SNAPSHOTS_COUNTED { " or more" } }
            }
            div.wide { table.snapshots {
                thead { tr {
                    th scope="col" { "Run" } th scope="col" { "Script" } th scope="col" { "What changed" }
                    th scope="col" { "By" } th scope="col" { "When" } th scope="col" { "Snapshot" }
                } }
                tbody { @for snapshot in &all { (one(source, snapshot)) } }
            } }
            (pages(&source.at("commits", version, ""), skip, has_more, "Newer", "Older"))
            details.help {
                summary { "Bring one back" }
                p { "In the project's folder:" }
                pre.commands tabindex="0" aria-label="Commands to bring a snapshot back" {
                    "az ml history list -o table\naz ml project restore --run-id <run_id>"
                }
            }
        }
    };
    Ok(source.page("Run history", "commits", &body).into())
}

fn one(source: &Source<'_>, snapshot: &Snapshot) -> Markup {
    let info = &snapshot.info;
    let version = Version { kind: Kind::Commit, name: info.id.to_string(), commit: info.id };
    let address = source.commit_path(info.id);
    html! {
        tr {
            th scope="row" {
                @match info.trailer("Run-Id") {
                    Some(run) => a href=(address) { bdi { (run) } },
                    None if info.parents.len() > 1 => { a href=(address) { "Joined" } " " span.quiet { "with another computer's runs" } }
                    None => a href=(address) { bdi { (info.subject()) } },
                }
            }
            td {
                @if let Some(script) = info.trailer("Script") { code { bdi { (script) } } }
                @if let Some(target) = info.trailer("Target") { " " span.tag { (target) } }
            }
            td { (changed(snapshot.changes.as_ref(), info.parents.is_empty())) }
            td { span.person { (avatar(&info.author.name)) bdi { (info.author.name) } } }
            td.when { (ago(source.ctx.now, info.author.time)) }
            td { a href=(source.at("", &version, "")) aria-label={ "Files of snapshot " (short(info.id)) } { code { (short(info.id)) } } }
        }
    }
}

/// The files that changed, by name if they are few.
fn changed(changes: Option<&(Vec<Change>, usize)>, is_first: bool) -> Markup {
    html! { @match changes {
        None => span.quiet { "too much to be counted" },
        Some((_, total)) if is_first => { span.quiet { "first snapshot, " (super::parts::count(*total, "file", "files")) } }
        Some((_, 0)) => span.quiet { "nothing" },
        Some((named, total)) => {
            ul.changed {
                @for change in named { li { (letter(change.how)) " " (super::diff_view::name(change)) } }
                @if *total > NAMED { li.quiet { "and " (*total - NAMED) " more" } }
            }
        }
    } }
}
