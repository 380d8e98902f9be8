//! The repository that a path names, in every form of SSH URL that the service has had.
//!
//! | form | account |
//! | --- | --- |
//! | `ssh://acme@HOST/iris/_git/extra`, `…/_ssh/extra` | the user name |
//! | `ssh://acme@HOST/_git/iris`, `…/_ssh/iris` (a project's default repository) | the user name |
//! | `…/DefaultCollection/…` in front of either | the user name |
//! | `ssh://git@HOST/v3/acme/iris/extra`, `git@HOST:v3/acme/iris/extra` | the path |
//! | `ssh://anybody@HOST/acme/iris/_git/extra`, as over HTTP | the path |
//!
//! The user name is an account or nothing, never who asks: that is the key's business. A path can sometimes be read in two
//! ways; both are given, the one with the user name first. Names are as they were asked, percent-decoded; none of them
//! becomes part of a file's path.

use percent_encoding::percent_decode_str;

/// A repository by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) account: String,
    pub(crate) project: String,
    pub(crate) repo: String,
}

/// The ways in which a user name and a path can be read, the likeliest first.
pub(crate) fn readings(login: &str, path: &str) -> Vec<Reading> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let marker = segments.iter().position(|segment| is(segment, "_git") || is(segment, "_ssh"));
    let Some(marker) = marker else {
        return match segments.as_slice() {
            [version, account, project, repo] if is(version, "v3") => {
                vec![Reading { account: account.clone(), project: project.clone(), repo: repo.clone() }]
            }
            _ => Vec::new(),
        };
    };
    let (before, after) = (&segments[..marker], &segments[marker + 1..]);
    let repo = match after {
        [view, repo] if is(view, "_full") || is(view, "_optimized") => repo,
        [repo] => repo,
        _ => return Vec::new(),
    };
    let by_login = reading(login, before, repo);
    let by_path = before.split_first().and_then(|(account, before)| reading(account, before, repo));
    by_login.into_iter().chain(by_path).collect()
}

/// `before` is what stands between the account and the marker: a collection, a project, a team that is passed over.
fn reading(account: &str, before: &[String], repo: &str) -> Option<Reading> {
    let before = match before.split_first() {
        Some((first, rest)) if is(first, "DefaultCollection") => rest,
        _ => before,
    };
    let project = match before {
        [] => repo,
        [project] | [project, _] => project,
        _ => return None,
    };
    let owned = str::to_owned;
    Some(Reading { account: owned(account), project: owned(project), repo: owned(repo) })
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(login: &str, path: &str) -> Vec<(String, String, String)> {
        readings(login, path).into_iter().map(|found| (found.account, found.project, found.repo)).collect()
    }

    #[test]
    fn every_form_of_url_is_read() {
        let rows = [
            ("acme", "/iris/_git/extra", ("acme", "iris", "extra")),
            ("acme", "iris/_git/extra/", ("acme", "iris", "extra")),
            ("acme", "/iris/_ssh/extra", ("acme", "iris", "extra")),
            ("acme", "/iris/a-team/_git/extra", ("acme", "iris", "extra")),
            ("acme", "/_git/iris", ("acme", "iris", "iris")),
            ("acme", "/_ssh/iris", ("acme", "iris", "iris")),
            ("acme", "/DefaultCollection/_git/iris", ("acme", "iris", "iris")),
            ("acme", "/DefaultCollection/iris/_git/extra", ("acme", "iris", "extra")),
            ("acme", "/defaultcollection/iris/_SSH/extra", ("acme", "iris", "extra")),
            ("acme", "/iris/_git/_full/extra", ("acme", "iris", "extra")),
            ("acme", "/iris/_git/_optimized/extra", ("acme", "iris", "extra")),
            ("acme", "/my%20project/_git/a b", ("acme", "my project", "a b")),
            ("git", "v3/acme/iris/extra", ("acme", "iris", "extra")),
            ("git", "/v3/acme/iris/extra", ("acme", "iris", "extra")),
            ("acme", "/V3/acme/my%20project/extra", ("acme", "my project", "extra")),
        ];
        for (login, path, (account, project, repo)) in rows {
            let expected = (account.to_owned(), project.to_owned(), repo.to_owned());
            assert_eq!(read(login, path).first(), Some(&expected), "{login} {path}");
        }
    }

    #[test]
    fn the_account_may_stand_in_the_path_as_over_http() {
        for path in ["/acme/iris/_git/extra", "/acme/DefaultCollection/iris/_git/extra"] {
            let expected = ("acme".to_owned(), "iris".to_owned(), "extra".to_owned());
            assert_eq!(read("root", path).last(), Some(&expected), "{path}");
        }
        let default = ("acme".to_owned(), "iris".to_owned(), "iris".to_owned());
        assert_eq!(read("root", "/acme/_git/iris").last(), Some(&default));
    }

    #[test]
    fn what_is_no_address_has_no_reading() {
        for path in [
            "",
            "/",
            "/iris",
            "../x",
            "/etc/passwd",
            "~alice/x",
            "v3/acme/iris",
            "v3/a/b/c/d",
            "/iris/_git/",
            "/a/_git/b/c",
        ] {
            assert_eq!(read("acme", path), [], "{path}");
        }
    }
}
