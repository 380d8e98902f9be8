//! Security: the visitor's personal access tokens. A value is shown once, on the answer to the form that made it.

use std::sync::Arc;

use http::StatusCode;
use jiff::SignedDuration;
use maud::html;

use super::layout::Page;
use super::parts::{ago, copy_field, day, problem};
use super::request_context::RequestContext;
use super::security::{TOKENS, crumbs, side};
use super::{Answer, Failure, Outcome};
use crate::http::web::form::Form;
use crate::operations::refused::Refused;
use crate::operations::tokens;
use crate::registry::TokenInput;

/// The lifetimes of a token that the page offers, in days.
const DAYS: [(&str, i64); 5] =
    [("30 days", 30), ("60 days", 60), ("90 days", 90), ("180 days", 180), ("1 year", 365)];
/// The scopes of a token, in the order in which the page shows them.
const SCOPES: [(&str, &str); 6] = [
    ("vso.code", "Code (read)"),
    ("vso.code_write", "Code (read and write)"),
    ("vso.code_manage", "Code (read, write and manage)"),
    ("vso.code_full", "Code (full)"),
    ("vso.work", "Work items (read)"),
    ("vso.work_write", "Work items (read and write)"),
];

/// The message above the list of the page.
pub(super) enum Note<'a> {
    /// A token was made: its name and its value.
    Made(&'a str, &'a str),
    /// A form was refused.
    Refused(&'a Form, &'a str),
}

fn scope_name(scope: &str) -> &str {
    match scope {
        "app_token" => "All scopes",
        scope => SCOPES.iter().find(|(known, _)| *known == scope).map_or(scope, |(_, name)| name),
    }
}

pub(super) fn show(ctx: &RequestContext, note: Option<&Note<'_>>) -> Outcome {
    let Some(user) = ctx.principal.user else { return Err(Failure::SignIn) };
    // What was made just now is not in the ctx's own picture.
    let directory = ctx.app.state.directory();
    let mut mine: Vec<_> = directory.tokens.values().filter(|token| token.user == user).collect();
    mine.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
    let (refused, form) = match note {
        Some(Note::Refused(form, message)) => (Some(*message), (*form).clone()),
        _ => (None, Form::default()),
    };
    let is_all = form.get("all") != "selected";
    let body = html! {
        div.page.sided {
            (side(TOKENS))
            div {
                h1 { "Personal access tokens" }
                p.lead { "A token stands in for your password where Git, scripts and other programs sign in." }
                @if let Some(Note::Made(name, value)) = note {
                    div.card.done role="status" {
                        h2 { "Token " bdi { (name) } " is made" }
                        (copy_field("value", "Copy it now: it is not shown again", value))
                    }
                }
                @if mine.is_empty() { div.card.quiet { p { "You have no token." } } }
                @else {
                    div.wide { table {
                        thead { tr {
                            th scope="col" { "Name" } th scope="col" { "Scopes" } th scope="col" { "Made" } th scope="col" { "Expires" }
                            th scope="col" { "Last used" } th scope="col" { span.sr { "Actions" } }
                        } }
                        tbody {
                            @for token in mine {
                                tr {
                                    th scope="row" {
                                        bdi { (token.name) }
                                        @if token.is_session { " " span.tag { "signed in by azml or az" } }
                                    }
                                    td { (token.scopes.iter().map(|scope| scope_name(scope)).collect::<Vec<_>>().join(", ")) }
                                    td { (ago(ctx.now, token.created)) }
                                    td {
                                        @match token.expires {
                                            None => "never",
                                            Some(time) if time <= ctx.now => span.tag.bad { "expired" },
                                            Some(time) => { (day(time)) }
                                        }
                                    }
                                    td {
                                        @match ctx.app.uses.last(token.id) {
                                            Some(time) => { (ago(ctx.now, time)) }
                                            None => span.quiet { "not since the start" },
                                        }
                                    }
                                    td.act {
                                        form method="post" action=(TOKENS) {
                                            (ctx.token())
                                            input type="hidden" name="revoke" value=(token.id);
                                            button.plain.danger aria-label={ "Revoke " (token.name) } { "Revoke" }
                                        }
                                    }
                                }
                            }
                        }
                    } }
                }
                section.card aria-labelledby="add" {
                    h2 #add { "Create a token" }
                    (problem(refused))
                    form method="post" action=(TOKENS) {
                        (ctx.token())
                        label for="description" { "Description" }
                        input #description name="description" value=(form.get("description")) maxlength="256" autocomplete="off" required;
                        label for="expires" { "Expires in" }
                        select #expires name="expires" {
                            @for (name, days) in DAYS {
                                option value=(days) selected[form.get("expires") == days.to_string() || (form.get("expires").is_empty() && days == 90)] { (name) }
                            }
                        }
                        fieldset {
                            legend { "Authorized scopes" }
                            div.choice { input #all type="radio" name="all" value="all" checked[is_all]; label for="all" { "All scopes" } }
                            div.choice {
                                input #selected type="radio" name="all" value="selected" checked[!is_all];
                                label for="selected" { "Selected scopes" }
                            }
                            div.choices role="group" aria-label="Selected scopes" {
                                @for (scope, name) in SCOPES {
                                    div.choice {
                                        input id=(scope) type="checkbox" name="scope" value=(scope) checked[form.all("scope").any(|one| one == scope)];
                                        label for=(scope) { (name) }
                                    }
                                }
                            }
                        }
                        div.actions { button { "Create token" } }
                    }
                }
            }
        }
    };
    let status = if refused.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let title = "Personal access tokens";
    Ok(Page::new(title, crumbs(title, TOKENS), body).with_status(status).into())
}

pub(super) async fn follow(ctx: &Arc<RequestContext>, form: &Form) -> Outcome {
    let revoked = form.get("revoke");
    if !revoked.is_empty() {
        let outcome = tokens::revoke(&ctx.app, &ctx.principal, revoked).await;
        return outcome.map(|()| Answer::go(TOKENS)).map_err(|error| match error {
            Refused::NoToken { .. } => Failure::absent("You have no such token."),
            other => other.into(),
        });
    }
    let days = DAYS.iter().map(|(_, days)| *days).find(|days| days.to_string() == form.get("expires"));
    let scopes: Vec<String> = if form.get("all") == "selected" {
        form.all("scope")
            .filter(|scope| SCOPES.iter().any(|(known, _)| known == scope))
            .map(str::to_owned)
            .collect()
    } else {
        vec!["app_token".to_owned()]
    };
    if scopes.is_empty() {
        return show(ctx, Some(&Note::Refused(form, "Select at least one scope.")));
    }
    let input = TokenInput {
        name: form.get("description"),
        scopes: &scopes,
        expires: Some(ctx.now + SignedDuration::from_hours(24 * days.unwrap_or(90))),
        ..TokenInput::named()
    };
    match tokens::create(&ctx.app, &ctx.principal, input).await.map_err(Failure::from) {
        Ok((token, value)) => show(ctx, Some(&Note::Made(&token.name, value.reveal()))),
        Err(Failure::Bad(message)) => show(ctx, Some(&Note::Refused(form, &message))),
        Err(other) => Err(other),
    }
}
