//! What is counted, in Prometheus' words.
