//! The assets: asset `i` of so many is a function of `i` alone, so that whoever wants to know what the answer
//! should be need not ask the database.
//!
//! Sizes of lists, by kind: the first holds half of all assets, the second a tenth, ten more a hundredth each, and
//! the rest lies in lists of 100. Which assets are in a group says nothing about their authority.

use std::io::Write;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use vitrine_model::Pubkey;

/// Grows when the same index comes to mean another asset: data that was loaded before is then loaded anew.
pub(crate) const GENERATION: u32 = 1;

/// Members of a small list.
pub(crate) const SMALL_MEMBERS: u64 = 100;

/// The number of the first small list of each kind.
pub(crate) const FIRST_SMALL: u64 = 12;

/// Seeds everything.
const SEED: u64 = 0x76_69_74_72_69_6e_65;

/// Slots of creation start here, and those of later changes beyond all that are made here.
const FIRST_SLOT: u64 = 180_000_000;
const CHANGED_SLOT: u64 = 380_000_000;

/// How many assets share a slot of creation, and an owner, about.
const PER_SLOT: u64 = 8;
const PER_OWNER: u64 = 4;

/// Primes beyond any number of assets: multiplying by them modulo that number is a permutation.
const SPREAD_GROUPS: u64 = 2_654_435_761;
const SPREAD_AUTHORITIES: u64 = 4_294_967_291;

/// The most assets there can be: below both primes.
pub(crate) const ASSETS_MAX: u64 = 100_000_000;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A collection.
    Group,
    /// An update authority.
    Authority,
}

/// What pages are made of: an asset with what it is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Which asset.
    pub(crate) index: u64,
    /// Its id.
    pub(crate) id: [u8; 32],
    /// The slot of its creation.
    pub(crate) created: u64,
    /// The slot of its last change.
    pub(crate) updated: u64,
}

/// So many assets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Data {
    assets: u64,
}

impl Data {
    /// So many assets, at most [`ASSETS_MAX`].
    pub(crate) fn new(assets: u64) -> Self {
        Self { assets }
    }

    /// How many there are.
    pub(crate) fn assets(self) -> u64 {
        self.assets
    }

    /// The list of this kind that an asset is in.
    pub(crate) fn list_of(self, kind: Kind, index: u64) -> u64 {
        let spread = match kind {
            Kind::Group => SPREAD_GROUPS,
            Kind::Authority => SPREAD_AUTHORITIES,
        };
        let place = u128::from(index) * u128::from(spread) % u128::from(self.assets);
        // The remainder is below `assets`.
        let place = u64::try_from(place).unwrap_or(0);
        let (half, tenth, hundredth) = (self.assets / 2, self.assets / 10, self.assets / 100);
        let tens = half + tenth;
        let smalls = tens + 10 * hundredth;
        match place {
            _ if place < half => 0,
            _ if place < tens => 1,
            _ if place < smalls => 2 + (place - tens) / hundredth,
            _ => FIRST_SMALL + (place - smalls) / SMALL_MEMBERS,
        }
    }

    /// How many small lists of each kind are full.
    pub(crate) fn full_small_lists(self) -> u64 {
        let large = self.assets / 2 + self.assets / 10 + self.assets / 100 * 10;
        (self.assets - large) / SMALL_MEMBERS
    }

    /// An asset's id and slots.
    pub(crate) fn member(self, index: u64) -> Member {
        self.draw(index).0
    }

    fn draw(self, index: u64) -> (Member, StdRng) {
        let mut random = stream(Tag::Asset, index);
        let id = random.random();
        let span = (self.assets / PER_SLOT).max(1);
        let created = FIRST_SLOT + random.random_range(0..span);
        // Every other asset has never changed.
        let updated = if random.random() { created } else { created + random.random_range(0..span) };
        (Member { index, id, created, updated }, random)
    }

    /// The asset as a line of DAS JSON, appended with its line feed. A revision above 0 has another owner and a
    /// later slot; the lists of its group and authority stay.
    pub(crate) fn write(self, index: u64, revision: u64, out: &mut Vec<u8>) {
        let (member, mut random) = self.draw(index);
        let group = self.list_of(Kind::Group, index);
        let authority = key(Kind::Authority, self.list_of(Kind::Authority, index));
        let owner = match revision {
            0 => index % (self.assets / PER_OWNER).max(1),
            // Owners that nothing had before.
            _ => self.assets + (index + revision) % (self.assets / PER_OWNER).max(1),
        };
        let updated = if revision == 0 { member.updated } else { CHANGED_SLOT + revision };
        let asset = Text {
            id: Pubkey::from_bytes(member.id),
            group,
            authority,
            owner: pubkey(Tag::Owner, owner),
            created: member.created,
            updated,
            number: index,
        };
        asset.write(&mut random, out);
        out.push(b'\n');
    }
}

/// The public key of a list.
pub(crate) fn key(kind: Kind, list: u64) -> Pubkey {
    let tag = match kind {
        Kind::Group => Tag::Group,
        Kind::Authority => Tag::Authority,
    };
    pubkey(tag, list)
}

/// What random numbers are for.
#[derive(Debug, Clone, Copy)]
enum Tag {
    Asset,
    Group,
    Authority,
    Owner,
    Creator,
    Traits,
}

fn stream(tag: Tag, index: u64) -> StdRng {
    StdRng::seed_from_u64(SEED ^ ((tag as u64) << 56) ^ index)
}

fn pubkey(tag: Tag, index: u64) -> Pubkey {
    Pubkey::from_bytes(stream(tag, index).random())
}

/// What is not drawn while an asset is written.
struct Text {
    id: Pubkey,
    group: u64,
    authority: Pubkey,
    owner: Pubkey,
    created: u64,
    updated: u64,
    number: u64,
}

impl Text {
    fn write(&self, random: &mut StdRng, out: &mut Vec<u8>) {
        let style = Style::of(self.group);
        let (json, animation) = (arweave(random), arweave(random));
        let (image, number) = (ipfs(random), self.number);
        let (id, name, site) = (self.id, &style.name, &style.site);
        let image = format!("https://{image}.ipfs.nftstorage.link/{number}.png?ext=png");
        let animation = format!("https://arweave.net/{animation}?ext=mp4");
        text(out, format_args!(r#"{{"interface":"ProgrammableNFT","id":"{id}","content":{{"#));
        text(out, format_args!(r#""$schema":"https://schema.metaplex.com/nft1.0.json","#));
        text(out, format_args!(r#""json_uri":"https://arweave.net/{json}","files":["#));
        text(out, format_args!(r#"{{"uri":"{image}","mime":"image/png"}},"#));
        text(out, format_args!(r#"{{"uri":"{animation}","mime":"video/mp4"}}],"metadata":{{"attributes":["#));
        for (at, (name, values)) in TRAITS.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let value = values.choose(random).copied().unwrap_or_default();
            text(
                out,
                format_args!(r#"{comma}{{"value":"{} {value}","trait_type":"{name}"}}"#, style.traits[at]),
            );
        }
        text(out, format_args!(r#"],"description":"{}","name":"{name} #{number}","#, style.description));
        text(
            out,
            format_args!(r#""symbol":"{}","token_standard":"ProgrammableNonFungible"}},"#, style.symbol),
        );
        text(out, format_args!(r#""links":{{"animation_url":"{animation}","external_url":"{site}","#));
        text(out, format_args!(r#""image":"{image}"}}}},"#));
        self.write_facts(&style, random, out);
    }

    fn write_facts(&self, style: &Style, random: &mut StdRng, out: &mut Vec<u8>) {
        let Self { authority, owner, created, updated, .. } = self;
        text(out, format_args!(r#""authorities":[{{"address":"{authority}","scopes":["full"]}}],"#));
        text(out, format_args!(r#""compression":{{"eligible":false,"compressed":false,"data_hash":"","#));
        text(out, format_args!(r#""creator_hash":"","asset_hash":"","tree":"","seq":0,"leaf_id":0}},"#));
        let group = key(Kind::Group, self.group);
        text(out, format_args!(r#""grouping":[{{"group_key":"collection","group_value":"{group}"}}],"#));
        let (percent, sold) = (style.basis_points, random.random::<bool>());
        text(
            out,
            format_args!(
                r#""royalty":{{"royalty_model":"creators","target":null,"percent":0.0{percent:03},"#
            ),
        );
        text(
            out,
            format_args!(r#""basis_points":{percent},"primary_sale_happened":{sold},"locked":false}},"#),
        );
        let (machine, artist) =
            (pubkey(Tag::Creator, 2 * self.group), pubkey(Tag::Creator, 2 * self.group + 1));
        text(out, format_args!(r#""creators":[{{"address":"{machine}","share":0,"verified":true}},"#));
        text(out, format_args!(r#"{{"address":"{artist}","share":100,"verified":false}}],"#));
        // One in eight is listed at a marketplace.
        if random.random_range(0..8) == 0 {
            let delegate = Pubkey::from_bytes(random.random());
            text(
                out,
                format_args!(r#""ownership":{{"frozen":true,"delegated":true,"delegate":"{delegate}","#),
            );
        } else {
            text(out, format_args!(r#""ownership":{{"frozen":false,"delegated":false,"delegate":null,"#));
        }
        text(out, format_args!(r#""ownership_model":"single","owner":"{owner}"}},"#));
        let nonce = random.random_range(250..=255);
        text(out, format_args!(r#""supply":{{"print_max_supply":0,"print_current_supply":0,"#));
        text(out, format_args!(r#""edition_nonce":{nonce}}},"mutable":true,"burnt":false,"#));
        text(out, format_args!(r#""slot_created":{created},"slot_updated":{updated}}}"#));
    }
}

/// What the assets of a collection have in common.
struct Style {
    name: String,
    symbol: String,
    site: String,
    description: String,
    traits: [&'static str; TRAITS.len()],
    basis_points: u32,
}

impl Style {
    fn of(group: u64) -> Self {
        let mut random = stream(Tag::Traits, group);
        let mut word = |words: &[&'static str]| words.choose(&mut random).copied().unwrap_or_default();
        let (first, second) = (word(&QUALITIES), word(&CREATURES));
        let traits = std::array::from_fn(|_| word(&QUALITIES));
        let description = format!(
            "{first} {second} is a collection of hand drawn characters that live on Solana, each put together from \
             more than a hundred {} parts by {} artists. Holding one opens the door to the {} club, to its drops and \
             to everything that the {} {second} community builds together.",
            word(&QUALITIES).to_lowercase(),
            word(&QUALITIES).to_lowercase(),
            word(&CREATURES).to_lowercase(),
            word(&QUALITIES).to_lowercase(),
        );
        let symbol = format!("{}{}{}", &first[..2], &second[..2], group % 10).to_uppercase();
        let site = format!("https://www.{}{}{group}.example", first.to_lowercase(), second.to_lowercase());
        let basis_points = random.random_range(100..1000);
        Self { name: format!("{first} {second}"), symbol, site, description, traits, basis_points }
    }
}

fn text(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a vector takes all writes");
}

/// The id of an Arweave transaction: 32 bytes in 43 characters.
fn arweave(random: &mut StdRng) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    letters(random, LETTERS, 43)
}

/// An IPFS content id, version 1: 36 bytes, of which the first four say what it is.
fn ipfs(random: &mut StdRng) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = letters(random, LETTERS, 52);
    format!("bafybei{hash}")
}

fn letters(random: &mut StdRng, letters: &[u8], count: usize) -> String {
    (0..count).map(|_| char::from(letters.choose(random).copied().unwrap_or(b'a'))).collect()
}

const TRAITS: [(&str, [&str; 8]); 8] = [
    ("Background", ["Dusk", "Harbor", "Midnight Blue", "Desert", "Aurora", "Rain", "Orchid", "Plain"]),
    ("Body", ["Bronze", "Marble", "Fur", "Scales", "Ghost", "Robot", "Clay", "Cotton"]),
    ("Clothing", ["Hoodie", "Kimono", "Space Suit", "Trench Coat", "Tank Top", "Poncho", "Tuxedo", "Armor"]),
    ("Eyes", ["Laser", "Sleepy", "Wide Open", "Closed", "Cyclops", "Glowing", "Tearful", "Angry"]),
    ("Headwear", ["Crown", "Beanie", "Top Hat", "Halo", "Horns", "None", "Headphones", "Bandana"]),
    ("Mouth", ["Grin", "Cigar", "Bubble Gum", "Whistle", "Fangs", "Smirk", "Beard", "Mask"]),
    ("Accessory", ["Katana", "Guitar", "Umbrella", "Lantern", "Compass", "Book", "None", "Skateboard"]),
    ("Mood", ["Calm", "Furious", "Curious", "Bored", "In Love", "Sly", "Proud", "Lost"]),
];

const QUALITIES: [&str; 24] = [
    "Crimson", "Velvet", "Hollow", "Electric", "Silent", "Golden", "Frosted", "Feral", "Neon", "Ancient",
    "Lucky", "Dizzy", "Cosmic", "Rusty", "Paper", "Marble", "Gentle", "Wicked", "Solar", "Faded", "Royal",
    "Thirsty", "Hidden", "Burning",
];

const CREATURES: [&str; 16] = [
    "Foxes", "Otters", "Ravens", "Golems", "Pirates", "Monks", "Wolves", "Turtles", "Nomads", "Owls",
    "Lizards", "Knights", "Moths", "Badgers", "Wizards", "Whales",
];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::{HashMap, HashSet};

    use serde_json::Value;
    use vitrine_model::Asset;

    use super::*;

    fn line(data: Data, index: u64, revision: u64) -> String {
        let mut out = Vec::new();
        data.write(index, revision, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_asset_is_a_function_of_its_index() {
        let data = Data::new(10_000);
        for index in [0, 1, 4_999, 9_999] {
            assert_eq!(line(data, index, 0), line(data, index, 0));
            let asset = Asset::from_das(line(data, index, 0).trim_end()).unwrap();
            let member = data.member(index);
            assert_eq!(asset.id, Pubkey::from_bytes(member.id));
            assert_eq!(asset.slot_created.get().map(|slot| slot.get()), Some(member.created));
            assert_eq!(asset.slot_updated.get().map(|slot| slot.get()), Some(member.updated));
        }
        assert_ne!(line(data, 0, 0), line(data, 1, 0));
        let ids: HashSet<[u8; 32]> = (0..10_000).map(|index| data.member(index).id).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn lists_have_the_sizes_that_are_told() {
        let data = Data::new(10_050);
        for kind in [Kind::Group, Kind::Authority] {
            let mut sizes: HashMap<u64, u64> = HashMap::new();
            for index in 0..data.assets() {
                *sizes.entry(data.list_of(kind, index)).or_default() += 1;
            }
            assert_eq!((sizes[&0], sizes[&1]), (5_025, 1_005));
            assert!((2..FIRST_SMALL).all(|list| sizes[&list] == 100));
            let full = data.full_small_lists();
            assert!((FIRST_SMALL..FIRST_SMALL + full).all(|list| sizes[&list] == SMALL_MEMBERS));
            assert_eq!(full, 30);
            assert_eq!(sizes[&(FIRST_SMALL + full)], 20);
        }
        let both = (0..data.assets()).filter(|&index| {
            data.list_of(Kind::Group, index) == 0 && data.list_of(Kind::Authority, index) == 0
        });
        let both = both.count();
        assert!((2_000..3_100).contains(&both), "a group says nothing about the authority: {both}");
    }

    #[test]
    fn bodies_are_as_large_as_real_ones_and_compress_no_better() {
        let data = Data::new(10_000);
        let bodies: Vec<Vec<u8>> = (0..1000)
            .map(|index| Asset::from_das(line(data, index, 0).trim_end()).unwrap().render().body)
            .collect();
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        assert!((2_300..2_500).contains(&(bytes / 1000)), "{} bytes a body", bytes / 1000);
        let packed = zstd::bulk::compress(&bodies.concat(), 3).unwrap().len();
        // Real ones have five random ids each, 160 bytes, and what tells their attributes and numbers.
        assert!(packed / 1000 > 240, "{bytes} bytes in {packed}");
        let alone: usize = bodies.iter().map(|body| zstd::bulk::compress(body, 3).unwrap().len()).sum();
        assert!(bytes / alone < 3, "{bytes} bytes in {alone}");
    }

    #[test]
    fn a_revision_moves_the_owner_and_the_slot_alone() {
        let data = Data::new(10_000);
        let [old, new] =
            [0, 3].map(|revision| serde_json::from_str::<Value>(&line(data, 77, revision)).unwrap());
        assert_ne!(old["ownership"]["owner"], new["ownership"]["owner"]);
        assert!(old["slot_updated"].as_u64() < new["slot_updated"].as_u64());
        for name in ["id", "content", "grouping", "authorities", "creators", "slot_created"] {
            assert_eq!(old[name], new[name], "{name}");
        }
    }
}
