//! Security: the visitor's SSH public keys.

use std::sync::Arc;

use http::StatusCode;
use maud::{Markup, html};

use super::layout::Page;
use super::parts::{ago, problem};
use super::visit::Visit;
use super::{Answer, Failure, Outcome};
use crate::http::web::form::Form;
use crate::identity::ssh_key::SshKeyError;
use crate::registry::{KeyInput, RegistryError};

const HERE: &str = "/_details/security/keys";

/// The list at the left of both pages.
pub(super) fn side(here: &str) -> Markup {
    html! {
        nav.side aria-label="Security" {
            ul {
                @for (name, address) in [("SSH public keys", HERE), ("Personal access tokens", super::tokens::HERE)] {
                    li { a href=(address) aria-current=[(here == address).then_some("page")] { (name) } }
                }
            }
        }
    }
}

/// The way to a page of security.
pub(super) fn crumbs(name: &str, address: &str) -> Vec<(String, String)> {
    vec![("Security".to_owned(), HERE.to_owned()), (name.to_owned(), address.to_owned())]
}

/// The page; with what was filled in when that was refused, and why.
pub(super) fn show(visit: &Visit, refused: Option<(&Form, &str)>) -> Outcome {
    let Some(user) = visit.principal.user else { return Err(Failure::SignIn) };
    let mut keys: Vec<_> = visit.world.keys.values().filter(|key| key.user == user).collect();
    keys.sort_by_key(|key| (key.created, key.name.clone()));
    let field = |name: &str| refused.map(|(form, _)| form.get(name).to_owned()).unwrap_or_default();
    let body = html! {
        div.page.sided {
            (side(HERE))
            div {
                h1 { "SSH public keys" }
                p.lead { "With a key, Git clients on your computers sign in over SSH as you." }
                @if keys.is_empty() { div.card.quiet { p { "You have no key here yet." } } }
                @else {
                    div.wide { table {
                        thead { tr {
                            th scope="col" { "Name" } th scope="col" { "Fingerprint" } th scope="col" { "Added" }
                            th scope="col" { "Last used" } th scope="col" { span.sr { "Actions" } }
                        } }
                        tbody {
                            @for key in keys {
                                tr {
                                    th scope="row" { bdi { (key.name) } div.quiet { (key.algorithm) } }
                                    td { code.break { (key.fingerprint) } }
                                    td { (ago(visit.now, key.created)) }
                                    td {
                                        @match visit.app.uses.last(key.id) {
                                            Some(time) => { (ago(visit.now, time)) }
                                            None => span.quiet { "not since the start" },
                                        }
                                    }
                                    td.act {
                                        form method="post" action=(HERE) {
                                            (visit.token())
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
                    form method="post" action=(HERE) {
                        (visit.token())
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
    Ok(Page::new("SSH public keys", crumbs("SSH public keys", HERE), body).with_status(status).into())
}

pub(super) async fn follow(visit: &Arc<Visit>, form: &Form) -> Outcome {
    let mut change = visit.app.state.change().await?;
    let name = visit.principal.name.as_str();
    let removed = form.get("remove");
    if !removed.is_empty() {
        // By its id alone: a key might be called like the id of another.
        let is_mine = change
            .world
            .keys
            .values()
            .any(|key| key.id.to_string() == removed && Some(key.user) == visit.principal.user);
        if !is_mine {
            return Err(Failure::absent("You have no such key."));
        }
        change.delete_key(name, removed).await?;
        change.commit().await?;
        return Ok(Answer::go(HERE));
    }
    let line = form.get("key");
    if let Some(why) = visit.app.profile.refuses_key(line) {
        return show(visit, Some((form, why)));
    }
    let input = KeyInput { name: form.get("description"), key: line, expires: None, has_own_name: true };
    let Err(error) = change.create_key(name, &input, visit.now).await else {
        change.commit().await?;
        return Ok(Answer::go(HERE));
    };
    // A private key that was pasted must not come back in the page.
    let is_private = matches!(error, RegistryError::Key(SshKeyError::Private));
    let again = if is_private { Form::default() } else { form.clone() };
    match error.into() {
        Failure::Bad(message) => show(visit, Some((&again, &message))),
        other => Err(other),
    }
}
