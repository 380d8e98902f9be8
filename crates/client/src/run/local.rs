//! The target `local`: this computer, in a folder of the run's own or in the project folder itself.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::history::HistoryRepo;

use super::folder::{Before, RunFolder};
use super::process::{self, Ended, Exit, Spec, Stream, Watch};
use super::python::{find_program, is_program};
use super::signals::Cancel;
use super::target::{Job, Leftovers, Target, TargetError};
use crate::env::PATH;

/// The interpreter where the target names none.
const PYTHON: &str = "python3";
/// Interpreters by the ending of a script's name; Python is asked for apart.
const INTERPRETERS: [(&str, &str); 4] = [("sh", "sh"), ("r", "Rscript"), ("jl", "julia"), ("js", "node")];

/// This computer.
#[derive(Debug)]
pub struct Local {
    /// The history, which has the snapshot.
    pub history: HistoryRepo,
    /// Where the run's folder is to be; `None`: the script runs in the project folder.
    pub work: Option<PathBuf>,
    /// Where the last run's folder is, and this run's goes.
    pub spare: PathBuf,
    /// The Python interpreter that the configuration names.
    pub python: Option<String>,
    /// The environment that scripts inherit.
    pub inherited: BTreeMap<OsString, OsString>,
    /// Whether the script reads azml's standard input.
    pub reads_stdin: bool,
    state: State,
    /// Whether the script's processes have all ended.
    is_free: bool,
}

#[derive(Debug)]
enum State {
    Fresh,
    Folder(RunFolder),
    InPlace(Before),
}

impl Local {
    /// A target that nothing has run on yet.
    pub fn new(
        history: HistoryRepo,
        work: Option<PathBuf>,
        spare: PathBuf,
        python: Option<String>,
        inherited: BTreeMap<OsString, OsString>,
        reads_stdin: bool,
    ) -> Self {
        Self { history, work, spare, python, inherited, reads_stdin, state: State::Fresh, is_free: false }
    }

    fn root(&self) -> &Path {
        self.history.root()
    }

    fn path(&self) -> Option<&OsStr> {
        self.inherited.get(OsStr::new(PATH)).map(OsString::as_os_str)
    }

    /// The program that runs a script, and whether the script is its first argument.
    fn program(&self, script: &str, cwd: &Path) -> Result<(PathBuf, bool), TargetError> {
        let ending = Path::new(script).extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        let find = |program: &str| {
            // What the preparing commands made in the run's folder goes before what the project has.
            let found = find_program(program, cwd, self.path());
            found.or_else(|| find_program(program, self.root(), self.path())).ok_or_else(|| {
                TargetError::NoProgram { script: script.to_owned(), program: program.to_owned() }
            })
        };
        if ending != "py" {
            if is_program(&self.root().join(script)) {
                return Ok((PathBuf::from(script), false));
            }
            if let Some((_, interpreter)) = INTERPRETERS.iter().find(|(known, _)| *known == ending) {
                return find(interpreter).map(|program| (program, true));
            }
        }
        let python = self.python.as_deref().unwrap_or(PYTHON);
        let program = match find(python) {
            // Many systems have one of the two names only.
            Err(_) if python == "python" => find("python3"),
            Err(_) if python == "python3" => find("python"),
            found => found,
        };
        program.map(|program| (program, true))
    }
}

/// Runs one command of those that come before the script. What it says is no output of the script.
fn prepare(
    command: &str,
    cwd: &Path,
    env: &BTreeMap<OsString, OsString>,
    job: &Job,
    watch: &Arc<dyn Watch>,
    cancel: &Cancel,
) -> Result<Ended, TargetError> {
    let program = PathBuf::from("/bin/sh");
    let spec = Spec {
        program: program.clone(),
        args: vec!["-c".into(), command.into()],
        cwd: cwd.to_owned(),
        env: env.clone(),
        reads_stdin: false,
        log: job.prepare_log.clone(),
    };
    let aside: Arc<dyn Watch> = Arc::new(Aside(Arc::clone(watch)));
    let ended =
        process::run(&spec, &aside, cancel).map_err(|source| TargetError::Start { program, source })?;
    let how = match ended.exit {
        Exit::Code(0) | Exit::Canceled => return Ok(ended),
        Exit::Code(code) => format!("ended with exit code {code}"),
        Exit::Signal(signal) => format!("was killed by signal {signal}"),
    };
    Err(TargetError::Prepare { command: command.trim().to_owned(), how })
}

/// Shows all output as if it were errors: standard output is the script's.
struct Aside(Arc<dyn Watch>);

impl Watch for Aside {
    fn started(&self, pid: u32) {
        self.0.started(pid);
    }

    fn output(&self, _: Stream, bytes: &[u8]) {
        self.0.output(Stream::Err, bytes);
    }
}

impl Target for Local {
    fn check(&self, script: &str, is_prepared: bool) -> Result<(), TargetError> {
        // The interpreter may be what the preparing commands are going to make.
        if is_prepared && self.python.as_ref().is_some_and(|python| python.contains('/')) {
            return Ok(());
        }
        self.program(script, self.root()).map(drop)
    }

    fn prepare(&mut self, job: &Job) -> Result<(), TargetError> {
        self.state = match &self.work {
            Some(work) => {
                State::Folder(RunFolder::make(&self.history, job.tree, &job.left_out, work, &self.spare)?)
            }
            None => State::InPlace(Before::look(self.root())?),
        };
        Ok(())
    }

    fn execute(&mut self, job: &Job, watch: &Arc<dyn Watch>, cancel: &Cancel) -> Result<Ended, TargetError> {
        let cwd = self.work.clone().unwrap_or_else(|| self.root().to_owned());
        if !cwd.join(&job.script).is_file() {
            return Err(TargetError::NoScript { script: job.script.clone() });
        }
        let mut env = self.inherited.clone();
        env.extend(job.environment.iter().map(|(key, value)| (key.clone(), value.clone())));
        for command in &job.prepare {
            let ended = prepare(command, &cwd, &env, job, watch, cancel)?;
            if ended.exit == Exit::Canceled {
                return Ok(ended);
            }
        }
        let (program, is_interpreter) = self.program(&job.script, &cwd)?;
        let program = if is_interpreter { program } else { cwd.join(program) };
        let script = is_interpreter.then(|| OsString::from(&job.script));
        let args = script.into_iter().chain(job.arguments.iter().map(OsString::from)).collect();
        let spec = Spec {
            program: program.clone(),
            args,
            cwd,
            env,
            reads_stdin: self.reads_stdin,
            log: job.driver_log.clone(),
        };
        let ended =
            process::run(&spec, watch, cancel).map_err(|source| TargetError::Start { program, source })?;
        self.is_free = !ended.left_processes && ended.exit != Exit::Canceled;
        Ok(ended)
    }

    fn collect(&mut self, into: &Path) -> Result<Leftovers, TargetError> {
        match &self.state {
            State::Fresh => Ok(Leftovers::default()),
            State::Folder(folder) => {
                let leftovers = folder.collect(into)?;
                if leftovers.files.is_empty() && self.is_free {
                    folder.park(&self.spare);
                }
                Ok(leftovers)
            }
            State::InPlace(before) => before.collect(into).map(|()| Leftovers::default()),
        }
    }
}
