//! Security tokens: the paths at which access control entries hang.
//!
//! `repoV2` is the whole collection, `repoV2/{project}` a project, `repoV2/{project}/{repo}` a repository, and below it
//! `refs/heads/…` with each segment of the branch name as the lower-case hex of its UTF-16LE bytes, as the service
//! spells them. Tokens are lower case and never end in a slash.

use std::fmt::Write as _;

use uuid::Uuid;

/// The collection's own token.
pub(crate) const COLLECTION: &str = "repov2";

/// The token of all repositories of a project.
pub(crate) fn project(project: Uuid) -> String {
    format!("{COLLECTION}/{project}")
}

/// The token of a repository.
pub(crate) fn repository(project: Uuid, repository: Uuid) -> String {
    format!("{COLLECTION}/{project}/{repository}")
}

/// The token of a ref of a repository; a branch folder (`refs/heads/feature`) has one as well.
pub(crate) fn reference(project: Uuid, repository: Uuid, name: &str) -> String {
    let mut token = self::repository(project, repository);
    for (position, segment) in name.split('/').filter(|segment| !segment.is_empty()).enumerate() {
        token.push('/');
        if position < 2 {
            token.push_str(&segment.to_lowercase());
        } else {
            token.push_str(&encode(segment));
        }
    }
    token
}

/// The ref that a token below a repository's token speaks of.
pub(crate) fn reference_name(token: &str, repository_token: &str) -> Option<String> {
    let rest = token.strip_prefix(repository_token)?.strip_prefix('/')?;
    let mut segments = Vec::new();
    for (position, segment) in rest.split('/').enumerate() {
        segments.push(if position < 2 { segment.to_owned() } else { decode(segment)? });
    }
    Some(segments.join("/"))
}

/// The token and every token above it, nearest first.
pub(crate) fn lineage(token: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(token), |token| token.rfind('/').map(|end| &token[..end]))
}

fn encode(segment: &str) -> String {
    segment.encode_utf16().flat_map(u16::to_le_bytes).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string succeeds");
        hex
    })
}

fn decode(hex: &str) -> Option<String> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(4) {
        return None;
    }
    let units: Option<Vec<u16>> = (0..hex.len())
        .step_by(4)
        .map(|at| u16::from_str_radix(&hex[at..at + 4], 16).ok().map(u16::swap_bytes))
        .collect();
    String::from_utf16(&units?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_spelled_as_the_service_spells_them() {
        let (p, r) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let base = repository(p, r);
        assert_eq!(
            reference(p, r, "refs/heads/master"),
            format!("{base}/refs/heads/6d0061007300740065007200")
        );
        assert_eq!(
            reference(p, r, "refs/heads/feature/x"),
            format!("{base}/refs/heads/6600650061007400750072006500/7800")
        );
    }

    #[test]
    fn tokens_name_their_ref() {
        let (p, r) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for name in ["refs/heads/master", "refs/heads/Größe/𝒳", "refs/tags/v1", "refs/heads"] {
            let token = reference(p, r, name);
            assert_eq!(reference_name(&token, &repository(p, r)).as_deref(), Some(name));
        }
    }

    #[test]
    fn lineage_goes_up_to_the_collection() {
        let lines: Vec<_> = lineage("repov2/p/r/refs/heads/61").collect();
        assert_eq!(
            lines,
            [
                "repov2/p/r/refs/heads/61",
                "repov2/p/r/refs/heads",
                "repov2/p/r/refs",
                "repov2/p/r",
                "repov2/p",
                "repov2"
            ]
        );
    }
}
