//! A client's push request: commands, capabilities, push options; and its faults whatever the repository holds.

use std::collections::HashSet;
use std::io::BufRead;

use bstr::{BStr, BString, ByteSlice};
use gix::ObjectId;
use gix::refs::FullName;

use crate::capability::Capabilities;
use crate::context::{Budget, Context};
use crate::pack::IdSet;
use crate::pktline::{Line, Reader};
use crate::{Error, Limits, Profile, RefRefusal};

/// A push as it was asked for.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) capabilities: Capabilities,
    pub(super) commands: Vec<Command>,
    /// Commits whose parents the client lacks.
    pub(super) shallow: IdSet,
    pub(super) push_options: Vec<BString>,
}

/// The change of one ref.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) name: BString,
    /// The name, if it's one that a ref may have.
    pub(super) full_name: Option<FullName>,
    /// The object that the client expects; `None` if absent.
    pub(super) old: Option<ObjectId>,
    /// The object to set; `None` to delete the ref.
    pub(super) new: Option<ObjectId>,
    /// Why it isn't done, once that's known.
    pub(super) refusal: Option<RefRefusal>,
}

impl Request {
    /// Returns whether a pack follows: it doesn't if refs are deleted only.
    pub(super) fn needs_pack(&self) -> bool {
        self.commands.iter().any(|command| command.new.is_some())
    }

    pub(super) fn wants_report(&self) -> bool {
        self.capabilities.contains("report-status") || self.capabilities.contains("report-status-v2")
    }

    pub(super) fn is_atomic(&self) -> bool {
        self.capabilities.contains("atomic")
    }

    /// The commands that haven't been refused.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(|command| command.refusal.is_none())
    }

    /// Refuses what hasn't been refused yet.
    pub(super) fn refuse_all(&mut self, reason: &RefRefusal) {
        for command in &mut self.commands {
            command.refusal.get_or_insert_with(|| reason.clone());
        }
    }
}

/// Reads commands and push options, up to where the pack begins. `None` if the client wants nothing.
pub(super) fn read_request(
    context: &Context<'_>,
    reader: &mut dyn BufRead,
) -> Result<Option<Request>, Error> {
    let limits = &context.options.limits;
    let mut lines = Reader::new(reader);
    let mut request = Request::default();
    let mut is_first = true;
    let mut budget = Budget::new(limits);
    loop {
        let line = match lines.read_line()? {
            None if is_first => return Ok(None),
            None => return Err(Error::protocol("the remote end hung up among the commands")),
            Some(Line::Flush) => break,
            Some(line) => line.data().ok_or_else(|| Error::protocol("a delimiter among the commands"))?,
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        budget.take(line)?;
        if let Some(hex) = line.strip_prefix(b"shallow ") {
            // The client's history ends somewhere. What it sends has to connect here all the same.
            if request.shallow.len() >= limits.max_ids {
                return Err(Error::Limit { what: "shallow commits", limit: limits.max_ids as u64 });
            }
            let id = ObjectId::from_hex(hex)
                .map_err(|_| Error::protocol("protocol error: expected shallow sha, got something else"))?;
            request.shallow.insert(id);
            is_first = false;
            continue;
        }
        if line.starts_with(b"push-cert") {
            return Err(Error::protocol("signed pushes are not supported"));
        }
        let (command, capabilities) = Capabilities::split_line(line);
        if request.commands.is_empty() {
            request.capabilities = capabilities;
        }
        if request.commands.len() >= limits.max_commands {
            return Err(Error::Limit { what: "ref updates", limit: limits.max_commands as u64 });
        }
        request.commands.push(parse_command(command, limits)?);
        is_first = false;
    }
    if context.options.profile != Profile::Permissive {
        // What isn't offered isn't heard.
        for word in ["report-status-v2", "quiet", "atomic", "push-options"] {
            request.capabilities.remove(word);
        }
    }
    if request.capabilities.value("object-format").is_some_and(|format| format != "sha1") {
        return Err(Error::protocol("mismatched object format: this repository uses sha1"));
    }
    if request.capabilities.contains("push-options") {
        read_push_options(&mut lines, limits, &mut request.push_options)?;
    }
    if request.commands.is_empty() {
        return Ok(None);
    }
    check_names(context, &mut request);
    Ok(Some(request))
}

fn read_push_options(
    lines: &mut Reader<&mut dyn BufRead>,
    limits: &Limits,
    options: &mut Vec<BString>,
) -> Result<(), Error> {
    loop {
        let line = lines
            .read_line()?
            .ok_or_else(|| Error::protocol("the remote end hung up among the push options"))?;
        let Some(option) = line.text() else { return Ok(()) };
        if options.len() >= limits.max_push_options {
            return Err(Error::Limit { what: "push options", limit: limits.max_push_options as u64 });
        }
        if option.find_byteset(b"\n\0").is_some() {
            return Err(Error::protocol("a push option with a line feed or NUL byte in it"));
        }
        options.push(option.into());
    }
}

fn parse_command(line: &[u8], limits: &Limits) -> Result<Command, Error> {
    let malformed = || Error::protocol("protocol error: expected old/new/ref, got something else");
    let (old, rest) = line.split_at_checked(40).ok_or_else(malformed)?;
    let rest = rest.strip_prefix(b" ").ok_or_else(malformed)?;
    let (new, rest) = rest.split_at_checked(40).ok_or_else(malformed)?;
    let name = rest.strip_prefix(b" ").ok_or_else(malformed)?;
    let id = |hex: &[u8]| -> Result<Option<ObjectId>, Error> {
        let id = ObjectId::from_hex(hex).map_err(|_| malformed())?;
        Ok((!id.is_null()).then_some(id))
    };
    let (old, new) = (id(old)?, id(new)?);
    let is_valid = name.len() <= limits.max_ref_name && (new.is_none() || may_be_made(name.as_bstr()));
    let full_name = is_valid.then(|| valid_name(name.as_bstr())).flatten();
    Ok(Command { name: name.into(), full_name, old, new, refusal: None })
}

/// The name, if Git lets a ref below `refs/` be called so.
fn valid_name(name: &BStr) -> Option<FullName> {
    FullName::try_from(name.to_owned()).ok().filter(|_| name.starts_with(b"refs/"))
}

/// Returns whether a push may make or change a ref of that name. One that may not, as `refs/stash`, may be there all the same,
/// in a repository that was imported, and is deleted as Git deletes it.
fn may_be_made(name: &BStr) -> bool {
    let is_deep = name.find_iter(b"/").nth(1).is_some();
    let is_pseudo =
        name.strip_prefix(b"refs/heads/").is_some_and(|branch| branch == b"HEAD" || branch.starts_with(b"-"));
    is_deep && !is_pseudo
}

/// Refuses names that no ref may have, hidden refs, and refs that come twice.
fn check_names(context: &Context<'_>, request: &mut Request) {
    let mut seen = HashSet::new();
    let mut twice = HashSet::new();
    for command in &request.commands {
        if !seen.insert(command.name.clone()) {
            twice.insert(command.name.clone());
        }
    }
    for command in &mut request.commands {
        if command.full_name.is_none() {
            command.refusal = Some(RefRefusal::InvalidName);
        } else if context.policy.is_hidden(command.name.as_bstr()) {
            command.refusal = Some(RefRefusal::Hidden);
        } else if twice.contains(&command.name) {
            command.refusal = Some(RefRefusal::Duplicate);
        } else if command.old.is_none() && command.new.is_none() {
            command.refusal = Some(RefRefusal::NothingToDelete);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a ref may be called so that is to be `digit`, forty times.
    fn is_fine(name: &str, digit: &str) -> bool {
        let line = format!("{} {} {name}", "1".repeat(40), digit.repeat(40));
        parse_command(line.as_bytes(), &Limits::default()).expect("parsed").full_name.is_some()
    }

    #[test]
    fn names_that_git_refuses_are_refused() {
        for name in [
            "refs/heads/a..b",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a//b",
            "refs/heads/a/",
            "refs/heads/a.",
            "refs/heads/@{",
            "refs/heads/a@{b",
            "refs/heads/a\\b",
            "refs/heads/a b",
            "refs/heads/a~",
            "refs/heads/a^",
            "refs/heads/a:b",
            "refs/heads/a?",
            "refs/heads/a*",
            "refs/heads/[a",
            "refs/heads/a\u{7}",
            "refs/heads/a\u{7f}",
            "refs/heads/",
            "refs/heads",
            "refs/",
            "HEAD",
            "main",
            "/refs/heads/a",
            "../refs/heads/a",
            "refs/../a/b",
            "refs/heads/HEAD",
            "refs/heads/-x",
            "",
            "objects/aa/bb",
        ] {
            assert!(!is_fine(name, "2"), "{name:?}");
        }
        for name in ["refs/heads", "refs/stash", "refs/heads/HEAD", "refs/heads/-x"] {
            assert!(!is_fine(name, "2") && is_fine(name, "0"), "{name:?}");
        }
        for name in ["refs", "refs/", "HEAD", "stash", "refs/a..b", "refs/heads/a/"] {
            assert!(!is_fine(name, "0"), "{name:?}");
        }
        for name in [
            "refs/heads/a",
            "refs/heads/AzureMLHistory/1-2",
            "refs/azureml/runs/x",
            "refs/tags/v1.0",
            "refs/heads/ä",
        ] {
            assert!(is_fine(name, "2") && is_fine(name, "0"), "{name:?}");
        }
    }

    #[test]
    fn malformed_commands_are_refused() {
        let (a, b) = ("1".repeat(40), "2".repeat(40));
        let limits = Limits::default();
        for line in [
            String::new(),
            a.clone(),
            format!("{a} "),
            format!("{a} {b}"),
            format!("{a}{b} refs/heads/x"),
            format!("{a} {} refs/heads/x", "g".repeat(40)),
            format!("{a} {}1 refs/heads/x", "2".repeat(40)),
        ] {
            assert!(parse_command(line.as_bytes(), &limits).is_err(), "{line:?}");
        }
        let long = format!("{a} {b} refs/heads/{}", "x".repeat(4096));
        let command = parse_command(long.as_bytes(), &limits).expect("parsed");
        assert!(command.full_name.is_none() && long.ends_with(&command.name.to_string()));
    }
}
