//! The beginnings that a new repository's `.gitignore` may have.

const TEMPLATES: [(&str, &str); 5] = [
    (
        "Python",
        "__pycache__/\n*.py[cod]\n*.so\nbuild/\ndist/\n*.egg-info/\n.venv/\nvenv/\n.ipynb_checkpoints/\n.pytest_cache/\n\
         .mypy_cache/\n.coverage\n.env\n",
    ),
    ("R", ".Rhistory\n.RData\n.Rproj.user/\n*.Rcheck/\nvignettes/*.html\n.Renviron\n"),
    ("Node", "node_modules/\nnpm-debug.log*\n.npm/\ncoverage/\ndist/\n.env\n"),
    ("Rust", "/target/\n**/*.rs.bk\n"),
    (
        "VisualStudio",
        "[Bb]in/\n[Oo]bj/\n.vs/\n*.user\n*.suo\n[Dd]ebug/\n[Rr]elease/\npackages/\nTestResults/\n",
    ),
];

/// The languages there is one for.
pub(super) const NAMES: &[&str] =
    &[TEMPLATES[0].0, TEMPLATES[1].0, TEMPLATES[2].0, TEMPLATES[3].0, TEMPLATES[4].0];

/// The text for a language.
pub(super) fn text(name: &str) -> Option<&'static str> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
