//! The tower middleware: the hot path.
