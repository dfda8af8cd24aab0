//! Pauses that double from try to try, up to a bound.

use std::time::Duration;

/// How long to pause before the next try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    /// Begins with `first` and grows up to `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            tries: 0,
        }
    }

    /// The pause after one more failure, without jitter.
    pub fn pause(&mut self) -> Duration {
        // 2^20 times a second is twelve days.
        let factor = 1 << self.tries.min(20);
        self.tries += 1;
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// Something went well: begins anew.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_begin_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(5), Duration::from_mins(1));
        let pauses: Vec<_> = (0..6).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        for _ in 0..100 {
            backoff.pause();
        }
        assert_eq!(backoff.pause().as_secs(), 60);
        backoff.reset();
        assert_eq!(backoff.pause().as_secs(), 5);
    }
}
