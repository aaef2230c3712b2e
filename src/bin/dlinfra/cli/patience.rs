//! Waiting for another run that holds the stack, where somebody asks for that.
use super::{Stop, apply};
use crate::ui::Ui;
use dlinfra::{
    engine::Engine,
    journal::{Presence, lock},
    units::Span,
};
use std::time::Duration;

/// How long another run is waited for.
#[derive(clap::Args, Clone, Copy, Default)]
pub(super) struct Patience {
    /// Wait up to this long while another run holds the stack; without it, exit 4 at once.
    #[arg(long, value_name = "DURATION")]
    lock_timeout: Option<Span>,
}

impl Patience {
    /// Waits until nobody holds the stack, or for as long as was said. Was there anybody? Then what was looked at before is
    /// to be looked at again.
    pub(super) async fn wait(self, engine: &Engine, here: &Presence, ui: Ui) -> Result<bool, Stop> {
        let Some(most) = self.lock_timeout else { return Ok(false) };
        let clock = engine.aws().clock();
        let since = clock.now();
        let mut waited = false;
        loop {
            let found = lock::status(&**engine.backend()).await.map_err(|e| e.diagnostic())?;
            // Who is silent or dead is watched and taken over by the run itself.
            let Some(held) = found.filter(|lock| lock.held && !lock.is_silent(clock) && !lock.is_dead(here)) else {
                return Ok(waited);
            };
            let passed = clock.now().duration_since(since).as_secs().max(0).unsigned_abs();
            if passed >= most.seconds() {
                return Ok(waited);
            }
            if !waited {
                ui.say(&format!("{}; waiting for up to {most}", apply::held_by(&held)));
            }
            waited = true;
            clock.sleep(Duration::from_secs(5.min(most.seconds() - passed))).await;
        }
    }
}
