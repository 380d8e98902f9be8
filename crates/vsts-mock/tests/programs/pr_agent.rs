//! PR-Agent's class for Azure DevOps, without a language model.

/// It installs 400 MB.
mod heavy {
    use crate::site::{Site, beside, from_pypi};
    use crate::table::PR_AGENT;

    #[test]
    fn its_provider_reads_the_diff_and_publishes() {
        let python =
            from_pypi(&PR_AGENT, &["azure-devops==7.1.0b4", "azure-identity==1.26.0", "msrest==0.7.1"]);
        let line = format!("{} {}", python.display(), beside("pr_agent_provider.py"));
        Site::new().succeed("azure-devops", &[], &line, &[]);
    }
}
