//! The page of a repository with nothing in it: where it is, and how to fill it.

use maud::html;

use super::Answer;
use super::parts::copy_field;
use super::source::Source;
use crate::access::Permission;

pub(super) fn show(source: &Source<'_>) -> Answer {
    let (account, project, repo) = (&source.account.name, &source.project.name, &source.repo.name);
    let url = source.ctx.clone_url(account, project, repo);
    let ssh = source.ctx.ssh_url(account, project, repo);
    let link = format!("az ml project update -r {url}");
    let create = format!("az ml project create -n {} -r {url}", shell_word(repo));
    let push = format!("git remote add origin {url}\ngit push -u origin --all");
    let body = html! {
        div.page.start {
            h1 { bdi { (repo) } " is empty" }
            @if !source.may(Permission::GenericContribute) {
                p.note { "You may read this repository, and not push to it." }
            }
            section.card aria-labelledby="clone" {
                h2 #clone { "Clone to your computer" }
                (copy_field("url", "HTTPS or HTTP", &url))
                @if let Some(ssh) = &ssh { (copy_field("ssh", "SSH", ssh)) }
                p.hint {
                    "Over HTTP, Git asks for a user name and a password: take a "
                    a href=(super::security::TOKENS) { "personal access token" } " for the password. Over SSH it takes your "
                    a href="/_details/security/keys" { "public key" } "."
                }
            }
            section.card aria-labelledby="azml" {
                h2 #azml { "Keep an Azure ML project here" }
                p { "A new project, or one that you have:" }
                (copy_field("azml-new", "New project", &create))
                (copy_field("azml-link", "In the folder of a project", &link))
                p.hint { "The repository has to be empty. Its run history will be a branch here." }
            }
            section.card aria-labelledby="push" {
                h2 #push { "Push a repository that you have" }
                pre.commands #push-lines tabindex="0" aria-label="Commands to push" { (push) }
                button type="button" data-copy="push-lines" hidden { "Copy" }
            }
        }
    };
    source.page(repo, "", &body).into()
}

/// A name as a word of a shell's command line.
fn shell_word(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(shell_word("iris-2"), "iris-2");
        assert_eq!(shell_word("my iris (1)"), "'my iris (1)'");
        assert_eq!(shell_word("a'b"), "'a'\\''b'");
    }
}
