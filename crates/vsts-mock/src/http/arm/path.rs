//! Paths of Azure's Resource Manager: `/subscriptions/…/providers/…`.
//!
//! Words of the path compare without regard to case; names are percent-decoded and given as they were asked.

use percent_encoding::percent_decode_str;

use crate::directory::Level;

/// The Experimentation service's name among Azure's providers.
pub(super) const PROVIDER: &str = "Microsoft.MachineLearningExperimentation";
const AUTHORIZATION: &str = "Microsoft.Authorization";

/// A path, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) subscription: Option<String>,
    pub(super) group: Option<String>,
    /// Account, workspace, project: as many as are named.
    pub(super) names: Vec<String>,
    pub(super) target: Target,
}

/// The resource that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Subscriptions,
    Subscription,
    Groups,
    Group,
    /// All of one level in what the names say.
    Children(Level),
    /// The named resource itself.
    Resource,
    RoleAssignments,
    RoleAssignment(String),
    RoleDefinitions,
    RoleDefinition(String),
}

impl Path {
    pub(super) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let mut rest: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut found =
            Self { subscription: None, group: None, names: Vec::new(), target: Target::Subscriptions };
        if !take(&mut rest, "subscriptions") {
            return None;
        }
        let Some(subscription) = next(&mut rest) else { return Some(found) };
        found.subscription = Some(subscription);
        found.target = Target::Subscription;
        if take(&mut rest, "resourceGroups") {
            found.target = Target::Groups;
            let Some(group) = next(&mut rest) else { return Some(found) };
            found.group = Some(group);
            found.target = Target::Group;
        }
        if rest.len() >= 2 && is(rest[0], "providers") && is(rest[1], PROVIDER) {
            rest.drain(..2);
            for level in Level::ALL {
                if !take(&mut rest, level.collection()) {
                    break;
                }
                found.target = Target::Children(level);
                let Some(name) = next(&mut rest) else { return Some(found) };
                found.names.push(name);
                found.target = Target::Resource;
            }
            if found.names.is_empty() {
                return None;
            }
        }
        match rest.as_slice() {
            [] => Some(found),
            [providers, provider, kind, more @ ..]
                if is(providers, "providers") && is(provider, AUTHORIZATION) =>
            {
                let id = match more {
                    [] => None,
                    [id] => Some((*id).to_owned()),
                    _ => return None,
                };
                found.target = match (kind.to_ascii_lowercase().as_str(), id) {
                    ("roleassignments", None) => Target::RoleAssignments,
                    ("roleassignments", Some(id)) => Target::RoleAssignment(id),
                    ("roledefinitions", None) => Target::RoleDefinitions,
                    ("roledefinitions", Some(id)) => Target::RoleDefinition(id),
                    _ => return None,
                };
                Some(found)
            }
            _ => None,
        }
    }

    /// The type of what is spoken of, as messages have it.
    pub(super) fn kind(&self) -> &'static str {
        let named = match &self.target {
            Target::Children(level) => Some(*level),
            _ => self.names.len().checked_sub(1).map(|last| Level::ALL[last]),
        };
        named.map_or("subscriptions", Level::collection)
    }
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

fn take(rest: &mut Vec<&str>, word: &str) -> bool {
    let is_next = rest.first().is_some_and(|segment| is(segment, word));
    if is_next {
        rest.remove(0);
    }
    is_next
}

fn next(rest: &mut Vec<&str>) -> Option<String> {
    if rest.is_empty() { None } else { Some(rest.remove(0).to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_understood_or_refused() {
        let base = format!("/subscriptions/s/resourcegroups/rg/providers/{}", PROVIDER.to_lowercase());
        let target = |path: String| Path::parse(&path).map(|path| (path.names.len(), path.target));
        let rows = [
            ("/subscriptions".to_owned(), Some((0, Target::Subscriptions))),
            ("/subscriptions/s/".to_owned(), Some((0, Target::Subscription))),
            ("/subscriptions/s/resourceGroups".to_owned(), Some((0, Target::Groups))),
            (format!("{base}/accounts"), Some((0, Target::Children(Level::Account)))),
            (format!("{base}/accounts/a"), Some((1, Target::Resource))),
            (format!("{base}/Accounts/a/workspaces"), Some((1, Target::Children(Level::Workspace)))),
            (format!("{base}/accounts/a/workspaces/w/projects/p"), Some((3, Target::Resource))),
            (
                format!("{base}/accounts/a/providers/Microsoft.Authorization/roleAssignments/x"),
                Some((1, Target::RoleAssignment("x".to_owned()))),
            ),
            (
                "/subscriptions/s/providers/microsoft.authorization/roleDefinitions".to_owned(),
                Some((0, Target::RoleDefinitions)),
            ),
            (base.clone(), None),
            (format!("{base}/accounts/a/workspaces/w/projects/p/runs"), None),
            (format!("{base}/workspaces/w"), None),
            ("/elsewhere".to_owned(), None),
        ];
        for (path, expected) in rows {
            assert_eq!(target(path.clone()), expected, "{path}");
        }
        let decoded = Path::parse(&format!("{base}/accounts/a%2Fb")).expect("a path");
        assert_eq!((decoded.group.as_deref(), decoded.names), (Some("rg"), vec!["a/b".to_owned()]));
    }
}
