//! Text in, a checked plan out; all problems at once, each with its line.
