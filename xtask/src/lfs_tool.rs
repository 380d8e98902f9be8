//! git-lfs' own compliance tool, `git-lfs-test-server-api`, which no package has: built from the sources of the machine's
//! distribution, as its package is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{self, apt_get};
use crate::{Outcome, process, workspace};

const NAME: &str = "git-lfs-test-server-api";
/// The path by which Go's sources import it.
const IMPORT: &str = "src/github.com/git-lfs/git-lfs/v3";

/// Builds the tool below `target/tools/bin`, if it is not there.
pub(crate) fn build() -> Outcome {
    let tools = workspace::root().join("target/tools");
    let tool = tools.join("bin").join(NAME);
    if tool.exists() {
        return Ok(());
    }
    machine::require_go_for_git_lfs()?;
    let work = tools.join("git-lfs");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let source = source(&work)?;
    let place = work.join(IMPORT);
    fs::create_dir_all(place.parent().unwrap_or(&work))?;
    fs::rename(source, &place)?;
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&tool).arg(format!("./t/{NAME}")).current_dir(&place);
    go.env("GO111MODULE", "off").env("GOCACHE", work.join("cache"));
    go.env("GOPATH", format!("{}:/usr/share/gocode", work.display()));
    process::run(&mut go)?;
    Ok(fs::remove_dir_all(&work)?)
}

/// Unpacks the sources of the package git-lfs below `work`; the folder. apt-get reads lists of its own there, so that those
/// of the machine stay as they are.
fn source(work: &Path) -> Outcome<PathBuf> {
    for folder in ["sources", "lists/partial", "unpacked"] {
        fs::create_dir_all(work.join(folder))?;
    }
    let (name, text) = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]
        .iter()
        .find_map(|path| Some((Path::new(path).file_name()?, fs::read_to_string(path).ok()?)))
        .ok_or("this machine has no list of Debian's packages")?;
    fs::write(work.join("sources").join(name), of_sources(&text))?;
    let option = |key: &str, folder: &str| format!("{key}={}", work.join(folder).display());
    let options = [
        "Dir::Etc::SourceList=/dev/null".to_owned(),
        option("Dir::Etc::SourceParts", "sources"),
        option("Dir::State::Lists", "lists"),
    ];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-o", option]).collect();
    apt_get(&[&options[..], &["update"]].concat())?;
    let unpacked = work.join("unpacked");
    let mut get = Command::new("apt-get");
    get.args(options).args(["source", "--download-only", "git-lfs"]).current_dir(&unpacked);
    process::capture(&mut get)?;
    let archive = found(&unpacked, |name| name.ends_with(".orig.tar.gz"))?;
    process::capture(Command::new("tar").arg("xf").arg(archive).current_dir(&unpacked))?;
    found(&unpacked, |name| !name.contains('_'))
}

/// A list of packages as one of sources, without the security archive, which does not keep them.
fn of_sources(list: &str) -> String {
    let stanzas = list.split("\n\n").filter(|stanza| !stanza.contains("-security"));
    let lines = stanzas.flat_map(|stanza| stanza.lines().chain([""]));
    let source = |line: &str| match line.strip_prefix("deb ") {
        Some(rest) => format!("deb-src {rest}\n"),
        None if line == "Types: deb" => "Types: deb-src\n".to_owned(),
        None => format!("{line}\n"),
    };
    lines.map(source).collect()
}

fn found(folder: &Path, is_it: impl Fn(&str) -> bool) -> Outcome<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_it) {
            return Ok(entry.path());
        }
    }
    Err(format!("{} does not have what was expected", folder.display()).into())
}

#[cfg(test)]
mod tests {
    use super::of_sources;

    #[test]
    fn a_list_of_packages_becomes_one_of_sources() {
        let new = "Types: deb\nURIs: http://x\nSuites: a a-updates\n\nTypes: deb\nURIs: http://y\nSuites: a-security\n";
        assert_eq!(of_sources(new), "Types: deb-src\nURIs: http://x\nSuites: a a-updates\n\n");
        assert_eq!(of_sources("deb http://x a main\n"), "deb-src http://x a main\n\n");
    }
}
