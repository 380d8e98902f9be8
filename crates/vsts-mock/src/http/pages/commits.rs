//! History: the commits of a version, newest first, or those of them that changed a path. The history of runs has a page
//! of its own kind.

use git_wire::history::{LogOptions, PathQuery};
use gix::ObjectId;
use gix::bstr::ByteSlice as _;
use maud::{Markup, html};

use super::parts::{PAGE, ago, avatar, pages};
use super::source::{Kind, Source, Version, history_of, short};
use super::{Failure, Outcome, empty, names, snapshots};
use crate::limits::PATH_HISTORY_TIME;
use crate::operations::commits::CommitInfo;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let Some(version) = source.version(&["version", "itemVersion"])? else { return Ok(empty::show(source)) };
    let path = source.asked_path();
    if path.is_empty()
        && version.kind == Kind::Branch
        && let Some(project) = history_of(&version.name)
    {
        return snapshots::show(source, &version, project);
    }
    let skip = source.ctx.ask_number("skip");
    let options = LogOptions {
        tips: vec![version.commit],
        path: PathQuery::new(names::bytes(&path).as_bstr()),
        ..LogOptions::default()
    };
    let time = (!path.is_empty()).then_some(PATH_HISTORY_TIME);
    let (mut ids, is_cut) =
        source.log_within(&source.repository, options, skip, PAGE + 1, |_| Ok(true), time)?;
    let has_more = ids.len() > PAGE;
    ids.truncate(PAGE);
    let body = html! {
        div.page {
            div.head {
                h1 { @if path.is_empty() { "Commits" } @else { "History of " bdi { (path) } } }
                (source.picker(&version, |other| source.at("commits", other, &path))?)
                @if !path.is_empty() {
                    div.actions { a.button.plain href=(source.at("", &version, &path)) { "Back to the files" } }
                }
            }
            @if ids.is_empty() { p.quiet { "No commit here." } }
            @else { (list(source, &ids)?) }
            @if is_cut { p.cut { "Older commits were not looked through for this path: there are too many." } }
            (pages(&source.at("commits", &version, &path), skip, has_more, "Newer", "Older"))
        }
    };
    let title = if path.is_empty() {
        format!("Commits of {}", version.shown())
    } else {
        format!("History of {path}")
    };
    Ok(source.page(&title, "commits", &body).into())
}

/// Commits as a table.
pub(super) fn list(source: &Source<'_>, ids: &[ObjectId]) -> Result<Markup, Failure> {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        all.push(CommitInfo::read(&source.repository, *id)?);
    }
    Ok(html! {
        div.wide { table.commits {
            thead { tr {
                th scope="col" { "Commit" } th scope="col" { "Author" } th scope="col" { "When" } th scope="col" { "Id" }
            } }
            tbody {
                @for info in &all {
                    tr {
                        th scope="row" {
                            a href=(source.commit_path(info.id)) { bdi { (info.subject()) } }
                            @if info.parents.len() > 1 { " " span.tag { "merge" } }
                            @if let Some(run) = info.trailer("Run-Id") { " " span.tag.run { "run " bdi { (run) } } }
                        }
                        td { span.person { (avatar(&info.author.name)) bdi { (info.author.name) } } }
                        td.when { (ago(source.ctx.now, info.author.time)) }
                        td {
                            @let version = Version { kind: Kind::Commit, name: info.id.to_string(), commit: info.id };
                            a href=(source.at("", &version, "")) aria-label={ "Files of " (short(info.id)) } { code { (short(info.id)) } }
                        }
                    }
                }
            }
        } }
    })
}
