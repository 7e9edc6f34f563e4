//! Whatever is joined decodes to itself, as one gzip member or one zstd frame, by decoders that stop after the first.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::io::Read;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use vitrine_encoding::{Block, Encoding, Joiner, Piece, Stream};

const ENCODINGS: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];

/// The library's bound for a block of zstd; parts are chosen around it.
const BLOCK_BYTES_MAX: usize = 1 << 17;

/// How one part goes into a stream.
#[derive(Debug, Clone)]
enum Way {
    Text,
    Plain,
    Encoded,
    /// As a block that may refer back to so many bytes in front of it.
    Linked(usize),
}

/// Decodes the first member or frame, and nothing may follow it.
fn decoded(encoding: Encoding, stream: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = stream;
    match encoding {
        Encoding::Identity => return stream.to_vec(),
        Encoding::Gzip => flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut plain),
        Encoding::Zstd => {
            zstd::Decoder::with_buffer(&mut rest).unwrap().single_frame().read_to_end(&mut plain)
        }
    }
    .unwrap();
    assert!(rest.is_empty(), "{} bytes follow the stream", rest.len());
    plain
}

fn joined(encoding: Encoding, parts: &[(Bytes, Way)]) -> Vec<u8> {
    let mut joiner = Joiner::new(encoding);
    for piece in pieces(encoding, parts) {
        match piece {
            Piece::Text(text) => joiner.text(&text),
            Piece::Block(block) => joiner.block(&block),
        }
    }
    let plain: usize = parts.iter().map(|(bytes, _)| bytes.len()).sum();
    assert_eq!(joiner.plain_len(), plain as u64);
    joiner.finish()
}

fn pieces(encoding: Encoding, parts: &[(Bytes, Way)]) -> VecDeque<Piece> {
    let mut before = Vec::new();
    let mut pieces = VecDeque::new();
    for (bytes, way) in parts {
        pieces.push_back(match way {
            Way::Text => Piece::Text(bytes.clone()),
            Way::Plain => Piece::Block(Block::new(Encoding::Identity, bytes.clone())),
            Way::Encoded => Piece::Block(Block::new(encoding, bytes.clone())),
            Way::Linked(length) => {
                let start = before.len() - length.min(&before.len());
                Piece::Block(Block::linked(encoding, bytes.clone(), &before[start..]))
            }
        });
        before.extend_from_slice(bytes);
    }
    pieces
}

fn streamed(encoding: Encoding, parts: &[(Bytes, Way)]) -> Vec<u8> {
    let chunks: Vec<Bytes> = Stream::new(pieces(encoding, parts), encoding).collect();
    assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
    chunks.concat()
}

fn assert_decodes(parts: &[(Bytes, Way)]) {
    let plain: Vec<u8> = parts.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
    for encoding in ENCODINGS {
        assert!(decoded(encoding, &joined(encoding, parts)) == plain, "{encoding:?}, joined");
        assert!(decoded(encoding, &streamed(encoding, parts)) == plain, "{encoding:?}, streamed");
    }
}

fn blocks(parts: &[&[u8]]) -> Vec<(Bytes, Way)> {
    parts.iter().map(|part| (Bytes::copy_from_slice(part), Way::Encoded)).collect()
}

/// Bytes without pattern, the same for the same seed.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = u64::from(seed) << 1 | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// The assets that the product brings along.
fn assets() -> Vec<Bytes> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vitrine/sample/assets.ndjson");
    let text = std::fs::read_to_string(path).unwrap();
    let assets: Vec<Bytes> = text.lines().map(|line| Bytes::copy_from_slice(line.as_bytes())).collect();
    assert_eq!(assets.len(), 66);
    assets
}

/// The parts of a page of items.
fn page(items: impl IntoIterator<Item = Bytes>, way: &Way) -> Vec<(Bytes, Way)> {
    let mut parts = vec![(Bytes::from_static(br#"{"jsonrpc":"2.0","result":{"items":["#), Way::Text)];
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            parts.push((Bytes::from_static(b","), Way::Text));
        }
        parts.push((item, way.clone()));
    }
    parts.push((Bytes::from_static(br#"]},"id":1}"#), Way::Text));
    parts
}

fn any_len() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0_usize..20,
        8 => 20_usize..4_000,
        1 => 65_530_usize..65_540,
        1 => BLOCK_BYTES_MAX - 12..BLOCK_BYTES_MAX + 4,
        1 => 190_000_usize..270_000,
    ]
}

/// Bytes of all kinds, among them those that tempt a compressor to reach for offsets that it did not set.
fn any_bytes() -> impl Strategy<Value = Bytes> {
    let short_cycle = (1_usize..12, any_len(), any::<u32>())
        .prop_map(|(cycle, len, seed)| noise(seed, cycle).into_iter().cycle().take(len).collect());
    let noise_then_cycle =
        (0_usize..40, 1_usize..12, any_len(), any::<u32>()).prop_map(|(before, cycle, len, seed)| {
            let mut bytes = noise(seed, before + cycle);
            while bytes.len() < len {
                bytes.push(bytes[bytes.len() - cycle]);
            }
            bytes
        });
    let runs = vec((any::<u8>(), 1_usize..40), 0..200)
        .prop_map(|runs| runs.into_iter().flat_map(|(byte, len)| vec![byte; len]).collect());
    let few_letters = any_len().prop_flat_map(|len| vec(b'a'..b'd', len.min(3_000)));
    let asset = any::<Index>().prop_map(|index| index.get(&assets()).to_vec());
    prop_oneof![
        (any::<u32>(), any_len()).prop_map(|(seed, len)| noise(seed, len)),
        (any::<u8>(), any_len()).prop_map(|(byte, len)| vec![byte; len]),
        short_cycle,
        noise_then_cycle,
        runs,
        few_letters,
        asset,
    ]
    .prop_map(Bytes::from)
}

fn any_way() -> impl Strategy<Value = Way> {
    let linked = prop_oneof![0_usize..20, 20_usize..5_000, 30_000_usize..80_000].prop_map(Way::Linked);
    prop_oneof![2 => Just(Way::Text), 1 => Just(Way::Plain), 3 => Just(Way::Encoded), 3 => linked]
}

/// Parts out of a few, so that the same ones come again, and others that share bytes with them.
fn any_parts() -> impl Strategy<Value = Vec<(Bytes, Way)>> {
    let part = (any::<Index>(), any::<Index>(), any::<bool>(), any_way());
    (vec(any_bytes(), 1..6), vec(part, 0..16)).prop_map(|(bytes, parts)| {
        parts
            .into_iter()
            .map(|(which, from, whole, way)| {
                let bytes = which.get(&bytes);
                let from = if whole { 0 } else { from.index(bytes.len() + 1) };
                (bytes.slice(from..), way)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_parts_decode_to_themselves(parts in any_parts()) {
        assert_decodes(&parts);
    }

    /// The neighbours set the last offsets and the tables, each time differently.
    #[test]
    fn a_block_means_the_same_behind_any_other(one in any_bytes(), other in any_bytes()) {
        assert_decodes(&blocks(&[&one, &other, &one, &one, &other]));
    }
}

#[test]
fn nothing_is_a_stream() {
    assert_decodes(&[]);
    assert_decodes(&blocks(&[b"", b""]));
    assert_decodes(&[(Bytes::new(), Way::Text), (Bytes::new(), Way::Encoded), (Bytes::new(), Way::Plain)]);
}

/// Bytes that take nine bits each at the quickest level, as much of them as is compressed at once.
#[test]
fn what_does_not_compress_decodes() {
    let high: Vec<u8> = noise(5, 1 << 17).into_iter().map(|byte| byte | 0x90).collect();
    let parts = |way: Way| [(Bytes::from(high.clone()), way), (Bytes::from_static(b"end"), Way::Text)];
    for way in [Way::Plain, Way::Encoded] {
        assert_decodes(&parts(way));
    }
}

/// What the compressors must not take for a dictionary of theirs, and references as far back as they go.
#[test]
fn a_block_refers_back_to_anything() {
    let trained = [&[0x37, 0xa4, 0x30, 0xec][..], &noise(3, 500)].concat();
    let far = noise(4, 40_000);
    let back = far[..2_000].to_vec();
    for before in [trained, far, vec![b'x'; 30_000]] {
        let link = Way::Linked(before.len());
        assert_decodes(&[
            (Bytes::from(before.clone()), Way::Text),
            (Bytes::from(back.clone()), link.clone()),
            (Bytes::from(before), Way::Encoded),
            (Bytes::from_static(b"xxxxxxxxxxxxxxxxx"), link),
        ]);
    }
}

#[test]
fn linked_items_are_a_third_of_others() {
    let item = Way::Linked(4_000);
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let apart = streamed(encoding, &page(assets(), &Way::Encoded)).len();
        let linked = streamed(encoding, &page(assets(), &item)).len();
        let whole = streamed(encoding, &page(assets(), &Way::Plain)).len();
        assert!(linked * 3 < apart && linked < whole * 2, "{encoding:?}: {linked}, not {apart} or {whole}");
    }
}

#[test]
fn a_page_of_the_sample_assets_decodes() {
    for way in [Way::Encoded, Way::Plain, Way::Text, Way::Linked(2_000)] {
        assert_decodes(&page(assets(), &way));
        assert_decodes(&page(assets().into_iter().rev().cycle().take(1_000), &way));
    }
}

/// These use the offset 1 before they have set it, if they are compressed as they are.
#[test]
fn repetitions_at_the_start_are_cut_out() {
    let number = br#"{"seq":100000000000000,"a_name":"b","another_name":"c"}"#;
    let many_runs: Vec<u8> =
        (0..1_000).flat_map(|seed| [vec![noise(seed, 1)[0]; 7], noise(seed, 9)].concat()).collect();
    let after = br#"{"name":"abcdefg","other_name":"abcdefg"}"#;
    assert_decodes(&blocks(&[number, after, number, &[b'x'; 9], number, &many_runs, after, &many_runs]));
    // Cut, not given up.
    let spaces = [vec![b' '; 500], br#""name","name","name","name","name""#.to_vec()].concat();
    let block = Block::new(Encoding::Zstd, spaces.clone().into());
    assert!(block.memory_bytes() < 40, "{} bytes", block.memory_bytes());
    assert_decodes(&blocks(&[after, &spaces, after, &spaces]));
}

#[test]
fn a_separator_behind_a_block_costs_five_bytes_at_most() {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let item = assets().remove(0);
        let block = Block::new(encoding, item.clone());
        let mut joiner = Joiner::new(encoding);
        joiner.block(&block);
        joiner.text(b",");
        let before = joiner.pending_len();
        joiner.block(&block);
        joiner.text(b",");
        assert!(joiner.pending_len() - before <= block.memory_bytes() + 5, "{encoding:?}");
    }
}

#[test]
fn plain_items_are_compressed_together() {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let encoded = streamed(encoding, &page(assets(), &Way::Encoded)).len();
        let plain = streamed(encoding, &page(assets(), &Way::Plain)).len();
        assert!(plain * 2 < encoded, "{encoding:?}: {plain} and {encoded} bytes");
    }
}

#[test]
fn long_plain_bytes_are_not_copied() {
    let long = Bytes::from(noise(1, 100_000));
    let pieces = VecDeque::from([
        Piece::Text(Bytes::from_static(b"[")),
        Piece::Block(Block::new(Encoding::Identity, long.clone())),
        Piece::Text(Bytes::from_static(b"]")),
    ]);
    let chunks: Vec<Bytes> = Stream::new(pieces, Encoding::Identity).collect();
    assert_eq!(chunks.len(), 3);
    assert_eq!(chunks[1].as_ptr(), long.as_ptr());
}

#[test]
fn many_threads_make_the_same_blocks() {
    let make = || -> Vec<Bytes> {
        assets().into_iter().map(|asset| Block::new(Encoding::Zstd, asset).bytes().clone()).collect()
    };
    let expected = make();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        for thread in threads {
            assert!(thread.join().unwrap() == expected);
        }
    });
}

#[test]
#[should_panic(expected = "a block is joined into a stream of its own encoding")]
fn a_block_of_another_encoding_is_refused() {
    let block = Block::new(Encoding::Gzip, Bytes::from_static(b"{}"));
    Joiner::new(Encoding::Zstd).block(&block);
}
