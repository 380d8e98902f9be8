//! Work that goes on to its end.

/// Does work to its end, even if nobody waits for that any more: who drops the returned future stops waiting, and no more.
pub(crate) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(outcome) => outcome,
        Err(join) => std::panic::resume_unwind(join.into_panic()),
    }
}
