//! Is this target serving?
