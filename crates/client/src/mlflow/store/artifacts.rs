//! Files below a folder, by open handles: a link in a store leads nowhere.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use azml_core::dir::{Dir, is_no_folder};
use gix::bstr::{BStr, BString, ByteSlice as _};
use percent_encoding::percent_decode_str;

use super::{Artifact, Refused};
use crate::limits::{MLFLOW_ARTIFACT_DEPTH, MLFLOW_ARTIFACTS};

/// A path as the system takes it.
pub(super) fn native(path: &BStr) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// The files below the folder at `path`, with their lengths, sorted; none if there is no folder. What is no file is named.
pub fn files_below(
    top: &Dir,
    path: &BStr,
    whose: &str,
    refused: &mut Refused,
) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    let mut folders: Vec<BString> = vec![BString::default()];
    while let Some(below) = folders.pop() {
        let whole = joined(path, below.as_bstr());
        let folder = match top.below(whole.as_bstr()) {
            Ok(folder) => folder,
            Err(error) if below.is_empty() && error.kind() == io::ErrorKind::NotFound => return Ok(files),
            Err(error) if is_no_folder(&error) => {
                refused.push(&format!("{whose}: {whole} is no folder, but a link or the like"));
                continue;
            }
            Err(error) => return Err(error),
        };
        for (name, kind) in folder.names()? {
            let inner = joined(below.as_bstr(), name.as_bstr());
            if kind.is_dir() {
                if inner.find_iter("/").count() >= MLFLOW_ARTIFACT_DEPTH {
                    refused.push(&format!(
                        "{whose}: {inner} has more than {MLFLOW_ARTIFACT_DEPTH} folders above it"
                    ));
                } else {
                    folders.push(inner);
                }
            } else if kind.is_file() {
                if files.len() >= MLFLOW_ARTIFACTS {
                    refused.push(&format!(
                        "{whose}: of more than {MLFLOW_ARTIFACTS} files the others are left out"
                    ));
                    return Ok(files);
                }
                let Some(found) = folder.stat(name.as_bstr())? else { continue };
                files.push((
                    native(inner.as_bstr()).to_owned(),
                    u64::try_from(found.st_size).unwrap_or_default(),
                ));
            } else {
                refused.push(&format!("{whose}: {inner} is no file, but a link or the like"));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn joined(path: &BStr, name: &BStr) -> BString {
    match (path.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => path.to_owned(),
        _ => [path.as_bytes(), b"/", name.as_bytes()].concat().into(),
    }
}

/// The artifacts in a local folder, below `into` of the outputs.
pub fn local(folder: &Path, into: &Path, whose: &str, refused: &mut Refused) -> io::Result<Vec<Artifact>> {
    let top = match Dir::open(folder) {
        Ok(top) => top,
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_no_folder(&error) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let Some(root) = folder.to_str() else {
        refused.push(&format!("{whose}: the path of its artifacts is no text"));
        return Ok(Vec::new());
    };
    let files = files_below(&top, BStr::new(b""), whose, refused)?;
    Ok(files
        .into_iter()
        .map(|(name, bytes)| Artifact { path: into.join(&name), bytes, root: root.to_owned(), name })
        .collect())
}

/// Opens an artifact of a local folder.
pub fn open_local(artifact: &Artifact) -> io::Result<Box<dyn io::Read>> {
    Ok(Box::new(Dir::open(Path::new(&artifact.root))?.open_file_below(&artifact.name)?))
}

/// The local folder that an address of artifacts means; `base` is the folder that relative ones are below. What ends
/// otherwise than `tail` is not MLflow's own, and might be any folder of this computer.
pub fn local_folder(uri: &str, base: &Path, tail: &Path) -> Option<PathBuf> {
    let path = match uri.split_once(':') {
        None => PathBuf::from(uri),
        Some(("file", rest)) => {
            let rest =
                rest.strip_prefix("//").map_or(rest, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
            let bytes: Vec<u8> = percent_decode_str(rest).collect();
            PathBuf::from(OsStr::from_bytes(&bytes))
        }
        // The server's own folder, which it makes where it is started.
        Some(("mlflow-artifacts", rest)) => {
            let rest = rest.trim_start_matches('/');
            Path::new("mlartifacts").join(rest)
        }
        Some(_) => return None,
    };
    let is_plain = !path.components().any(|part| part == std::path::Component::ParentDir);
    (is_plain && path.ends_with(tail)).then(|| base.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_means_a_folder_only_if_it_is_mlflows_own() {
        let tail = Path::new("r1/artifacts");
        let folder =
            |uri| local_folder(uri, Path::new("/store"), tail).map(|path| path.display().to_string());
        for (uri, meant) in [
            ("file:///m/0/r1/artifacts", Some("/m/0/r1/artifacts")),
            ("file:///m%20x/0/r1/artifacts", Some("/m x/0/r1/artifacts")),
            ("/m/0/r1/artifacts", Some("/m/0/r1/artifacts")),
            ("./mlruns/0/r1/artifacts", Some("/store/./mlruns/0/r1/artifacts")),
            ("mlflow-artifacts:/0/r1/artifacts", Some("/store/mlartifacts/0/r1/artifacts")),
            ("file:///root/.ssh", None),
            ("file:///root/.ssh/../r1/artifacts", None),
            ("s3://bucket/0/r1/artifacts", None),
            ("/m/0/r2/artifacts", None),
        ] {
            assert_eq!(folder(uri).as_deref(), meant, "{uri}");
        }
    }
}
