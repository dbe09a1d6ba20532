//! Puts everything together: listeners, reload, shutdown.
