//! Two versions beside each other: what one has that the other has not, since they parted.

use git_wire::history::{Apart, LogOptions};
use maud::{Markup, html};

use super::source::{Kind, Named, Source, Version};
use super::{Failure, Outcome, commits, diff_view, empty};
use crate::limits::COMPARED_COMMITS;

/// Branches and tags that the lists offer.
const OFFERED: usize = 200;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let Some(base) = source.version(&["base", "baseVersion"])? else { return Ok(empty::show(source)) };
    let asked = source.ctx.ask("target").or_else(|| source.ctx.ask("targetVersion"));
    let target = asked.map(|code| source.resolve(code)).transpose()?;
    let (all_branches, all_tags) = (source.branches()?, source.tags()?);
    let pick =
        |id: &str, label: &str, chosen: Option<&Version>| select(id, label, chosen, &all_branches, &all_tags);
    let body = html! {
        div.page {
            h1 { "Compare" }
            form.row.compare method="get" action=(source.path("compare")) {
                (pick("base", "From", Some(&base)))
                (pick("target", "To", target.as_ref()))
                button { "Compare" }
            }
            @if let Some(target) = &target { (between(source, &base, target)?) }
            @else { p.quiet { "Choose two versions: what the second has that the first has not is shown." } }
        }
    };
    Ok(source.page("Compare", "compare", &body).into())
}

fn select(id: &str, label: &str, chosen: Option<&Version>, branches: &[Named], tags: &[Named]) -> Markup {
    let is = |kind: Kind, name: &str| chosen.is_some_and(|chosen| chosen.kind == kind && chosen.name == name);
    html! {
        label for=(id) { (label) }
        select id=(id) name=(id) required {
            @if chosen.is_none() { option value="" { "Choose…" } }
            @if let Some(commit) = chosen.filter(|chosen| chosen.kind == Kind::Commit) {
                option value=(commit.code()) selected { "commit " (commit.shown()) }
            }
            optgroup label="Branches" {
                @for one in branches.iter().take(OFFERED) {
                    option value={ "GB" (one.name) } selected[is(Kind::Branch, &one.name)] { (one.name) }
                }
            }
            @if !tags.is_empty() {
                optgroup label="Tags" {
                    @for one in tags.iter().take(OFFERED) {
                        option value={ "GT" (one.name) } selected[is(Kind::Tag, &one.name)] { (one.name) }
                    }
                }
            }
        }
    }
}

fn between(source: &Source<'_>, base: &Version, target: &Version) -> Result<Markup, Failure> {
    let repository = &source.repository;
    let apart = source.apart(repository, base.commit, &[target.commit])?;
    let Apart { ahead, behind } = apart.first().copied().unwrap_or_default();
    let common = source.merge_bases(repository, base.commit, target.commit)?.first().copied();
    let (tips, hidden) = (vec![target.commit], vec![base.commit]);
    let options = LogOptions { tips, hidden, ..LogOptions::default() };
    let ids = source.log(repository, options, 0, COMPARED_COMMITS, |_| Ok(true))?;
    Ok(html! {
        p.lead {
            bdi { (target.shown()) } " has " (super::parts::count(ahead, "commit", "commits")) " that " bdi { (base.shown()) }
            " has not, and lacks " (behind) " of its own."
        }
        @if common.is_none() { p.note { "They have no commit in common: the whole of both is compared." } }
        @if !ids.is_empty() {
            details.help {
                summary { (super::parts::count(ahead, "commit", "commits")) }
                (commits::list(source, &ids)?)
                @if ahead > ids.len() { p.cut { "Only the newest " (ids.len()) " are listed." } }
            }
        }
        (diff_view::show(source, Some(common.unwrap_or(base.commit)), target.commit)?)
    })
}
