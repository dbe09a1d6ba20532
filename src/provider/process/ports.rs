use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::net;

/// How often to ask for another port when the one offered is taken by a child that does not listen yet.
const TRIES: usize = 64;

/// Picks free ports on loopback, none of them twice at one time.
///
/// Between the pick and the moment the child listens the port is nobody's, and another program may take it;
/// nothing short of handing the child an open socket can prevent that. Our own children at least never meet.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    taken: Arc<Mutex<HashSet<u16>>>,
}

impl Ports {
    /// A port that is free now and is not given out again before the result is dropped.
    pub(super) fn pick(&self) -> io::Result<Port> {
        for _ in 0..TRIES {
            let number = net::free_port()?.local_addr()?.port();
            if self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
                return Ok(Port { number, from: Some(self.clone()) });
            }
        }
        Err(io::Error::other("no free port on the loopback address"))
    }
}

/// A port that a child may listen on.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    from: Option<Ports>,
}

impl Port {
    /// A port from the configuration.
    pub(super) fn fixed(number: u16) -> Self {
        Self { number, from: None }
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(ports) = &self.from {
            ports.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_out_twice_until_it_is_given_back() {
        let ports = Ports::default();
        let held: Vec<Port> = (0..200).map(|_| ports.pick().unwrap()).collect();
        let numbers: HashSet<u16> = held.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), held.len());
        drop(held);
        assert!(ports.taken.lock().unwrap().is_empty());
    }
}
