//! Security: the visitor's SSH public keys.

use std::sync::Arc;

use http::StatusCode;
use maud::html;

use super::layout::Page;
use super::parts::{ago, problem};
use super::request_context::RequestContext;
use super::security::{KEYS, crumbs, side};
use super::{Answer, Failure, Outcome};
use crate::http::web::form::Form;
use crate::identity::ssh_key::SshKeyError;
use crate::operations::keys;
use crate::operations::refused::Refused;
use crate::registry::{KeyInput, RegistryError};

/// The page; with what was filled in when that was refused, and why.
pub(super) fn show(ctx: &RequestContext, refused: Option<(&Form, &str)>) -> Outcome {
    let Some(user) = ctx.principal.user else { return Err(Failure::SignIn) };
    let mut mine: Vec<_> = ctx.directory.keys.values().filter(|key| key.user == user).collect();
    mine.sort_by_key(|key| (key.created, key.name.clone()));
    let field = |name: &str| refused.map(|(form, _)| form.get(name).to_owned()).unwrap_or_default();
    let body = html! {
        div.page.sided {
            (side(KEYS))
            div {
                h1 { "SSH public keys" }
                p.lead { "With a key, Git clients on your computers sign in over SSH as you." }
                @if mine.is_empty() { div.card.quiet { p { "You have no key here yet." } } }
                @else {
                    div.wide { table {
                        thead { tr {
                            th scope="col" { "Name" } th scope="col" { "Fingerprint" } th scope="col" { "Added" }
                            th scope="col" { "Last used" } th scope="col" { span.sr { "Actions" } }
                        } }
                        tbody {
                            @for key in mine {
                                tr {
                                    th scope="row" { bdi { (key.name) } div.quiet { (key.algorithm) } }
                                    td { code.break { (key.fingerprint) } }
                                    td { (ago(ctx.now, key.created)) }
                                    td {
                                        @match ctx.app.uses.last(key.id) {
                                            Some(time) => { (ago(ctx.now, time)) }
                                            None => span.quiet { "not since the start" },
                                        }
                                    }
                                    td.act {
                                        form method="post" action=(KEYS) {
                                            (ctx.token())
                                            input type="hidden" name="remove" value=(key.id);
                                            button.plain.danger aria-label={ "Remove " (key.name) } { "Remove" }
                                        }
                                    }
                                }
                            }
                        }
                    } }
                }
                section.card aria-labelledby="add" {
                    h2 #add { "Add a key" }
                    (problem(refused.map(|(_, message)| message)))
                    form method="post" action=(KEYS) {
                        (ctx.token())
                        label for="description" { "Description" }
                        input #description name="description" value=(field("description")) maxlength="256" autocomplete="off"
                            placeholder="My laptop" required;
                        label for="key" { "Key data" }
                        textarea #key name="key" rows="5" spellcheck="false" autocomplete="off" required aria-describedby="how" {
                            (field("key"))
                        }
                        p.hint #how {
                            "The one line of the file that ends in " code { ".pub" } ". To make a key: "
                            code { "ssh-keygen -t rsa -b 4096 -C \"your_email@example.com\"" }
                        }
                        div.actions { button { "Save" } }
                    }
                }
            }
        }
    };
    let status = if refused.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(Page::new("SSH public keys", crumbs("SSH public keys", KEYS), body).with_status(status).into())
}

pub(super) async fn follow(ctx: &Arc<RequestContext>, form: &Form) -> Outcome {
    let removed = form.get("remove");
    if !removed.is_empty() {
        let outcome = keys::remove(&ctx.app, &ctx.principal, removed).await;
        return outcome.map(|()| Answer::go(KEYS)).map_err(|error| match error {
            Refused::NoToken { .. } => Failure::absent("You have no such key."),
            other => other.into(),
        });
    }
    let line = form.get("key");
    let input = KeyInput { name: form.get("description"), key: line, expires: None, has_own_name: true };
    let Err(error) = keys::register(&ctx.app, &ctx.principal, &input).await else {
        return Ok(Answer::go(KEYS));
    };
    // A private key that was pasted must not come back in the page.
    let is_private = matches!(error, Refused::Registry(RegistryError::Key(SshKeyError::Private)));
    let again = if is_private { Form::default() } else { form.clone() };
    match error.into() {
        Failure::Bad(message) => show(ctx, Some((&again, &message))),
        other => Err(other),
    }
}
