//! The pager: results that are longer than the terminal are shown by it, as Git does.
//!
//! It is a command line for the shell: azml's setting, else `$PAGER`, else `less` where it is installed. `cat` and
//! nothing at all mean that there is none. A pager that can't be started costs nothing: the text is printed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::env::{Env, PAGER};

/// Quit if it fits, pass colours on, leave the text on the screen: what Git tells less, too.
const LESS: &str = "FRX";

/// A command that shows text screen by screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pager {
    command: String,
    sets_less: bool,
}

impl Pager {
    /// The pager that the user wants, if any; `set` is azml's own setting.
    pub fn of(env: &Env, set: Option<&str>) -> Option<Self> {
        let command = match set {
            Some(command) => command,
            None if env.has(PAGER) => env.text(PAGER).unwrap_or_default(),
            None => "less",
        };
        let command = command.trim();
        let is_none = command.is_empty() || command == "cat";
        (!is_none).then(|| Self { command: command.to_owned(), sets_less: env.get("LESS").is_none() })
    }

    /// Returns whether the text is longer than the terminal.
    pub(super) fn is_wanted(text: &str) -> bool {
        let rows = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_row);
        rows > 0 && text.lines().count() >= usize::from(rows)
    }

    /// Shows the text until the user has seen enough; `false`: nothing was shown.
    pub(super) fn show(&self, text: &str) -> bool {
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(Stdio::piped());
        if self.sets_less {
            command.env("LESS", LESS);
        }
        let Ok(mut child) = command.spawn() else { return false };
        let Some(mut pipe) = child.stdin.take() else { return false };
        // A user who quits early has seen enough.
        drop(pipe.write_all(text.as_bytes()));
        drop(pipe);
        // 127: the shell found no such command, and nothing was shown.
        child.wait().is_ok_and(|status| status.code() != Some(127))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn the_setting_goes_before_the_variable_and_cat_is_none() {
        let of = |vars: &[(&str, &str)]| {
            let env = Env::fixed(vars.iter().copied(), "/");
            Pager::of(&env, Settings::read(&env).unwrap().pager()).map(|pager| pager.command)
        };
        let config = [("AZML_CONFIG_DIR", "/nowhere")];
        assert_eq!(of(&config).as_deref(), Some("less"));
        assert_eq!(of(&[config[0], ("PAGER", "more")]).as_deref(), Some("more"));
        assert_eq!(of(&[config[0], ("PAGER", "more"), ("AZML_PAGER", "most")]).as_deref(), Some("most"));
        for none in ["cat", "", " "] {
            assert_eq!(of(&[config[0], ("PAGER", none)]), None);
        }
    }
}
