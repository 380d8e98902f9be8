//! The target `local`: this computer, in a folder of the run's own or in the project folder itself.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::history::HistoryRepo;
use jiff::Timestamp;
use serde_json::Value;

use super::aside::Aside;
use super::attachments::INSTALLED_PACKAGES;
use super::container::{Contained, Container, Runtime};
use super::editable;
use super::environment::{Environment, Found, Maker, Wanted};
use super::folder::{Before, ProjectFolders, RunFolder};
use super::kept::{self, Collected};
use super::outputs;
use super::process::{self, Ended, Exit, Spec};
use super::process_table;
use super::program::{Execution, Finder, is_package, words_in_container};
use super::python;
use super::signals::{self, Cancel};
use super::spark::Spark;
use super::streams::{Notice, Watch};
use super::target::{Job, Program, Target, TargetError};
use super::variables::Folders;
use crate::env::{HOME, PATH, PWD, PYTHONPATH};

/// Variables by which Spark finds the interpreter of its driver and of its workers.
const SPARK_PYTHONS: [&str; 2] = ["PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON"];

/// This computer.
#[derive(Debug)]
pub struct Local {
    /// The history, which has the snapshot.
    pub history: HistoryRepo,
    /// The path of the run's folder; `None`: the script runs in the project folder.
    pub work: Option<PathBuf>,
    /// The folders that all runs of the project share.
    pub project: ProjectFolders,
    /// The Python interpreter that the configuration names.
    pub python: Option<String>,
    /// The container that programs run in.
    pub container: Option<Container>,
    /// The environment that scripts inherit.
    pub inherited: BTreeMap<OsString, OsString>,
    state: State,
    /// True if processes of the script's group still run.
    left_processes: bool,
    /// The container that the program ran in, as the record shows it.
    contained: Option<Value>,
    /// The Spark that the configuration asks for.
    spark: Option<Spark>,
    /// The environment that the configuration asks for, and the folder of all environments.
    managed: Option<(Wanted, PathBuf)>,
    /// The one that the program ran in.
    environment: Option<Environment>,
}

#[derive(Debug)]
enum State {
    Fresh,
    Folder { folder: RunFolder, job: Box<Job> },
    InPlace(Before),
}

impl Local {
    /// A target that nothing has run on yet.
    pub fn new(
        history: HistoryRepo,
        work: Option<PathBuf>,
        project: ProjectFolders,
        python: Option<String>,
        inherited: BTreeMap<OsString, OsString>,
    ) -> Self {
        let (state, container) = (State::Fresh, None);
        Self {
            history,
            work,
            project,
            python,
            container,
            inherited,
            state,
            left_processes: false,
            contained: None,
            spark: None,
            managed: None,
            environment: None,
        }
    }

    /// The same with an environment from the snapshot's files, if one is asked for; `folder` has all environments.
    #[must_use]
    pub fn managed_in(self, folder: PathBuf, wanted: Option<Wanted>) -> Self {
        Self { managed: wanted.map(|wanted| (wanted, folder)), ..self }
    }

    /// The same with scripts of Python run by Spark.
    #[must_use]
    pub fn by_spark(self, spark: Option<Spark>) -> Self {
        Self { spark, ..self }
    }

    /// Makes the environment that the program runs in, unless it is there, and activates it; gives the end of a run that was cancelled
    /// meanwhile.
    fn enter_environment(
        &mut self,
        job: &Job,
        cwd: &Path,
        env: &mut BTreeMap<OsString, OsString>,
        (watch, cancel): (&Arc<dyn Watch>, &Cancel),
    ) -> Result<Option<Ended>, TargetError> {
        let Some((wanted, folder)) = &self.managed else { return Ok(None) };
        let python = self.finder(cwd, env).python(job.program.name())?;
        let is_named = self.python.as_deref().is_some_and(|python| !["python", "python3"].contains(&python));
        let log = (job.prepare_log.as_path(), job.address.as_ref());
        let maker = Maker { folder, cwd, env, log, watch, cancel };
        let environment = match maker.environment(wanted, (&python, is_named))? {
            Found::Ready(environment) => environment,
            Found::None => return Ok(None),
            Found::Canceled => return Ok(Some(Ended::by(Exit::Canceled))),
        };
        environment.activate(env);
        let list = job.prepare_log.with_file_name(INSTALLED_PACKAGES);
        std::fs::write(&list, environment.installed()).map_err(TargetError::file("write", &list))?;
        self.environment = Some(environment);
        Ok(None)
    }

    /// The same with programs in a container.
    #[must_use]
    pub fn contained_in(self, container: Option<Container>) -> Self {
        Self { container, ..self }
    }

    /// Runs the program of a job in a container.
    fn execute_in(
        &mut self,
        container: &Container,
        work: &Path,
        job: &Job,
        watch: &Arc<dyn Watch>,
        cancel: &Cancel,
    ) -> Result<Ended, TargetError> {
        let runtime = Runtime::find(container, work, &self.inherited)?;
        let words = words_in_container(&job.program, work, self.python.as_deref())?;
        let mut env = job.environment.clone();
        let folders = Folders::new(self.root(), work).map_err(TargetError::file("look at", work))?;
        folders.redirect(&mut env);
        let root = self.root();
        let contained = Contained { container, job, words, env, work, root, watch, cancel };
        let (ended, about) = contained.run(&runtime)?;
        self.contained = Some(about);
        Ok(ended)
    }

    fn root(&self) -> &Path {
        self.history.root()
    }

    fn finder<'f>(&'f self, cwd: &'f Path, env: &'f BTreeMap<OsString, OsString>) -> Finder<'f> {
        let path = env.get(OsStr::new(PATH)).map(OsString::as_os_str);
        Finder { root: self.root(), cwd, python: self.python.as_deref(), path, spark: self.spark.as_ref() }
    }

    /// Has Python import the run's copy of packages that are installed from the project folder, and says so.
    fn import_from(
        &self,
        work: &Path,
        python: &Path,
        program: &Program,
        env: &mut BTreeMap<OsString, OsString>,
        watch: &Arc<dyn Watch>,
    ) {
        let Ok(folders) = Folders::new(self.root(), work) else { return };
        let home = env.get(OsStr::new(HOME)).map(PathBuf::from);
        // The folder that Python puts before all else; of other commands that is not known.
        let scripts_folder = match program {
            Program::Script { path, .. } if is_package(&work.join(path)) => Some(Path::new(path)),
            Program::Script { path, .. } => Some(Path::new(path).parent().unwrap_or(Path::new(""))),
            Program::Module { .. } => Some(Path::new("")),
            Program::Command { .. } | Program::Notebook { .. } => None,
        };
        for editable in editable::find(python, home.as_deref(), self.root()) {
            let folder = work.join(&editable.folder);
            let given = env.get(OsStr::new(PYTHONPATH)).cloned().unwrap_or_default();
            let is_on_path = std::env::split_paths(&given).any(|known| known == folder);
            let is_scripts = scripts_folder.is_some_and(|folder| folder == editable.folder);
            // A virtual environment that is linked into the run's folder is the project's.
            if is_on_path || is_scripts || !folders.is_the_runs(&editable.folder) {
                continue;
            }
            // Without the `/` that joining an empty path leaves.
            let shown: PathBuf = self.root().join(&editable.folder).components().collect();
            let text =
                format!("{} is installed as editable (by {})", shown.display(), editable.file.display());
            let is_sure = editable.is_plain && editable::hides_library(python, &folder) == Some(false);
            watch.notice(&if is_sure {
                env.insert(PYTHONPATH.into(), python::search_path(&folder, Some(&given)));
                Notice { text: format!("{text}: the run imports the snapshot's files (PYTHONPATH)"), hint: None }
            } else {
                Notice {
                    text: format!("{text}: the run imports the project's files, not the snapshot's"),
                    hint: Some(format!(
                        "to import the snapshot's, name it in the script's PYTHONPATH: PYTHONPATH={} {{azml}} experiment submit …",
                        shown.display()
                    )),
                }
            });
        }
    }
}

/// Runs one command of those that come before the script.
fn prepare(command: &str, aside: &Aside<'_>) -> Result<Ended, TargetError> {
    let (program, ended) = aside.shell(command);
    let ended = ended.map_err(|source| TargetError::Start { program, source })?;
    let how = match ended.exit {
        Exit::Code(0) | Exit::Canceled => return Ok(ended),
        Exit::Code(code) => format!("ended with exit code {code}"),
        Exit::Signal(signal) => format!("was killed by {}", signals::describe(signal)),
    };
    Err(TargetError::Prepare { command: command.trim().to_owned(), how })
}

impl Target for Local {
    fn check(&self, program: &Program, is_prepared: bool) -> Result<Option<Vec<String>>, TargetError> {
        if let Some(container) = &self.container {
            Runtime::find(container, self.root(), &self.inherited)?.answers()?;
            let words = words_in_container(program, self.root(), self.python.as_deref())?;
            return Ok(Some(words.iter().map(|word| word.to_string_lossy().into_owned()).collect()));
        }
        // What runs it may be what the preparing commands are going to make.
        if is_prepared && let Program::Command { words, .. } = program {
            return Ok(Some(words.clone()));
        }
        let is_made = self.spark.is_some() || self.python.as_ref().is_some_and(|python| python.contains('/'));
        if is_prepared && is_made {
            return Ok(None);
        }
        Ok(self.finder(self.root(), &self.inherited).execution(program)?.command)
    }

    fn prepare(&mut self, job: &Job) -> Result<(), TargetError> {
        self.state = match &self.work {
            Some(work) => {
                let recycled = &self.project.recycled;
                let folder =
                    RunFolder::make(&self.history, job.tree, &job.left_out, &job.outputs, work, recycled)?;
                State::Folder { folder, job: Box::new(job.clone()) }
            }
            None => State::InPlace(Before::scan(self.root(), job.outputs.clone())?),
        };
        Ok(())
    }

    fn execute(&mut self, job: &Job, watch: &Arc<dyn Watch>, cancel: &Cancel) -> Result<Ended, TargetError> {
        let cwd = self.work.clone().unwrap_or_else(|| self.root().to_owned());
        if let Program::Script { path, .. } | Program::Notebook { path, .. } = &job.program {
            let file = cwd.join(path);
            if !file.is_file() && !is_package(&file) {
                return Err(TargetError::NoScript { script: path.clone() });
            }
        }
        if let (Some(container), Some(work)) = (self.container.clone(), self.work.clone()) {
            return self.execute_in(&container, &work, job, watch, cancel);
        }
        let mut env = self.inherited.clone();
        env.extend(job.environment.iter().map(|(key, value)| (key.clone(), value.clone())));
        match &self.work {
            Some(work) => {
                let folders = Folders::new(self.root(), work).map_err(TargetError::file("look at", work))?;
                folders.redirect(&mut env);
            }
            None => drop(env.insert(PWD.into(), cwd.clone().into_os_string())),
        }
        if let Some(canceled) = self.enter_environment(job, &cwd, &mut env, (watch, cancel))? {
            return Ok(canceled);
        }
        let (log, address) = (job.prepare_log.as_path(), job.address.as_ref());
        let aside = Aside { cwd: &cwd, env, log, address, watch, cancel };
        for command in &job.prepare {
            let ended = prepare(command, &aside)?;
            if ended.exit == Exit::Canceled {
                return Ok(ended);
            }
        }
        let mut env = aside.env;
        let mut finder = self.finder(&cwd, &env);
        let of_environment = self.environment.as_ref().map(Environment::python);
        if let Some(python) = of_environment.as_ref().and_then(|python| python.to_str()) {
            finder.python = Some(python);
        }
        let Execution { program, arguments: args, python, .. } = finder.execution(&job.program)?;
        if let (Some(python), Some(_)) = (&python, &self.spark) {
            for name in SPARK_PYTHONS {
                env.entry(name.into()).or_insert_with(|| python.clone().into());
            }
        }
        if let (Some(python), Some(work)) = (&python, &self.work) {
            self.import_from(work, python, &job.program, &mut env, watch);
        }
        if let Program::Notebook { .. } = &job.program {
            let outputs = cwd.join(outputs::FOLDER);
            std::fs::create_dir_all(&outputs).map_err(TargetError::file("make folder", &outputs))?;
        }
        let (reads_stdin, log, address) = (job.reads_stdin, job.driver_log.clone(), job.address.clone());
        let spec = Spec { program: program.clone(), args, cwd, env, reads_stdin, log, address };
        let ended =
            process::run(&spec, watch, cancel).map_err(|source| TargetError::Start { program, source })?;
        self.left_processes = ended.left_processes;
        Ok(ended)
    }

    fn about(&self) -> Option<(&'static str, Value)> {
        let contained = self.contained.clone().filter(|about| !about.is_null());
        let environment = self.environment.as_ref().map(|environment| ("environment", environment.about()));
        contained.map(|about| ("container", about)).or(environment)
    }

    fn collect(&mut self, into: &Path, now: Timestamp) -> Result<Collected, TargetError> {
        let (folder, job, work) = match (&self.state, &self.work) {
            (State::Folder { folder, job }, Some(work)) => (folder, job, work),
            (State::InPlace(before), _) => return before.collect(into),
            _ => return Ok(Collected::default()),
        };
        let kept = self.project.kept.join(job.run_id.as_str());
        let ended = kept::Ended {
            work,
            made: folder.made(),
            root: self.root(),
            outputs: &job.outputs,
            attachments: into,
            kept: &kept,
            commit: Some(job.commit),
            now,
        };
        let is_busy = self.left_processes || process_table::works_in(work);
        let collected = if is_busy { ended.scan() } else { ended.keep(&|| {}) };
        let collected = collected.map_err(TargetError::file("keep what the script wrote in", work))?;
        if collected.is_clear {
            folder.release(&self.project);
        }
        Ok(collected)
    }
}
