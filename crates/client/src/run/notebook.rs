//! Notebooks: which tool of the Python environment executes them.

use std::path::Path;
use std::process::{Command, Stdio};

use super::outputs::FOLDER;
use super::target::TargetError;

/// Prints those of the two that Python can import.
const ASK: &str = "import importlib.util as u\n\
                   print(*[m for m in ('papermill', 'nbconvert') if u.find_spec(m)])";

/// A tool that executes notebooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// It takes parameters.
    Papermill,
    Nbconvert,
}

impl Tool {
    /// The one that a Python interpreter has; `notebook` is what it is wanted for.
    pub(super) fn of(python: &Path, notebook: &str) -> Result<Self, TargetError> {
        let asked =
            Command::new(python).args(["-c", ASK]).stdin(Stdio::null()).stderr(Stdio::null()).output();
        let found = asked.map_err(|source| TargetError::Start { program: python.to_owned(), source })?.stdout;
        let has = |name: &str| String::from_utf8_lossy(&found).split_whitespace().any(|word| word == name);
        if has("papermill") {
            Ok(Self::Papermill)
        } else if has("nbconvert") {
            Ok(Self::Nbconvert)
        } else {
            Err(TargetError::NoNotebookTool { notebook: notebook.to_owned(), python: python.to_owned() })
        }
    }

    /// The words for Python that execute `notebook` and make the executed one an output.
    pub(super) fn words(self, notebook: &str, arguments: &[String]) -> Result<Vec<String>, TargetError> {
        let name = Path::new(notebook).file_name().unwrap_or_default().to_string_lossy();
        let words: Vec<&str> = match self {
            Self::Nbconvert if !arguments.is_empty() => {
                return Err(TargetError::NotebookParameters { notebook: notebook.to_owned() });
            }
            Self::Nbconvert => {
                vec!["-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", FOLDER, notebook]
            }
            Self::Papermill => vec!["-m", "papermill", notebook],
        };
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        if self == Self::Papermill {
            words.push(format!("{FOLDER}/{name}"));
            words.extend(papermill_words(arguments));
        }
        Ok(words)
    }
}

/// `--lr 0.1` and `--lr=0.1` as papermill takes them, `-p lr 0.1`; its own options stay.
fn papermill_words(arguments: &[String]) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match word.strip_prefix("--").map(|name| (name, name.split_once('='))) {
            Some((_, Some((name, value)))) => words.extend(["-p", name, value].map(str::to_owned)),
            Some((name, None)) if !name.is_empty() => {
                words.extend(["-p", name].map(str::to_owned));
                words.extend(rest.next().cloned());
            }
            _ => words.push(word.clone()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_parameters_of_a_notebook() {
        let arguments = ["--lr", "0.1", "--name=a=b", "-k", "python3"].map(str::to_owned);
        let words = Tool::Papermill.words("nb/a.ipynb", &arguments).unwrap().join(" ");
        assert_eq!(words, "-m papermill nb/a.ipynb outputs/a.ipynb -p lr 0.1 -p name a=b -k python3");
        let words = Tool::Nbconvert.words("a.ipynb", &[]).unwrap().join(" ");
        assert_eq!(words, "-m nbconvert --to notebook --execute --output-dir outputs a.ipynb");
        assert!(Tool::Nbconvert.words("a.ipynb", &arguments).is_err());
    }
}
