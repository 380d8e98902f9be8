//! The exit codes and hints of the operations' own errors.

use crate::error::CommandError;
use crate::ops::{cancel, kept_files, runs, sweep};

impl From<runs::Error> for CommandError {
    fn from(error: runs::Error) -> Self {
        use runs::Error;
        let error = match error {
            Error::Store(error) => return error.into(),
            error => error,
        };
        match &error {
            Error::Unknown { similar, .. } if similar.is_empty() => {
                Self::not_found(error).hint("the runs there are: {azml} history list")
            }
            Error::Unknown { similar, .. } => {
                let hint = format!("did you mean {}?", similar.join(", "));
                Self::not_found(error).hint(hint).hint("{azml} history list")
            }
            Error::Ambiguous { first, .. } => {
                let hint = format!("give more of the id: {}", first.join(", "));
                Self::usage(error).hint(hint)
            }
            Error::NoRuns => Self::not_found(error).hint("{azml} experiment submit -c local SCRIPT"),
            Error::OtherTarget { run, .. } => {
                let hint = format!("{{azml}} history info -r {run}");
                Self::usage(error).hint(hint)
            }
            _ => Self::failed(error),
        }
    }
}

impl From<cancel::Error> for CommandError {
    fn from(error: cancel::Error) -> Self {
        let hint = match &error {
            cancel::Error::NotRunning { run, .. } => Some(format!("{{azml}} history info -r {run}")),
            cancel::Error::Runs(_) | cancel::Error::Signal(_) => None,
        };
        Self { hints: hint.into_iter().collect(), ..Self::failed(error) }
    }
}

impl From<kept_files::SelectError> for CommandError {
    fn from(error: kept_files::SelectError) -> Self {
        match &error {
            kept_files::SelectError::Pattern { pattern, .. } => {
                let hint = format!("`{pattern}` is not relative to the project");
                Self::usage(error).hint(hint)
            }
            kept_files::SelectError::NoMatch { .. } => {
                Self::not_found(error).hint("without a pattern all are listed")
            }
        }
    }
}

impl From<sweep::Error> for CommandError {
    fn from(error: sweep::Error) -> Self {
        use sweep::{Error, SpaceError, TemplateError};
        match &error {
            Error::Space(SpaceError::None) => Self::usage(error)
                .hint("{azml} sweep --param lr=0.1,0.01 --param depth=2..5 -- python train.py"),
            Error::Space(SpaceError::NoStep { range, .. }) => {
                let hint = format!("a range with a step: {range}:0.1");
                Self::usage(error).hint(hint)
            }
            Error::Space(SpaceError::TooMany { .. }) => {
                Self::usage(error).hint("take some of them by chance: --random 100")
            }
            Error::Space(_) => Self::usage(error)
                .hint("values are a list (0.1,0.01), a range (2..5) or a range with a step (0.1..0.5:0.1)"),
            Error::Template(TemplateError::Unknown { name }) => {
                let hint = format!("add --param {name}=VALUES; for the text itself, write {{{{{name}}}}}");
                Self::usage(error).hint(hint)
            }
            Error::Template(TemplateError::Missing { name }) => {
                let hint = format!("write {{{name}}} where the value is to stand");
                Self::usage(error).hint(hint)
            }
            Error::NoSweep { .. } => {
                Self::usage(error).hint("the sweeps there are: {azml} history list --query '[?sweep].run_id'")
            }
            Error::Newer { .. } => Self::failed(error).hint("update azml"),
            Error::Masked { .. } => {
                Self::failed(error).hint("begin a new sweep, and give the secret in an environment variable")
            }
            Error::GoesOn { run } => {
                let hint = format!("to end it: {{azml}} experiment cancel -r {run}");
                Self::failed(error).hint(hint)
            }
            Error::NoMetric { run, logged, .. } => {
                let hint = if logged.is_empty() {
                    format!("the runs: {{azml}} history list --parent {run}")
                } else {
                    format!("they have logged {}", logged.join(", "))
                };
                Self::not_found(error).hint(hint)
            }
            Error::Store(_) => match error {
                Error::Store(error) => error.into(),
                error => Self::failed(error),
            },
            Error::Damaged { .. } => Self::failed(error),
        }
    }
}
