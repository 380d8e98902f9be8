//! Service hooks for work items: each change is told once, through whatever door it came.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::hooks::{Sink, body, subscribe};
use crate::site::{Site, ZEROS, add};

const WIT: &str = "/acme/iris/_apis/wit";

fn set(field: &str, value: &str) -> Value {
    json!({ "op": "add", "path": format!("/fields/{field}"), "value": value })
}

async fn make(site: &Site, kind: &str, steps: Value) -> i64 {
    let path = format!("{WIT}/workitems/${kind}?api-version=7.1");
    let made = site.post(&path, "carolpat", &steps).await.expect(200);
    made["id"].as_i64().expect("a number")
}

async fn change(site: &Site, id: i64, steps: Value) {
    site.patch(&format!("{WIT}/workitems/{id}?api-version=7.1"), "carolpat", &steps).await.expect(200);
}

/// The type of an event, and the number of the item that it is about.
fn told(event: &Value) -> (String, i64) {
    let resource = &event["resource"];
    let id = resource["workItemId"].as_i64().or_else(|| resource["id"].as_i64());
    (event["eventType"].as_str().expect("a type").to_owned(), id.expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_item_is_told_of_from_its_creation_to_its_return() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let sink = Sink::start(Vec::new());
    for kind in ["created", "updated", "commented", "deleted", "restored"] {
        subscribe(&site, &sink.url, &format!("workitem.{kind}"), json!({})).await;
    }
    let steps = json!([set("System.Title", "It <breaks>"), set("System.AssignedTo", "alice")]);
    let id = make(&site, "Bug", steps).await;
    let (_, event) = sink.next();
    assert_eq!(told(&event), ("workitem.created".to_owned(), id));
    let page = format!("{}/acme/iris/_workitems/edit/{id}", site.server.url());
    assert_eq!(event["message"]["text"], format!("Bug #{id} (It <breaks>) created by carol\r\n({page})"));
    let html = format!("<a href=\"{page}\">Bug #{id}</a> (It &lt;breaks&gt;) created by carol");
    assert_eq!(event["message"]["html"], html);
    assert!(event["detailedMessage"]["text"].as_str().is_some_and(|text| text.contains("- State: New")));
    let fields = &event["resource"]["fields"];
    assert_eq!((&fields["System.State"], &fields["System.Title"]), (&json!("New"), &json!("It <breaks>")));
    assert_eq!(fields["System.AssignedTo"], "alice <alice@example.com>");
    assert_eq!(event["resourceVersion"], "1.0");

    change(&site, id, json!([set("System.State", "Active")])).await;
    let (_, event) = sink.next();
    assert_eq!(told(&event), ("workitem.updated".to_owned(), id));
    let resource = &event["resource"];
    assert_eq!((&resource["id"], &resource["rev"]), (&json!(2), &json!(2)));
    assert_eq!(resource["fields"]["System.State"], json!({ "oldValue": "New", "newValue": "Active" }));
    assert_eq!(resource["revision"]["fields"]["System.State"], "Active");
    assert_eq!(resource["revisedBy"]["displayName"], "carol");
    let text = event["message"]["text"].as_str().expect("a text");
    assert!(text.starts_with(&format!("Bug #{id} (It <breaks>) transitioned to Active by carol")), "{text}");

    // A comment makes a revision, too.
    let comment = json!({ "text": "Look at <b>it</b>." });
    let path = format!("{WIT}/workItems/{id}/comments?api-version=7.1-preview.4");
    site.post(&path, "alicepat", &comment).await.expect(200);
    let events = sink.some(2);
    assert_eq!(told(&events[0]), ("workitem.commented".to_owned(), id));
    assert_eq!(events[0]["resource"]["fields"]["System.History"], "Look at <b>it</b>.");
    assert_eq!(events[0]["resource"]["commentVersionRef"]["version"], 1);
    assert_eq!(told(&events[1]), ("workitem.updated".to_owned(), id));
    let changed = &events[1]["resource"]["fields"];
    assert_eq!(changed["System.History"], json!({ "newValue": "Look at <b>it</b>." }));
    assert_eq!(changed["System.CommentCount"], json!({ "oldValue": 0, "newValue": 1 }));

    site.delete(&format!("{WIT}/workitems/{id}?api-version=7.1"), "carolpat").await.expect(200);
    let (_, event) = sink.next();
    assert_eq!(told(&event), ("workitem.deleted".to_owned(), id));
    assert_eq!(event["resource"]["fields"]["System.Title"], "It <breaks>");
    let url = event["resource"]["url"].as_str().expect("a URL");
    assert!(url.ends_with(&format!("/_apis/wit/recyclebin/{id}")), "{url}");
    assert_eq!(event["message"]["text"], format!("Bug #{id} (It <breaks>) deleted by carol"));
    let back = json!({ "isDeleted": false });
    site.patch(&format!("{WIT}/recyclebin/{id}?api-version=7.1"), "alicepat", &back).await.expect(200);
    let (_, event) = sink.next();
    assert_eq!(told(&event), ("workitem.restored".to_owned(), id));
    let text = event["message"]["text"].as_str().expect("a text");
    assert!(text.contains("restored by alice"), "{text}");

    // Nothing has been told twice.
    let other = make(&site, "Task", json!([set("System.Title", "Other")])).await;
    assert_eq!(told(&sink.next().1), ("workitem.created".to_owned(), other));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_let_pass_what_a_subscription_asks_for() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let sink = Sink::start(Vec::new());
    let projects = site.get("/acme/_apis/projects?api-version=4.1", "alicepat").await.expect(200);
    let project = projects["value"][0]["id"].clone();
    let of = |mut filters: Value| {
        filters["projectId"] = project.clone();
        filters
    };
    let area = of(json!({ "areaPath": "iris\\Train", "workItemType": "bug" }));
    subscribe(&site, &sink.url, "workitem.created", area).await;
    let changed = of(json!({ "changedFields": "System.State, System.Title", "tag": "urgent" }));
    subscribe(&site, &sink.url, "workitem.updated", changed).await;
    subscribe(
        &site,
        &sink.url,
        "workitem.updated",
        of(json!({ "linksChanged": "true", "workItemType": "Task" })),
    )
    .await;
    subscribe(&site, &sink.url, "workitem.commented", of(json!({ "commentPattern": "LGTM" }))).await;

    let urgent = set("System.Tags", "urgent; ui");
    make(&site, "Bug", json!([set("System.Title", "At the top")])).await;
    make(&site, "Bug", json!([set("System.Title", "Beside"), set("System.AreaPath", "iris\\Training")]))
        .await;
    make(&site, "Task", json!([set("System.Title", "No bug"), set("System.AreaPath", "iris\\Train")])).await;
    let steps = json!([set("System.Title", "Below"), set("System.AreaPath", "iris\\train\\loss"), urgent]);
    let below = make(&site, "Bug", steps).await;
    assert_eq!(told(&sink.next().1), ("workitem.created".to_owned(), below));

    change(&site, 1, json!([set("System.State", "Active")])).await;
    change(&site, below, json!([set("System.AssignedTo", "alice")])).await;
    change(&site, below, json!([set("System.State", "Active")])).await;
    let (_, event) = sink.next();
    assert_eq!((told(&event).1, &event["resource"]["rev"]), (below, &json!(3)));

    // The other end of a link is told of as well.
    let url = format!("{}/acme/_apis/wit/workItems/3", site.server.url());
    let link = json!({ "rel": "System.LinkTypes.Hierarchy-Forward", "url": url });
    change(&site, below, json!([{ "op": "add", "path": "/relations/-", "value": link }])).await;
    let (_, event) = sink.next();
    assert_eq!(told(&event), ("workitem.updated".to_owned(), 3));
    let added = &event["resource"]["relations"]["added"][0];
    assert_eq!(added["rel"], "System.LinkTypes.Hierarchy-Reverse");

    change(&site, 1, json!([set("System.History", "No.")])).await;
    change(&site, 1, json!([set("System.History", "Well, lgtm!")])).await;
    let (_, event) = sink.next();
    assert_eq!(event["resource"]["fields"]["System.History"], "Well, lgtm!");
    assert!(sink.requests.try_recv().is_err(), "nothing else passes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_pull_request_tells_of_the_work_items_that_it_moves_on() {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let first = site.push("extra", "refs/heads/master", ZEROS, json!([add("/a.txt", "a")])).await.expect(201);
    let tip = first["commits"][0]["commitId"].as_str().expect("an id");
    site.push("extra", "refs/heads/topic", tip, json!([add("/b.txt", "b")])).await.expect(201);
    let id = make(&site, "Task", json!([set("System.Title", "Add b")])).await;
    let sink = Sink::start(Vec::new());
    let mut newest = body(&sink.url, "workitem.updated", &json!({}));
    newest["resourceVersion"] = "5.1-preview.3".into();
    let hooks = "/acme/_apis/hooks/subscriptions?api-version=7.1";
    site.post(hooks, "alicepat", &newest).await.expect(200);

    let base = "/acme/iris/_apis/git/repositories/extra/pullRequests";
    let new = json!({
        "sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "B",
        "workItemRefs": [{ "id": id.to_string() }],
    });
    let pull = site.post(&format!("{base}?api-version=7.1"), "carolpat", &new).await.expect(201);
    let (_, event) = sink.next();
    let added = &event["resource"]["relations"]["added"][0];
    assert_eq!((told(&event).1, &added["rel"]), (id, &json!("ArtifactLink")));
    assert_eq!(event["resourceVersion"], "5.1-preview.3");
    assert_eq!(event["resource"]["revision"]["fields"]["System.ChangedBy"]["displayName"], "carol");
    assert!(event["resource"]["revision"]["relations"].is_null(), "that version has none");

    let complete = json!({
        "status": "completed", "lastMergeSourceCommit": pull["lastMergeSourceCommit"],
        "completionOptions": { "transitionWorkItems": true },
    });
    site.patch(&format!("{base}/1?api-version=7.1"), "alicepat", &complete).await.expect(200);
    let (_, event) = sink.next();
    assert_eq!(told(&event), ("workitem.updated".to_owned(), id));
    assert_eq!(
        event["resource"]["fields"]["System.State"],
        json!({ "oldValue": "New", "newValue": "Closed" })
    );
    make(&site, "Task", json!([set("System.Title", "Another")])).await;
    assert!(sink.requests.try_recv().is_err(), "it is told once");
}
