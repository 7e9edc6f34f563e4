//! Cursors: an item's place in an order, as text.
//!
//! With sort `id` a cursor is the id in base58: a mere position, good for any list. Otherwise it is opaque:
//! URL-safe base64 of a version byte, the sort, the direction, the slot (big endian) and the id.
//!
//! What is no list of assets has one order, and its cursors are mere positions, too ([`Place`]): an address in base58, or
//! opaque: URL-safe base64 of a version byte, a letter for the kind of place, and its members (big endian).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{ChangePlace, Direction, EditionPlace, Position, Sort};

use crate::error::InvalidParams;
use crate::params::args;
use crate::params::mode::cursor_is_invalid;

const VERSION: u8 = 1;

/// The cursor behind which a page in this order goes on.
pub(crate) fn encode(position: Position, sort: Sort, direction: Direction) -> String {
    if sort == Sort::Id {
        return position.id.to_string();
    }
    let mut bytes = vec![VERSION, sort_code(sort), direction_code(direction)];
    bytes.extend_from_slice(&position.slot.get().to_be_bytes());
    bytes.extend_from_slice(position.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position of a cursor, if it is one of this order.
pub(crate) fn decode(text: &str, sort: Sort, direction: Direction) -> Option<Position> {
    if sort == Sort::Id {
        return Some(Position { slot: Slot::default(), id: text.parse().ok()? });
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (head, rest) = bytes.split_first_chunk::<3>()?;
    let (slot, id) = rest.split_first_chunk::<8>()?;
    if *head != [VERSION, sort_code(sort), direction_code(direction)] {
        return None;
    }
    Some(Position { slot: Slot::new(u64::from_be_bytes(*slot))?, id: Pubkey::try_from(id).ok()? })
}

fn sort_code(sort: Sort) -> u8 {
    match sort {
        Sort::Id => b'i',
        Sort::Created => b'c',
        Sort::Updated => b'u',
    }
}

fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::Asc => b'a',
        Direction::Desc => b'd',
    }
}

/// A place in the one order of something: the same text as a cursor and as a bound, in either direction.
pub(crate) trait Place: Copy {
    /// The text of a place.
    fn to_text(self) -> String;

    /// The place of a text.
    fn from_text(text: &str) -> Option<Self>;

    /// What there is to be said of a bound that is no place.
    fn invalid(field: &str, text: &str) -> InvalidParams {
        cursor_is_invalid(field, text)
    }
}

/// A change's number within its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seq(pub(crate) u64);

impl Place for Pubkey {
    fn to_text(self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn invalid(field: &str, text: &str) -> InvalidParams {
        args::pubkey_is_invalid(field, text)
    }
}

impl Place for Seq {
    fn to_text(self) -> String {
        opaque(b's', &[&self.0.to_be_bytes()])
    }

    fn from_text(text: &str) -> Option<Self> {
        let [seq] = members(b's', text, [8])?;
        Some(Self(u64::from_be_bytes(seq.try_into().ok()?)))
    }
}

impl Place for EditionPlace {
    fn to_text(self) -> String {
        opaque(b'e', &[&self.number.to_be_bytes(), self.address.as_bytes()])
    }

    fn from_text(text: &str) -> Option<Self> {
        let [number, address] = members(b'e', text, [8, 32])?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        Some(Self { number, address: Pubkey::try_from(&*address).ok()? })
    }
}

impl Place for ChangePlace {
    fn to_text(self) -> String {
        let numbers = [self.origin, self.order, self.since].map(i64::to_be_bytes);
        opaque(b'o', &[numbers.as_flattened(), self.id.as_bytes()])
    }

    fn from_text(text: &str) -> Option<Self> {
        let [origin, order, since, id] = members(b'o', text, [8, 8, 8, 32])?;
        let number = |bytes: Vec<u8>| Some(i64::from_be_bytes(bytes.try_into().ok()?));
        Some(Self {
            origin: number(origin)?,
            order: number(order)?,
            id: Pubkey::try_from(&*id).ok()?,
            since: number(since)?,
        })
    }
}

fn opaque(kind: u8, members: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode([&[VERSION, kind], members.concat().as_slice()].concat())
}

/// The members of an opaque text, by their lengths.
fn members<const N: usize>(kind: u8, text: &str, lengths: [usize; N]) -> Option<[Vec<u8>; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let mut rest = bytes.strip_prefix(&[VERSION, kind])?;
    if rest.len() != lengths.iter().sum::<usize>() {
        return None;
    }
    Some(lengths.map(|length| {
        let (member, behind) = rest.split_at(length);
        rest = behind;
        member.to_vec()
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ORDERS: [(Sort, Direction); 6] = [
        (Sort::Id, Direction::Asc),
        (Sort::Id, Direction::Desc),
        (Sort::Created, Direction::Asc),
        (Sort::Created, Direction::Desc),
        (Sort::Updated, Direction::Asc),
        (Sort::Updated, Direction::Desc),
    ];

    #[test]
    fn a_cursor_is_good_for_its_own_order_only() {
        let position = Position { slot: Slot::new(7).unwrap(), id: Pubkey::from_bytes([9; 32]) };
        for (sort, direction) in ORDERS {
            let text = encode(position, sort, direction);
            for (other_sort, other_direction) in ORDERS {
                let fits = sort == other_sort && (sort == Sort::Id || direction == other_direction);
                assert_eq!(decode(&text, other_sort, other_direction).is_some(), fits, "{text}");
            }
            let decoded = decode(&text, sort, direction).unwrap();
            assert_eq!(decoded.id, position.id);
            assert!(sort == Sort::Id || decoded == position);
        }
    }

    fn all_places() -> (Pubkey, Seq, EditionPlace, ChangePlace) {
        let id = Pubkey::from_bytes([9; 32]);
        let edition = EditionPlace { number: u64::MAX, address: id };
        (id, Seq(7), edition, ChangePlace { origin: i64::MIN, order: -1, id, since: 9 })
    }

    #[test]
    fn a_place_is_the_place_of_its_text_and_of_no_other_kind() {
        let (id, seq, edition, change) = all_places();
        let texts = [id.to_text(), seq.to_text(), edition.to_text(), change.to_text()];
        let count = |is_place: &dyn Fn(&str) -> bool| texts.iter().filter(|text| is_place(text)).count();
        assert_eq!(count(&|text| Pubkey::from_text(text) == Some(id)), 1);
        assert_eq!(count(&|text| Seq::from_text(text) == Some(seq)), 1);
        assert_eq!(count(&|text| EditionPlace::from_text(text) == Some(edition)), 1);
        assert_eq!(count(&|text| ChangePlace::from_text(text) == Some(change)), 1);
        assert_eq!(count(&|text| Seq::from_text(text).is_some()), 1);
        assert_eq!(count(&|text| EditionPlace::from_text(text).is_some()), 1);
        assert_eq!(count(&|text| ChangePlace::from_text(text).is_some()), 1);
    }

    #[test]
    fn nonsense_is_no_place() {
        let whole = all_places().3.to_text();
        for text in ["", "x", "!!!!", "AAAA", &whole[1..], &whole[..whole.len() - 1], &format!("{whole}AAAA")]
        {
            assert!(Seq::from_text(text).is_none(), "{text}");
            assert!(EditionPlace::from_text(text).is_none(), "{text}");
            assert!(ChangePlace::from_text(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_cursor() {
        for text in ["", "x", "!!!!", "AAAA", "1111111111111111111111111111111", &"A".repeat(10_000)] {
            for (sort, direction) in ORDERS {
                assert_eq!(decode(text, sort, direction), None, "{text}");
            }
        }
    }
}
