//! A bar or spinner on standard error for a long step.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::notices::Progress;
use crate::text::clean;

/// The time between two turns of the spinner.
const TICK: Duration = Duration::from_millis(120);

/// A running step; the bar goes away when this is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(label: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("{spinner} {prefix} {msg}").expect("the template is well-formed");
        bar.set_style(style);
        bar.set_prefix(clean(label));
        bar.enable_steady_tick(TICK);
        Self(bar)
    }
}

impl Progress for Bar {
    fn say(&self, text: &str) {
        self.0.set_message(clean(text));
    }

    fn part(&self, done: u64, whole: u64, text: &str) {
        if self.0.length() != Some(whole) {
            let style = ProgressStyle::with_template("{spinner} {prefix} [{bar:24}] {msg}")
                .expect("the template is well-formed");
            self.0.set_style(style.progress_chars("=> "));
            self.0.set_length(whole);
        }
        self.0.set_position(done);
        self.say(text);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
