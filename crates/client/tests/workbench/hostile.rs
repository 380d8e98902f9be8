//! Names, values and texts from elsewhere never become markup, whatever they are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use azml_core::run::{Metric, RunRecord};
use serde_json::Value;

use crate::testbed::{Testbed, Ui, encode, record};

const ODD: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></textarea></style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "a\u{202e}gpj.exe\u{1b}[31m\u{0}\r\nSet-Cookie: x=y",
];

fn hostile(mut record: RunRecord, text: &str) -> RunRecord {
    text.clone_into(&mut record.script_name);
    record.arguments = vec![text.to_owned(), format!("--x={text}")];
    text.clone_into(&mut record.user_id);
    record.host = Some(text.to_owned());
    text.clone_into(&mut record.target);
    record.name = Some(text.to_owned());
    record.description = Some(text.to_owned());
    record.attachments = vec![text.to_owned()];
    record.properties.insert(text.to_owned(), text.into());
    record.parameters = [(text.to_owned(), text.to_owned()), ("kind".to_owned(), text.to_owned())].into();
    record.tags.insert(text.to_owned(), text.to_owned());
    record.extra.insert(text.to_owned(), text.into());
    record.metrics = [
        (text.to_owned(), Metric::from_f64(0.5)),
        (format!("text {text}"), Metric::Text(text.to_owned())),
        (format!("list {text}"), Metric::List(vec![1.into(), 2.into(), text.into()])),
        (format!("other {text}"), Metric::Other(Value::from(vec![Value::from(text)]))),
    ]
    .into();
    record
}

#[track_caller]
fn is_harmless(ui: &Ui, path: &str) {
    let page = ui.get(path);
    for markup in ["<script>", "<img src=x", "<svg onload", "href=\"javascript:", "</textarea>"] {
        assert!(!page.body.contains(markup), "{path} has {markup}");
    }
    let (head, body) = page.body.split_once("</head>").unwrap_or((&page.body, ""));
    assert_eq!(head.matches("<title>").count(), 1, "{path}");
    assert_eq!(body.matches("<title").count(), body.matches("</title>").count(), "{path}");
    // What a field holds is what was written into it; all that is shown is clean.
    let mut shown = String::new();
    for (at, part) in page.body.split(" value=\"").enumerate() {
        shown += if at == 0 { part } else { part.split_once('"').map_or("", |(_, rest)| rest) };
    }
    for control in ['\u{202e}', '\u{1b}', '\u{0}'] {
        assert!(!shown.contains(control), "{path} has {control:?}");
    }
    assert!(!page.headers.contains_key("set-cookie"), "{path}");
    // Attributes are in double quotes, and none of those comes from elsewhere.
    assert!(!page.body.contains("\"><img"), "{path}");
}

#[test]
fn hostile_records_are_shown_as_text() {
    let testbed = Testbed::new();
    let (_, project) = testbed.history();
    let records: Vec<RunRecord> =
        ODD.iter().zip(1..).map(|(text, n)| hostile(record(&project, n), text)).collect();
    let ids: Vec<String> = records.iter().map(|record| record.run_id.to_string()).collect();
    testbed.put(records);
    let ui = testbed.ui();
    is_harmless(&ui, "/");
    is_harmless(&ui, "/?cols=&col=user&col=host&col=target&sort=-user");
    is_harmless(&ui, "/charts");
    is_harmless(
        &ui,
        "/charts?cols=&col=parameters.kind&col=script&col=user&x=host&y=parameters.kind&points=target",
    );
    for text in ODD {
        let text = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        is_harmless(&ui, &format!("/charts?q={text}"));
        is_harmless(
            &ui,
            &format!("/charts?cols=&col={text}&lines={text}&x={text}&y={text}&points={text}&scale={text}"),
        );
    }
    for id in &ids {
        is_harmless(&ui, &format!("/runs/{id}"));
        is_harmless(&ui, &format!("/charts?run={id}"));
        is_harmless(&ui, &format!("/compare?run={id}&run={}&all=1", ids[0]));
    }
    assert!(ui.page("/").contains("&lt;script&gt;alert(1)"), "it is there, as text");
}

#[test]
fn what_an_address_says_is_text_too() {
    let testbed = Testbed::new();
    let (_, project) = testbed.history();
    testbed.put([record(&project, 1)]);
    let ui = testbed.ui();
    for text in ODD {
        let text = encode(text);
        for path in [
            format!("/?q={text}"),
            format!("/?sort={text}&cols=&col={text}"),
            format!("/{text}"),
            format!("/runs/{text}"),
            format!("/runs/iris_1511000060000/files/{text}"),
            format!("/compare?run={text}"),
            format!("/?note={text}"),
        ] {
            is_harmless(&ui, &path);
            let signed_out = ui.send("GET", &path, &[], "");
            assert!(
                !signed_out.body.contains("<img src=x") && !signed_out.body.contains("<script>"),
                "{path}"
            );
        }
    }
}

#[test]
fn names_that_are_no_utf_8_are_shown_and_lead_to_their_files() {
    let testbed = Testbed::new();
    testbed.write(
        "run.py",
        "import os\nos.makedirs(b'outputs/d\\xe9p')\nopen(b'outputs/d\\xe9p/caf\\xe9', 'w').write('output')\n",
    );
    let name = OsStr::from_bytes(b"src \xff.py");
    std::fs::write(testbed.root().join(name), "first\n").unwrap();
    let first = testbed.submit(&["run.py"]);
    std::fs::write(testbed.root().join(name), "second\n").unwrap();
    let second = testbed.submit(&["run.py"]);
    let ui = testbed.ui();
    let run = ui.page(&format!("/runs/{second}"));
    assert!(run.contains(r"&quot;outputs/d\351p/caf\351&quot;"), "{run}");
    for kind in ["outputs", "download"] {
        let path = format!("/runs/{second}/{kind}/outputs/d%E9p/caf%E9");
        assert!(run.contains(&format!("href=\"{path}\"")), "{run}");
        assert!(ui.page(&path).contains("output"), "{path}");
    }
    let files = ui.page(&format!("/runs/{second}/files"));
    assert!(files.contains(r"&quot;src \377.py&quot;"), "{files}");
    for kind in ["files", "raw"] {
        let path = format!("/runs/{second}/{kind}/src%20%FF.py");
        assert!(files.contains(&format!("href=\"{path}\"")), "{files}");
        assert!(ui.page(&path).contains("second"), "{path}");
    }
    for path in [
        format!("/runs/{second}/diff"),
        format!("/compare?run={first}&run={second}"),
        format!("/runs/{first}/restore"),
    ] {
        let page = ui.page(&path);
        assert!(page.contains(r"&quot;src \377.py&quot;"), "{path}: {page}");
        assert!(!page.contains('\u{fffd}'), "{path}: {page}");
    }
    for path in ["/runs/%ff", "/%ff", &format!("/runs/{second}/outputs/%ff")] {
        assert_eq!(ui.get(path).status, 404, "{path}");
    }
}

#[test]
fn hostile_files_and_logs_are_text() {
    let testbed = Testbed::new();
    let name = "<img src=x onerror=alert(1)>.txt";
    testbed.write(name, "<script>alert(1)</script>\n\u{202e}x\n");
    testbed.write("run me.py", &format!("print('''<script>alert(1)</script>\\x1b[31m''')\nimport os\nos.makedirs('outputs')\nopen('outputs/{name}', 'w').write('<script>')\n"));
    let id = testbed.submit(&["run me.py"]);
    testbed.write(name, "</pre><script>alert(2)</script>\n");
    let ui = testbed.ui();
    let encoded = encode(name);
    for below in [
        "",
        "/files",
        &format!("/files/{encoded}"),
        "/restore",
        &format!("/outputs/outputs/{encoded}"),
        "/outputs/driver_log.txt",
    ] {
        is_harmless(&ui, &format!("/runs/{id}{below}"));
    }
    let kept = ui.get(&format!("/runs/{id}/download/outputs/{encoded}"));
    assert_eq!(kept.headers["content-disposition"].matches('"').count(), 2, "{kept:?}");
}
