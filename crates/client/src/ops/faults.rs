//! Faults that the environment asks for, so that tests see what a killed azml leaves behind. In debug builds alone.

use azml_core::restore::{Step, Steps, Stopped};

use crate::env::Env;

/// The fault that `AZML_FAULT` puts into a restore, for tests.
pub struct Faults {
    abort_at: Option<u64>,
}

impl Faults {
    /// As the environment says.
    pub fn of(env: &Env) -> Self {
        Self { abort_at: env.fault("restore") }
    }
}

impl Steps for Faults {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        if self.abort_at == Some(step.number) {
            std::process::abort();
        }
        Ok(())
    }

    fn watches(&self) -> bool {
        self.abort_at.is_some()
    }
}
