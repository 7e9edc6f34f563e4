//! Inscriptions: by hand, against borsh's own reading of the layouts, and as another server shows a real one.

use borsh::{BorshDeserialize, BorshSerialize};
use proptest::prelude::*;
use serde_json::json;
use vitrine_ingest::decode::Reason;
use vitrine_ingest::decode::inscription::{Account, Inscription, Layout, PROGRAM_ID, decode};
use vitrine_model::Pubkey;

use crate::mutation::{mutated, mutations};
use crate::peer;

const V1: [u8; 8] = [0x64, 0x0b, 0x97, 0x2a, 0xe4, 0x26, 0x45, 0xbb];
const V3: [u8; 8] = [0xe8, 0x78, 0xcd, 0x2f, 0x99, 0xef, 0xe5, 0xe0];

#[derive(Clone, Debug, BorshDeserialize, BorshSerialize)]
struct InscriptionV1 {
    authority: [u8; 32],
    root: [u8; 32],
    media_type: MediaType,
    encoding_type: EncodingType,
    inscription_data: [u8; 32],
    order: u64,
    size: u32,
    validation_hash: Option<String>,
}

#[derive(Clone, Debug, BorshDeserialize, BorshSerialize)]
enum MediaType {
    None,
    Audio(String),
    Application(String),
    Image(String),
    Video(String),
    Text(String),
    Custom(String),
    Erc721,
}

#[derive(Clone, Copy, Debug, BorshDeserialize, BorshSerialize)]
enum EncodingType {
    None,
    Base64,
}

#[derive(Clone, Debug, BorshDeserialize, BorshSerialize)]
struct InscriptionV3 {
    authority: [u8; 32],
    root: [u8; 32],
    inscription_data: [u8; 32],
    order: u64,
    size: u32,
    content_type: String,
    encoding: String,
    validation_hash: Option<String>,
}

impl InscriptionV1 {
    fn expected(&self) -> Inscription<'_> {
        let content_type = match &self.media_type {
            MediaType::None => String::new(),
            MediaType::Audio(kind) => format!("audio/{kind}"),
            MediaType::Application(kind) => format!("application/{kind}"),
            MediaType::Image(kind) => format!("image/{kind}"),
            MediaType::Video(kind) => format!("video/{kind}"),
            MediaType::Text(kind) => format!("text/{kind}"),
            MediaType::Custom(kind) => kind.clone(),
            MediaType::Erc721 => "application/erc721".to_owned(),
        };
        Inscription {
            layout: Layout::V1,
            authority: Pubkey::from_bytes(self.authority),
            root: Pubkey::from_bytes(self.root),
            inscription_data: Pubkey::from_bytes(self.inscription_data),
            order: self.order,
            size: self.size,
            content_type: content_type.into(),
            encoding: match self.encoding_type {
                EncodingType::None => "",
                EncodingType::Base64 => "base64",
            },
            validation_hash: self.validation_hash.as_deref(),
        }
    }
}

impl InscriptionV3 {
    fn expected(&self) -> Inscription<'_> {
        Inscription {
            layout: Layout::V3,
            authority: Pubkey::from_bytes(self.authority),
            root: Pubkey::from_bytes(self.root),
            inscription_data: Pubkey::from_bytes(self.inscription_data),
            order: self.order,
            size: self.size,
            content_type: self.content_type.as_str().into(),
            encoding: &self.encoding,
            validation_hash: self.validation_hash.as_deref(),
        }
    }
}

fn v3() -> InscriptionV3 {
    InscriptionV3 {
        authority: [1; 32],
        root: [2; 32],
        inscription_data: [3; 32],
        order: 4,
        size: 5,
        content_type: "text/plain".to_owned(),
        encoding: "ascii".to_owned(),
        validation_hash: Some("ab".to_owned()),
    }
}

fn v1(media_type: MediaType, encoding_type: EncodingType) -> InscriptionV1 {
    let InscriptionV3 { authority, root, inscription_data, order, size, validation_hash, .. } = v3();
    InscriptionV1 {
        authority,
        root,
        media_type,
        encoding_type,
        inscription_data,
        order,
        size,
        validation_hash,
    }
}

fn bytes(discriminator: [u8; 8], value: &impl BorshSerialize) -> Vec<u8> {
    [&discriminator[..], &borsh::to_vec(value).unwrap()].concat()
}

#[test]
fn inscriptions_of_both_layouts_are_read() {
    let inscription = v3();
    let data = bytes(V3, &inscription);
    assert_eq!(decode(&data), Ok(Account::Inscription(inscription.expected())));
    let kind = || "x".to_owned();
    for media_type in [
        MediaType::None,
        MediaType::Audio(kind()),
        MediaType::Application(kind()),
        MediaType::Image(kind()),
        MediaType::Video(kind()),
        MediaType::Text(kind()),
        MediaType::Custom(kind()),
        MediaType::Erc721,
    ] {
        for encoding_type in [EncodingType::None, EncodingType::Base64] {
            let inscription = v1(media_type.clone(), encoding_type);
            let data = bytes(V1, &inscription);
            assert_eq!(decode(&data), Ok(Account::Inscription(inscription.expected())));
        }
    }
}

#[test]
fn other_accounts_are_told_apart() {
    assert_eq!(decode(&[]), Ok(Account::Uninitialized));
    assert_eq!(decode(&[0; 100]), Ok(Account::Uninitialized));
    assert_eq!(decode(&[0xff; 8]), Ok(Account::Uninitialized));
    for first in
        [0x2c3a_429c_5288_5040_u64, 0xbdbd_be5a_4947_fd6b, 0xc085_c0c3_2a31_9bc6, 0x4a47_b934_4bba_724e]
    {
        assert_eq!(decode(&first.to_be_bytes()), Ok(Account::Other), "{first:x}");
    }
    assert_eq!(decode(&[1; 7]), Err(Reason::Truncated { field: "discriminator", at: 0 }));
    let unknown = Reason::BadTag { field: "discriminator", value: 0x0101_0101_0101_0101 };
    assert_eq!(decode(&[1; 9]), Err(unknown));
}

#[test]
fn a_real_inscription_is_as_shown() {
    for case in peer::cases(PROGRAM_ID, 1) {
        let [account] = &case.accounts[..] else { panic!("{} accounts", case.accounts.len()) };
        let Ok(Account::Inscription(read)) = decode(&account.data) else { panic!("{}", case.name) };
        let ours = json!({
            "authority": read.authority,
            "root": read.root,
            "inscription_data": read.inscription_data,
            "content": read.content_type,
            "encoding": read.encoding,
            "order": read.order,
            "size": read.size,
            "validation_hash": read.validation_hash,
        });
        assert_eq!(ours, case.results[0]["inscription"], "{}", case.name);
    }
}

proptest! {
    #[test]
    fn changed_inscriptions_are_read_as_borsh_reads_them(
        newer: bool,
        media_type in 0..6_usize,
        mutations in mutations(),
    ) {
        let kinds = [MediaType::None, MediaType::Image("png".to_owned()), MediaType::Custom("a/b".to_owned()),
            MediaType::Erc721, MediaType::Text("plain".to_owned()), MediaType::Video(String::new())];
        let value = if newer {
            borsh::to_vec(&v3()).unwrap()
        } else {
            borsh::to_vec(&v1(kinds[media_type].clone(), EncodingType::Base64)).unwrap()
        };
        let value = mutated(value, &mutations);
        let data = [if newer { &V3 } else { &V1 }, &value[..]].concat();
        if newer {
            let expected = InscriptionV3::deserialize(&mut &value[..]).ok();
            let expected = expected.as_ref().map(|read| Account::Inscription(read.expected()));
            prop_assert_eq!(decode(&data).ok(), expected);
        } else {
            let expected = InscriptionV1::deserialize(&mut &value[..]).ok();
            let expected = expected.as_ref().map(|read| Account::Inscription(read.expected()));
            prop_assert_eq!(decode(&data).ok(), expected);
        }
    }

    #[test]
    fn any_bytes_are_an_account_or_a_reason(
        first in prop::sample::select(vec![V1, V3, [0; 8], [7; 8]]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
        cut in 0..9_usize,
    ) {
        let _ = decode(&[&first[cut.min(8)..], &rest].concat());
    }
}
