//! Tags, newest commit first.

use maud::html;

use super::Outcome;
use super::parts::ago;
use super::source::{Kind, Source, Version, short};
use crate::limits::TAGS_LISTED;
use crate::operations::commits::CommitInfo;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let all = source.tags()?;
    let mut rows = Vec::new();
    for tag in all.iter().take(TAGS_LISTED) {
        rows.push((tag, CommitInfo::read(&source.repository, tag.commit)?));
    }
    rows.sort_by(|a, b| b.1.committer.time.cmp(&a.1.committer.time).then_with(|| a.0.name.cmp(&b.0.name)));
    let body = html! {
        div.page {
            h1 { "Tags" }
            @if rows.is_empty() { div.card.quiet { p { "There is no tag." } } }
            @else { div.wide { table {
                thead { tr {
                    th scope="col" { "Tag" } th scope="col" { "Commit" } th scope="col" { "When" } th scope="col" { "Id" }
                    th scope="col" { span.sr { "Actions" } }
                } }
                tbody {
                    @for (tag, info) in &rows {
                        @let version = Version { kind: Kind::Tag, name: tag.name.clone(), commit: tag.commit };
                        tr {
                            th scope="row" { a href=(source.at("", &version, "")) { bdi { (tag.name) } } }
                            td.msg { a href=(source.commit_path(info.id)) { bdi { (info.subject()) } } }
                            td.when { (ago(source.ctx.now, info.committer.time)) }
                            td { code { (short(info.id)) } }
                            td.act { a href=(source.at("archive", &version, "")) aria-label={ "Download " (tag.name) " as ZIP" } { "ZIP" } }
                        }
                    }
                }
            } } }
            @if all.len() > TAGS_LISTED { p.cut { "Only " (TAGS_LISTED) " of " (all.len()) " tags are listed." } }
        }
    };
    Ok(source.page("Tags", "tags", &body).into())
}
