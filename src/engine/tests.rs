//! What proves the engine: its rules, its transitions, every interleaving of small graphs, seeded simulation.

mod harness;
mod rules;
mod search;
mod simulation;
mod transitions;
mod world;
