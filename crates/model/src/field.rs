//! A member of a JSON object: absent, null and a value are three different things.

/// An optional member. Servers write `null` or leave a member out, and clients see the difference, so both are
/// given back as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Field<T> {
    /// The object has no such member.
    #[default]
    Absent,
    /// The member is there and `null`.
    Null,
    /// The member has this value.
    Is(T),
}

impl<T> Field<T> {
    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value itself, if there is one.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Whether the object has no such member.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Is(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_value_is_a_value() {
        assert_eq!(Field::<u64>::default(), Field::Absent);
        assert_eq!(Field::from(3), Field::Is(3));
        assert_eq!((Field::Is(3).get(), Field::<u64>::Null.get()), (Some(&3), None));
        assert_eq!((Field::Is(3).into_option(), Field::<u64>::Absent.into_option()), (Some(3), None));
        assert!(Field::<u64>::Absent.is_absent() && !Field::<u64>::Null.is_absent());
    }
}
