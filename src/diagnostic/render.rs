//! Draws a [`Diagnostic`](super::Diagnostic) for people.
