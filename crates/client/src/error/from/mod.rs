//! Library errors as [`CommandError`]s: which kind each is, and what to do about it.
//!
//! In hints `{azml}` stands for what the user types to call azml.

mod ops;

use azml_core::quote::quoted;
use azml_core::small_file::NotSmall;
use azml_core::user_repo::{Format, Incomplete};
use azml_core::{
    checkout, fsck, history, id, join, project, remote_url, restore, revision, run, snapshot, user_repo,
};
use git_wire::client::{self, TransportErrorKind};

use crate::credentials::Withheld;
use crate::env::AZML_VSTS_URL;
use crate::error::{CommandError, ErrorKind, FileError};
use crate::git_config;
use crate::query::QueryError;
use crate::run::config::ConfigError;
use crate::run::kept::CopyError;
use crate::run::target::TargetError;
use crate::settings;
use crate::sync::SyncError;
use crate::text::shell_quoted;

/// Errors that are failures without more to say.
macro_rules! plain_failures {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for CommandError {
            fn from(error: $error) -> Self {
                Self::failed(error)
            }
        })*
    };
}
plain_failures!(join::Error, run::AttachError, QueryError, FileError);

impl From<run::Error> for CommandError {
    fn from(error: run::Error) -> Self {
        let hint = match &error {
            run::Error::Record { source: run::RecordError::Newer { .. }, .. } => {
                Some("update azml; what can be read of the run: {azml} history list")
            }
            run::Error::Record { .. } => Some("what can be done: {azml} project fsck"),
            _ => None,
        };
        let mut error = Self::failed(error);
        error.hints.extend(hint.map(str::to_owned));
        error
    }
}

impl From<id::Error> for CommandError {
    fn from(error: id::Error) -> Self {
        let hint = match error {
            id::Error::NotARunId { .. } => "the runs there are: {azml} history list",
            id::Error::NotAProjectId { .. } => "the project's id: {azml} project show",
        };
        Self::usage(error).hint(hint)
    }
}

impl From<remote_url::Error> for CommandError {
    fn from(error: remote_url::Error) -> Self {
        Self::usage(error).hint("for example: {azml} project update -r https://HOST/PROJECT/_git/REPO")
    }
}

impl From<git_config::Error> for CommandError {
    fn from(error: git_config::Error) -> Self {
        match error {
            git_config::Error::Repository(error) => error.into(),
            git_config::Error::Unsupported { .. } => Self::failed(error)
                .hint("take it away, or set it for other servers alone: http.<URL>.pinnedPubkey"),
            // Git would wait for ever at it.
            git_config::Error::Read { ref source, .. } if NotSmall::of(source).is_some() => {
                Self::failed(error)
            }
            error => Self::failed(error).hint("Git refuses it, too: git config --list --show-origin"),
        }
    }
}

impl From<project::Error> for CommandError {
    fn from(error: project::Error) -> Self {
        use project::Error;
        match &error {
            Error::NotFound { .. } => Self::not_found(error)
                .hint("change into a project's folder, or make one: {azml} project create -n NAME"),
            Error::AlreadyAProject { .. } => Self::failed(error).hint("{azml} project show"),
            Error::Name { .. } => Self::usage(error).hint("{azml} project create -n my-project"),
            Error::Scope { .. } => Self::usage(error).hint("{azml} project create --help"),
            Error::NotAProjectFolder { .. } => {
                Self::failed(error).hint("make a folder for it: {azml} project create -n NAME")
            }
            Error::InTheWay { path, .. } => {
                let path = shell_quoted(&path.to_string_lossy());
                Self::failed(error)
                    .hint(format!("move it away, and run the command again: mv {path} {path}.old"))
            }
            _ => Self::failed(error),
        }
    }
}

impl From<history::Error> for CommandError {
    fn from(error: history::Error) -> Self {
        match &error {
            history::Error::NotFound { .. } => Self::not_found(error).hint("{azml} project show"),
            _ => Self::failed(error),
        }
    }
}

impl From<fsck::Error> for CommandError {
    fn from(error: fsck::Error) -> Self {
        match error {
            fsck::Error::History(error) => error.into(),
            error => Self::failed(error),
        }
    }
}

impl From<snapshot::Error> for CommandError {
    fn from(error: snapshot::Error) -> Self {
        match &error {
            snapshot::Error::TooLarge { largest, leave_out, .. } => {
                let sizes: Vec<String> = largest
                    .iter()
                    .map(|(path, bytes)| format!("{} ({})", quoted(path), crate::text::size(*bytes)))
                    .collect();
                let mut hints = vec![format!("the largest new files: {}", sizes.join(", "))];
                let quoted: Vec<String> = leave_out.iter().map(|found| shell_quoted(&found.line)).collect();
                if !quoted.is_empty() {
                    let weigh = |found: &snapshot::LeaveOut| {
                        let s = if found.files == 1 { "" } else { "s" };
                        let size = crate::text::size(found.bytes);
                        format!("{} ({size} in {} file{s})", found.line, found.files)
                    };
                    let weights: Vec<String> = leave_out.iter().take(NAMED_LINES).map(weigh).collect();
                    hints.push(format!("what weighs most: {}", weights.join(", ")));
                    hints.push(format!("leave them out: printf '%s\\n' {} >> .amlignore", quoted.join(" ")));
                    hints.push(
                        "a file that your own Git tracks stays in until you run: git rm --cached FILE"
                            .to_owned(),
                    );
                }
                hints.push("or keep them for good: add --allow-large to the command".to_owned());
                let mut error = Self::failed(error);
                error.hints = hints;
                error
            }
            snapshot::Error::NotAProjectFolder { .. } => {
                Self::failed(error).hint("make a folder for it: {azml} project create -n NAME")
            }
            _ => Self::failed(error),
        }
    }
}

impl From<snapshot::InitialError> for CommandError {
    fn from(error: snapshot::InitialError) -> Self {
        match error {
            snapshot::InitialError::Repository(error) => error.into(),
            snapshot::InitialError::Store { root, source } => match *source {
                // What helps is the same as for any snapshot.
                error @ snapshot::Error::TooLarge { .. } => error.into(),
                source => Self::failed(snapshot::InitialError::Store { root, source: Box::new(source) }),
            },
        }
    }
}

impl From<user_repo::Error> for CommandError {
    fn from(error: user_repo::Error) -> Self {
        let hint = match &error {
            user_repo::Error::Format { path, format } => Some(format_hint(path, *format)),
            _ => None,
        };
        let mut error = Self::failed(error);
        error.hints.extend(hint);
        error
    }
}

fn format_hint(path: &std::path::Path, format: Format) -> String {
    let path = shell_quoted(&path.to_string_lossy());
    match format {
        Format::Reftable => format!(
            "keep its refs in files: git -C {path} refs migrate --ref-format=files; with a Git before 2.48 make a copy: \
             git clone --ref-format=files {path} COPY"
        ),
        Format::Sha256 => format!(
            "a copy that azml can read: git init new && git -C {path} fast-export --all | git -C new fast-import; \
             or, if the project is a folder of it, one for the project alone: {{azml}} project create --existing --init-repo"
        ),
    }
}

impl From<checkout::Error> for CommandError {
    fn from(error: checkout::Error) -> Self {
        match &error {
            checkout::Error::LargeMissing(missing) => large_missing(missing),
            checkout::Error::NotEmpty { .. } => {
                Self::failed(error).hint("name a folder that is new or empty")
            }
            _ => Self::failed(error),
        }
    }
}

fn large_missing(missing: &checkout::LargeMissing) -> CommandError {
    let named = missing.files.iter().take(10);
    let named =
        named.map(|(path, pointer)| format!("{} ({})", quoted(path), crate::text::size(pointer.size)));
    let list: Vec<String> = named.collect();
    let bytes = missing.files.iter().map(|(_, pointer)| pointer.size).sum();
    let (count, size) = (missing.files.len(), crate::text::size(bytes));
    let s = if count == 1 { " is" } else { "s are" };
    CommandError::failed(format!("{count} large file{s} not on this computer ({size}); nothing was changed"))
        .hint(format!("missing: {}", list.join(", ")))
        .hint("the computer that took the snapshot has them")
}

impl From<restore::Error> for CommandError {
    fn from(error: restore::Error) -> Self {
        use restore::Error;
        match &error {
            Error::InTheWay { paths } => {
                let list: Vec<String> = paths.iter().take(10).map(|path| quoted(path).into_owned()).collect();
                Self::failed(error)
                    .hint(format!("in the way: {}", list.join(", ")))
                    .hint("to back them up and replace them, too, add --force to the command")
            }
            Error::FolderChanged { .. } => Self::failed(error).hint("run the command again"),
            Error::LargeMissing(missing) => large_missing(missing),
            Error::NoBackup => Self::not_found(error).hint("{azml} history list"),
            Error::NoSuchPath { .. } => {
                Self::not_found(error).hint("the files of a snapshot: {azml} snapshot show NAME")
            }
            Error::FileAbove { file, .. } => {
                let file = shell_quoted(&quoted(file));
                Self::failed(error).hint(format!("name it, too, to have it replaced: {file}"))
            }
            _ => Self::failed(error),
        }
    }
}

impl From<revision::Error> for CommandError {
    fn from(error: revision::Error) -> Self {
        use revision::Error;
        const LIST: &str = "the snapshots there are: {azml} snapshot list";
        match error {
            Error::History(error) => error.into(),
            Error::Runs(error) => error.into(),
            Error::Walk(_) => Self::failed(error),
            Error::Ambiguous { ref candidates, .. } => {
                let more = candidates.len().saturating_sub(NAMED_CANDIDATES);
                let mut listed: Vec<String> = candidates.iter().take(NAMED_CANDIDATES).map(candidate).collect();
                if more > 0 {
                    listed.push(format!("and {more} more"));
                }
                Self::usage(error).hint(format!("give more of it: {}", listed.join(", ")))
            }
            Error::TooShort { .. } => Self::usage(error).hint(LIST),
            Error::TagName { .. } => Self::usage(error).hint("for example: {azml} snapshot --tag before-refactoring"),
            Error::TagTaken { .. } => Self::failed(error).hint("a tag stays where it is: choose another name"),
            Error::Empty => Self::not_found(error).hint("{azml} snapshot"),
            Error::Unknown { .. } => Self::not_found(error)
                .hint("name one by its id or the beginning of it, HEAD~2, a run's id, a tag, or a time such as \"2 hours ago\"")
                .hint(LIST),
            Error::BeforeFirst { .. }
            | Error::TooOld { .. }
            | Error::NotASnapshot { .. }
            | Error::RunWithout { .. } => Self::not_found(error).hint(LIST),
        }
    }
}

/// The most lines of `.amlignore` that an error weighs.
const NAMED_LINES: usize = 10;

/// The most snapshots that an error names.
const NAMED_CANDIDATES: usize = 8;

fn candidate(candidate: &revision::Candidate) -> String {
    let id = candidate.commit.to_hex_with_len(12);
    match (&candidate.run, candidate.seconds.and_then(|at| jiff::Timestamp::from_second(at).ok())) {
        (Some(run), _) => format!("{id} (run {run})"),
        (None, Some(at)) => format!("{id} ({at})"),
        (None, None) => id.to_string(),
    }
}

impl From<CopyError> for CommandError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Restore(error) => error.into(),
            CopyError::Look(error) => error.into(),
            CopyError::Conflicts { ref paths } => {
                let names: Vec<String> =
                    paths.iter().take(20).map(|path| quoted(path).into_owned()).collect();
                Self::failed(error)
                    .hint(format!("changed since the run's snapshot: {}", names.join(", ")))
                    .hint("to replace them add --force; with --apply they are backed up first")
            }
            CopyError::InTheWay { .. } | CopyError::NoProjectFile { .. } => {
                Self::failed(error).hint("to have the files in another folder add --to DIR")
            }
            CopyError::FolderChanges => Self::failed(error).hint("run the command again"),
            _ => Self::failed(error),
        }
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        match &error {
            ConfigError::NoRunConfig { name, known, .. } => {
                let similar = crate::error::similar(name, known.iter().map(String::as_str));
                let hint = match (similar.first(), known.is_empty()) {
                    (Some(best), _) => {
                        format!("did you mean `{best}`? {{azml}} experiment submit -c {best} SCRIPT")
                    }
                    (None, false) => format!("there are: {}", known.join(", ")),
                    (None, true) => "the folder aml_config has no .runconfig file".to_owned(),
                };
                Self::not_found(error).hint(hint)
            }
            ConfigError::NoCompute { .. } => Self::not_found(error),
            ConfigError::Output { .. } => Self::usage(error)
                .hint("edit the file: outputs are paths in the project, for example ckpt/ or '*.pt'"),
            ConfigError::Resources { .. } | ConfigError::Data { .. } | ConfigError::NoImage { .. } => {
                Self::usage(error)
                    .hint("edit the file, or attach the target again: {azml} computetarget attach --help")
            }
            ConfigError::Unsupported { .. } | ConfigError::Framework { .. } => {
                Self::failed(error).hint("to run here: {azml} experiment submit -c local SCRIPT")
            }
            _ => Self::failed(error),
        }
    }
}

impl From<settings::Error> for CommandError {
    fn from(error: settings::Error) -> Self {
        match &error {
            settings::Error::File(_) => Self::failed(error).hint("edit the file, or move it away"),
            settings::Error::Value { .. } => {
                Self::usage(error).hint("what each setting takes: {azml} config --help")
            }
            settings::Error::Unknown { name } => {
                let known = settings::SETTINGS.iter().map(|setting| setting.key);
                let hint = match crate::error::similar(name, known).first() {
                    Some(best) => format!("did you mean `{best}`?"),
                    None => "the settings there are: {azml} config".to_owned(),
                };
                Self::usage(error).hint(hint)
            }
        }
    }
}

impl From<TargetError> for CommandError {
    fn from(error: TargetError) -> Self {
        match &error {
            TargetError::Environment(environment) => {
                let hint = environment.hint();
                Self::failed(error).hint(hint)
            }
            TargetError::NoProgram { .. } => {
                Self::not_found(error).hint("install it, or set pythonLocation in aml_config/local.compute")
            }
            TargetError::NoCommand { name } => {
                let hint = if name.contains('/') {
                    "a path is taken from the project folder, where the run begins"
                } else {
                    "activate the environment that has it, or name it by a path; an alias or a line of shell: {azml} run --shell 'LINE'"
                };
                Self::not_found(error).hint(hint)
            }
            TargetError::NotExecutable { file } => {
                let hint = format!(
                    "chmod +x {}, or name the program that runs it: {{azml}} run -- PROGRAM {0}",
                    shell_quoted(file)
                );
                Self::failed(error).hint(hint)
            }
            TargetError::NoNotebookTool { python, .. } => {
                let python = shell_quoted(&python.to_string_lossy());
                Self::not_found(error).hint(format!("{python} -m pip install papermill ipykernel"))
            }
            TargetError::NotebookParameters { .. } => {
                Self::usage(error).hint("papermill does: python3 -m pip install papermill")
            }
            TargetError::Prepare { .. } => {
                Self::failed(error).hint("what it said: {azml} history info -r RUN_ID -a prepare_log.txt")
            }
            TargetError::NoRuntime { .. } => Self::not_found(error)
                .hint("install docker or podman there, or name one: `containerRuntime` of the target"),
            TargetError::Runtime { .. } => {
                Self::failed(error).hint("does `docker version`, or `podman version`, answer there?")
            }
            TargetError::Image { .. } => {
                Self::not_found(error).hint("what it said: {azml} history info -r RUN_ID -a prepare_log.txt")
            }
            TargetError::NotText { .. } => Self::failed(error).hint("rename it"),
            TargetError::NotebookInContainer => Self::usage(error).hint(
                "run its tool as a command: {azml} run -c TARGET -- papermill IN.ipynb outputs/OUT.ipynb",
            ),
            TargetError::NoScript { .. } => {
                Self::not_found(error).hint("is it ignored? take it in with a line `!PATH` in .amlignore")
            }
            _ => Self::failed(error),
        }
    }
}

impl From<SyncError> for CommandError {
    fn from(error: SyncError) -> Self {
        let error = match error {
            SyncError::UserRepo(error) => return error.into(),
            error => error,
        };
        let (kind, hint) = match &error {
            SyncError::NotLinked => (ErrorKind::Failed, Some("link it: {azml} project update -r URL")),
            SyncError::NotEmpty { .. } => (
                ErrorKind::Failed,
                Some(
                    "a project is linked to an empty repository; if this one holds a project: {azml} project clone URL",
                ),
            ),
            SyncError::Incomplete { how: Incomplete::Shallow } => {
                (ErrorKind::Failed, Some("bring all of its history first: git fetch --unshallow"))
            }
            SyncError::Incomplete { how: Incomplete::Partial } => {
                (ErrorKind::Failed, Some("bring all of its files first: git fetch --refetch --no-filter"))
            }
            SyncError::Unrelated { .. } => (
                ErrorKind::Failed,
                Some(
                    "name an empty repository, or the remote of the one that the project is in: git remote -v",
                ),
            ),
            SyncError::FolderOfMaster { .. } => {
                (ErrorKind::Failed, Some("bring the repository itself: git clone URL"))
            }
            SyncError::Behind { .. } => {
                (ErrorKind::Failed, Some("bring master up to date first: git pull origin master"))
            }
            SyncError::Denied { .. } => (
                ErrorKind::NotAllowed,
                Some("ask the repository's owner for write access, or use another token: --vststoken TOKEN"),
            ),
            SyncError::NotFound { .. } => (
                ErrorKind::NotFound,
                Some("check the URL; a repository that you may not see looks like one that does not exist"),
            ),
            SyncError::Unauthorized { .. } => (
                ErrorKind::NotAllowed,
                Some(
                    "sign in: {azml} login; or give a personal access token: --vststoken TOKEN, or as AZML_VSTS_TOKEN",
                ),
            ),
            SyncError::Unreachable { .. } => {
                (ErrorKind::Unavailable, Some("check the URL and the network, and run the command again"))
            }
            SyncError::Cut { .. } => (ErrorKind::Unavailable, Some("nothing is lost; run the command again")),
            SyncError::Busy { .. } => (ErrorKind::Unavailable, Some("{azml} history sync")),
            SyncError::NoHistory { .. } => {
                (ErrorKind::NotFound, Some("for a repository without runs: git clone URL"))
            }
            SyncError::SeveralProjects { .. } => {
                (ErrorKind::Usage, Some("choose one of them: {azml} project clone URL --id ID"))
            }
            SyncError::NoMaster => {
                (ErrorKind::NotFound, Some("bring the newest snapshot: {azml} project clone URL"))
            }
            SyncError::NoSnapshot { .. } => {
                (ErrorKind::NotFound, Some("where the run was made, deliver it: {azml} history sync"))
            }
            SyncError::NoAttachments { .. } => {
                (ErrorKind::NotFound, Some("where the run was made, deliver them: {azml} history sync"))
            }
            SyncError::FolderNotEmpty { .. } => {
                (ErrorKind::Failed, Some("name another folder: {azml} project clone URL DIR"))
            }
            SyncError::NoCommit { .. } => {
                (ErrorKind::Failed, Some("make one: git add -A && git commit -m 'Initial commit'"))
            }
            SyncError::Wire(client::Error::Transport(cause)) if cause.kind == TransportErrorKind::Tls => (
                ErrorKind::Failed,
                Some(
                    "if you trust the server, name its authority: git config --global http.https://HOST/.sslCAInfo CA.pem",
                ),
            ),
            SyncError::Rejected { reason, .. } => (
                if reason.is_denied() { ErrorKind::NotAllowed } else { ErrorKind::Failed },
                Some(
                    "nothing is lost: what is owed stays here; when the remote takes it: {azml} history sync",
                ),
            ),
            SyncError::Wire(_) => (
                ErrorKind::Failed,
                Some("to see the conversation, add --debug to the command; nothing is lost"),
            ),
            _ => (ErrorKind::Failed, None),
        };
        let withheld = withheld(&error).map(hint_for);
        let mut error = Self::new(kind, error);
        error.hints.extend(withheld.or_else(|| hint.map(str::to_owned)));
        error
    }
}

/// The credential that was not sent, if that is among the causes.
fn withheld<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Withheld> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(found) = current.downcast_ref::<Withheld>() {
            return Some(found);
        }
        cause = current.source();
    }
    None
}

/// The way out for who wants it sent all the same.
fn hint_for(withheld: &Withheld) -> String {
    match withheld {
        Withheld::OtherOrigin { origin, .. } if origin.is_protected() => {
            format!("if that host may have the token: export {AZML_VSTS_URL}={origin}")
        }
        Withheld::OtherOrigin { .. } | Withheld::Unencrypted { .. } => {
            "use https://: tokens go unencrypted to this computer alone".to_owned()
        }
        Withheld::ForeignFolder { folder, .. } => format!(
            "if you trust whoever owns it: git config --global --add safe.directory {}",
            crate::text::shell_word(&folder.to_string_lossy())
        ),
    }
}

#[cfg(test)]
mod tests {
    use gix::ObjectId;

    use super::*;

    #[test]
    fn each_way_that_a_remote_says_no_has_its_exit_code() {
        let message = || "TF401019".to_owned();
        let tls = client::TransportError::new(TransportErrorKind::Tls, "not trusted");
        let cases: [(SyncError, u8); 8] = [
            (tls.into(), 1),
            (SyncError::Denied { message: message(), source: None }, 4),
            (SyncError::Unauthorized { message: message(), source: None }, 4),
            (SyncError::NotFound { message: message(), source: None }, 3),
            (SyncError::Unreachable { message: message(), timed_out: true, source: None }, 1),
            (SyncError::NotEmpty { branches: vec!["master".to_owned()] }, 1),
            (SyncError::NoSnapshot { commit: ObjectId::null(gix::hash::Kind::Sha1) }, 3),
            (SyncError::SeveralProjects { ids: vec![] }, 2),
        ];
        for (error, code) in cases {
            let error = CommandError::from(error);
            assert_eq!(error.kind.exit_code(), code, "{error}");
            assert!(!error.hints.is_empty(), "{error}");
        }
    }

    #[test]
    fn a_snapshot_that_is_too_large_says_how_to_leave_it_out() {
        let error = CommandError::from(snapshot::Error::TooLarge {
            total: 60_000_000,
            largest: vec![("data/it's.bin".into(), 60_000_000)],
            leave_out: vec![snapshot::LeaveOut {
                line: "/data/it's.bin".to_owned(),
                files: 1,
                bytes: 60_000_000,
            }],
        });
        assert_eq!(
            error.hints,
            [
                "the largest new files: data/it's.bin (60 MB)",
                "what weighs most: /data/it's.bin (60 MB in 1 file)",
                "leave them out: printf '%s\\n' '/data/it'\\''s.bin' >> .amlignore",
                "a file that your own Git tracks stays in until you run: git rm --cached FILE",
                "or keep them for good: add --allow-large to the command",
            ]
        );
    }
}
