//! Branches, with how far each is from the default one; run histories apart from the others.

use git_wire::history::Apart;
use gix::ObjectId;
use maud::{Markup, html};

use super::parts::{ago, count};
use super::source::{Kind, Named, Source, Version, history_of};
use super::{Failure, Outcome, empty};
use crate::http::web::encode;
use crate::limits::{BRANCH_SNAPSHOTS_COUNTED, BRANCHES_LISTED, DISTANCES_TIME};
use crate::operations::commits::{self, CommitInfo};

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let Some(default) = source.default_branch()? else { return Ok(empty::show(source)) };
    let all = source.branches()?;
    let (histories, plain): (Vec<Named>, Vec<Named>) =
        all.into_iter().partition(|branch| history_of(&branch.name).is_some());
    let body = html! {
        div.page {
            h1 { "Branches" }
            (table(source, &plain, &default)?)
            @if !histories.is_empty() {
                h2 { "Run histories" }
                p.quiet { "Snapshots that Azure ML takes of a project's folder before each run." }
                (runs(source, &histories)?)
            }
        }
    };
    Ok(source.page("Branches", "branches", &body).into())
}

fn table(source: &Source<'_>, all: &[Named], default: &Named) -> Result<Markup, Failure> {
    let tips: Vec<ObjectId> = all.iter().take(BRANCHES_LISTED).map(|branch| branch.commit).collect();
    // Without the distances, if they take too long.
    let apart = source.apart_within(&source.repository, default.commit, &tips, Some(DISTANCES_TIME))?;
    let apart = apart.unwrap_or_default();
    let mut rows = Vec::new();
    for (number, branch) in all.iter().take(BRANCHES_LISTED).enumerate() {
        let info = CommitInfo::read(&source.repository, branch.commit)?;
        let apart = apart.get(number).filter(|_| branch.name != default.name).copied();
        rows.push((branch, info, apart));
    }
    Ok(html! {
        @if all.is_empty() { div.card.quiet { p { "There is none but the run histories." } } }
        @else { div.wide { table {
            thead { tr {
                th scope="col" { "Branch" } th scope="col" { "Last commit" } th scope="col" { "When" }
                th scope="col" { "Behind | ahead" } th scope="col" { span.sr { "Actions" } }
            } }
            tbody {
                @for (branch, info, apart) in &rows {
                    @let version = Version { kind: Kind::Branch, name: branch.name.clone(), commit: branch.commit };
                    tr {
                        th scope="row" {
                            a href=(source.at("", &version, "")) { bdi { (branch.name) } }
                            @if branch.name == default.name { " " span.tag { "default" } }
                        }
                        td.msg { a href=(source.commit_path(info.id)) { bdi { (info.subject()) } } }
                        td.when { (ago(source.ctx.now, info.author.time)) }
                        td { @if let Some(apart) = apart { (distance(*apart)) } }
                        td.act {
                            @if branch.name != default.name {
                                a href={ (source.path("compare")) "?base=" (encode(&format!("GB{}", default.name))) "&target=" (encode(&version.code())) }
                                    aria-label={ "Compare " (branch.name) } { "Compare" }
                            }
                        }
                    }
                }
            }
        } } }
        @if all.len() > BRANCHES_LISTED { p.cut { "Only the first " (BRANCHES_LISTED) " of " (all.len()) " branches are listed." } }
    })
}

/// The distance between two versions.
fn distance(Apart { ahead, behind }: Apart) -> Markup {
    html! {
        span.apart {
            span title={ (behind) " behind" } { (behind) span.sr { " behind, " } }
            span title={ (ahead) " ahead" } { (ahead) span.sr { " ahead" } }
        }
    }
}

fn runs(source: &Source<'_>, all: &[Named]) -> Result<Markup, Failure> {
    let mut rows = Vec::new();
    for branch in all.iter().take(BRANCHES_LISTED) {
        let (_, snapshots) = commits::first_parents(
            &source.repository,
            &source.work,
            branch.commit,
            (0, 0),
            BRANCH_SNAPSHOTS_COUNTED,
        )?;
        rows.push((branch, CommitInfo::read(&source.repository, branch.commit)?, snapshots));
    }
    Ok(html! {
        div.wide { table {
            thead { tr {
                th scope="col" { "Branch" } th scope="col" { "Newest run" } th scope="col" { "When" } th scope="col" { "Snapshots" }
            } }
            tbody {
                @for (branch, info, snapshots) in &rows {
                    @let version = Version { kind: Kind::Branch, name: branch.name.clone(), commit: branch.commit };
                    tr {
                        th scope="row" { a href=(source.at("commits", &version, "")) { bdi.break { (branch.name) } } }
                        td { a href=(source.commit_path(info.id)) { bdi { (info.trailer("Run-Id").unwrap_or("without a run")) } } }
                        td.when { (ago(source.ctx.now, info.author.time)) }
                        td { (count(*snapshots, "snapshot", "snapshots")) }
                    }
                }
            }
        } }
        @if all.len() > BRANCHES_LISTED { p.cut { "Only the first " (BRANCHES_LISTED) " of " (all.len()) " are listed." } }
    })
}
