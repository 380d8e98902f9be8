//! Where vsts-mock is meant to differ from stock git, all in one table, each with its reason.

/// What vsts-mock says, what stock git says, and why that is right.
struct Difference {
    ours: &'static str,
    stock: &'static str,
    #[expect(dead_code, reason = "it is for whoever reads the table")]
    reason: &'static str,
}

const DIFFERENCES: &[Difference] = &[];

/// A transcript with every intended difference levelled.
pub(crate) fn apply(transcript: Vec<String>) -> Vec<String> {
    let level = |line: String| {
        DIFFERENCES.iter().fold(line, |line, difference| line.replace(difference.ours, difference.stock))
    };
    transcript.into_iter().map(level).collect()
}
