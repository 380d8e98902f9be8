//! The intended differences from stock git, all in one table, each with its reason.

/// The words of vsts-mock and of stock git, and the reason why they may differ.
struct Difference {
    ours: &'static str,
    stock: &'static str,
    #[expect(dead_code, reason = "it is for whoever reads the table")]
    reason: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        ours: "('refs/heads/master' exists; cannot create 'refs/heads/master/below')",
        stock: "(failed to update ref)",
        reason: "stock git tells what is in the way in the server's log alone; here the pusher learns it",
    },
    Difference {
        ours: "ng refs/heads/new atomic push failure",
        stock: "ng refs/heads/new atomic transaction failed",
        reason: "of an atomic push that came too late stock git says the same of every ref",
    },
    Difference {
        ours: "ng refs/heads/master failed to update ref: it has changed in the meantime (fetch first)",
        stock: "ng refs/heads/master atomic transaction failed",
        reason: "the ref that is to blame is told from the others",
    },
    Difference {
        ours: "failed to update ref: it has changed in the meantime (fetch first)",
        stock: "failed to update ref",
        reason: "the same: why, and what to do about it",
    },
    Difference { ours: "the ref does not exist", stock: "failed to update ref", reason: "the same" },
];

/// Offered here, and in stock git only once somebody turns it on.
pub(crate) const MORE_IN_V2: [&str; 1] = ["object-info"];

/// Stock git leaves this out of the second version's advertisement; clients skip it, and hosted services send it, too.
pub(crate) const BANNER: &str = "# service=";

/// A transcript with every intended difference levelled.
pub(crate) fn apply(transcript: Vec<String>) -> Vec<String> {
    transcript.into_iter().map(|line| level(&line)).collect()
}

/// A line with every intended difference levelled.
pub(crate) fn level(line: &str) -> String {
    DIFFERENCES
        .iter()
        .fold(line.to_owned(), |line, difference| line.replace(difference.ours, difference.stock))
}
