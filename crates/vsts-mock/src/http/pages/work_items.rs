//! The work items of a project: a list, and a page for each.

use maud::{Markup, html};

use super::Outcome;
use super::failure::Failure;
use super::find::{absent, crumbs, find_project};
use super::layout::Page;
use super::markdown::{self, Key};
use super::parts::{PAGE, ago, avatar, pages};
use super::request_context::RequestContext;
use crate::directory::work_item::{LINK_TYPES, Relation, RelationTarget, fields, pull_request_of};
use crate::directory::{Account, Project, WorkItem};
use crate::http::web::encode;
use crate::operations::work_items as items;

/// The account and the project of an address whose work items the visitor may read.
fn place<'c>(
    ctx: &'c RequestContext,
    account: &str,
    project: &str,
) -> Result<(&'c Account, &'c Project), Failure> {
    let found = find_project(&ctx.directory, &ctx.principal, account, project)?;
    items::project(&ctx.directory, ctx.scope(account, Some(project))).map_err(|_| absent(&ctx.principal))?;
    Ok(found)
}

/// The address of the page of a work item.
pub(super) fn page_of(ctx: &RequestContext, account: &str, project: &str, id: i64) -> String {
    format!("{}/_workitems/edit/{id}", ctx.project_path(account, project))
}

fn name(ctx: &RequestContext, id: &str) -> String {
    let known = uuid::Uuid::parse_str(id).ok().and_then(|id| ctx.directory.identity_name(id));
    known.unwrap_or("Anonymous").to_owned()
}

/// The list.
pub(super) fn list(ctx: &RequestContext, account: &str, project: &str) -> Outcome {
    let (account, project) = place(ctx, account, project)?;
    let skip = ctx.ask_number("skip");
    let all = ctx.directory.work.of_project(account.id, project.id).rev();
    let mut found: Vec<_> = all.filter(|item| item.deletion.is_none()).skip(skip).take(PAGE + 1).collect();
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let path = format!("{}/_workitems", ctx.project_path(&account.name, &project.name));
    let body = html! {
        div.page {
            h1 { "Work items" }
            @if found.is_empty() { div.card.quiet { p { "There is none. Programs make them by the REST API." } } }
            @else { div.wide { table {
                thead { tr {
                    th scope="col" { "Work item" } th scope="col" { "Type" } th scope="col" { "State" }
                    th scope="col" { "Assigned to" } th scope="col" { "Changed" }
                } }
                tbody { @for item in &found {
                    @let assigned = item.text(fields::ASSIGNED);
                    tr {
                        th scope="row" {
                            a href=(page_of(ctx, &account.name, &project.name, item.id)) { (item.id) ": " bdi { (item.text(fields::TITLE)) } }
                        }
                        td { (item.kind) }
                        td { span.tag { (item.text(fields::STATE)) } }
                        td { @if assigned.is_empty() { span.quiet { "nobody" } }
                            @else { span.person { (avatar(&name(ctx, assigned))) bdi { (name(ctx, assigned)) } } } }
                        td.when { (ago(ctx.now, item.changed)) }
                    }
                } }
            } } }
            (pages(&format!("{path}?list=all"), skip, has_more, "Newer", "Older"))
        }
    };
    Ok(Page::new("Work items", way(ctx, account, project), body).into())
}

/// The way to the list.
fn way(ctx: &RequestContext, account: &Account, project: &Project) -> Vec<(String, String)> {
    let mut way = crumbs(ctx, account, Some(project));
    way.push((
        "Work items".to_owned(),
        format!("{}/_workitems", ctx.project_path(&account.name, &project.name)),
    ));
    way
}

/// The page of one.
pub(super) fn show(ctx: &RequestContext, account: &str, project: &str, id: &str) -> Outcome {
    let (account, project) = place(ctx, account, project)?;
    let (item, _) = items::find(&ctx.directory, ctx.scope(&account.name, Some(&project.name)), id)?;
    let title = item.text(fields::TITLE);
    let shown = [
        ("State", fields::STATE),
        ("Reason", fields::REASON),
        ("Priority", fields::PRIORITY),
        ("Severity", fields::SEVERITY),
    ];
    let assigned = item.text(fields::ASSIGNED);
    let list = list_of(ctx, &account.name, &project.name);
    let path = |below: &str| {
        if below.is_empty() { project.name.clone() } else { format!("{}\\{below}", project.name) }
    };
    let notes: Vec<_> = ctx.directory.work.notes_of(item).filter(|note| !note.is_deleted).collect();
    let body = html! {
        div.page {
            h1 { (item.id) ": " bdi { (title) } }
            p.lead {
                span.tag { (item.kind) } " made by " bdi { (name(ctx, &item.creator.to_string())) } ", "
                (ago(ctx.now, item.created)) "; revision " (item.rev) ", " (ago(ctx.now, item.changed))
            }
            section.card aria-label="Fields" { dl {
                @for (label, field) in shown {
                    @let value = plain(item, field);
                    @if !value.is_empty() { dt { (label) } dd { (value) } }
                }
                dt { "Assigned to" }
                dd { @if assigned.is_empty() { "nobody" } @else { bdi { (name(ctx, assigned)) } } }
                dt { "Area" } dd { bdi { (path(&item.area)) } }
                dt { "Iteration" } dd { bdi { (path(&item.iteration)) } }
                @if !item.tags().is_empty() {
                    dt { "Tags" } dd { @for tag in item.tags() { span.tag { bdi { (tag) } } " " } }
                }
            } }
            @for (label, field) in [("Description", "System.Description"), ("Steps to reproduce", "Microsoft.VSTS.TCM.ReproSteps")] {
                @let text = item.text(field);
                @if !text.is_empty() { section.card aria-label=(label) {
                    h2 { (label) }
                    (said(&list, text, item.markdown.contains(field)))
                } }
            }
            @if !item.relations.is_empty() { section.card aria-labelledby="links" {
                h2 #links { "Links" }
                ul { @for relation in &item.relations { li { (link(ctx, account, item, relation)) } } }
            } }
            section aria-labelledby="discussion" {
                h2 #discussion { "Comments" }
                @if notes.is_empty() { p.quiet { "Nobody has said anything." } }
                @for note in notes {
                    article.card {
                        p { strong { bdi { (name(ctx, &note.author.to_string())) } } " " (ago(ctx.now, note.created)) }
                        (said(&list, &note.text, note.is_markdown))
                    }
                }
            }
        }
    };
    Ok(Page::new(title, way(ctx, account, project), body).into())
}

fn plain(item: &WorkItem, field: &str) -> String {
    let value = item.fields.get(field).cloned().unwrap_or_default();
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The end of a link, as an address if the visitor may see it.
fn link(ctx: &RequestContext, account: &Account, item: &WorkItem, relation: &Relation) -> Markup {
    let known = LINK_TYPES.iter().find(|one| one.reference == relation.kind);
    let kind = known.map_or("Link", |one| one.name);
    match &relation.target {
        RelationTarget::Item(id) => {
            let other = items::find(&ctx.directory, ctx.scope(&account.name, None), &id.to_string());
            if let Ok((other, project)) = other {
                html! {
                    (kind) " " a href=(page_of(ctx, &account.name, &project.name, *id)) { (id) ": " bdi { (other.text(fields::TITLE)) } }
                }
            } else {
                html! { (kind) " " (id) }
            }
        }
        RelationTarget::Url(url) => {
            match pull_request_of(url).and_then(|one| pull(ctx, account, item, one)) {
                Some((address, text)) => html! { "Pull request " a href=(address) { bdi { (text) } } },
                None if url.starts_with("http://") || url.starts_with("https://") => {
                    html! { (kind) " " a href=(url) rel="noreferrer nofollow" { bdi { (url) } } }
                }
                None => html! { (kind) " " bdi { (url) } },
            }
        }
    }
}

/// The address and the title of a pull request that the visitor may see.
fn pull(
    ctx: &RequestContext,
    account: &Account,
    item: &WorkItem,
    (repo, id): (uuid::Uuid, i64),
) -> Option<(String, String)> {
    let pull = ctx.directory.pulls.get(item.account, id).filter(|pull| pull.repo == repo)?;
    let repo = ctx.directory.repos.get(&repo)?;
    let project = ctx.directory.projects.get(&repo.project)?;
    let may = ctx.scope(&account.name, None).may_read(&ctx.directory, repo);
    let address = format!("{}/pullrequest/{id}", ctx.repo_path(&account.name, &project.name, &repo.name));
    may.then(|| (address, format!("{id}: {}", pull.title)))
}

/// A text that somebody wrote: Markdown, whose links lead from an address, or HTML, of which the text is shown.
fn said(base: &str, text: &str, is_markdown: bool) -> Markup {
    match markdown::blob_of(text).filter(|_| is_markdown) {
        Some(blob) => {
            let key = Key { blob, base: base.to_owned() };
            let address = |to: &str, _| format!("{base}/{}", markdown::join("", to));
            html! { div.said { (markdown::render(text, key, &address)) } }
        }
        None => paragraphs(text),
    }
}

/// A text without its HTML.
fn paragraphs(text: &str) -> Markup {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        let tag = &rest[at..];
        let is_tag = tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        if let Some(end) = tag.find('>').filter(|_| is_tag) {
            let name = tag[1..end].trim_start_matches('/').to_ascii_lowercase();
            if ["br", "p", "div", "li", "ul", "ol", "h1", "h2", "h3"]
                .iter()
                .any(|block| name.starts_with(block))
            {
                plain.push('\n');
            }
            rest = &tag[end + 1..];
        } else {
            plain.push('<');
            rest = &tag[1..];
        }
    }
    plain.push_str(rest);
    let plain = plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    html! { @for line in plain.lines().filter(|line| !line.trim().is_empty()) { p { bdi { (line) } } } }
}

/// The work items that a pull request is linked to.
pub(super) fn linked(ctx: &RequestContext, account: &str, ids: &[String]) -> Markup {
    let scope = ctx.scope(account, None);
    let found: Vec<_> = ids.iter().map(|id| (id, items::find(&ctx.directory, scope, id).ok())).collect();
    html! { @if !found.is_empty() {
        section.card aria-labelledby="work-items" {
            h2 #work-items { "Work items" }
            ul { @for (id, item) in found { li {
                @match item {
                    Some((item, project)) => {
                        a href=(page_of(ctx, account, &project.name, item.id)) { (item.id) ": " bdi { (item.text(fields::TITLE)) } }
                        " " span.tag { (item.text(fields::STATE)) }
                    }
                    None => { (id) }
                }
            } } }
        }
    } }
}

/// The address of the list of a project.
pub(super) fn list_of(ctx: &RequestContext, account: &str, project: &str) -> String {
    format!("{}/{}/_workitems", ctx.account_path(account), encode(project))
}
