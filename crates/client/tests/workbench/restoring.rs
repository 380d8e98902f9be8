//! *Restore Project Snapshot*, by its forms.

use crate::testbed::{Answer, Testbed, Ui};

fn field<'a>(page: &'a Answer, name: &str) -> &'a str {
    let rest = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1);
    rest.unwrap_or_else(|| panic!("no field {name}: {page:?}")).split('"').next().unwrap()
}

#[test]
fn it_is_shown_done_and_undone() {
    let testbed = Testbed::new();
    testbed.write("train.py", "print('first')\n");
    testbed.write("old.txt", "old\n");
    let id = testbed.submit(&["train.py"]);
    testbed.write("train.py", "print('second')\n");
    testbed.write("new.txt", "new\n");
    std::fs::remove_file(testbed.root().join("old.txt")).unwrap();
    let ui = testbed.ui();
    assert_eq!(ui.get("/undo").status, 404, "nothing has been restored yet");

    let path = format!("/runs/{id}/restore");
    let preview = ui.get(&path);
    for part in ["1 file added, 1 file changed, 1 file removed.", "new.txt", "old.txt", "first", "second"] {
        assert!(preview.body.contains(part), "{part}: {}", preview.body);
    }
    assert_eq!(testbed.read("train.py"), "print('second')\n", "looking changes nothing");

    let token = Ui::token_of(&preview);
    let done = ui.post(&path, &token, &format!("plan={}", field(&preview, "plan")));
    let page = ui.follow(&done);
    assert!(page.contains("1 added, 1 changed, 1 removed") && page.contains("action=\"/undo\""), "{page}");
    assert_eq!(testbed.read("train.py"), "print('first')\n");
    assert!(testbed.root().join("old.txt").exists() && !testbed.root().join("new.txt").exists());
    assert!(ui.page(&path).contains("already is this snapshot"));

    let preview = ui.get("/undo");
    assert!(preview.body.contains("new.txt"), "{}", preview.body);
    let backup = field(&preview, "backup");
    let page = ui.follow(&ui.post("/undo", &token, &format!("backup={backup}")));
    assert!(page.contains("as it was before the restore"), "{page}");
    assert_eq!(testbed.read("train.py"), "print('second')\n");
    assert!(!testbed.root().join("old.txt").exists() && testbed.root().join("new.txt").exists());

    let again = ui.follow(&ui.post("/undo", &token, &format!("backup={backup}")));
    assert!(again.contains("Nothing was changed"), "an old form does not undo something else: {again}");
    assert_eq!(testbed.read("train.py"), "print('second')\n");
}

#[test]
fn what_was_edited_since_it_was_shown_is_not_overwritten() {
    let testbed = Testbed::new();
    testbed.write("train.py", "print('first')\n");
    let id = testbed.submit(&["train.py"]);
    testbed.write("train.py", "print('second')\n");
    let ui = testbed.ui();
    let path = format!("/runs/{id}/restore");
    let preview = ui.get(&path);
    testbed.write("train.py", "print('third')\n");
    let done = ui.post(&path, &Ui::token_of(&preview), &format!("plan={}", field(&preview, "plan")));
    let page = ui.follow(&done);
    assert!(page.contains("no longer what the page showed") && page.contains("third"), "{page}");
    assert_eq!(testbed.read("train.py"), "print('third')\n");
}

#[test]
fn an_ignored_file_in_the_way_has_to_be_agreed_to() {
    let testbed = Testbed::new();
    testbed.write("train.py", "print('first')\n");
    testbed.write("data.txt", "in the snapshot\n");
    let id = testbed.submit(&["train.py"]);
    testbed.write(".amlignore", "data.txt\n");
    testbed.write("data.txt", "precious\n");
    let ui = testbed.ui();
    let path = format!("/runs/{id}/restore");
    let preview = ui.get(&path);
    assert!(preview.body.contains("In the way") && preview.body.contains("data.txt"), "{}", preview.body);
    let token = Ui::token_of(&preview);
    let plan = field(&preview, "plan");
    let refused = ui.follow(&ui.post(&path, &token, &format!("plan={plan}")));
    assert!(refused.contains("Nothing was restored"), "{refused}");
    assert_eq!(testbed.read("data.txt"), "precious\n");
    let done = ui.follow(&ui.post(&path, &token, &format!("plan={plan}&force=1")));
    assert!(done.contains("Restored the snapshot"), "{done}");
    assert_eq!(testbed.read("data.txt"), "in the snapshot\n");
}
