//! Commits as they tell of themselves: who, when, why, from what; and what they changed.

use encoding_rs::Encoding;
use gix::ObjectId;
use jiff::Timestamp;

use super::changed_files::{self, Change};
use super::commit_text::{decode, encoding_of};
use super::history::time_of;
use super::refused::Refused;
use super::tree_walk::WalkError;
use super::work::Work;

/// Longest first line that is shown in a list.
const LONGEST_SUBJECT: usize = 120;

/// Somebody's signature under a commit or a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) time: Timestamp,
}

impl Signed {
    /// Reads a signature, whose texts are in `encoding`; `None` for UTF-8.
    pub(crate) fn of(signature: gix::actor::SignatureRef<'_>, encoding: Option<&'static Encoding>) -> Self {
        Self {
            name: decode(signature.name, encoding).into_owned(),
            email: decode(signature.email, encoding).into_owned(),
            time: time_of(signature),
        }
    }
}

/// A commit, its texts decoded.
#[derive(Clone, Debug)]
pub(crate) struct CommitInfo {
    pub(crate) id: ObjectId,
    pub(crate) tree: ObjectId,
    pub(crate) parents: Vec<ObjectId>,
    pub(crate) author: Signed,
    pub(crate) committer: Signed,
    pub(crate) message: String,
}

impl CommitInfo {
    /// Reads a commit.
    pub(crate) fn read(repository: &gix::Repository, id: ObjectId) -> Result<Self, Refused> {
        let commit = repository.find_commit(id)?;
        let encoding = encoding_of(&commit);
        Ok(Self {
            id,
            tree: commit.tree_id()?.detach(),
            parents: commit.parent_ids().map(gix::Id::detach).collect(),
            author: Signed::of(commit.author()?, encoding),
            committer: Signed::of(commit.committer()?, encoding),
            message: decode(commit.message_raw()?, encoding).into_owned(),
        })
    }

    /// The first line, cut where it is long.
    pub(crate) fn subject(&self) -> String {
        let line = self.message.trim_start().lines().next().unwrap_or_default().trim_end();
        match line.char_indices().nth(LONGEST_SUBJECT) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.is_empty() => "(no message)".to_owned(),
            None => line.to_owned(),
        }
    }

    /// The text after the first line, without the trailers.
    pub(crate) fn body(&self) -> &str {
        let message = self.message.trim();
        let rest = message.split_once('\n').map_or("", |(_, rest)| rest).trim();
        match trailers_start(rest) {
            Some(start) => rest[..start].trim_end(),
            None => rest,
        }
    }

    /// `Key: value` lines of the last paragraph.
    pub(crate) fn trailers(&self) -> Vec<(&str, &str)> {
        let message = self.message.trim();
        let rest = message.split_once('\n').map_or("", |(_, rest)| rest).trim();
        let Some(start) = trailers_start(rest) else { return Vec::new() };
        rest[start..].lines().filter_map(trailer).collect()
    }

    /// The first trailer of that name.
    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers().into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The files that a commit changed, beside its first parent.
pub(crate) fn changes(
    repository: &gix::Repository,
    work: &Work,
    id: ObjectId,
) -> Result<Vec<Change>, WalkError> {
    let commit = repository.find_commit(id)?;
    let first = commit.parent_ids().next().map(gix::Id::detach);
    changed_files::between(repository, work, first, id)
}

/// The commits from `tip` back by first parents: at most `kept` of them without the first `skip`, and how many there are.
/// It counts to `most`.
pub(crate) fn first_parents(
    repository: &gix::Repository,
    work: &Work,
    tip: ObjectId,
    (skip, kept): (usize, usize),
    most: usize,
) -> Result<(Vec<ObjectId>, usize), Refused> {
    let walk = repository.rev_walk([tip]).first_parent_only().all()?;
    let (mut ids, mut total) = (Vec::new(), 0);
    for step in walk.take(most) {
        work.check()?;
        let id = step?.id;
        if total >= skip && ids.len() < kept {
            ids.push(id);
        }
        total += 1;
    }
    Ok((ids, total))
}

/// The start of the last paragraph, if it consists of trailers alone.
fn trailers_start(text: &str) -> Option<usize> {
    let start = text.rfind("\n\n").map_or(0, |end| end + 2);
    let mut lines = text[start..].lines().peekable();
    lines.peek()?;
    lines.all(|line| trailer(line).is_some()).then_some(start)
}

fn trailer(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(": ")?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_key.then(|| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(message: &str) -> CommitInfo {
        let nobody = Signed { name: String::new(), email: String::new(), time: Timestamp::UNIX_EPOCH };
        CommitInfo {
            id: ObjectId::null(gix::hash::Kind::Sha1),
            tree: ObjectId::null(gix::hash::Kind::Sha1),
            parents: Vec::new(),
            author: nobody.clone(),
            committer: nobody,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_message_is_parted() {
        type Row = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);
        let rows: [Row; 5] = [
            ("one line", "one line", "", &[]),
            ("subject\n\nbody: text, and more\nlines\n", "subject", "body: text, and more\nlines", &[]),
            (
                "snapshot\n\nRun-Id: iris_1\nScript: train.py\n",
                "snapshot",
                "",
                &[("Run-Id", "iris_1"), ("Script", "train.py")],
            ),
            ("s\n\nwhy\n\nRun-Id: a: b\n", "s", "why", &[("Run-Id", "a: b")]),
            ("", "(no message)", "", &[]),
        ];
        for (message, subject, body, trailers) in rows {
            let info = info(message);
            assert_eq!((info.subject().as_str(), info.body()), (subject, body), "{message:?}");
            assert_eq!(info.trailers(), trailers, "{message:?}");
        }
        assert_eq!(info("s\n\nRun-Id: iris_1\n").trailer("run-id"), Some("iris_1"));
        assert_eq!(info(&"ä".repeat(200)).subject().chars().count(), 121);
    }
}
