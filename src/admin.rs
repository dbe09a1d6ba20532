//! Status, wake, sleep, leases, events, metrics.
