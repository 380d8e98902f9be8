//! The forms of work items.

use std::sync::Arc;

use super::super::refusal::Refusal;
use super::super::request_context::RequestContext;
use super::super::route::WorkPage;
use super::{Answer, Failure, Outcome, Place, form, go, links, show_with};
use crate::http::web::form::Form;
use crate::operations::refused::Refused;
use crate::operations::work_items as items;
use crate::operations::work_items::{comments, recycle_bin as bin};
use crate::registry::work_items::{Step, TestPath};
use crate::registry::{RegistryError, WorkItemError};

/// The words for a revision that is not the last one any more.
const OVERTAKEN: &str = "Somebody has changed this work item since you opened the page. The page shows it as it is now, and \
                         the form what you wrote: look at both, and save again.";

/// Does what a form asks for; shows its page again if it is refused.
pub(in super::super) async fn follow(
    ctx: &Arc<RequestContext>,
    account: &str,
    project: &str,
    page: &WorkPage,
    form: &Form,
) -> Outcome {
    let place = Place::find(ctx, account, project)?;
    let failure = match change(&place, page, form).await {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    let (account, project) = (place.account.name.clone(), place.project.name.clone());
    let (ctx, page, form, work) = (ctx.clone(), page.clone(), form.clone(), ctx.work.clone());
    let task = move || {
        let place = Place::find(&ctx, &account, &project)?;
        show_with(&place, &page, Some(&Refusal::of(failure, &form)?))
    };
    work.run(task).await
}

async fn change(place: &Place<'_>, page: &WorkPage, form: &Form) -> Outcome {
    let (app, scope) = (&place.ctx.app, place.scope());
    match page {
        WorkPage::NewOf(kind) => {
            let kind = form::kind_of(place, kind)?;
            let made =
                items::create(app, scope, kind.name, &form::steps(place, kind, None, form), true).await?;
            Ok(Answer::go(place.item(made.id)))
        }
        WorkPage::Item(id) => of_item(place, id, form).await,
        WorkPage::RecycleBin => match form.get("do") {
            "restore" => {
                let restored = bin::restore(app, scope, form.get("id")).await?;
                Ok(Answer::go(place.item(restored.id)))
            }
            "destroy" => {
                bin::destroy(app, scope, form.get("id"), true).await?;
                Ok(go(place, "/recyclebin"))
            }
            _ => Err(unknown()),
        },
        WorkPage::List | WorkPage::New => Err(unknown()),
    }
}

async fn of_item(place: &Place<'_>, id: &str, form: &Form) -> Outcome {
    let (app, scope) = (&place.ctx.app, place.scope());
    let at = |part: &str| Ok(Answer::go(format!("{}{part}", place.path(&format!("/edit/{id}")))));
    match form.get("do") {
        "edit" => {
            let (item, _) = items::find(&place.ctx.directory, scope, id)?;
            let kind = form::kind_of(place, &item.kind)?;
            let mut steps = vec![Step::Test { path: TestPath::Rev, value: form.get("rev").into() }];
            steps.extend(form::steps(place, kind, Some(item), form));
            update(place, id, &steps).await?;
            at("")
        }
        "link" => {
            update(place, id, &[links::add(place, form)?]).await?;
            at("#links")
        }
        "unlink" => {
            update(place, id, &links::remove(form)?).await?;
            at("#links")
        }
        "comment" => {
            let note = comments::add(app, scope, id, &text(form), true).await?;
            at(&format!("#comment-{}", note.id))
        }
        "edit-comment" => {
            let names = (id, form.get("comment"));
            let note = comments::rewrite(app, scope, names, &text(form)).await?;
            at(&format!("#comment-{}", note.id))
        }
        "delete-comment" => {
            comments::delete(app, scope, id, form.get("comment")).await?;
            at("#comments")
        }
        "delete" => {
            bin::bin(app, scope, id).await?;
            Ok(go(place, ""))
        }
        _ => Err(unknown()),
    }
}

async fn update(place: &Place<'_>, id: &str, steps: &[Step]) -> Result<(), Failure> {
    let changed = items::update(&place.ctx.app, place.scope(), id, steps, true).await;
    changed.map(|_| ()).map_err(|refused| match refused {
        Refused::Registry(RegistryError::WorkItem(WorkItemError::TestFailed { .. })) => {
            Failure::Bad(OVERTAKEN.to_owned())
        }
        other => other.into(),
    })
}

/// A text; browsers end the lines of a form with two characters.
fn text(form: &Form) -> String {
    form.raw("content").replace("\r\n", "\n")
}

fn unknown() -> Failure {
    Failure::Bad("That is no change that this page makes.".to_owned())
}
