//! The table of faults over SSH.

use vsts_mock::Fault;

use crate::testbed::{Testbed, noise};

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_refused_and_cut_off_and_can_be_done_again() {
    let testbed = Testbed::new().await;
    let (alice, _) = testbed.filled("extra").await;
    let admin = testbed.server.admin();
    let here = |fault: Fault| fault.method("SSH").at("*/_git/extra").by("alice").count(1);
    let second = alice.commit("noise", &noise(600_000)).await;

    admin.add_fault(here(Fault::status(503).message("TF400898: Come again."))).expect("a fault");
    let said = alice.git(&["push", "origin", "master"]).await.fails();
    assert!(said.contains("remote: TF400898: Come again."), "{said}");
    admin.add_fault(here(Fault::cut_request(100_000))).expect("a fault");
    alice.git(&["push", "origin", "master"]).await.fails();
    admin.add_fault(Fault::refuse_push().count(1).message("TF402455: Not today.")).expect("a fault");
    let said = alice.git(&["push", "origin", "master"]).await.fails();
    assert!(said.contains("TF402455: Not today."), "{said}");
    alice.git(&["push", "-q", "origin", "master"]).await.ok();

    admin.add_fault(here(Fault::cut_answer(100_000))).expect("a fault");
    testbed.person("alice").git(&["clone", "-q", &testbed.url("extra"), "cut"]).await.fails();
    let clone = testbed.person("alice").clone_to(&testbed.url("extra"), "whole").await;
    assert_eq!(clone.git(&["rev-parse", "HEAD"]).await.ok().trim(), second);
    assert!(admin.faults().iter().all(|row| row.met == 1), "{:?}", admin.faults());
}
