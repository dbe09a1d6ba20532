//! Every transition between phases, and what is special about some of them.

mod down;
mod failure;
mod looks;
mod outside;
mod up;
