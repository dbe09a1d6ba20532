//! The AWS SDK over the simulated network.
