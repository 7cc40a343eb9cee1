use std::collections::BTreeMap;
use std::time::Duration;

use super::{CLASSES, classify};
use crate::running::Times;

/// How long statements that have ended were in one phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseFigures {
    /// Statements that were in it.
    pub count: u64,
    /// How long they were in it together.
    pub time: Duration,
    /// How many of them were in it no longer than the bound of [`CLASSES`] at the same place, and longer than the one
    /// before it. Those that were in it for longer than all bounds are in none.
    pub classes: [u64; CLASSES.len()],
}

/// The phases by their names.
pub(crate) type Phases = BTreeMap<&'static str, PhaseFigures>;

/// Adds the times of one statement. Phases that it never entered are left out.
pub(super) fn add(phases: &mut Phases, times: &Times) {
    for (name, time) in [
        ("queued", times.queued),
        ("planning", times.planning),
        ("executing", times.executing),
        ("sending", times.sending),
    ] {
        if time.is_zero() {
            continue;
        }
        let of_phase = phases.entry(name).or_default();
        of_phase.count += 1;
        of_phase.time = of_phase.time.saturating_add(time);
        classify(&mut of_phase.classes, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_that_were_not_entered_are_not_counted() {
        let mut phases = Phases::default();
        let times = Times {
            planning: Duration::from_millis(3),
            executing: Duration::from_mins(2),
            ..Times::default()
        };
        add(&mut phases, &times);
        add(&mut phases, &times);
        assert_eq!(
            phases.keys().copied().collect::<Vec<_>>(),
            ["executing", "planning"]
        );
        let planning = phases["planning"];
        assert_eq!(
            (planning.count, planning.time),
            (2, Duration::from_millis(6))
        );
        assert_eq!(planning.classes, [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
