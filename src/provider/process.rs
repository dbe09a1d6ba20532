//! Services as local child processes.
