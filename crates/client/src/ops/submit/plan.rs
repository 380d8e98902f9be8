//! The plan of a run: its configuration, its program, and the remote to push to.

use std::path::Path;

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::config::RunConfig;
use crate::run::local::is_package;
use crate::run::target::Program;
use crate::transport::Remote;

/// A run to submit.
pub struct Plan {
    /// The configuration.
    pub config: RunConfig,
    /// The program to run.
    pub program: Program,
    /// Run in the project folder itself.
    pub in_place: bool,
    /// Take large files into the snapshot.
    pub allow_large: bool,
    /// The most bytes of outputs and logs to push.
    pub attachments_limit: u64,
    /// The remote to push to.
    pub remote: Option<Remote>,
}

/// The user's request.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// The name of the run configuration.
    pub configuration: Option<&'a str>,
    /// The script and its arguments; or a `.runconfig` file and further arguments.
    pub words: Vec<String>,
    /// Run in the project folder itself.
    pub in_place: bool,
    /// Take large files into the snapshot.
    pub allow_large: bool,
    /// The bytes of what the run leaves that are pushed, if not as the settings say.
    pub attachments_limit: Option<u64>,
    /// A token for the remote.
    pub token: Option<&'a str>,
}

/// Reads the run configuration, finds the script in the project, and prepares the remote.
pub fn plan(ctx: &Context, opened: &Opened, options: Options<'_>) -> Result<Plan, CommandError> {
    let mut words = options.words;
    let root = opened.project.root();
    let config = match options.configuration {
        Some(name) => RunConfig::load(root, name)?,
        None if words.first().is_some_and(|word| word.ends_with(".runconfig")) => {
            RunConfig::load(root, &words.remove(0))?
        }
        None => RunConfig::load(root, "local")?,
    };
    let Some((script, arguments)) = config.command(&words) else {
        return Err(CommandError::usage(format!(
            "run configuration `{}` names no script, and none was given",
            config.name
        ))
        .hint(format!("{{azml}} experiment submit -c {} SCRIPT", config.name)));
    };
    let program = Program::Script { path: project_path(root, &ctx.env.cwd, &script)?, arguments };
    let remote = ctx.remote(opened, options.token)?;
    Ok(Plan {
        config,
        program,
        in_place: options.in_place,
        allow_large: options.allow_large,
        attachments_limit: options.attachments_limit.unwrap_or_else(|| ctx.settings.attachments_limit()),
        remote,
    })
}

/// The script's path relative to the project folder: as it is given there, else from the current folder.
fn project_path(root: &Path, cwd: &Path, script: &str) -> Result<String, CommandError> {
    let real_root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut outside = None;
    for base in [root, cwd] {
        let file = base.join(script);
        let Ok(folder) = file.parent().unwrap_or(base).canonicalize() else { continue };
        if !file.is_file() && !is_package(&file) {
            continue;
        }
        // A script that is a link is run by the name that it was given by.
        let real = match file.file_name() {
            Some(name) if !file.is_dir() => folder.join(name),
            _ => file.canonicalize().unwrap_or_else(|_| file.clone()),
        };
        match real.strip_prefix(&real_root) {
            Ok(inside) if inside.as_os_str().is_empty() => return Ok(".".to_owned()),
            Ok(inside) => return Ok(inside.to_string_lossy().into_owned()),
            Err(_) => outside = Some(file),
        }
    }
    if let Some(file) = outside {
        return Err(CommandError::usage(format!(
            "{} is not in the project folder {}",
            file.display(),
            root.display()
        ))
        .hint("copy it there: a run's snapshot is of the project folder"));
    }
    let error = CommandError::not_found(format!("there is no script {script} in {}", root.display()));
    let names: Vec<String> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    Err(match crate::error::similar(script, names.iter().map(String::as_str)).first() {
        Some(best) => {
            error.hint(format!("did you mean `{best}`? {{azml}} experiment submit -c local {best}"))
        }
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_script_is_found_from_the_project_and_from_the_current_folder() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("p");
        std::fs::create_dir_all(root.join("src")).unwrap();
        for file in ["train.py", "src/deep.py", "../outside.py"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        let find = |cwd: &str, script: &str| project_path(&root, &root.join(cwd), script);
        assert_eq!(find("", "train.py").unwrap(), "train.py");
        assert_eq!(find("", "./src/../train.py").unwrap(), "train.py");
        assert_eq!(find("src", "deep.py").unwrap(), "src/deep.py");
        assert_eq!(find("src", "../train.py").unwrap(), "train.py");
        assert_eq!(find("", "../outside.py").unwrap_err().kind, ErrorKind::Usage);
        for file in ["-x.py", "src/a b\nc.py", "app/__main__.py", "__main__.py"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        assert_eq!(find("", "./-x.py").unwrap(), "-x.py");
        assert_eq!(find("src", "a b\nc.py").unwrap(), "src/a b\nc.py");
        assert_eq!(find("", "app").unwrap(), "app");
        assert_eq!(find("", "app/").unwrap(), "app");
        assert_eq!(find("app", "./.").unwrap(), ".", "the project's folder goes before the current one");
        assert_eq!(find("", ".").unwrap(), ".");
        let absolute = root.join("src/deep.py");
        assert_eq!(find("app", absolute.to_str().unwrap()).unwrap(), "src/deep.py");
        assert_eq!(find("", "src").unwrap_err().kind, ErrorKind::NotFound, "no __main__.py");
        let missing = find("", "trian.py").unwrap_err();
        assert_eq!(missing.kind, ErrorKind::NotFound);
        assert!(missing.hints[0].contains("`train.py`"));
    }
}
