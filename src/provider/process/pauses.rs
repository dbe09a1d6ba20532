use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// A child that ran this long has recovered: its next death is the first of a new row.
const RECOVERED: Duration = Duration::from_secs(10);

/// The pauses between a child's death and its next start: they double with every quick death.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Pauses {
    /// The pause to make after a child that ran for this long.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= RECOVERED {
            self.next = FIRST;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_deaths_double_the_pause_up_to_a_bound() {
        let mut pauses = Pauses::default();
        let seen: Vec<u128> = (0..10).map(|_| pauses.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(seen, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
    }

    #[test]
    fn a_child_that_ran_a_while_starts_a_new_row() {
        let mut pauses = Pauses::default();
        pauses.after(Duration::ZERO);
        pauses.after(Duration::ZERO);
        assert_eq!(pauses.after(RECOVERED), FIRST);
        assert_eq!(pauses.after(Duration::ZERO), FIRST * 2);
    }
}
