//! The links of a work item: to others, to pull requests, and to pages elsewhere.

use std::collections::BTreeMap;

use maud::{Markup, html};
use uuid::Uuid;

use super::{Failure, Place, page_of};
use crate::directory::WorkItem;
use crate::directory::work_item::{
    ARTIFACT, HYPERLINK, LINK_TYPES, Relation, RelationTarget, artifact_of, fields, pull_request_of,
};
use crate::http::web::form::Form;
use crate::operations::work_items as items;
use crate::registry::work_items::{NewRelation, Step, TestPath};

/// The links, with forms to change them where the visitor may.
pub(super) fn section(place: &Place<'_>, item: &WorkItem, refused: Option<&Form>) -> Markup {
    let (here, rev) = (place.item(item.id), item.rev.to_string());
    let kept = |name: &str| refused.map_or("", |form| form.raw(name));
    html! { @if place.may_write || !item.relations.is_empty() {
        section.card aria-labelledby="links" {
            h2 #links { "Links" }
            @if item.relations.is_empty() { p.quiet { "It is linked to nothing." } }
            ul.plain-list { @for (position, relation) in item.relations.iter().enumerate() {
                @let (position, end) = (position.to_string(), link(place, item, relation));
                li.by {
                    span.break { (end) }
                    @if place.may_write {
                        (place.form(&here, "unlink", &[("position", &position), ("rev", &rev)], &html! {
                            button.plain aria-label={ "Remove link " (position) } { "Remove" }
                        }))
                    }
                }
            } }
            @if place.may_write {
                (place.form(&here, "link", &[], &html! { div.row {
                    label for="kind" { "Link as" }
                    select #kind name="kind" {
                        @for one in LINK_TYPES.iter().filter(|one| one.reference != ARTIFACT) {
                            option value=(one.reference) selected[kept("kind") == one.reference] { (one.name) }
                        }
                        option value=(ARTIFACT) selected[kept("kind") == ARTIFACT] { "Pull request" }
                    }
                    label for="target" { "Number or address" }
                    input #target name="target" value=(kept("target")) maxlength="2000" autocomplete="off" required;
                    button.plain { "Add link" }
                } }))
            }
        }
    } }
}

/// A link, as an address if the visitor may see its end.
fn link(place: &Place<'_>, item: &WorkItem, relation: &Relation) -> Markup {
    let known = LINK_TYPES.iter().find(|one| one.reference == relation.kind);
    let kind = known.map_or("Link", |one| one.name);
    let comment = relation.attributes.get("comment").and_then(|comment| comment.as_str()).unwrap_or_default();
    html! {
        @match &relation.target {
            RelationTarget::Item(id) => {
                (kind) " "
                @match items::find(&place.ctx.directory, place.everywhere(), &id.to_string()) {
                    Ok((other, project)) => {
                        a href=(page_of(place.ctx, &place.account.name, &project.name, *id)) {
                            (id) ": " bdi { (other.text(fields::TITLE)) }
                        }
                    }
                    Err(_) => { (id) }
                }
            }
            RelationTarget::Url(url) => {
                @match pull_request_of(url).and_then(|one| pull(place, item, one)) {
                    Some((address, text)) => { "Pull request " a href=(address) { bdi { (text) } } }
                    None if url.starts_with("http://") || url.starts_with("https://") => {
                        (kind) " " a href=(url) rel="noreferrer nofollow" { bdi { (url) } }
                    }
                    None => { (kind) " " bdi { (url) } }
                }
            }
        }
        @if !comment.is_empty() { span.quiet { " – " bdi { (comment) } } }
    }
}

/// The address and the title of a pull request that the visitor may see.
fn pull(place: &Place<'_>, item: &WorkItem, (repo, id): (Uuid, i64)) -> Option<(String, String)> {
    let directory = &place.ctx.directory;
    let pull = directory.pulls.get(item.account, id).filter(|pull| pull.repo == repo)?;
    let repo = directory.repos.get(&repo)?;
    let project = directory.projects.get(&repo.project)?;
    let may = place.everywhere().may_read(directory, repo);
    let repo = place.ctx.repo_path(&place.account.name, &project.name, &repo.name);
    may.then(|| (format!("{repo}/pullrequest/{id}"), format!("{id}: {}", pull.title)))
}

/// The step that a form to add a link asks for.
pub(super) fn add(place: &Place<'_>, form: &Form) -> Result<Step, Failure> {
    let (kind, target) = (form.get("kind"), form.get("target"));
    let number = || {
        let number = target.trim_start_matches('#').parse::<i64>();
        number.map_err(|_| Failure::Bad(format!("{target:?} is no number.")))
    };
    let mut attributes = BTreeMap::new();
    let target = match kind {
        ARTIFACT => {
            let number = number()?;
            attributes.insert("name".to_owned(), "Pull Request".into());
            let directory = &place.ctx.directory;
            let pull = directory.pulls.get(place.account.id, number);
            let repo = pull.and_then(|pull| directory.repos.get(&pull.repo));
            let seen = repo.filter(|repo| place.everywhere().may_read(directory, repo));
            let absent = || Failure::Bad(format!("There is no pull request {number} that you may see."));
            let repo = seen.ok_or_else(absent)?;
            RelationTarget::Url(artifact_of(repo.project, repo.id, number))
        }
        HYPERLINK => {
            let parsed = url::Url::parse(target).ok();
            let is_web = parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https"));
            if !is_web {
                return Err(Failure::Bad("An address begins with http:// or https://.".to_owned()));
            }
            RelationTarget::Url(target.to_owned())
        }
        _ => RelationTarget::Item(number()?),
    };
    Ok(Step::Link(NewRelation { kind: kind.to_owned(), target, attributes }))
}

/// The steps that a form to remove a link asks for: its place is that of the revision that the form was made of.
pub(super) fn remove(form: &Form) -> Result<Vec<Step>, Failure> {
    let position = form.get("position").parse();
    let position = position.map_err(|_| Failure::Bad("A link has a place, from 0.".to_owned()))?;
    let test = Step::Test { path: TestPath::Rev, value: form.get("rev").into() };
    Ok(vec![test, Step::Unlink { position }])
}
