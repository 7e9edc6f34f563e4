//! Cursors: an item's place in an order, as text.
//!
//! With sort `id` a cursor is the id in base58: a mere position, good for any list. Otherwise it is opaque:
//! URL-safe base64 of a version byte, the sort, the direction, the slot (big endian) and the id.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vitrine_model::{Pubkey, Slot};
use vitrine_store::{Direction, Position, Sort};

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

    #[test]
    fn nonsense_is_no_cursor() {
        for text in ["", "x", "!!!!", "AAAA", "1111111111111111111111111111111", &"A".repeat(10_000)] {
            for (sort, direction) in ORDERS {
                assert_eq!(decode(text, sort, direction), None, "{text}");
            }
        }
    }
}
