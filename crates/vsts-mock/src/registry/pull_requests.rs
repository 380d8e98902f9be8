//! The removal of pull requests and policies with the repositories and projects that they are of.

use crate::directory::{
    Attachment, Comment, GitStatus, Iteration, PolicyConfiguration, Project, PullRequest, Record, Repo,
    Thread,
};
use crate::state::Change;

impl Change<'_> {
    /// Removes the pull requests of a repository, and the statuses of its commits.
    pub(super) fn remove_pull_requests(&mut self, repo: &Repo) {
        let directory = (*self.directory).clone();
        let pulls = &directory.pulls;
        for pull in pulls.of_repo(repo.account, repo.id) {
            for thread in pulls.threads_of(pull) {
                self.remove_all::<Comment>(pulls.comments_of(thread).map(Record::key));
            }
            self.remove_all::<Thread>(pulls.threads_of(pull).map(Record::key));
            self.remove_all::<Attachment>(pulls.attachments_of(pull).map(Record::key));
            self.remove_all::<Iteration>(pulls.iterations_of(pull).map(Record::key));
            self.remove::<PullRequest>(&pull.key());
        }
        let statuses = pulls.statuses.range((repo.id, String::new(), 0)..);
        let own = statuses.map(|(key, _)| key.clone()).take_while(|(of, ..)| *of == repo.id);
        self.remove_all::<GitStatus>(own);
    }

    /// Removes the policies of a project.
    pub(super) fn remove_policies(&mut self, project: &Project) {
        let all = &self.directory.pulls.policies;
        let own = all.values().filter(|policy| policy.project == project.id).map(|policy| policy.key());
        let own: Vec<_> = own.collect();
        self.remove_all::<PolicyConfiguration>(own);
    }
}
