//! Everything that is tested from outside, in one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod admin;
mod binary_activity;
mod binary_bodies;
mod binary_failure;
mod binary_graph;
mod binary_holding;
mod binary_input;
mod binary_kit;
mod binary_load;
mod binary_parking;
mod binary_reload;
mod binary_service;
mod binary_verbs;
mod command_line;
mod deploy;
mod ecs_addresses;
mod ecs_changes;
mod ecs_events;
mod ecs_failures;
mod ecs_groups;
mod ecs_input;
mod ecs_keeps;
mod ecs_kit;
#[cfg(feature = "ecs")]
mod ecs_many;
mod ecs_pairs;
mod ecs_refusals;
mod ecs_restarts;
mod ecs_rig;
mod ecs_scaling;
mod ecs_scenarios;
mod ecs_sleeps;
mod ecs_stability;
mod ecs_stage;
mod ecs_wakes;
mod fake;
mod gate_loom;
mod gateway_serve;
mod import_table;
mod layer;
mod proxy_failures;
mod proxy_h1;
mod proxy_h2;
mod proxy_headers;
mod proxy_kit;
mod proxy_peer_gone;
mod proxy_websocket;
mod simulation;
#[path = "../simulator/mod.rs"]
mod simulator;
