//! A bar or spinner on standard error for a long step, if a terminal watches; silent otherwise.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// A running step; the bar goes away when this is dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(label: &str, shown: bool) -> Self {
        if !shown {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("{spinner} {prefix} {msg}").expect("the template is well-formed");
        bar.set_style(style);
        bar.set_prefix(super::clean(label));
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    /// Tells how far the step is, in its own words.
    pub fn say(&self, text: impl Into<String>) {
        if !self.bar.is_hidden() {
            self.bar.set_message(super::clean(&text.into()));
        }
    }

    /// Tells how much of a known whole is done, which is shown as a bar; `text` says it in words.
    pub fn part(&self, done: u64, whole: u64, text: impl Into<String>) {
        if self.bar.is_hidden() {
            return;
        }
        if self.bar.length() != Some(whole) {
            let style = ProgressStyle::with_template("{spinner} {prefix} [{bar:24}] {msg}")
                .expect("the template is well-formed");
            self.bar.set_style(style.progress_chars("=> "));
            self.bar.set_length(whole);
        }
        self.bar.set_position(done);
        self.say(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
