//! Resources that the recordings of the service's table lack: their ids, names, routes and versions are those by which the SDKs
//! find them.

use super::Location;

/// The highest and the released version of a table.
#[derive(Clone, Copy)]
pub(super) struct Versions {
    pub(super) released: &'static str,
    pub(super) max: &'static str,
}

/// A resource: id, name, route, its version, and whether all of its versions are previews.
type Row = (&'static str, &'static str, &'static str, u16, bool);

/// Service hooks, which are at the account's own address.
const HOOKS: [Row; 6] = [
    (
        "fc50d02a-849f-41fb-8af1-0a5216103269",
        "subscriptions",
        "_apis/{area}/{resource}/{subscriptionId}",
        1,
        false,
    ),
    ("1e83a210-5b53-43bc-90f0-d476a4e5d731", "publishers", "_apis/{area}/{resource}/{publisherId}", 1, false),
    (
        "db4777cd-8e08-4a84-8ba3-c974ea033718",
        "eventTypes",
        "_apis/{area}/publishers/{publisherId}/{resource}/{eventTypeId}",
        1,
        false,
    ),
    ("4301c514-5f34-4f5d-a145-f0ea7b5b7d19", "consumers", "_apis/{area}/{resource}/{consumerId}", 1, false),
    (
        "c3428e90-7a69-4194-8ed8-0f153185ee0d",
        "actions",
        "_apis/{area}/consumers/{consumerId}/{resource}/{consumerActionId}",
        1,
        false,
    ),
    (
        "0c62d343-21b0-4732-997b-017fde84dc28",
        "notifications",
        "_apis/{area}/subscriptions/{subscriptionId}/{resource}/{notificationId}",
        1,
        false,
    ),
];

/// The users of an account with their licences.
const ENTITLEMENTS: [Row; 2] = [
    ("387f832c-dbf2-4643-88e9-c1aa94dbb737", "UserEntitlements", "_apis/{resource}", 5, true),
    ("8480c6eb-ce60-47e9-88df-eca3c801638b", "UserEntitlements", "_apis/{resource}/{userId}", 5, true),
];

/// Work items, and their neighbours that are not here.
const WORK: [Row; 22] = [
    ("72c7ddf8-2cdc-4f60-90cd-ab71c14a399b", "workItems", "{project}/_apis/{area}/{resource}/{id}", 3, false),
    (
        "62d3d110-0047-428c-ad3c-4fe872c91c74",
        "workItems",
        "{project}/_apis/{area}/{resource}/${type}",
        3,
        false,
    ),
    ("908509b6-4248-4475-a1cd-829139ba419f", "workItemsBatch", "{project}/_apis/{area}/{resource}", 1, false),
    ("1a9c53f7-f243-4447-b110-35ef023636e4", "wiql", "{project}/{team}/_apis/{area}/{resource}", 2, false),
    (
        "a02355f5-5f8a-4671-8e32-369d23aac83d",
        "wiql",
        "{project}/{team}/_apis/{area}/{resource}/{id}",
        2,
        false,
    ),
    (
        "7c8d7a76-4a09-43e8-b5df-bd792f4ac6aa",
        "workItemTypes",
        "{project}/_apis/{area}/{resource}/{type}",
        2,
        false,
    ),
    (
        "7c9d7a76-4a09-43e8-b5df-bd792f4ac6aa",
        "workItemTypeStates",
        "{project}/_apis/{area}/workItemTypes/{type}/states",
        1,
        false,
    ),
    (
        "bd293ce5-3d25-4192-8e67-e8092e879efb",
        "workItemTypesField",
        "{project}/_apis/{area}/workItemTypes/{type}/fields/{field}",
        3,
        false,
    ),
    (
        "9b9f5734-36c8-415e-ba67-f83b45c31408",
        "workItemTypeCategories",
        "{project}/_apis/{area}/{resource}/{category}",
        2,
        false,
    ),
    (
        "b51fd764-e5c2-4b9b-aaf7-3395cf4bdd94",
        "fields",
        "{project}/_apis/{area}/{resource}/{fieldNameOrRefName}",
        3,
        false,
    ),
    (
        "608aac0a-32e1-4493-a863-b9cf4566d257",
        "comments",
        "{project}/_apis/{area}/workItems/{workItemId}/{resource}/{commentId}",
        4,
        true,
    ),
    (
        "a00c85a5-80fa-4565-99c3-bcd2181434bb",
        "revisions",
        "{project}/_apis/{area}/workItems/{id}/{resource}/{revisionNumber}",
        3,
        false,
    ),
    (
        "6570bf97-d02c-4a91-8d93-3abe9895b1a9",
        "updates",
        "{project}/_apis/{area}/workItems/{id}/{resource}/{updateNumber}",
        4,
        false,
    ),
    (
        "b70d8d39-926c-465e-b927-b1bf0e5ca0e0",
        "recyclebin",
        "{project}/_apis/{area}/{resource}/{id}",
        2,
        false,
    ),
    (
        "f5d33bc9-5b49-4a3c-a9bd-f3cd46dd2165",
        "workItemRelationTypes",
        "_apis/{area}/{resource}/{relation}",
        2,
        false,
    ),
    ("1a31de40-e318-41cd-a6c6-881077df52e3", "artifactLinkTypes", "_apis/{area}/{resource}", 1, false),
    (
        "a9a9aa7a-8c09-44d3-ad1b-46e855c1e3d3",
        "artifactUriQuery",
        "{project}/_apis/{area}/{resource}",
        1,
        false,
    ),
    (
        "e07b5fa4-1499-494d-a496-64b860fd64ff",
        "attachments",
        "{project}/_apis/{area}/{resource}/{id}",
        3,
        false,
    ),
    (
        "5a172953-1b41-49d3-840a-33f79c3ce89f",
        "classificationNodes",
        "{project}/_apis/{area}/{resource}/{structureGroup}/{*path}",
        2,
        false,
    ),
    (
        "a70579d1-f53a-48ee-a5be-7be8659023b9",
        "classificationNodes",
        "{project}/_apis/{area}/{resource}",
        2,
        false,
    ),
    (
        "a67d190c-c41f-424b-814d-0e906f659301",
        "queries",
        "{project}/_apis/{area}/{resource}/{*query}",
        2,
        false,
    ),
    (
        "bc15bc60-e7a8-43cb-ab01-2106be3983a1",
        "tags",
        "{project}/_apis/{area}/{resource}/{tagIdOrName}",
        1,
        false,
    ),
];

/// The resources that a table lacks.
pub(super) fn locations(versions: Versions) -> Vec<Location> {
    let Versions { released, max } = versions;
    let entitlements = ENTITLEMENTS.iter().map(|row| ("MemberEntitlementManagement", row));
    let rows = HOOKS.iter().map(|row| ("hooks", row)).chain(WORK.iter().map(|row| ("wit", row)));
    let rows = rows.chain(entitlements);
    let location = |(area, (id, name, route, version, is_preview)): (&str, &Row)| Location {
        id: (*id).to_owned(),
        area: area.to_owned(),
        resource_name: (*name).to_owned(),
        route_template: (*route).to_owned(),
        resource_version: *version,
        min_version: "1.0".to_owned(),
        max_version: max.to_owned(),
        released_version: if *is_preview { "0.0" } else { released }.to_owned(),
    };
    rows.map(location).collect()
}
