//! The files of a new project.

use std::{io::ErrorKind, path::Path};

use super::{Error, FILE, ProjectFile, Scope, update_gitignore, write_whole};
use crate::id::ProjectId;

/// What making a project's files did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Paths of the files made, relative to the project folder.
    pub made: Vec<&'static str>,
    /// Files of those names that were there and stay as they are.
    pub kept: Vec<&'static str>,
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
/// With `blank` false (an existing folder, a template) of the skeleton only `aml_config` is made.
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
    let mut created = Created { made: Vec::new(), kept: Vec::new() };
    for (name, content) in SKELETON {
        if !blank && !name.starts_with("aml_config/") {
            continue;
        }
        let path = root.join(name);
        match path.symlink_metadata() {
            Ok(_) => created.kept.push(name),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = path.parent().expect("a skeleton file lies in the project folder");
                std::fs::create_dir_all(folder).map_err(Error::io("make folder", folder))?;
                write_whole(&path, content.as_bytes())?;
                created.made.push(name);
            }
            Err(source) => return Err(Error::Io { action: "look at", path, source }),
        }
    }
    if update_gitignore(root)? {
        created.made.push(".gitignore");
    }
    ProjectFile { id, scope }.write(root)?;
    created.made.push(FILE);
    Ok(created)
}
