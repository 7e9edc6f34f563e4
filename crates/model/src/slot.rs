//! Slots are u64 in Solana and i64 in Postgres: this is the one checked place between the two.

use std::fmt;

/// A Solana slot that Postgres can hold: 0 to `i64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Slot(u64);

impl Slot {
    /// The highest slot, `i64::MAX`.
    pub const MAX: Self = Self(i64::MAX.cast_unsigned());

    /// The slot of this number; none above [`Slot::MAX`].
    pub const fn new(slot: u64) -> Option<Self> {
        if slot <= Self::MAX.0 { Some(Self(slot)) } else { None }
    }

    /// The slot of a Postgres bigint; none below 0.
    pub const fn from_i64(slot: i64) -> Option<Self> {
        if slot >= 0 { Some(Self(slot.cast_unsigned())) } else { None }
    }

    /// The slot as Solana writes it.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The slot as Postgres holds it: never negative.
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_bounded() {
        let highest = u64::MAX / 2;
        assert_eq!(Slot::new(highest), Some(Slot::MAX));
        assert_eq!(Slot::MAX.as_i64(), i64::MAX);
        assert_eq!(Slot::new(highest + 1), None);
        assert_eq!(Slot::from_i64(-1), None);
        assert_eq!(Slot::from_i64(i64::MAX), Some(Slot::MAX));
        assert_eq!(Slot::from_i64(0), Some(Slot::default()));
        assert_eq!(Slot::new(365_750_752).map(|slot| (slot.get(), slot.to_string())), {
            Some((365_750_752, "365750752".to_owned()))
        });
    }
}
