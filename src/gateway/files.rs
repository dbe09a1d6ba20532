//! How many connections the open files that the system allows are enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many pipes there may be for bodies that the system moves.
const PIPES: usize = 64;

/// For everything but connections: listeners, the admin API and its connections, the runtime, configuration, AWS; and
/// the two ends of each pipe.
const RESERVED: u64 = 128 + 2 * PIPES as u64;
/// With fewer than this in all, half of them.
const FEW: u64 = 2 * RESERVED;

/// Allows this process as many open files as the system lets it have. Where it refuses, nothing is lost but room.
pub fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// How many connections of clients there may be, of these that were asked for. Each may need another to a target.
pub(super) fn most_connections(asked: usize) -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else { return asked };
    let most = enough_for(files);
    if most < asked {
        tracing::warn!(
            "the system allows {files} open files, which are enough for {most} connections and not for {asked}; \
             raise the limit (ulimit -n), or lower limits.connections"
        );
    }
    most.min(asked)
}

/// How many pipes there may be: none where files are few.
pub(super) fn most_pipes() -> usize {
    let is_few = getrlimit(Resource::Nofile).current.is_some_and(|files| files < FEW);
    if is_few { 0 } else { PIPES }
}

fn enough_for(files: u64) -> usize {
    let for_connections = if files < FEW { files / 2 } else { files - RESERVED };
    usize::try_from(for_connections / 2).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_for_everything_else() {
        for (files, connections) in [(0, 1), (40, 10), (256, 64), (1024, 384), (65_536, 32_640)] {
            assert_eq!(enough_for(files), connections, "{files}");
        }
    }
}
