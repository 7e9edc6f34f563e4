//! How much is made and written at once. One document may be named by all assets of a batch and shown by each of them: what a
//! batch makes has no bound in what it reads.

use std::collections::HashSet;

/// Assets of a part, at most: more than the usual batch touches.
const ASSETS_MAX: usize = 4_096;

/// Bytes of a part, at most, of documents that are read for it and of bodies that are made in it, counted each by itself;
/// what reaches it is still in.
pub(crate) const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Cuts items into parts that stay within these bounds, in their order. `document` says which document an item needs, by its uri, and
/// how many bytes that has; several items of a part share one.
pub(crate) fn parts<T>(
    items: impl IntoIterator<Item = T>,
    document: impl Fn(&T) -> Option<(&str, usize)>,
) -> Vec<Vec<T>> {
    let mut parts: Vec<Vec<T>> = Vec::new();
    let (mut part, mut uris, mut bytes) = (Vec::new(), HashSet::new(), 0);
    for item in items {
        let needed = document(&item).map(|(uri, size)| (uri.to_owned(), size));
        let is_new = |(uri, size): (String, usize)| (!uris.contains(&uri)).then_some((uri, size));
        let more = needed.clone().and_then(is_new).map_or(0, |(_, size)| size);
        let is_over = more > 0 && bytes + more > BYTES_MAX;
        if part.len() == ASSETS_MAX || (is_over && !part.is_empty()) {
            parts.push(std::mem::take(&mut part));
            uris.clear();
            bytes = 0;
        }
        if let Some((uri, size)) = needed
            && uris.insert(uri)
        {
            bytes += size;
        }
        part.push(item);
    }
    parts.extend((!part.is_empty()).then_some(part));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    type Item = Option<(&'static str, usize)>;

    fn lengths(items: impl IntoIterator<Item = Item>) -> Vec<usize> {
        parts(items, |item| *item).iter().map(Vec::len).collect()
    }

    #[test]
    fn parts_are_bounded_by_count() {
        assert_eq!(lengths([]), [0_usize; 0]);
        assert_eq!(lengths(vec![None; ASSETS_MAX]), [ASSETS_MAX]);
        assert_eq!(lengths(vec![None; 2 * ASSETS_MAX + 1]), [ASSETS_MAX, ASSETS_MAX, 1]);
    }

    #[test]
    fn parts_are_bounded_by_the_bytes_of_their_documents() {
        let third = Some(BYTES_MAX / 3);
        let own = ["a", "b", "c", "d", "e"].map(|uri| third.map(|size| (uri, size)));
        assert_eq!(lengths(own), [3, 2]);
        // One that all of them share counts once, in each part anew.
        assert_eq!(lengths([Some(("a", BYTES_MAX)); 100]), [100]);
        let shared = [Some(("a", BYTES_MAX)), Some(("b", 1)), Some(("a", BYTES_MAX)), None, Some(("b", 0))];
        assert_eq!(lengths(shared), [1, 1, 3]);
        // What is too large by itself is a part by itself, with who needs nothing.
        assert_eq!(lengths([Some(("a", 9 * BYTES_MAX)), None, Some(("b", 1))]), [2, 1]);
    }
}
