//! The flags that name a place in the registry of the Experimentation service.

use crate::service::Filter;

/// The place of a project in the registry, by the flags that the Workbench's commands had.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RegistryArgs {
    /// The Experimentation account
    #[arg(long, short, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// The account's workspace
    #[arg(long, short, value_name = "WORKSPACE")]
    pub workspace: Option<String>,
    /// The account's resource group
    #[arg(long, short = 'g', value_name = "GROUP")]
    pub resource_group: Option<String>,
    /// The account's subscription
    #[arg(long, value_name = "ID")]
    pub subscription: Option<String>,
}

impl RegistryArgs {
    /// The same for the service.
    pub fn filter(&self) -> Filter {
        Filter {
            account: self.account.clone(),
            workspace: self.workspace.clone(),
            group: self.resource_group.clone(),
            subscription: self.subscription.clone(),
        }
    }
}
