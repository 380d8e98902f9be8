//! The table of all addresses: which resources there are, at which routes, in which versions.
//!
//! It is data, recorded from the live service in 2018 and 2025, and everything that has to do with addresses comes from
//! it: what `OPTIONS _apis` answers, which resource a request is about, which versions it may be asked in. Clients
//! build every URL from these rows.

mod unrecorded;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::unrecorded::Versions;
use super::version::{Supported, Version};
use crate::config::Profile;

/// The name of the area of profiles.
const PROFILES: &str = "Profile";

/// The id of the list of accounts.
const ACCOUNTS: &str = "229a6a53-b428-4ffb-a835-e8f36b5b4b1e";

const DATA: &str = include_str!("../../../../data/vsts-resource-locations.json");

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let recorded: Recorded = serde_json::from_str(DATA).expect("the recorded tables are well-formed");
    let mut new = recorded.new;
    // The list of 2025 lacks the area of profiles, without which clients do not find them.
    let is_missing =
        |area: &&Area| area.name == PROFILES && new.resource_areas.iter().all(|one| one.id != area.id);
    let missing: Vec<Area> = recorded.old.resource_areas.iter().filter(is_missing).cloned().collect();
    new.resource_areas.extend(missing);
    // The recording calls the list of accounts a preview; the documentation of 7.1 does not, and clients ask without the flag.
    for accounts in new.locations.iter_mut().filter(|one| one.id == ACCOUNTS) {
        "7.1".clone_into(&mut accounts.released_version);
    }
    let mut old = recorded.old;
    old.locations.extend(unrecorded::locations(Versions { released: "4.1", max: "5.0" }));
    let versions = Versions { released: "7.1", max: "7.2" };
    new.locations.extend(unrecorded::locations(versions));
    Tables { old: old.into(), new: new.into() }
});

#[derive(Deserialize)]
struct Recorded {
    #[serde(rename = "2018")]
    old: RecordedTable,
    #[serde(rename = "2025")]
    new: RecordedTable,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordedTable {
    locations: Vec<Location>,
    resource_areas: Vec<Area>,
}

struct Tables {
    old: Table,
    new: Table,
}

/// One resource's address, as clients are told.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    pub(super) id: String,
    pub(super) area: String,
    pub(super) resource_name: String,
    pub(super) route_template: String,
    pub(super) resource_version: u16,
    pub(super) min_version: String,
    pub(super) max_version: String,
    pub(super) released_version: String,
}

impl Location {
    /// `area/resource`, lower case.
    fn resource(&self) -> String {
        format!("{}/{}", self.area, self.resource_name).to_lowercase()
    }
}

/// A group of resources; clients ask where each is served.
#[derive(Clone, Debug, Deserialize)]
struct Area {
    id: String,
    name: String,
}

struct Table {
    locations: Vec<(Location, Template)>,
    areas: Vec<Area>,
}

impl From<RecordedTable> for Table {
    fn from(recorded: RecordedTable) -> Self {
        let with_template = |location: Location| {
            let template = Template::of(&location);
            (location, template)
        };
        let locations = recorded.locations.into_iter().map(with_template).collect();
        Self { locations, areas: recorded.resource_areas }
    }
}

/// A route's form below `_apis`.
struct Template {
    takes_project: bool,
    segments: Vec<Segment>,
}

enum Segment {
    Word(String),
    Value(String),
    /// A value after a dollar sign, which tells it from others.
    Marked(String),
    /// Everything that is left, slashes and all.
    Rest(String),
}

impl Template {
    fn of(location: &Location) -> Self {
        let (before, after) =
            location.route_template.split_once("_apis").unwrap_or(("", &location.route_template));
        let segments = after.split('/').filter(|segment| !segment.is_empty()).map(|segment| {
            let (is_marked, name) = match segment.strip_prefix('$') {
                Some(name) => (true, name),
                None => (false, segment),
            };
            match name.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if is_marked => Segment::Marked(name.to_owned()),
                None => Segment::Word(segment.to_lowercase()),
                Some("area") => Segment::Word(location.area.to_lowercase()),
                Some("resource") => Segment::Word(location.resource_name.to_lowercase()),
                Some(name) => match name.strip_prefix('*') {
                    Some(name) => Segment::Rest(name.to_owned()),
                    None => Segment::Value(name.to_owned()),
                },
            }
        });
        Self { takes_project: before.contains("{project}"), segments: segments.collect() }
    }

    /// The values in a path of this form, and how many words of it are the template's own.
    fn read(&self, path: &[String]) -> Option<(HashMap<&str, String>, usize)> {
        let (mut values, mut words) = (HashMap::new(), 0);
        let mut left = path;
        for segment in &self.segments {
            match (segment, left.split_first()) {
                (Segment::Word(word), Some((first, rest))) if first.to_lowercase() == *word => {
                    words += 1;
                    left = rest;
                }
                (Segment::Marked(name), Some((first, rest))) if let Some(value) = first.strip_prefix('$') => {
                    values.insert(name.as_str(), value.to_owned());
                    words += 1;
                    left = rest;
                }
                (Segment::Word(_) | Segment::Marked(_), _) => return None,
                // What is not given at the end is left out, with its slash.
                (Segment::Value(_) | Segment::Rest(_), None) => {}
                (Segment::Value(name), Some((first, rest))) => {
                    values.insert(name.as_str(), first.clone());
                    left = rest;
                }
                (Segment::Rest(name), Some(_)) => {
                    values.insert(name.as_str(), left.join("/"));
                    left = &[];
                }
            }
        }
        left.is_empty().then_some((values, words))
    }
}

/// The values in a path, by their names in the template.
pub(super) type Values = HashMap<&'static str, String>;

/// The resource that a request is about.
pub(super) struct Route {
    location: &'static Location,
    pub(super) values: Values,
    pub(super) supported: Supported,
}

impl Route {
    /// The name of the resource: `area/resource`, lower case.
    pub(super) fn resource(&self) -> String {
        self.location.resource()
    }

    /// The area of the resource, lower case.
    pub(super) fn area(&self) -> String {
        self.location.area.to_lowercase()
    }

    /// The project, where the path is of the legacy form that has it after the area.
    pub(super) fn project(&self) -> Option<&str> {
        self.location.route_template.starts_with("_apis/{area}/{projectId}").then_some(())?;
        self.values.get("projectId").map(String::as_str)
    }
}

fn shown_by(profile: Profile) -> &'static Table {
    match profile {
        Profile::Permissive | Profile::Vsts => &TABLES.old,
        Profile::AzureDevops => &TABLES.new,
    }
}

/// Returns whether the service has an area whose resources it lists at another host only, as it does for search and packages.
pub(super) fn is_of_another_host(profile: Profile, area: &str) -> bool {
    let table = shown_by(profile);
    let is_listed = table.areas.iter().any(|one| one.name.eq_ignore_ascii_case(area));
    is_listed && table.locations.iter().all(|(one, _)| !one.area.eq_ignore_ascii_case(area))
}

/// Finds the resource of a path below `_apis`. `Permissive` knows the resources and versions of both tables.
pub(super) fn find(profile: Profile, has_project: bool, path: &[String]) -> Option<Route> {
    let find = |table: &'static Table| {
        table
            .locations
            .iter()
            .filter(|(_, template)| template.takes_project || !has_project)
            .filter_map(|(location, template)| Some((location, template, template.read(path)?)))
            // The one with the most words of its own; of those, the one that leaves the fewest values out.
            .max_by_key(|(location, template, (_, words))| {
                (*words, Reverse(template.segments.len()), Reverse(location.id.as_str()))
            })
            .map(|(location, _, (values, _))| (location, values))
    };
    let versions = |location: &Location| {
        (Version::known(&location.max_version), Version::known(&location.released_version))
    };
    let shown = find(shown_by(profile));
    let other = if profile == Profile::Permissive { find(&TABLES.new) } else { None };
    let (mut max, mut released) = (Version::default(), Version::default());
    for (location, _) in [&shown, &other].into_iter().flatten() {
        let (its_max, its_released) = versions(location);
        (max, released) = (max.max(its_max), released.max(its_released));
    }
    let (location, values) = shown.or(other)?;
    let supported = Supported { max, released, resource_version: location.resource_version };
    Some(Route { location, values, supported })
}

/// The answer to `OPTIONS _apis`, about one area or all.
pub(super) fn options(profile: Profile, area: Option<&str>) -> Value {
    let rows: Vec<&Location> = shown_by(profile)
        .locations
        .iter()
        .map(|(location, _)| location)
        .filter(|location| area.is_none_or(|area| location.area.eq_ignore_ascii_case(area)))
        .collect();
    json!({ "count": rows.len(), "value": rows })
}

/// The address of each area, or of one: all are served here.
pub(super) fn areas(profile: Profile, base: &str, id: Option<&str>) -> Value {
    let shown = |area: &Area| json!({ "id": area.id, "name": area.name, "locationUrl": format!("{base}/") });
    let areas = &shown_by(profile).areas;
    match id {
        Some(id) => areas.iter().find(|area| area.id.eq_ignore_ascii_case(id)).map_or(Value::Null, shown),
        None => super::shape::list(areas.iter().map(shown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn paths_find_their_resources() {
        let rows = [
            (false, "projects", "core/projects", "projectId", None),
            (false, "Projects/Iris", "core/projects", "projectId", Some("Iris")),
            (false, "projects/Iris/teams", "core/teams", "projectId", Some("Iris")),
            (true, "git/repositories", "git/repositories", "repositoryId", None),
            (false, "git/repositories/x", "git/repositories", "repositoryId", Some("x")),
            (false, "git/iris/repositories/x", "git/repositories", "projectId", Some("iris")),
            (true, "git/repositories/x/refs/heads/A/b", "git/refs", "filter", Some("heads/A/b")),
            (true, "git/repositories/x/pushes/7/commits", "git/commits", "pushId", Some("7")),
            (true, "git/repositories/x/commits/ab/changes", "git/changes", "commitId", Some("ab")),
            (true, "git/repositories/x/stats/branches", "git/branchstats", "name", None),
            (true, "git/repositories/x/stats/branches/a/b", "git/branchstats", "name", Some("a/b")),
            (true, "git/repositories/x/diffs/commits", "git/commitdiffs", "repositoryId", Some("x")),
            (true, "git/recycleBin/repositories/x", "git/recyclebinrepositories", "repositoryId", Some("x")),
            (false, "operations/1", "operations/operations", "operationId", Some("1")),
            (false, "Token/SessionTokens/1", "token/sessiontokens", "authorizationId", Some("1")),
            (false, "connectionData", "location/connectiondata", "areaId", None),
            (false, "ResourceAreas/1", "location/resourceareas", "areaId", Some("1")),
            (true, "wit/workitems/$User Story", "wit/workitems", "type", Some("User Story")),
            (false, "wit/workitems/7", "wit/workitems", "id", Some("7")),
            (true, "wit/wiql", "wit/wiql", "id", None),
            (true, "wit/workItems/7/comments", "wit/comments", "workItemId", Some("7")),
            (true, "wit/workItemTypes/Bug/states", "wit/workitemtypestates", "type", Some("Bug")),
        ];
        for profile in [Profile::Permissive, Profile::Vsts, Profile::AzureDevops] {
            for (has_project, text, resource, name, value) in rows {
                let route = find(profile, has_project, &path(text)).expect(text);
                assert_eq!(
                    (route.resource().as_str(), route.values.get(name).map(String::as_str)),
                    (resource, value),
                    "{text}"
                );
            }
        }
        assert!(find(Profile::Permissive, true, &path("projects")).is_none(), "projects are no project's");
        assert!(find(Profile::Permissive, false, &path("unheard/of")).is_none());
    }

    #[test]
    fn what_clients_match_exactly_is_lower_case() {
        for profile in [Profile::Vsts, Profile::AzureDevops] {
            for row in options(profile, None)["value"].as_array().expect("a list") {
                let id = row["id"].as_str().expect("a string");
                assert_eq!(id, id.to_lowercase());
            }
            assert!(options(profile, Some("GIT"))["count"].as_u64() > Some(10));
        }
    }
}
