//! A commit's message: its first line, the rest, and the trailers at its end.

use jiff::Timestamp;

use super::failure::Failure;
use crate::operations::commit_text::{decode, encoding_of};

/// Longest first line that is shown in a list.
const LONGEST_SUBJECT: usize = 120;

/// A commit as pages tell of it.
#[derive(Clone, Debug)]
pub(super) struct CommitInfo {
    pub(super) id: gix::ObjectId,
    pub(super) parents: Vec<gix::ObjectId>,
    pub(super) author: String,
    pub(super) email: String,
    pub(super) authored: Timestamp,
    pub(super) committer: String,
    pub(super) committed: Timestamp,
    pub(super) message: String,
}

impl CommitInfo {
    pub(super) fn of(repository: &gix::Repository, id: gix::ObjectId) -> Result<Self, Failure> {
        let commit = repository.find_commit(id)?;
        let (author, committer) = (commit.author()?, commit.committer()?);
        let encoding = encoding_of(&commit);
        let text = |bytes| decode(bytes, encoding).into_owned();
        Ok(Self {
            id,
            parents: commit.parent_ids().map(gix::Id::detach).collect(),
            author: text(author.name),
            email: text(author.email),
            authored: time_of(author),
            committer: text(committer.name),
            committed: time_of(committer),
            message: text(commit.message_raw()?),
        })
    }

    /// The first line, cut where it is long.
    pub(super) fn subject(&self) -> String {
        let line = self.message.trim_start().lines().next().unwrap_or_default().trim_end();
        match line.char_indices().nth(LONGEST_SUBJECT) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.is_empty() => "(no message)".to_owned(),
            None => line.to_owned(),
        }
    }

    /// The text after the first line, without the trailers.
    pub(super) fn body(&self) -> &str {
        let message = self.message.trim();
        let rest = message.split_once('\n').map_or("", |(_, rest)| rest).trim();
        match trailers_start(rest) {
            Some(start) => rest[..start].trim_end(),
            None => rest,
        }
    }

    /// `Key: value` lines of the last paragraph.
    pub(super) fn trailers(&self) -> Vec<(&str, &str)> {
        let message = self.message.trim();
        let rest = message.split_once('\n').map_or("", |(_, rest)| rest).trim();
        let Some(start) = trailers_start(rest) else { return Vec::new() };
        rest[start..].lines().filter_map(trailer).collect()
    }

    /// The first trailer of that name.
    pub(super) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers().into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

fn time_of(signature: gix::actor::SignatureRef<'_>) -> Timestamp {
    let seconds = signature.time().map_or(0, |time| time.seconds);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
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
        CommitInfo {
            id: gix::ObjectId::null(gix::hash::Kind::Sha1),
            parents: Vec::new(),
            author: String::new(),
            email: String::new(),
            authored: Timestamp::UNIX_EPOCH,
            committer: String::new(),
            committed: Timestamp::UNIX_EPOCH,
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
