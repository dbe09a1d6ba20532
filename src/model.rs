//! Plain words that every other module speaks: services, graphs, phases, targets. Uses `std` only.

mod bounds;
pub mod duration;
mod fault;
mod graph;
mod network;
mod page;
mod phase;
mod spec;
mod target;
mod time;
mod view;
mod wake_limits;

pub use bounds::{Bounds, Timeouts};
pub use fault::Fault;
pub use graph::{Edge, Graph, GraphError};
pub use network::network;
pub use page::{Detail, PageSpec};
pub use phase::Phase;
pub use spec::{
    Check, Condition, Dependency, EcsSpec, Health, HttpCheck, Kind, Limits, ProcessSpec, Protocol, ServiceId,
    Spec, StartOrder, TargetGroupCheck, own_variables,
};
pub use target::{Address, Observation, Target};
pub use time::Time;
pub use view::{Cause, Stage, View};
pub use wake_limits::{Rate, WakeLimits};
