//! A flag that ends work which nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the side that waits for work and the thread that does it: when one sets it, the other's loops end.
///
/// Blocking work asks [`Interrupt::is_set`] in every loop that foreign bytes can make long.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks for the end of the work.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once the end was asked for.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, as gix's functions take it.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Sets the interrupt when the guard is dropped: with the future of a request whose client has gone, for example.
    #[must_use]
    pub fn set_on_drop(&self) -> SetOnDrop {
        SetOnDrop(self.clone())
    }
}

/// Sets its [`Interrupt`] when it is dropped.
#[derive(Debug)]
pub struct SetOnDrop(Interrupt);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}
