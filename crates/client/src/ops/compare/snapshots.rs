//! Compares two snapshots, or one with the project folder as it is now.

use std::sync::atomic::AtomicBool;

use azml_core::history::HistoryRepo;
use azml_core::restore;
use azml_core::snapshot::{self, Silent, TreeRequest};
use gix::ObjectId;
use gix::bstr::BString;

use super::code::{self, Code, Detail};
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::named;

/// Selects what is compared.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The names of the two; without the second the folder is compared with the first, or with the newest snapshot.
    pub names: (Option<String>, Option<String>),
    /// Only these paths, if there are any.
    pub paths: Vec<BString>,
}

/// One of the two: what it is called, its commit if it has one, and its files.
type Side = (String, Option<ObjectId>, ObjectId);

/// Compares them.
pub fn difference(
    ctx: &Context,
    opened: &Opened,
    question: &Question,
    detail: Detail,
    token: Option<&str>,
) -> Result<Code, CommandError> {
    let history = opened.history.for_question()?;
    let git = history.git();
    let named = |name: &str| -> Result<Side, CommandError> {
        let found = named::snapshot(ctx, opened, name, token)?;
        Ok((name.to_owned(), Some(found.commit), found.tree.id))
    };
    let (from, to) = match &question.names {
        (Some(from), Some(to)) => (named(from)?, named(to)?),
        (Some(from), None) => (named(from)?, folder(ctx, &history)?),
        (None, _) => match opened.history.tip()? {
            Some(_) => (named("HEAD")?, folder(ctx, &history)?),
            None => ((String::new(), None, git.empty_tree().id), folder(ctx, &history)?),
        },
    };
    let mut trees = (from.2, to.2);
    if !question.paths.is_empty() {
        for path in &question.paths {
            if !restore::has_path(git, trees.0, path.as_ref())?
                && !restore::has_path(git, trees.1, path.as_ref())?
            {
                return Err(restore::Error::NoSuchPath { path: path.clone() }.into());
            }
        }
        trees =
            (restore::only(git, trees.0, &question.paths)?, restore::only(git, trees.1, &question.paths)?);
    }
    let never = AtomicBool::new(false);
    let files = code::changes(git, trees.0, trees.1, detail, &never)?.ok_or(super::Error::TooMuch)?;
    Ok(Code { from: from.0, to: to.0, commits: (from.1, to.1), files, with_lines: detail.hunks })
}

/// The project folder as a snapshot would have it now.
fn folder(ctx: &Context, history: &HistoryRepo) -> Result<Side, CommandError> {
    let request = TreeRequest {
        home: ctx.env.home().map(ToOwned::to_owned),
        limits: super::super::snapshot::limits(ctx, false),
        keeps_pointers: true,
    };
    let taken = snapshot::tree(history, &request, &Silent)?;
    Ok(("the project folder".to_owned(), None, taken.tree))
}
