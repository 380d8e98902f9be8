//! A project: a folder with `.azureml/project.json`, and the files a new one begins with.
//!
//! `.azureml/project.json` is one line with two keys and no newline at its end, as the Workbench wrote it.

mod create;
mod gitignore;
mod name;
mod scope;

pub use create::{Created, create_files};
pub use name::ProjectName;
pub use scope::Scope;

use std::{
    ffi::OsStr,
    io::{ErrorKind, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    dir::{Dir, is_no_folder, split},
    id::ProjectId,
    io_error::IoError,
};

/// The path of the project's file in the project folder.
pub const FILE: &str = ".azureml/project.json";

/// Failures of a project's folder and files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the folder nor one above it is a project.
    #[error("no project at {} or above it", start.display())]
    NotFound {
        /// The folder where the search began.
        start: PathBuf,
    },
    /// A home folder or the root of the file system.
    #[error("{} can't be a project: it is {what}", path.display())]
    NotAProjectFolder {
        /// The folder.
        path: PathBuf,
        /// The kind of thing found instead.
        what: &'static str,
    },
    /// It is a project already.
    #[error("{} is a project already", root.display())]
    AlreadyAProject {
        /// The project's folder.
        root: PathBuf,
    },
    /// The project's file is not what it has to be.
    #[error("{} is not a project file", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The cause, with its place in the file.
        #[source]
        source: serde_json::Error,
    },
    /// A name that no project can have.
    #[error("`{name}` can't be a project's name: {why}")]
    Name {
        /// The name.
        name: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A scope that is not a Machine Learning Experimentation project's.
    #[error("`{text}` is not the scope of a project")]
    Scope {
        /// The text given.
        text: String,
    },
    /// A link or a file is where a file of the project, or the folder of one, has to be.
    #[error("{} is {what}: the project's own files are not written through it", path.display())]
    InTheWay {
        /// The path of the link or file.
        path: PathBuf,
        /// The kind of thing found.
        what: &'static str,
    },
    /// A file or folder can't be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// The content of `.azureml/project.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectFile {
    /// The project's id.
    #[serde(rename = "Id")]
    pub id: ProjectId,
    /// The project's place in the Experimentation service.
    #[serde(rename = "Scope")]
    pub scope: Scope,
}

impl ProjectFile {
    /// The file's exact content.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("two strings")
    }

    /// Writes the file into the project folder `root`, whole or not at all.
    pub fn write(&self, root: &Path) -> Result<(), Error> {
        write_whole(root, FILE, self.to_text().as_bytes())
    }
}

/// A project on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    root: PathBuf,
    file: ProjectFile,
}

impl Project {
    /// Opens the project in folder `root`.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let path = root.join(FILE);
        let text = match crate::small_file::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(Error::NotFound { start: root.to_owned() });
            }
            Err(source) => return Err(IoError { action: "read", path, source }.into()),
        };
        // Some of the Workbench's own files begin with a byte order mark.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        let file = serde_json::from_slice(text).map_err(|source| Error::Malformed { path, source })?;
        Ok(Self { root: root.to_owned(), file })
    }

    /// Finds the project that `start` (absolute) lies in: its own folder, else the nearest above.
    pub fn find(start: &Path) -> Result<Self, Error> {
        for folder in start.ancestors() {
            match Self::open(folder) {
                Err(Error::NotFound { .. }) => {}
                found => return found,
            }
        }
        Err(Error::NotFound { start: start.to_owned() })
    }

    /// The project folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The project's id.
    pub fn id(&self) -> &ProjectId {
        &self.file.id
    }

    /// Returns the project's place in the Experimentation service.
    pub fn scope(&self) -> &Scope {
        &self.file.scope
    }

    /// Returns the content of its file.
    pub fn file(&self) -> &ProjectFile {
        &self.file
    }

    /// The project's name: what its scope says, else the folder's.
    pub fn name(&self) -> String {
        let folder = || self.root.file_name().map(|name| name.to_string_lossy().into_owned());
        self.file.scope.project().map(str::to_owned).or_else(folder).unwrap_or_else(|| "project".to_owned())
    }
}

/// Refuses a folder that is no project by its nature: the root of the file system, a home folder, or one above it.
pub fn check_folder(root: &Path, home: Option<&Path>) -> Result<(), Error> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = real(root);
    let refuse = |what| Err(Error::NotAProjectFolder { path: root.to_owned(), what });
    if folder.parent().is_none() {
        return refuse("the root of the file system");
    }
    match home.map(real) {
        Some(home) if home == folder => refuse("a home folder"),
        Some(home) if home.starts_with(&folder) => refuse("a folder that holds a home folder"),
        _ => Ok(()),
    }
}

/// Writes the file `name` below the project folder `root` whole or not at all, with the mode that a new file gets, and makes the
/// folders that it needs. No link below `root` is followed, whoever puts one there meanwhile: a link or a file is never taken for
/// a folder, and a link that has the file's own name is replaced.
fn write_whole(root: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
    let path = root.join(name);
    let (folder, name) = split(name.into());
    let top = Dir::open(root).map_err(IoError::of("open", root))?;
    let folder = top.make_below(folder).map_err(|error| {
        let at = root.join(OsStr::from_bytes(&error.at));
        if is_no_folder(&error.source) {
            Error::InTheWay { path: at, what: "a link or a file, not a folder" }
        } else {
            IoError::of("make folder", &at)(error.source).into()
        }
    })?;
    folder
        .put(name, true, |part| folder.new_file(part, 0o666)?.write_all(content))
        .map_err(|source| IoError::of("write", &path)(source).into())
}

#[cfg(test)]
mod tests;
