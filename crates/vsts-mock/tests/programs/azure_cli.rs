//! The Azure CLI with its extension for Azure DevOps, as Debian has them: `az repos`, `az boards` and `az devops`.

/// Its hundred commands take a second each.
mod heavy {
    use crate::site::Site;
    use crate::table::line_of;

    /// Paths and hosts that it asks for, and does without: its notices, and what the manual says is not there.
    const UNKNOWN: [&str; 3] = ["azure.microsoft.com", "aladdin.microsoft.com", "/importRequests"];

    #[test]
    fn repositories_pull_requests_policies_and_work_items_are_managed() {
        let env = [("LINE", line_of("az"))];
        let said = Site::new().succeed("azure-devops", &env, include_str!("azure_cli.sh"), &UNKNOWN);
        assert!(said.contains("all is as expected"), "{said}");
    }
}
