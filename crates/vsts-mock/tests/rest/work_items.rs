//! Work items by REST: made, changed, linked, queried for, commented on and deleted; and who may do that.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Reply, Site, ZEROS, add, each};

const WIT: &str = "/acme/iris/_apis/wit";

fn set(field: &str, value: impl Into<Value>) -> Value {
    json!({ "op": "add", "path": format!("/fields/{field}"), "value": value.into() })
}

async fn make(site: &Site, kind: &str, patch: Value) -> Value {
    site.post(&format!("{WIT}/workitems/${kind}?api-version=4.1"), "carolpat", &patch).await.expect(200)
}

async fn patch(site: &Site, id: i64, patch: Value) -> Reply {
    site.patch(&format!("{WIT}/workitems/{id}"), "carolpat", &patch).await
}

async fn get(site: &Site, path: &str) -> Value {
    site.get(&format!("{WIT}/{path}"), "carolpat").await.expect(200)
}

/// The numbers of the work items that a query finds.
async fn query(site: &Site, condition: &str) -> Vec<i64> {
    let query = format!("SELECT [System.Id] FROM WorkItems WHERE {condition} ORDER BY [System.Id]");
    let found = site.post(&format!("{WIT}/wiql"), "carolpat", &json!({ "query": query })).await.expect(200);
    let items = found["workItems"].as_array().expect("a list").iter();
    items.map(|item| item["id"].as_i64().expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_item_lives_through_its_states() {
    for profile in [Profile::Permissive, Profile::Vsts, Profile::AzureDevops] {
        let site = Site::with_profile(profile).await;
        let made = site
            .post(
                &format!("{WIT}/workitems/$Bug?api-version=4.1"),
                "carolpat",
                &json!([set("System.Title", "It breaks"), set("System.Tags", "ui; Ui; urgent")]),
            )
            .await
            .expect(200);
        assert_eq!((&made["id"], &made["rev"]), (&json!(1), &json!(1)));
        let fields = &made["fields"];
        assert_eq!(fields["System.State"], "New");
        assert_eq!(fields["System.AreaPath"], "iris");
        assert_eq!(fields["System.Tags"], "ui; urgent");
        assert_eq!(fields["Microsoft.VSTS.Common.Severity"], "3 - Medium");
        assert_eq!(fields["System.CreatedBy"]["displayName"], "carol");
        let changed = json!([
            { "op": "test", "path": "/rev", "value": 1 },
            { "op": "replace", "path": "/fields/System.State", "value": "active" },
            set("System.AssignedTo", "alice@example.com"),
            set("Microsoft.VSTS.Common.Priority", 1),
            set("System.History", "I look at it."),
        ]);
        let path = format!("{WIT}/workitems/1?api-version=4.1");
        let changed = site.patch(&path, "carolpat", &changed).await.expect(200);
        assert_eq!(changed["rev"], 2);
        assert_eq!(changed["fields"]["System.State"], "Active");
        assert_eq!(changed["fields"]["System.Reason"], "Moved to state Active");
        assert_eq!(changed["fields"]["System.AssignedTo"]["uniqueName"], "alice@example.com");
        assert_eq!(changed["fields"]["System.CommentCount"], 1);
        let one = get(&site, "workitems/1?fields=System.Id,System.Title,Priority").await;
        assert_eq!(
            one["fields"],
            json!({ "System.Id": 1, "System.Title": "It breaks", "Microsoft.VSTS.Common.Priority": 1 })
        );
        let updates = get(&site, "workitems/1/updates").await;
        let state = &updates["value"][1]["fields"]["System.State"];
        assert_eq!(*state, json!({ "oldValue": "New", "newValue": "Active" }));
        assert_eq!(get(&site, "workitems/1/revisions/1").await["fields"]["System.State"], "New");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_refused_in_the_words_of_the_service() {
    let site = Site::with_profile(Profile::Permissive).await;
    make(&site, "Task", json!([set("System.Title", "One")])).await;
    let rows = [
        (
            json!([{ "op": "test", "path": "/rev", "value": 7 }, set("System.Title", "x")]),
            412,
            "VS403351: Test Operation for path /rev failed, value 1 was not equal to test value 7.",
        ),
        (
            json!([set("System.State", "Fixed")]),
            400,
            "The field 'State' contains the value 'Fixed' that is not in the list of supported values",
        ),
        (
            json!([{ "op": "remove", "path": "/fields/System.Title" }]),
            400,
            "TF401320: Rule Error for field Title. Error code: Required, InvalidEmpty.",
        ),
        (json!([set("System.Sprint", "x")]), 400, "TF51535: Cannot find field System.Sprint."),
        (
            json!([set("System.CreatedBy", "bob")]),
            400,
            "TF401320: Rule Error for field Created By. Error code: ReadOnly.",
        ),
        (
            json!([set("System.AssignedTo", "nobody")]),
            400,
            "The identity value 'nobody' for field 'Assigned To' is an unknown identity.",
        ),
        (
            json!([set("System.AreaPath", "rose\\x")]),
            400,
            "TF401347: Invalid tree name given for work item 1, field 'System.AreaPath'.",
        ),
        (json!([{ "op": "copy", "path": "/fields/System.Title" }]), 400, "The patch cannot copy"),
        (json!({}), 400, "You must pass a valid patch document in the body of the request."),
        (
            json!([{ "op": "add", "path": "/relations/-", "value": { "rel": "Parent", "url": "x" } }]),
            400,
            "Unrecognized relation type",
        ),
    ];
    for (body, status, message) in rows {
        let said = patch(&site, 1, body.clone()).await;
        let said = said.expect(status)["message"].as_str().expect("a message").to_owned();
        assert!(said.starts_with(message), "{body}: {said}");
    }
    assert_eq!(get(&site, "workitems/1").await["rev"], 1, "a patch happens as a whole or not");
    let absent =
        site.post(&format!("{WIT}/workitems/$Epos"), "carolpat", &json!([set("System.Title", "x")])).await;
    assert_eq!(absent.fails(404), "WorkItemTypeNotFoundException");
    let only = site
        .post(
            &format!("{WIT}/workitems/$Task?validateOnly=true"),
            "carolpat",
            &json!([set("System.Title", "x")]),
        )
        .await;
    only.expect(200);
    assert_eq!(
        site.get(&format!("{WIT}/workitems/2"), "carolpat").await.fails(404),
        "WorkItemUnauthorizedAccessException"
    );
    let said = site.get(&format!("{WIT}/classificationnodes"), "carolpat").await;
    assert_eq!(said.fails(501), "NotImplementedException");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_find_what_they_say() {
    let site = Site::with_profile(Profile::Permissive).await;
    let assigned = json!([
        set("System.Title", "Fix the door"),
        set("System.AssignedTo", "carol"),
        set("System.Tags", "red; big")
    ]);
    make(&site, "Bug", assigned).await;
    make(
        &site,
        "Task",
        json!([
            set("System.Title", "Paint the door"),
            set("System.State", "Closed"),
            set("System.AreaPath", "iris\\House")
        ]),
    )
    .await;
    make(
        &site,
        "User%20Story",
        json!([set("System.Title", "Live in it's house"), set("System.Tags", "Red")]),
    )
    .await;
    for (condition, expected) in [
        ("[System.TeamProject] = @project", &[1, 2, 3][..]),
        ("[System.TeamProject] = @project AND [Work Item Type] = 'bug'", &[1]),
        ("[System.State] <> 'Closed'", &[1, 3]),
        ("[System.Title] = 'Paint the door' OR [System.Id] IN (3, 9)", &[2, 3]),
        ("[System.Title] CONTAINS 'DOOR' AND NOT [System.State] = 'Closed'", &[1]),
        ("[System.Title] CONTAINS WORDS 'live hous*'", &[3]),
        ("[System.Title] = 'live in it''s house'", &[3]),
        ("[System.AssignedTo] = @Me", &[1]),
        ("[System.AssignedTo] = ''", &[2, 3]),
        ("[System.Tags] CONTAINS 'red'", &[1, 3]),
        ("[System.Tags] CONTAINS 're'", &[]),
        ("[System.AreaPath] UNDER 'iris'", &[1, 2, 3]),
        ("[System.AreaPath] = 'iris\\house'", &[2]),
        ("[System.CreatedDate] >= @today - 1 AND [System.Id] > 1", &[2, 3]),
        ("([System.Id] = 1 OR [System.Id] = 2) AND [System.WorkItemType] NOT IN ('Task')", &[1]),
        ("[System.Description] IS EMPTY AND [Priority] = 2 AND [System.Id] < 3", &[1, 2]),
    ] {
        assert_eq!(query(&site, condition).await, expected, "{condition}");
    }
    let ask = async |path: &str, query: &str| {
        site.post(&format!("{WIT}/{path}"), "carolpat", &json!({ "query": query })).await
    };
    let sorted = "SELECT [System.Id], [Title] FROM workitems ORDER BY [System.State] DESC, [System.Id] DESC";
    let found = ask("wiql?$top=2", sorted).await.expect(200);
    assert_eq!(
        found["workItems"].as_array().expect("a list").iter().map(|one| &one["id"]).collect::<Vec<_>>(),
        [3, 1]
    );
    assert_eq!(found["columns"][1]["referenceName"], "System.Title");
    let wrong = ask("wiql", "SELECT [System.Id] FROM workitems WHERE [System.Sprint] = 1").await;
    let wrong = wrong.expect(400);
    assert_eq!(
        wrong["message"],
        "TF51005: The query references a field that does not exist. The error is caused by «[System.Sprint]»."
    );
    let asked = json!({ "query": "SELECT [Id] FROM WorkItems WHERE [Team Project] = @project" });
    let without = site.post("/acme/_apis/wit/wiql", "carolpat", &asked).await;
    assert_eq!(without.fails(400), "VssPropertyValidationException");
    let asked = json!({ "query": sorted });
    let team = site.post("/acme/iris/iris%20Team/_apis/wit/wiql", "carolpat", &asked).await;
    assert_eq!(team.expect(200)["queryType"], "flat");
    let batch = json!({ "ids": [3, 9, 1], "fields": ["System.Title"], "errorPolicy": "omit" });
    let batch = site.post(&format!("{WIT}/workitemsbatch"), "carolpat", &batch).await.expect(200);
    assert_eq!(batch["value"][0]["fields"]["System.Title"], "Live in it's house");
    assert_eq!((&batch["count"], &batch["value"][1]), (&json!(3), &Value::Null));
    assert_eq!(get(&site, "workitems?ids=1,2&fields=System.State").await["count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_have_two_ends() {
    let site = Site::with_profile(Profile::Permissive).await;
    for title in ["Above", "Below"] {
        make(&site, "Task", json!([set("System.Title", title)])).await;
    }
    let link = |rel: &str, id: i64| {
        let url = format!("{}/acme/_apis/wit/workItems/{id}", site.server.url());
        let value = json!({ "rel": rel, "url": url, "attributes": { "comment": "why" } });
        json!([{ "op": "add", "path": "/relations/-", "value": value }])
    };
    let parent = "System.LinkTypes.Hierarchy-Reverse";
    let below = patch(&site, 2, link(parent, 1)).await.expect(200);
    assert_eq!(
        (&below["relations"][0]["rel"], &below["fields"]["System.Parent"]),
        (&json!(parent), &json!(1))
    );
    let above = get(&site, "workitems/1?$expand=relations").await;
    assert_eq!(above["relations"][0]["rel"], "System.LinkTypes.Hierarchy-Forward");
    assert_eq!(above["relations"][0]["attributes"]["name"], "Child");
    assert_eq!(patch(&site, 2, link(parent, 1)).await.fails(400), "RelationAlreadyExistsException");
    let circle = patch(&site, 1, link(parent, 2)).await.expect(400);
    assert!(circle["message"].as_str().expect("a text").starts_with("TF201035"), "{circle}");
    assert_eq!(
        patch(&site, 1, link("System.LinkTypes.Related", 9)).await.fails(404),
        "WorkItemUnauthorizedAccessException"
    );
    patch(&site, 2, json!([{ "op": "remove", "path": "/relations/0" }])).await.expect(200);
    assert!(get(&site, "workitems/1?$expand=relations").await["relations"].is_null());
    let hyper = json!([{ "op": "add", "path": "/relations/-", "value": { "rel": "Hyperlink", "url": "https://a.example" } }]);
    assert_eq!(patch(&site, 1, hyper).await.expect(200)["relations"][0]["url"], "https://a.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_requests_and_work_items_know_of_each_other() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tip = |pushed: Reply| {
        pushed.expect(201)["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
    };
    let master = tip(site.push("extra", "refs/heads/master", ZEROS, json!([add("/a.txt", "a\n")])).await);
    let topic = tip(site.push("extra", "refs/heads/topic", &master, json!([add("/b.txt", "b\n")])).await);
    for kind in ["Bug", "Task"] {
        make(&site, kind, json!([set("System.Title", kind)])).await;
    }
    let policy = json!({
        "isEnabled": true, "isBlocking": true, "type": { "id": "40e92b44-2fe1-4dd6-b3d8-74a9c21d0c6e" },
        "settings": { "scope": [{ "refName": "refs/heads/master", "matchKind": "Exact" }] },
    });
    site.post("/acme/iris/_apis/policy/configurations", "alicepat", &policy).await.expect(200);
    let pulls = "/acme/iris/_apis/git/repositories/extra/pullrequests";
    let body = |items: Value| {
        json!({
            "sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "Topic", "workItemRefs": items,
        })
    };
    let absent = site.post(pulls, "carolpat", &body(json!([{ "id": "9" }]))).await;
    assert_eq!(absent.fails(404), "WorkItemUnauthorizedAccessException");
    let made = site
        .post(pulls, "carolpat", &body(json!([{ "id": "1" }, { "id": null }, {}, { "id": "0" }])))
        .await
        .expect(201);
    let artifact = made["artifactId"].as_str().expect("a text");
    assert_eq!(each(&site.get(&format!("{pulls}/1/workitems"), "bobspat").await.expect(200), "id"), ["1"]);
    let linked = get(&site, "workitems/1?$expand=all").await;
    let url = linked["relations"][0]["url"].as_str().expect("a text");
    assert!(url.eq_ignore_ascii_case(artifact), "{url} {artifact}");
    assert_eq!(linked["relations"][0]["attributes"]["name"], "Pull Request");
    // The other way round, and back.
    let value = json!({ "rel": "ArtifactLink", "url": artifact, "attributes": { "name": "Pull Request" } });
    patch(&site, 2, json!([{ "op": "add", "path": "/relations/-", "value": value }])).await.expect(200);
    assert_eq!(
        each(&site.get(&format!("{pulls}/1/workitems"), "bobspat").await.expect(200), "id"),
        ["1", "2"]
    );
    let page =
        site.send("GET", "/acme/iris/_git/extra/pullrequest/1", "carolpat", "Accept: text/html\n", "").await;
    assert!(page.text().contains("/acme/iris/_workitems/edit/2"), "{}", page.text());
    patch(&site, 1, json!([{ "op": "remove", "path": "/relations/0" }])).await.expect(200);
    assert_eq!(each(&site.get(&format!("{pulls}/1/workitems"), "bobspat").await.expect(200), "id"), ["2"]);
    let done = json!({
        "status": "completed", "lastMergeSourceCommit": { "commitId": topic }, "completionOptions": { "transitionWorkItems": true },
    });
    site.patch(&format!("{pulls}/1"), "carolpat", &done).await.expect(200);
    assert_eq!(site.get(&format!("{pulls}/1"), "carolpat").await.expect(200)["status"], "completed");
    assert_eq!(get(&site, "workitems/2").await["fields"]["System.State"], "Closed");
    assert_eq!(get(&site, "workitems/1").await["fields"]["System.State"], "New", "it is linked no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_added_changed_and_deleted() {
    let site = Site::with_profile(Profile::Permissive).await;
    make(&site, "Task", json!([set("System.Title", "One")])).await;
    let all = format!("{WIT}/workItems/1/comments");
    let first = site.post(&all, "carolpat", &json!({ "text": "First." })).await.expect(200);
    let second = site
        .post(&format!("{all}?format=markdown"), "alicepat", &json!({ "text": "**Second**" }))
        .await
        .expect(200);
    assert_eq!((&first["id"], &second["format"]), (&json!(1), &json!("markdown")));
    let listed = site.get(&all, "bobspat").await.expect(200);
    assert_eq!((&listed["totalCount"], &listed["comments"][0]["id"]), (&json!(2), &json!(2)));
    let renewed = site.patch(&format!("{all}/1"), "carolpat", &json!({ "text": "1st" })).await.expect(200);
    assert_eq!((&renewed["text"], &renewed["version"]), (&json!("1st"), &json!(2)));
    site.patch(&format!("{all}/2"), "carolpat", &json!({ "text": "mine" })).await.expect(403);
    site.delete(&format!("{all}/1"), "carolpat").await.expect(204);
    assert_eq!(site.get(&all, "bobspat").await.expect(200)["count"], 1);
    assert_eq!(get(&site, "workitems/1").await["fields"]["System.CommentCount"], 1);
    site.get(&format!("{all}/1"), "bobspat").await.expect(404);
    let strict = Site::with_profile(Profile::AzureDevops).await;
    make(&strict, "Task", json!([set("System.Title", "One")])).await;
    let said = strict.get(&format!("{all}?api-version=7.1"), "carolpat").await;
    assert_eq!(said.fails(400), "VssInvalidPreviewVersionException");
    strict.get(&format!("{all}?api-version=7.1-preview.4"), "carolpat").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_comes_back_or_goes_for_good() {
    let site = Site::with_profile(Profile::Permissive).await;
    for title in ["One", "Two"] {
        make(&site, "Task", json!([set("System.Title", title)])).await;
    }
    let gone = site.delete(&format!("{WIT}/workitems/1"), "carolpat").await.expect(200);
    assert_eq!((&gone["id"], &gone["code"], &gone["name"]), (&json!(1), &json!(200), &json!("One")));
    site.get(&format!("{WIT}/workitems/1"), "carolpat").await.expect(404);
    assert_eq!(query(&site, "[System.Id] > 0").await, [2]);
    assert_eq!(get(&site, "recyclebin").await["count"], 1);
    let back = json!({ "isDeleted": false });
    site.patch(&format!("{WIT}/recyclebin/1"), "carolpat", &back).await.expect(200);
    assert_eq!(get(&site, "workitems/1").await["fields"]["System.Title"], "One");
    site.delete(&format!("{WIT}/workitems/2?destroy=true"), "carolpat").await.expect(403);
    site.delete(&format!("{WIT}/workitems/2?destroy=true"), "alicepat").await.expect(204);
    assert_eq!(
        make(&site, "Task", json!([set("System.Title", "Three")])).await["id"],
        3,
        "no number is given twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_belongs_to_the_project_reads_and_who_contributes_writes() {
    let site = Site::with_profile(Profile::Permissive).await;
    make(&site, "Task", json!([set("System.Title", "One")])).await;
    let one = format!("{WIT}/workitems/1");
    let new = json!([set("System.Title", "Two")]);
    for (token, reads, writes) in [
        ("alicepat", 200, 200),
        ("carolpat", 200, 200),
        ("bobspat", 200, 403),
        ("davespat", 404, 404),
        ("alice-reads", 403, 403),
        ("", 401, 401),
    ] {
        assert_eq!(site.get(&one, token).await.status, reads, "{token}");
        assert_eq!(site.patch(&one, token, &new).await.status, writes, "{token}");
        assert_eq!(site.post(&format!("{WIT}/workitems/$Task"), token, &new).await.status, writes, "{token}");
        assert_eq!(site.get(&format!("{WIT}/workitemtypes"), token).await.status, reads, "{token}");
    }
    let token = json!({ "displayName": "work", "scope": "vso.work", "validTo": null });
    let token = site.post("/acme/_apis/token/sessiontokens", "carolpat", &token).await.expect(200);
    let token = token["token"].as_str().expect("a token");
    assert_eq!(site.get(&one, token).await.status, 200);
    assert_eq!(site.patch(&one, token, &new).await.status, 403);
    let page = site.send("GET", "/acme/iris/_workitems", "bobspat", "Accept: text/html\n", "").await;
    assert!(page.text().contains("/acme/iris/_workitems/edit/1"), "{}", page.text());
    let page = site.send("GET", "/acme/iris/_workitems/edit/1", "bobspat", "Accept: text/html\n", "").await;
    assert!(page.text().contains("Two") && page.status == 200, "{}", page.text());
    let hidden =
        site.send("GET", "/acme/iris/_workitems/edit/1", "davespat", "Accept: text/html\n", "").await;
    assert_eq!(hidden.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_fields_are_described() {
    let site = Site::with_profile(Profile::Permissive).await;
    let names = each(&get(&site, "workitemtypes").await, "name");
    assert_eq!(names, ["Bug", "Epic", "Feature", "Issue", "Task", "Test Case", "User Story"]);
    let bug = get(&site, "workitemtypes/Bug").await;
    assert_eq!(bug["states"][3], json!({ "name": "Closed", "color": "339933", "category": "Completed" }));
    assert_eq!(each(&get(&site, "workitemtypes/User%20Story/states").await, "name").len(), 5);
    let severity = get(&site, "workitemtypes/Bug/fields/Microsoft.VSTS.Common.Severity").await;
    assert_eq!(severity["allowedValues"][0], "1 - Critical");
    assert_eq!(get(&site, "fields/System.AssignedTo").await["isIdentity"], true);
    assert!(each(&get(&site, "fields").await, "referenceName").contains(&"System.Title".to_owned()));
    let types = site.get("/acme/_apis/wit/workitemrelationtypes", "bobspat").await.expect(200);
    assert!(each(&types, "referenceName").contains(&"ArtifactLink".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_has_work_items_and_a_reset_brings_them_back() {
    let seed = r#"
        [[users]]
        name = "alice"
        tokens = [{ name = "ci", value = "alicepat" }]
        [[accounts]]
        name = "acme"
        owner = "alice"
        [[accounts.projects]]
        name = "iris"
        [[accounts.projects.work_items]]
        type = "Bug"
        title = "It breaks"
        state = "Active"
        assigned_to = "alice"
        tags = ["red"]
        comments = ["Look."]
        fields = { "Microsoft.VSTS.Common.Priority" = 1 }
    "#;
    let mut site = Site::start(tempfile::TempDir::new().expect("a folder"), seed, |builder| builder).await;
    let one = format!("{WIT}/workitems/1");
    let before = site.get(&one, "alicepat").await.expect(200);
    assert_eq!(before["fields"]["System.State"], "Active");
    assert_eq!(before["fields"]["Microsoft.VSTS.Common.Priority"], 1);
    assert_eq!(before["fields"]["System.CommentCount"], 1);
    site.delete(&format!("{WIT}/workitems/1?destroy=true"), "alicepat").await.expect(204);
    site.server.reset().await.expect("it is reset");
    let after = site.get(&one, "alicepat").await.expect(200);
    assert_eq!(after["fields"]["System.Title"], "It breaks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_several_lines_may_be_markdown() {
    let site = Site::with_profile(Profile::Permissive).await;
    let format = |field: &str, value: &str| json!({ "op": "add", "path": format!("/multilineFieldsFormat/{field}"), "value": value });
    let all = json!([
        set("System.Title", "Dashboard"),
        set("System.Description", "It **grows**.\n\n- one\n"),
        format("System.Description", "Markdown"),
    ]);
    let made = make(&site, "Issue", all).await;
    assert_eq!(made["multilineFieldsFormat"], json!({ "System.Description": "markdown" }));
    assert_eq!(get(&site, "workitems/1").await["multilineFieldsFormat"], made["multilineFieldsFormat"]);
    let page = site.send("GET", "/acme/iris/_workitems/edit/1", "carolpat", "Accept: text/html\n", "").await;
    assert!(page.text().contains("<strong>grows</strong>"), "{}", page.text());
    for (field, value, said) in [
        ("System.Description", "Html", "cannot be HTML again"),
        ("System.Title", "Markdown", "has no format"),
        ("System.Description", "Rst", "has to be one of"),
    ] {
        let refused = patch(&site, 1, json!([format(field, value)])).await;
        assert_eq!(refused.status, 400, "{field}");
        assert!(refused.text().contains(said), "{}", refused.text());
    }
    make(&site, "Issue", json!([set("System.Title", "Plain"), format("System.Description", "Html")])).await;
    assert!(get(&site, "workitems/2").await["multilineFieldsFormat"].is_null());
}
