//! The files of a new project.

use std::{io::ErrorKind, path::Path};

use super::{Error, FILE, ProjectFile, Scope, gitignore, write_whole};
use crate::{
    dir::{Dir, split},
    id::ProjectId,
    io_error::IoError,
};

/// The result of making a project's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Paths of the files made, relative to the project folder.
    pub made: Vec<&'static str>,
    /// Files of those names that were there and stay as they are.
    pub kept: Vec<&'static str>,
    /// The content of `.gitignore` before lines were added to it; empty if it was not there.
    gitignore: Vec<u8>,
}

impl Created {
    /// Takes the files back: removes those that were made, and the folders that are empty then, and gives `.gitignore` its
    /// content again. What can't be removed stays for the user to see.
    pub fn take_back(&self, root: &Path) {
        let Ok(top) = Dir::open(root) else { return };
        for name in &self.made {
            if *name == gitignore::FILE && !self.gitignore.is_empty() {
                drop(write_whole(root, name, &self.gitignore));
                continue;
            }
            let (folder, name) = split((*name).into());
            drop(top.below(folder).and_then(|open| open.remove_file(name)));
            if !folder.is_empty() {
                drop(top.remove_folder(folder));
            }
        }
    }
}

/// The blank project: path and content.
const SKELETON: [(&str, &str); 9] = [
    ("aml_config/conda_dependencies.yml", include_str!("skeleton/conda_dependencies.yml")),
    ("aml_config/docker.compute", include_str!("skeleton/docker.compute")),
    ("aml_config/docker.runconfig", include_str!("skeleton/docker.runconfig")),
    ("aml_config/local.compute", include_str!("skeleton/local.compute")),
    ("aml_config/local.runconfig", include_str!("skeleton/local.runconfig")),
    ("aml_config/spark_dependencies.yml", include_str!("skeleton/spark_dependencies.yml")),
    ("readme.md", include_str!("skeleton/readme.md")),
    ("score.py", include_str!("skeleton/score.py")),
    ("train.py", include_str!("skeleton/train.py")),
];

/// Makes the files of a new project in the folder `root`: the skeleton where nothing of that name is,
/// the lines that `.gitignore` lacks, and last `.azureml/project.json`.
///
/// With `blank` false (an existing folder, a template) of the skeleton only `aml_config` is made. If it fails, what was made is
/// taken back.
pub fn create_files(
    root: &Path,
    id: ProjectId,
    scope: Scope,
    blank: bool,
    home: Option<&Path>,
) -> Result<Created, Error> {
    super::check_folder(root, home)?;
    if root.join(FILE).exists() {
        return Err(Error::AlreadyAProject { root: root.to_owned() });
    }
    let mut created = Created { made: Vec::new(), kept: Vec::new(), gitignore: Vec::new() };
    match make(root, &ProjectFile { id, scope }, blank, &mut created) {
        Ok(()) => Ok(created),
        Err(error) => {
            created.take_back(root);
            Err(error)
        }
    }
}

fn make(root: &Path, file: &ProjectFile, blank: bool, created: &mut Created) -> Result<(), Error> {
    for (name, content) in SKELETON {
        if !blank && !name.starts_with("aml_config/") {
            continue;
        }
        let path = root.join(name);
        match path.symlink_metadata() {
            Ok(_) => created.kept.push(name),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                write_whole(root, name, content.as_bytes())?;
                created.made.push(name);
            }
            Err(source) => return Err(IoError { action: "look at", path, source }.into()),
        }
    }
    if let Some(before) = gitignore::update_gitignore(root)? {
        created.gitignore = before;
        created.made.push(gitignore::FILE);
    }
    file.write(root)?;
    created.made.push(FILE);
    Ok(())
}
