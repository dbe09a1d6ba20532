//! A response body that keeps its service awake until it ends.
