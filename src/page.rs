//! The waiting page: templates, and the stream that fills it.
