//! azml's own program, brought to nodes that lack it.
//!
//! Its name there has its version and the hash of its content, so that azmls of several computers do not meet. It appears whole
//! or not at all.

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use azml_core::{large, small_file};
use flate2::Compression;
use flate2::read::GzEncoder;

use super::{Error, shell};
use crate::transport::host::Host;

/// The digits of the hash in the name.
const HASH: usize = 16;
/// The oldest GNU C library that azml runs on.
const GLIBC: (u32, u32) = (2, 34);

/// azml's own program.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) path: PathBuf,
    /// Its name on nodes.
    pub(super) name: String,
}

impl Own {
    /// This azml. The hash is kept in the folder `state`, for the program is large.
    pub(super) fn find(state: &Path) -> Result<Self, Error> {
        let path = std::env::current_exe().map_err(Error::Own)?;
        let found = path.metadata().map_err(Error::Own)?;
        let time = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let key = format!("{} {} {}", path.display(), found.len(), time.unwrap_or_default().as_nanos());
        let kept = state.join("program-hash");
        let known = small_file::read_to_string(&kept).ok();
        let known =
            known.as_deref().and_then(|text| text.strip_prefix(&key)?.strip_prefix('\n').map(str::to_owned));
        let hash = if let Some(hash) = known {
            hash
        } else {
            let mut file = File::open(&path).map_err(Error::Own)?;
            let hash = large::hash(&mut file, &mut |_| {}).map_err(Error::Own)?.oid.to_string();
            let kept = std::fs::create_dir_all(state)
                .and_then(|()| small_file::replace(&kept, format!("{key}\n{hash}").as_bytes(), false));
            if let Err(error) = kept {
                tracing::debug!(%error, "the hash of azml's program is not kept");
            }
            hash
        };
        let hash: String = hash.chars().filter(char::is_ascii_alphanumeric).take(HASH).collect();
        Ok(Self { path, name: format!("azml-{}-{hash}", env!("CARGO_PKG_VERSION")) })
    }

    /// The beginning of its hash.
    pub(super) fn hash(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or(&self.name)
    }

    /// Brings it to a node, as `to` (a word of shell), if it runs there.
    pub(super) fn bring(&self, host: &Host, to: &str) -> Result<(), Error> {
        let probe = "uname -sm; getconf GNU_LIBC_VERSION 2>/dev/null || echo 'no GNU C library'";
        let answer = shell::run(host, "uname", probe, &mut Cursor::new(Vec::new()))?;
        let found = String::from_utf8_lossy(&answer.out).trim().replace('\n', ", ");
        let own = rustix::system::uname();
        let system = format!("{} {}", own.sysname().to_string_lossy(), own.machine().to_string_lossy());
        if !found.starts_with(&system) || glibc(&found).is_none_or(|version| version < GLIBC) {
            let needs = format!("{system}, glibc {}.{} or newer", GLIBC.0, GLIBC.1);
            return Err(Error::Platform { host: host.name().to_owned(), found, needs });
        }
        let program = File::open(&self.path).map_err(Error::Own)?;
        let mut packed = GzEncoder::new(program, Compression::fast());
        let line = format!(
            "set -e; to={to}; mkdir -p \"$(dirname \"$to\")\"; new=\"$to.$$\"; trap 'rm -f \"$new\"' EXIT; \
             gzip -dc > \"$new\"; chmod 755 \"$new\"; \"$new\" --version > /dev/null; mv \"$new\" \"$to\""
        );
        shell::run(host, "bringing azml", &line, &mut packed).map(drop)
    }
}

/// The version of the GNU C library that a host has named.
fn glibc(found: &str) -> Option<(u32, u32)> {
    let (major, minor) = found.split_once("glibc ")?.1.split_whitespace().next()?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

/// Returns whether an error says that azml is not there.
pub(super) fn is_missing(error: &Error) -> bool {
    // A shell's exit codes for a program that is not there, or can't be executed.
    matches!(error, Error::Command { code: Some(126 | 127), .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_is_read_from_what_hosts_say() {
        assert_eq!(glibc("Linux x86_64, glibc 2.36"), Some((2, 36)));
        assert_eq!(glibc("Linux x86_64, glibc 2.3.4"), Some((2, 3)));
        assert_eq!(glibc("Linux x86_64, no GNU C library"), None);
    }

    #[test]
    fn the_name_has_the_hash_of_the_content_and_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = Own::find(dir.path()).unwrap();
        assert!(
            first.name.starts_with("azml-0.") && first.name.len() > "azml-0.1.0-".len() + 15,
            "{first:?}"
        );
        std::fs::metadata(dir.path().join("program-hash")).unwrap();
        assert_eq!(Own::find(dir.path()).unwrap().name, first.name);
    }
}
