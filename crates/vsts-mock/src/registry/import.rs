//! A repository's folder: made empty, copied from a bare repository, or filled from a bundle.
//!
//! Of a bare repository its objects and refs are taken and nothing else: no hooks, no configuration, no alternates. A
//! bundle goes in as a push of everything in it would.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use git_wire::{AllowAll, Options, ProtocolVersion, Repository, Service, pktline};

use super::RegistryError;
use crate::default_branch;
use crate::disk_full;
use crate::limits::BUNDLE_LINE_BYTES;
use crate::state::{DEFAULT_BRANCH, Hold, LfsStore, Received, StateError};

const BUNDLE_SIGNATURE: &str = "# v2 git bundle";
const NEWER_SIGNATURE: &str = "# v3 git bundle";

/// Makes the folder, and receives the large files of what is imported; for a change that stays until that has ended.
pub(super) async fn make(
    hold: Hold,
    path: PathBuf,
    name: String,
    from: Option<PathBuf>,
    store: LfsStore,
) -> Result<Vec<Received>, RegistryError> {
    let made = tokio::task::spawn_blocking(move || {
        let _hold = hold;
        let failed = |source: git_wire::RepositoryError| RegistryError::Repository {
            name: name.clone(),
            source: source.into(),
        };
        Repository::create_bare(&path, DEFAULT_BRANCH).map_err(failed)?;
        let Some(from) = from else { return Ok(Vec::new()) };
        let received = if from.is_dir() {
            copy(&from, &path, &store)
        } else {
            unbundle(&from, &path).map(|()| Vec::new())
        };
        let repository = Repository::open(&path).map_err(failed)?;
        default_branch::take_any(&repository.to_gix())
            .map_err(|source| RegistryError::Repository { name: name.clone(), source })?;
        received
    });
    made.await.expect("making a repository does not panic")
}

fn copy(from: &Path, to: &Path, store: &LfsStore) -> Result<Vec<Received>, RegistryError> {
    let refuse = |message: String| RegistryError::Import { path: from.to_owned(), message };
    let from = if from.join(".git").is_dir() { from.join(".git") } else { from.to_owned() };
    let source = Repository::open(&from).map_err(|error| refuse(with_causes(&error)))?;
    if from.join("objects/info/alternates").exists() {
        return Err(refuse("it borrows objects from another repository; repack it first".to_owned()));
    }
    if from.join("shallow").exists() {
        return Err(refuse("it is shallow".to_owned()));
    }
    let failed = |error: io::Error| failed(&from, to, &error);
    if has_promised_objects(&from.join("objects/pack")).map_err(failed)? {
        return Err(refuse("it is a partial clone, which lacks objects; clone it whole first".to_owned()));
    }
    for folder in ["objects", "refs"] {
        copy_folder(&from.join(folder), &to.join(folder)).map_err(failed)?;
    }
    if from.join("packed-refs").exists() {
        fs::copy(from.join("packed-refs"), to.join("packed-refs")).map_err(failed)?;
    }
    if let Ok(Some(head)) = source.to_gix().head_name() {
        fs::write(to.join("HEAD"), format!("ref: {}\n", head.as_bstr())).map_err(failed)?;
    }
    store.receive_all(&from.join("lfs/objects")).map_err(failed)
}

/// Why an import fails: there is no room, or something is wrong with what is imported.
fn failed(from: &Path, to: &Path, error: &(dyn std::error::Error + 'static)) -> RegistryError {
    if disk_full::is_cause_of(error) {
        let (path, source) = (to.to_owned(), disk_full::error());
        return StateError::Io { action: "write below", path, source }.into();
    }
    RegistryError::Import { path: from.to_owned(), message: error.to_string() }
}

/// Returns whether a folder of packs has one that leaves objects out for another repository to have.
fn has_promised_objects(packs: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(packs) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    for entry in entries {
        if entry?.path().extension().is_some_and(|extension| extension == "promisor") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An error with what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |all, cause| {
        let cause = cause.to_string();
        if all.contains(&cause) { all } else { format!("{all}: {cause}") }
    })
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn unbundle(from: &Path, to: &Path) -> Result<(), RegistryError> {
    let refuse = |message: String| RegistryError::Import { path: from.to_owned(), message };
    let file = File::open(from).map_err(|error| refuse(error.to_string()))?;
    let mut reader = BufReader::new(file);
    let refs = read_header(&mut reader).map_err(refuse)?;
    let mut commands = pktline::Writer::new(Vec::new());
    let mut is_empty = true;
    let mut head = None;
    for (id, name) in &refs {
        if name == "HEAD" {
            head = Some(id.clone());
            continue;
        }
        let capabilities = if std::mem::take(&mut is_empty) { "\0report-status" } else { "" };
        let line = format!("{:040} {id} {name}{capabilities}", 0);
        commands.data(line.as_bytes()).map_err(|error| refuse(error.to_string()))?;
    }
    if is_empty {
        return Err(refuse("the bundle names no refs".to_owned()));
    }
    commands.flush_line().map_err(|error| refuse(error.to_string()))?;
    let commands = commands.into_inner();
    let mut request = BufReader::new(commands.as_slice().chain(reader));
    let repository = Repository::open(to).map_err(|error| refuse(error.to_string()))?;
    let mut report = Vec::new();
    let summary =
        git_wire::Server { repository: &repository, policy: &AllowAll, options: &Options::default() }
            .respond(Service::ReceivePack, ProtocolVersion::V0, &mut request, &mut report)
            .map_err(|error| failed(from, to, &error))?;
    if summary.refused.iter().any(|(_, why)| why.is_disk_full()) {
        return Err(failed(from, to, &disk_full::error()));
    }
    if let Some((name, reason)) = summary.refused.first() {
        return Err(refuse(format!("{name}: {reason}")));
    }
    let branch = head.and_then(|id| {
        let mut branches =
            refs.iter().filter(|(other, name)| *other == id && name.starts_with("refs/heads/"));
        branches.next().map(|(_, name)| name)
    });
    if let Some(branch) = branch {
        fs::write(repository.git_dir().join("HEAD"), format!("ref: {branch}\n"))
            .map_err(|error| failed(from, to, &error))?;
    }
    Ok(())
}

fn read_header(reader: &mut impl BufRead) -> Result<Vec<(String, String)>, String> {
    let mut line = || {
        let mut line = String::new();
        reader
            .take(BUNDLE_LINE_BYTES)
            .read_line(&mut line)
            .map_err(|error| format!("not a bundle: {error}"))?;
        match line.strip_suffix('\n') {
            Some(text) => Ok(text.to_owned()),
            None => Err("not a bundle, or one that is cut off".to_owned()),
        }
    };
    let signature = line()?;
    if signature == NEWER_SIGNATURE {
        return Err("a bundle of version 3, of which SHA-1 repositories without filters have no need: make one with git \
                    bundle create --version=2. Repositories with SHA-256 ids are not supported"
            .to_owned());
    }
    if signature != BUNDLE_SIGNATURE {
        return Err(format!(
            "neither a bare repository's folder nor a version 2 bundle (it begins with {signature:?})"
        ));
    }
    let mut refs = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            return Ok(refs);
        }
        if line.starts_with('-') {
            return Err("the bundle needs commits that it does not hold".to_owned());
        }
        let (id, name) = line.split_once(' ').ok_or("a line of the bundle's header is not a ref")?;
        refs.push((id.to_owned(), name.to_owned()));
    }
}
