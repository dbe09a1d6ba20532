use std::ops::RangeInclusive;

use super::super::file;
use super::super::node::At;
use super::super::value;
use super::Build;
use crate::model::{Bounds, Timeouts};

/// hyper reads no less at once.
const HEAD_SIZES: RangeInclusive<usize> = 8 * 1024..=16 * 1024 * 1024;
/// hyper takes no longer one.
const URI_SIZES: RangeInclusive<usize> = 1..=65_534;
const HELD_SIZES: RangeInclusive<usize> = 1024 * 1024..=usize::MAX;

impl Build<'_> {
    pub(super) fn bounds(&mut self, limits: Option<&file::GatewayLimits>, at: &At<'_>) -> Bounds {
        let base = Bounds::default();
        let Some(limits) = limits else { return base };
        let held_size = self.size(limits.held_size.as_ref(), HELD_SIZES, &at.key("held_size"));
        let head_size = self.size(limits.head_size.as_ref(), HEAD_SIZES, &at.key("head_size"));
        let uri_size = self.size(limits.uri_size.as_ref(), URI_SIZES, &at.key("uri_size"));
        let connections = limits.connections.unwrap_or(base.connections);
        Bounds {
            max_held: limits.max_held.unwrap_or(base.max_held),
            held_size: held_size.unwrap_or(base.held_size),
            connections,
            connections_per_client: limits.connections_per_client.unwrap_or(connections.div_ceil(2)),
            streams: limits.streams.unwrap_or(base.streams),
            head_size: head_size.unwrap_or(base.head_size),
            headers: limits.headers.unwrap_or(base.headers),
            uri_size: uri_size.unwrap_or(base.uri_size),
        }
    }

    pub(super) fn timeouts(&mut self, timeouts: Option<&file::Timeouts>, at: &At<'_>) -> Timeouts {
        let base = Timeouts::default();
        let Some(timeouts) = timeouts else { return base };
        let mut time = |duration: &Option<file::Duration>, key| self.time(duration.as_ref(), &at.key(key));
        Timeouts {
            handshake: time(&timeouts.handshake, "handshake").unwrap_or(base.handshake),
            first_byte: time(&timeouts.first_byte, "first_byte").unwrap_or(base.first_byte),
            head: time(&timeouts.head, "head").unwrap_or(base.head),
            body: time(&timeouts.body, "body").unwrap_or(base.body),
            write: time(&timeouts.write, "write").unwrap_or(base.write),
            idle: time(&timeouts.idle, "idle").unwrap_or(base.idle),
            connect: time(&timeouts.connect, "connect").unwrap_or(base.connect),
        }
    }

    fn size(
        &mut self,
        size: Option<&file::Size>,
        allowed: RangeInclusive<usize>,
        at: &At<'_>,
    ) -> Option<usize> {
        let size = self.take(value::size(&size?.0), at)?;
        if !allowed.contains(&size) {
            let (from, to) = (value::in_units(*allowed.start()), value::in_units(*allowed.end()));
            let range = if *allowed.end() == usize::MAX {
                format!("from {from}")
            } else {
                format!("from {from} to {to}")
            };
            self.report(at.problem(format!("is out of range; it goes {range}")));
            return None;
        }
        Some(size)
    }
}
