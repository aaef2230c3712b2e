//! Interrupts: the first one stops what runs, the second one ends the process.
use crate::ui::Ui;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Who listens for interrupts: the last run's listener goes on after it, to end the process.
static WATCH: Mutex<Option<tokio::task::AbortHandle>> = Mutex::new(None);

/// Passes interrupts to a run, until it is over.
pub(super) fn pass(ui: Ui, stop: tokio::sync::watch::Sender<bool>, over: Arc<AtomicBool>) {
    let watch = tokio::spawn(interruptions(ui, stop, over)).abort_handle();
    // Of the run before, which must not take a signal for this one as the second one.
    if let Some(before) = WATCH.lock().unwrap_or_else(PoisonError::into_inner).replace(watch) {
        before.abort();
    }
}

/// Leaves signals to somebody else from now on.
pub(super) fn unwatch() {
    if let Some(before) = WATCH.lock().unwrap_or_else(PoisonError::into_inner).take() {
        before.abort();
    }
}

/// Passes interrupts to work that has nothing to show meanwhile.
pub(super) fn interruptible(ui: Ui, stop: tokio::sync::watch::Sender<bool>) {
    tokio::spawn(interruptions(ui, stop, Arc::new(AtomicBool::new(false))));
}

/// The first signal stops the run; the second, or one after the run, ends the process at once.
async fn interruptions(ui: Ui, stop: tokio::sync::watch::Sender<bool>, over: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    // One listener each for both signals: between two listeners a signal would be lost.
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        // Without listeners the system's own handling stands: the process ends.
        return std::future::pending().await;
    };
    for first in [true, false] {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
        if !first || over.load(Ordering::SeqCst) {
            std::process::exit(130);
        }
        let _ = stop.send(true);
        ui.say("stopping: nothing new starts; what is in flight is recorded (interrupt again to leave at once)");
    }
}
