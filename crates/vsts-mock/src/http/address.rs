//! The account, project and repository in a request's URL, in every form that the service has had.
//!
//! The account stands in the path's first segment or in the host's first label; `DefaultCollection` and a team's segment
//! are passed over; a repository without a project is its project's default one. Names are given as they were asked,
//! percent-decoded; whether they exist is for the caller to find out, and nothing here becomes part of a file's path.

use percent_encoding::percent_decode_str;

use crate::service_hosts;

/// The resource that a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A Git repository and what is wanted of it.
    Git(GitAddress),
    /// The REST API of an account, or of a project in it.
    Rest { account: Option<String>, project: Option<String>, rest: Vec<String> },
    /// Anything else.
    Other,
}

/// A Git repository by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GitAddress {
    pub(crate) account: Option<String>,
    pub(crate) project: String,
    pub(crate) repo: String,
    pub(crate) tail: GitTail,
}

impl GitAddress {
    /// Returns whether the request is for the repository's address in the REST API.
    pub(crate) fn is_info(&self) -> bool {
        matches!(&self.tail, GitTail::Other(tail) if tail.eq_ignore_ascii_case("vsts/info"))
    }

    /// The segments after `info/lfs`, if the request is for Git LFS.
    pub(crate) fn lfs(&self) -> Option<&[String]> {
        match &self.tail {
            GitTail::Lfs(segments) => Some(segments),
            _ => None,
        }
    }
}

/// The part of a URL after the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GitTail {
    InfoRefs,
    UploadPack,
    ReceivePack,
    /// Git LFS's API, and the segments after `info/lfs`.
    Lfs(Vec<String>),
    /// Its own page.
    Page,
    /// Something below it that is not Git's smart protocol.
    Other(String),
}

/// Reads the host and the still percent-encoded path of a request. `own_host` is the server's own name.
pub(crate) fn parse(host: Option<&str>, path: &str, own_host: Option<&str>) -> Address {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let is = |segment: &String, word: &str| segment.eq_ignore_ascii_case(word);
    let Some(marker) = segments.iter().position(|segment| is(segment, "_git") || is(segment, "_apis")) else {
        return Address::Other;
    };
    let (before, after) = (&segments[..marker], &segments[marker + 1..]);
    let (account, before) = match account_of_host(host, own_host) {
        Some(account) => (Some(account), before),
        None if host.is_some_and(service_hosts::is_deployment) => (None, before),
        None => match before.split_first() {
            Some((account, before)) => (Some(account.clone()), before),
            None => (None, before),
        },
    };
    let before = match before.split_first() {
        Some((first, rest)) if is(first, "DefaultCollection") => rest,
        _ => before,
    };
    if is(&segments[marker], "_apis") {
        return match before {
            [] => Address::Rest { account, project: None, rest: after.to_vec() },
            [project] | [project, _] => {
                Address::Rest { account, project: Some(project.clone()), rest: after.to_vec() }
            }
            _ => Address::Other,
        };
    }
    let after = match after.split_first() {
        Some((first, rest)) if is(first, "_full") || is(first, "_optimized") => rest,
        _ => after,
    };
    let Some((repo, tail)) = after.split_first() else { return Address::Other };
    let project = match before {
        [] => repo.clone(),
        [project] | [project, _] => project.clone(),
        _ => return Address::Other,
    };
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    let tail = match tail.as_slice() {
        [] => GitTail::Page,
        ["info", "refs"] => GitTail::InfoRefs,
        ["git-upload-pack"] => GitTail::UploadPack,
        ["git-receive-pack"] => GitTail::ReceivePack,
        ["info", "lfs", rest @ ..] => GitTail::Lfs(rest.iter().map(|&segment| segment.to_owned()).collect()),
        other => GitTail::Other(other.join("/")),
    };
    Address::Git(GitAddress { account, project, repo: repo.clone(), tail })
}

/// The account in a request's host, if it is a host of an account.
pub(super) fn account_of_host(host: Option<&str>, own_host: Option<&str>) -> Option<String> {
    service_hosts::account(host?, own_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(account: Option<&str>, project: &str, repo: &str, tail: GitTail) -> Address {
        Address::Git(GitAddress {
            account: account.map(str::to_owned),
            project: project.to_owned(),
            repo: repo.to_owned(),
            tail,
        })
    }

    #[test]
    fn every_form_of_url_is_read() {
        let local = "127.0.0.1:8080";
        let rows = [
            (local, "/acme/iris/_git/extra/info/refs", "iris", "extra", GitTail::InfoRefs),
            (local, "/acme/_git/iris/git-upload-pack", "iris", "iris", GitTail::UploadPack),
            (
                local,
                "/acme/DefaultCollection/_git/iris/git-receive-pack",
                "iris",
                "iris",
                GitTail::ReceivePack,
            ),
            (local, "/acme/defaultcollection/iris/_git/extra", "iris", "extra", GitTail::Page),
            (local, "/acme/iris/some%20team/_git/extra/", "iris", "extra", GitTail::Page),
            (local, "/acme/_git/_full/iris/info/refs", "iris", "iris", GitTail::InfoRefs),
            (local, "/acme/iris/_GIT/_optimized/extra/info/refs", "iris", "extra", GitTail::InfoRefs),
            (local, "/acme/My%20Project/_git/a%2Db", "My Project", "a-b", GitTail::Page),
            ("dev.azure.com", "/acme/iris/_git/extra.git/info/refs", "iris", "extra.git", GitTail::InfoRefs),
            ("acme.visualstudio.com", "/_git/iris/info/refs", "iris", "iris", GitTail::InfoRefs),
            ("ACME.visualstudio.com:443", "/iris/_git/extra/info/refs", "iris", "extra", GitTail::InfoRefs),
            ("acme.vssps.visualstudio.com", "/iris/_git/extra", "iris", "extra", GitTail::Page),
            ("acme.localhost:8080", "/DefaultCollection/iris/_git/extra", "iris", "extra", GitTail::Page),
            (
                "acme.localhost",
                "/iris/team/_git/extra/vsts/info",
                "iris",
                "extra",
                GitTail::Other("vsts/info".to_owned()),
            ),
            ("acme.git.example", "/_git/iris", "iris", "iris", GitTail::Page),
            (
                local,
                "/acme/_git/iris.git/info/lfs/objects/batch",
                "iris.git",
                "iris.git",
                GitTail::Lfs(vec!["objects".to_owned(), "batch".to_owned()]),
            ),
        ];
        for (host, path, project, repo, tail) in rows {
            let expected = git(Some("acme"), project, repo, tail);
            assert_eq!(parse(Some(host), path, Some("git.example")), expected, "{host}{path}");
        }
    }

    #[test]
    fn odd_urls_name_nothing_that_exists() {
        assert_eq!(parse(None, "/_git/iris", None), git(None, "iris", "iris", GitTail::Page));
        for path in ["/", "/acme", "/acme/iris/_git", "/acme/_git/_full", "/a/b/c/d/_git/e"] {
            assert_eq!(parse(Some("localhost"), path, None), Address::Other, "{path}");
        }
        let odd = parse(Some("localhost"), "/acme/%2e%2e%2fx/_git/..%5c%00%ff", None);
        assert_eq!(odd, git(Some("acme"), "../x", "..\\\0\u{fffd}", GitTail::Page));
        assert_eq!(
            parse(Some("a.b.visualstudio.com"), "/x/_git/y", None),
            git(Some("x"), "y", "y", GitTail::Page)
        );
    }

    #[test]
    fn the_service_itself_has_no_account() {
        let expected = Address::Rest { account: None, project: None, rest: vec!["accounts".to_owned()] };
        assert_eq!(parse(Some("app.vssps.visualstudio.com"), "/_apis/accounts", None), expected);
        let parts = parse(Some("vssps.dev.azure.com"), "/acme/_apis/graph/users", None);
        let rest = vec!["graph".to_owned(), "users".to_owned()];
        assert_eq!(parts, Address::Rest { account: Some("acme".to_owned()), project: None, rest });
    }

    #[test]
    fn rest_urls_are_told_apart() {
        let rest = |project: Option<&str>, rest: &[&str]| Address::Rest {
            account: Some("acme".to_owned()),
            project: project.map(str::to_owned),
            rest: rest.iter().map(|&segment| segment.to_owned()).collect(),
        };
        assert_eq!(parse(None, "/acme/_apis/projects", None), rest(None, &["projects"]));
        assert_eq!(
            parse(Some("acme.localhost"), "/DefaultCollection/iris/_apis/git/repositories/x", None),
            rest(Some("iris"), &["git", "repositories", "x"])
        );
    }
}
