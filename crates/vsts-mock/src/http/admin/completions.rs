//! Completions of pull requests in the admin API: held in the queue, for tests of programs that wait for them.

use std::sync::Arc;

use axum::extract::State;

use super::{Answer, done};
use crate::app::App;
use crate::operations::pull_requests::queue;

pub(super) async fn hold(State(app): State<Arc<App>>) -> Answer {
    app.merge_queue.hold_completions(true);
    done()
}

pub(super) async fn release(State(app): State<Arc<App>>) -> Answer {
    app.merge_queue.hold_completions(false);
    queue::add_active(&app);
    done()
}
