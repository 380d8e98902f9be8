//! Git's own settings for http remotes: `http.<key>`, and `http.<url>.<key>` where the URL fits.
//!
//! Of several that fit the one with the longest host counts, then the longest path, then the one that names the user,
//! then the last: as `git help config` has it under `http.<url>.*`.

use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice as _};
use gix::config::File;
use gix::config::file::Metadata;
use url::Url;

/// How well a section's URL fits, to be compared: more is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    host: usize,
    path: usize,
    user: bool,
}

/// What a setting says.
enum Setting {
    /// A key without `=`.
    Yes,
    Text(BString),
}

/// A setting's value for a URL.
fn value(config: &File, key: &str, url: &Url) -> Option<Setting> {
    let mut best: Option<(Fit, Setting)> = None;
    for section in config.sections_by_name("http")?.filter(|section| is_trusted(section.meta())) {
        let Some(value) = section.body().value_implicit(key) else { continue };
        let Some(fit) = fit(section.header().subsection_name(), url) else { continue };
        if best.as_ref().is_none_or(|(so_far, _)| *so_far <= fit) {
            best = Some((fit, value.map_or(Setting::Yes, Setting::Text)));
        }
    }
    best.map(|(_, value)| value)
}

/// Whether a section may say which programs run and whom to trust: not that of a repository which belongs to someone
/// else (CVE-2022-24765), whose owner would decide for this user.
fn is_trusted(meta: &Metadata) -> bool {
    meta.trust == gix::sec::Trust::Full
}

/// The command line in place of `ssh`.
pub(super) fn ssh_command(config: &File) -> Option<BString> {
    config.string_filter("core.sshCommand", is_trusted)
}

/// A path, with `~/` for the home folder.
pub(super) fn path(config: &File, key: &str, url: &Url, home: Option<&Path>) -> Option<PathBuf> {
    let Setting::Text(text) = value(config, key, url)? else { return None };
    if text.is_empty() {
        return None;
    }
    let bytes = match (text.strip_prefix(b"~/"), home) {
        (Some(below), Some(home)) => {
            return gix::path::from_byte_slice(below).ok().map(|path| home.join(path));
        }
        _ => text,
    };
    gix::path::from_byte_slice(&bytes).ok().map(Path::to_path_buf)
}

/// A yes or no. `None` also for what is neither.
pub(super) fn boolean(config: &File, key: &str, url: &Url) -> Option<bool> {
    let Setting::Text(text) = value(config, key, url)? else { return Some(true) };
    let parsed = gix::config::Boolean::try_from(text.as_bstr());
    if parsed.is_err() {
        tracing::warn!(key, value = %text, "Git's configuration has a value that is neither true nor false");
    }
    parsed.ok().map(|boolean| boolean.0)
}

fn fit(section: Option<&BStr>, url: &Url) -> Option<Fit> {
    let Some(section) = section else { return Some(Fit::default()) };
    let wanted = Url::parse(section.to_str().ok()?).ok()?;
    let (pattern, host) = (wanted.host_str()?, url.host_str()?);
    let is_same = wanted.scheme() == url.scheme()
        && wanted.port_or_known_default() == url.port_or_known_default()
        && host_fits(pattern, host)
        && (wanted.username().is_empty() || wanted.username() == url.username());
    let path = wanted.path().trim_end_matches('/');
    let is_below = url.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    (is_same && is_below).then(|| Fit {
        host: pattern.len(),
        path: path.len() + 1,
        user: !wanted.username().is_empty(),
    })
}

/// `*` stands for one label.
fn host_fits(pattern: &str, host: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('.'), host.split('.'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> File {
        File::try_from(text).unwrap()
    }

    #[test]
    fn the_configuration_of_someone_elses_repository_starts_nothing_and_trusts_nobody() {
        let text = b"[core]\n sshCommand = evil\n[http]\n sslVerify = false\n sslCAInfo = evil.pem\n";
        let url = Url::parse("https://h/").unwrap();
        for (trust, expected) in [(gix::sec::Trust::Reduced, false), (gix::sec::Trust::Full, true)] {
            let meta = Metadata { trust, ..Metadata::from(gix::config::Source::Local) };
            let options = gix::config::file::init::Options::default();
            let config = File::from_bytes_no_includes(text, meta, options).unwrap();
            assert_eq!(ssh_command(&config).is_some(), expected);
            assert_eq!(path(&config, "sslCAInfo", &url, None).is_some(), expected);
            assert_eq!(boolean(&config, "sslVerify", &url).is_some(), expected);
        }
    }

    #[test]
    fn the_url_that_fits_best_counts() {
        let config = config(
            "[http \"https://*.example.com/\"]\n sslCAInfo = star\n\
             [http \"https://git.example.com/\"]\n sslCAInfo = host\n\
             [http \"https://git.example.com/acme\"]\n sslCAInfo = path\n\
             [http \"https://alice@git.example.com/acme\"]\n sslCAInfo = user\n\
             [http \"https://git.example.com:8443\"]\n sslCAInfo = port\n\
             [http]\n sslCAInfo = all\n",
        );
        let rows = [
            ("https://elsewhere.org/x", "all"),
            ("http://git.example.com/x", "all"),
            ("https://other.example.com/x", "star"),
            ("https://a.b.example.com/x", "all"),
            ("https://git.example.com/x", "host"),
            ("https://git.example.com/acmeml", "host"),
            ("https://git.example.com/acme/_git/iris", "path"),
            ("https://bob@git.example.com/acme/_git/iris", "path"),
            ("https://alice@git.example.com/acme/_git/iris", "user"),
            ("https://git.example.com:8443/acme", "port"),
        ];
        for (url, expected) in rows {
            let found = path(&config, "sslCAInfo", &Url::parse(url).unwrap(), None);
            assert_eq!(found, Some(PathBuf::from(expected)), "{url}");
        }
    }

    #[test]
    fn the_last_of_equals_counts_and_the_home_folder_is_filled_in() {
        let config =
            config("[http]\n sslCAInfo = first\n sslVerify\n[http]\n sslCAInfo = ~/ca.pem\n sslCAPath =\n");
        let url = Url::parse("https://h/").unwrap();
        let home = Some(Path::new("/home/alice"));
        assert_eq!(path(&config, "sslCAInfo", &url, home), Some(PathBuf::from("/home/alice/ca.pem")));
        assert_eq!(path(&config, "sslCAPath", &url, home), None);
        assert_eq!(boolean(&config, "sslVerify", &url), Some(true));
        assert_eq!(boolean(&config, "sslTry", &url), None);
    }

    #[test]
    fn booleans_are_gits() {
        let url = Url::parse("https://h/").unwrap();
        for (text, expected) in [
            ("false", Some(false)),
            ("no", Some(false)),
            ("0", Some(false)),
            ("on", Some(true)),
            ("perhaps", None),
        ] {
            let config = config(&format!("[http]\n sslVerify = {text}\n"));
            assert_eq!(boolean(&config, "sslVerify", &url), expected, "{text}");
        }
    }
}
