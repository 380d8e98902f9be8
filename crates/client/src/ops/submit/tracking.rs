//! The tracking server of a run, for scripts that log with MLflow.

use super::Submission;
use crate::error::CommandError;
use crate::mlflow::{self, ForRun, Server};
use crate::run::address_mask::AddressMask;
use crate::run::target::Job;

impl Submission<'_> {
    /// Begins to listen for what the script logs with MLflow, and gives the job the address, unless the user has a server of
    /// their own. A run goes on without.
    pub(super) fn track(&mut self, job: &Job) -> (Job, Option<Server>) {
        let mut environment = self.ctx.env.vars().clone();
        environment.extend(job.environment.clone());
        let root = if self.plan.in_place { self.root().to_owned() } else { self.live.work() };
        let run = ForRun {
            live: self.live.folder(),
            points: self.live.metrics_file(),
            record: &self.record,
            outputs: &root.join("outputs"),
        };
        let server = if mlflow::has_server(&environment) {
            None
        } else {
            Server::start(run, &self.ctx.env)
                .inspect_err(|error| {
                    let text = format!("no MLflow tracking for this run, azml can't listen: {error}");
                    self.ctx.notices.warning(&text);
                })
                .ok()
        };
        let mut job = job.clone();
        job.environment.extend(mlflow::variables(
            server.as_ref().map(Server::url).as_deref(),
            &self.record,
            &environment,
        ));
        if let Some(server) = &server {
            let (port, secret) = server.place();
            job.address = Some(AddressMask::new(port, secret));
            self.secrets.add_address(secret);
            if let Err(error) = self.live.keep_secrets(&self.secrets) {
                self.warn(&CommandError::file("write into", self.live.folder(), error));
            }
        }
        (job, server)
    }
}
