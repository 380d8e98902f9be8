//! The exit codes and hints of the operations' own errors.

use azml_core::dir::is_no_folder;

use crate::engine;
use crate::error::{CommandError, ErrorKind};
use crate::ops::submit::program;
use crate::ops::{
    cancel, clone, compare, compute_targets, create, download, kept_files, named, registry, restore, runs,
    sign_in, ssh_keys, sweep,
};

impl From<runs::Error> for CommandError {
    fn from(error: runs::Error) -> Self {
        use runs::Error;
        let error = match error {
            Error::Store(error) => return error.into(),
            Error::Name(error) => return error.into(),
            error => error,
        };
        match &error {
            Error::NoRun { commit, .. } => {
                let hint = format!("what it is: {{azml}} snapshot show {}", commit.to_hex_with_len(10));
                Self::not_found(error).hint(hint).hint("the runs there are: {azml} history list")
            }
            Error::SameSnapshot { first, .. } => {
                let hint = format!("name one of them: {}", first.join(", "));
                Self::usage(error).hint(hint)
            }
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

impl From<engine::Error> for CommandError {
    fn from(error: engine::Error) -> Self {
        use engine::Error;
        match &error {
            Error::Unreachable { host, .. } => {
                let hint = format!("to see what ssh says: ssh -v {host} true");
                Self::new(ErrorKind::Unavailable, error).hint(hint)
            }
            Error::Command { what, code: Some(126 | 127), .. } if what.starts_with("azml ") => {
                let hint = "azmlLocation in the .compute file names it; without the key azml brings its own program there";
                Self::failed(error).hint(hint)
            }
            Error::Answer { .. } => Self::failed(error).hint(
                "it may be of another version: update it, or leave azmlLocation out of the .compute file, so that azml brings its own",
            ),
            Error::Platform { .. } => {
                Self::failed(error).hint("build azml there, and name it as azmlLocation in the .compute file")
            }
            Error::Key { kind, key } => {
                let hint = format!("add it to the .compute file of the target: {key}: … (type {kind})");
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

impl From<compute_targets::Error> for CommandError {
    fn from(error: compute_targets::Error) -> Self {
        use compute_targets::Error;
        match error {
            Error::Config(error) => error.into(),
            Error::File(error) => error.into(),
            Error::Unknown { ref similar, .. } => {
                let hint = similar.as_ref().map(|name| format!("did you mean {name}?"));
                let error = Self::not_found(error);
                let error = hint.into_iter().fold(error, Self::hint);
                error.hint("the targets there are: {azml} computetarget list")
            }
            Error::Taken { ref name, .. } => {
                let hint = format!("choose another name, or first: {{azml}} computetarget detach -n {name}");
                Self::usage(error).hint(hint)
            }
            Error::Named { ref others, .. } => {
                let files: Vec<_> =
                    others.iter().map(|name| format!("aml_config/{name}.runconfig")).collect();
                Self::failed(error)
                    .hint(format!("remove them, or have them name another: {}", files.join(", ")))
            }
            error => Self::usage(error).hint("{azml} computetarget attach --help"),
        }
    }
}

impl From<kept_files::Error> for CommandError {
    fn from(error: kept_files::Error) -> Self {
        use kept_files::Error;
        match &error {
            Error::Elsewhere { run, .. } => {
                let hint = format!("there: {{azml}} run files -r {run}");
                Self::not_found(error).hint(hint)
            }
            Error::Expired { .. } => {
                Self::not_found(error).hint("how long files are kept: {azml} config show")
            }
            Error::InUse { run } => {
                let hint = format!("to end it: {{azml}} experiment cancel -r {run}");
                Self::failed(error).hint(hint)
            }
            Error::Pattern { pattern, .. } => {
                let hint = format!("`{pattern}` is not relative to the project");
                Self::usage(error).hint(hint)
            }
            Error::NoMatch { .. } => Self::not_found(error).hint("without a pattern all are listed"),
        }
    }
}

impl From<clone::Error> for CommandError {
    fn from(error: clone::Error) -> Self {
        use clone::Error;
        match &error {
            Error::NoRepository { .. } => {
                Self::not_found(error).hint("on that computer: {azml} project update -r URL")
            }
            Error::Denied { .. } => Self::new(ErrorKind::NotAllowed, error)
                .hint("ask its owner for access to the repository; the workspace's members don't have it by themselves")
                .hint("or use another token for it: {azml} project clone NAME --vststoken TOKEN"),
            Error::NoFolderName => Self::usage(error).hint("name one: {azml} project clone URL DIR"),
        }
    }
}

impl From<compare::Error> for CommandError {
    fn from(error: compare::Error) -> Self {
        Self::failed(error).hint("compare the rest with: --code none")
    }
}

impl From<create::Error> for CommandError {
    fn from(error: create::Error) -> Self {
        match &error {
            create::Error::NoFolder { .. } => {
                Self::not_found(error).hint("make a new one: {azml} project create -n NAME")
            }
            create::Error::NotEmpty { root } => {
                let root = root.display();
                let hint = format!("make a project of it: {{azml}} project create --existing --path {root}");
                Self::failed(error).hint(hint)
            }
        }
    }
}

impl From<download::Error> for CommandError {
    fn from(error: download::Error) -> Self {
        use download::Error;
        match &error {
            Error::Nothing { host: Some(host), .. } => {
                let hint = format!("it is on {host}, where the run was made");
                Self::not_found(error).hint(hint)
            }
            Error::Nothing { run, host: None } => {
                let hint = format!("{{azml}} history info -r {run}");
                Self::not_found(error).hint(hint)
            }
            Error::InTheWay { .. } => {
                Self::failed(error).hint("to replace them, add --force; or name another folder: -d DIR")
            }
            Error::NoFolder { cause, .. } if is_no_folder(&cause.source) => {
                Self::failed(error).hint("move it away, or name another folder: -d DIR")
            }
            Error::NoFolder { .. } => Self::failed(error),
        }
    }
}

impl From<named::Error> for CommandError {
    fn from(error: named::Error) -> Self {
        match &error {
            named::Error::NoSnapshot { .. } | named::Error::NotRecorded { .. } => {
                Self::not_found(error).hint("{azml} history list")
            }
            named::Error::Outside { .. } => {
                Self::usage(error).hint("name files and folders of the project after `--`")
            }
        }
    }
}

impl From<registry::Error> for CommandError {
    fn from(error: registry::Error) -> Self {
        use registry::Error;
        let which = |flags: &[String]| format!("say which one: {}", flags.join(" or "));
        let error = match error {
            Error::Service(error) => return error.into(),
            error => error,
        };
        match &error {
            Error::NoProject { similar, .. } => {
                let similar = similar.as_ref().map(|best| format!("did you mean {best}?"));
                let mut error = Self::not_found(error);
                error.hints.extend(similar);
                error.hint("{azml} project list")
            }
            Error::SeveralProjects { flags, .. } | Error::SeveralWorkspaces { flags } => {
                let hint = which(flags);
                Self::usage(error).hint(hint)
            }
            Error::NoWorkspace { .. } => Self::not_found(error).hint("what you can see: {azml} account list"),
            Error::Registered { name, workspace } => {
                let flags = format!("-a {} -w {}", workspace.account, workspace.name);
                let hint = format!("bring it here: {{azml}} project clone {name} {flags}");
                Self::failed(error).hint(hint)
            }
            Error::SignedOut => Self::new(ErrorKind::NotAllowed, error).hint("{azml} login --service URL"),
            Error::Service(_) => Self::failed(error),
        }
    }
}

impl From<restore::WriteError> for CommandError {
    fn from(error: restore::WriteError) -> Self {
        use restore::WriteError;
        match error {
            WriteError::InProject { .. } => Self::usage(error)
                .hint("name a folder outside of it; to restore the project itself leave out --to"),
            WriteError::NoSuchPath { .. } => {
                Self::not_found(error).hint("its files: {azml} snapshot show NAME")
            }
        }
    }
}

impl From<sign_in::Error> for CommandError {
    fn from(error: sign_in::Error) -> Self {
        use sign_in::Error;
        match error {
            Error::NoService => Self::usage(error).hint("{azml} login --service https://HOST"),
            Error::NotAService { .. } => Self::not_found(error).hint("{azml} login --service URL"),
            Error::NoCodes { .. } => Self::failed(error)
                .hint("use a personal access token: {azml} login --service URL --with-token"),
            Error::Declined | Error::Expired => {
                Self::new(ErrorKind::NotAllowed, error).hint("for a new code: {azml} login")
            }
            Error::Token { .. } => Self::new(ErrorKind::NotAllowed, error)
                .hint("sign in by code: {azml} login --service URL --device-code"),
        }
    }
}

impl From<ssh_keys::Error> for CommandError {
    fn from(error: ssh_keys::Error) -> Self {
        use ssh_keys::Error;
        match &error {
            Error::NoHome => Self::usage(error).hint("{azml} sshkey generate --file FILE"),
            Error::Exists { public, .. } => {
                let hint = format!("or use that key: {{azml}} sshkey add {}", public.display());
                Self::failed(error).hint("name another file: {azml} sshkey generate --file FILE").hint(hint)
            }
            Error::Comment | Error::TooLong { .. } => Self::usage(error),
            Error::NoPublicKey { .. } => {
                Self::not_found(error).hint("make a pair of keys: {azml} sshkey generate")
            }
            Error::Private { file } => {
                let hint = format!("{{azml}} sshkey add {}.pub", file.display());
                Self::usage(error).hint(hint)
            }
            Error::Refused { .. } => Self::failed(error).hint("the keys there are: {azml} sshkey list"),
            Error::Unknown { similar, .. } => {
                let hint = match similar {
                    Some(best) => format!("did you mean {best}? {{azml}} sshkey remove '{best}'"),
                    None => "{azml} sshkey list".to_owned(),
                };
                Self::not_found(error).hint(hint)
            }
            Error::Several { fingerprints, .. } => {
                let hint = format!("{{azml}} sshkey remove {}", fingerprints[0]);
                Self::usage(error).hint(hint)
            }
        }
    }
}

impl From<program::Error> for CommandError {
    fn from(error: program::Error) -> Self {
        use program::Error;
        match &error {
            Error::NoScriptNamed { configuration } => {
                let hint = format!("{{azml}} experiment submit -c {configuration} SCRIPT");
                Self::usage(error).hint(hint).hint("any command: {azml} run -- COMMAND")
            }
            Error::Outside { .. } => {
                Self::usage(error).hint("copy it there: a run's snapshot is of the project folder")
            }
            Error::NoScript { similar, .. } => {
                let hint = similar
                    .as_ref()
                    .map(|best| format!("did you mean `{best}`? {{azml}} experiment submit -c local {best}"));
                Self { hints: hint.into_iter().collect(), ..Self::not_found(error) }
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
            Error::Masked { run, .. } => {
                let hint = format!(
                    "give the command again, with the secret: {{azml}} sweep resume {run} -- COMMAND (or --shell LINE, or -m MODULE)"
                );
                Self::failed(error).hint(hint)
            }
            Error::OtherCommand { run, .. } => {
                let hint = format!("without a command the recorded one runs: {{azml}} sweep resume {run}");
                Self::usage(error).hint(hint)
            }
            Error::Environment { run, name } => {
                let hint = format!("give it again: {{azml}} sweep resume {run} --env {name}=VALUE");
                Self::usage(error).hint(hint)
            }
            Error::Secret { name } => {
                let hint =
                    format!("give it in an environment variable, which no record has: --env {name}=VALUE");
                let plain = format!("if it is none: {{azml}} config set plain_arguments {name}");
                Self::usage(error).hint(hint).hint(plain)
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
