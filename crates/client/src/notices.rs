//! Messages and progress of an operation, for the front end that called it.
//!
//! Operations print nothing. The command line shows what they report on standard error, the Workbench on the next page.

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A step was done.
    Status,
    /// Something went wrong, and the operation goes on.
    Warning,
    /// A way out of the warning before it.
    Hint,
    /// Something that the user has to do for the operation to go on.
    Prompt,
}

/// Receives the messages and the progress of operations.
pub trait Notices: Send + Sync {
    /// Takes a message. `{azml}` in a hint stands for the name that azml was started under.
    fn message(&self, level: Level, text: &str);

    /// Begins a long step, which ends when the returned value is dropped.
    fn progress(&self, label: &str) -> Box<dyn Progress>;

    /// Reports that a step was done.
    fn status(&self, text: &str) {
        self.message(Level::Status, text);
    }

    /// Reports that something went wrong; the operation goes on.
    fn warning(&self, text: &str) {
        self.message(Level::Warning, text);
    }

    /// Names a way out of the warning before it.
    fn hint(&self, text: &str) {
        self.message(Level::Hint, text);
    }

    /// Asks the user to do something, without which the operation does not go on.
    fn prompt(&self, text: &str) {
        self.message(Level::Prompt, text);
    }
}

/// A long step in progress.
pub trait Progress: Send + Sync {
    /// Describes the state of the step.
    fn say(&self, text: &str);

    /// Reports that `done` of `whole` units are done; `text` says it in words.
    fn part(&self, done: u64, whole: u64, text: &str);
}

/// Takes messages for a log that is off by default: nobody is there to read them.
pub struct Unread;

impl Notices for Unread {
    fn message(&self, _: Level, text: &str) {
        tracing::debug!("{text}");
    }

    fn progress(&self, _: &str) -> Box<dyn Progress> {
        Box::new(Unwatched)
    }
}

/// A step that nobody watches.
pub struct Unwatched;

impl Progress for Unwatched {
    fn say(&self, _: &str) {}

    fn part(&self, _: u64, _: u64, _: &str) {}
}
