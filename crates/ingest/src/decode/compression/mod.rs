//! What the account compression programs log of their trees.
//!
//! Both programs (the one of the Solana Program Library and Metaplex's fork of it) log by calling a program that does
//! nothing, with an event as the data: so it is kept in the transaction. They share the layouts. Bubblegum logs its
//! leaves through the same programs, as application data.

use vitrine_model::Pubkey;

use super::Reason;
use super::bytes::Cursor;
use super::transaction::{Instruction, Transaction};

/// The account compression program of the Solana Program Library, `cmtDvXumGCrqC1Age74AVPhSRVXJMd8PJS91L8KbNCK`.
pub const SPL_ACCOUNT_COMPRESSION: Pubkey = Pubkey::from_bytes([
    9, 42, 19, 238, 149, 196, 28, 186, 8, 166, 127, 90, 198, 126, 141, 247, 225, 218, 17, 98, 94, 29, 100,
    19, 127, 143, 79, 35, 131, 3, 127, 20,
]);

/// Metaplex's account compression program, `mcmt6YrQEMKw8Mw43FmpRLmf7BqRnFMKmAcbxE3xkAW`.
pub const MPL_ACCOUNT_COMPRESSION: Pubkey = Pubkey::from_bytes([
    11, 110, 1, 83, 35, 73, 37, 196, 7, 241, 129, 86, 118, 252, 211, 44, 245, 164, 143, 110, 139, 22, 153,
    55, 86, 36, 187, 205, 94, 20, 114, 203,
]);

/// The program that does nothing of the Solana Program Library, `noopb9bkMVfRPU8AsbpTUg8AQkHtKwMYZiFUjNRtMmV`.
pub const SPL_NOOP: Pubkey = Pubkey::from_bytes([
    11, 188, 15, 192, 187, 71, 202, 47, 116, 196, 17, 46, 148, 171, 19, 207, 163, 198, 52, 229, 220, 23, 234,
    203, 3, 205, 26, 35, 205, 126, 120, 124,
]);

/// Metaplex's program that does nothing, `mnoopTCrg4p8ry25e4bcWA9XZjbNjMTfgYVGGEdRsf3`.
pub const MPL_NOOP: Pubkey = Pubkey::from_bytes([
    11, 121, 89, 138, 15, 175, 40, 176, 251, 210, 37, 99, 35, 51, 65, 75, 208, 58, 171, 36, 15, 112, 50, 209,
    222, 71, 87, 160, 172, 93, 198, 6,
]);

/// A Keccak-256 hash: of a leaf, of a node, of metadata.
pub type Hash = [u8; 32];

/// An event in the data of a call of [`SPL_NOOP`] or [`MPL_NOOP`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent<'a> {
    /// A tree changed.
    ChangeLog(ChangeLog),
    /// Something that the owner of a tree logged.
    ApplicationData(&'a [u8]),
}

/// The nodes of a tree that one change of a leaf made new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeLog {
    /// The account of the tree.
    pub tree: Pubkey,
    /// From the leaf to the root: one more than the tree is deep.
    pub path: Vec<PathNode>,
    /// Counts the changes of the tree. The tree's making is change 0.
    pub seq: u64,
    /// The place of the leaf among the leaves, from 0.
    pub index: u32,
}

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathNode {
    /// Its hash; all zeros for a leaf that is empty.
    pub node: Hash,
    /// Its place in the tree: 1 is the root, those below node `n` are `2n` and `2n + 1`.
    pub index: u32,
}

impl<'a> LogEvent<'a> {
    /// Reads the data of a call that logs. Bytes behind the event are not looked at.
    pub fn decode(data: &'a [u8]) -> Result<Self, Reason> {
        let mut cursor = Cursor::new(data);
        let is_application_data = cursor.bool("event")?;
        // Both events have had one version so far.
        cursor.one_of("event version", &[()])?;
        if !is_application_data {
            return ChangeLog::read(&mut cursor).map(Self::ChangeLog);
        }
        let len = cursor.vec_len("application_data", 1)?;
        cursor.take("application_data", len).map(Self::ApplicationData)
    }
}

impl ChangeLog {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Reason> {
        Ok(Self {
            tree: cursor.key("id")?,
            path: cursor.vec("path", 36, |cursor| {
                Ok(PathNode { node: cursor.array("node")?, index: cursor.u32("index")? })
            })?,
            seq: cursor.u64("seq")?,
            index: cursor.u32("index")?,
        })
    }

    /// The hash of the leaf.
    pub fn leaf(&self) -> Option<Hash> {
        self.path.first().map(|leaf| leaf.node)
    }
}

/// Whether this is one of the two programs that keep trees.
pub fn is_compression(program: Pubkey) -> bool {
    program == SPL_ACCOUNT_COMPRESSION || program == MPL_ACCOUNT_COMPRESSION
}

/// Whether this is one of the two programs that events are logged with.
pub fn is_noop(program: Pubkey) -> bool {
    program == SPL_NOOP || program == MPL_NOOP
}

/// Instructions of the compression programs that log nothing, by the first bytes of their data: `verify_leaf`,
/// `transfer_authority`, `close_empty_tree`, `prepare_batch_merkle_tree` and `append_canopy_nodes`.
const SILENT: [[u8; 8]; 5] = [
    [124, 220, 22, 223, 104, 10, 250, 224],
    [48, 169, 76, 72, 229, 180, 55, 161],
    [50, 14, 219, 107, 78, 103, 16, 103],
    [230, 124, 120, 196, 249, 134, 199, 128],
    [139, 155, 238, 167, 11, 243, 132, 205],
];

/// What the instruction at `at` logged, when it is one of a compression program that changed a tree: a call of the
/// program that does nothing. Anybody can call that one, so an event is worth only as much as its caller: where the node did
/// not record who called, a call behind an instruction that logs nothing is somebody else's.
pub fn log_of(transaction: &Transaction, at: usize) -> Option<&Instruction> {
    let call = transaction.instructions.get(at)?;
    if !is_compression(call.program) || SILENT.iter().any(|silent| call.data.starts_with(silent)) {
        return None;
    }
    transaction.calls(at).map(|(_, call)| call).find(|call| is_noop(call.program))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change_log() -> Vec<u8> {
        let mut data = vec![0, 0];
        data.extend([7; 32]);
        data.extend(2_u32.to_le_bytes());
        for (node, index) in [([8; 32], 3_u32), ([9; 32], 1)] {
            data.extend(node);
            data.extend(index.to_le_bytes());
        }
        data.extend(5_u64.to_le_bytes());
        data.extend(1_u32.to_le_bytes());
        data
    }

    #[test]
    fn programs_are_those_of_the_chain() {
        for (program, text) in [
            (SPL_ACCOUNT_COMPRESSION, "cmtDvXumGCrqC1Age74AVPhSRVXJMd8PJS91L8KbNCK"),
            (MPL_ACCOUNT_COMPRESSION, "mcmt6YrQEMKw8Mw43FmpRLmf7BqRnFMKmAcbxE3xkAW"),
            (SPL_NOOP, "noopb9bkMVfRPU8AsbpTUg8AQkHtKwMYZiFUjNRtMmV"),
            (MPL_NOOP, "mnoopTCrg4p8ry25e4bcWA9XZjbNjMTfgYVGGEdRsf3"),
        ] {
            assert_eq!(program.to_string(), text);
        }
    }

    #[test]
    fn a_change_log_is_a_path_from_the_leaf() {
        let path = vec![PathNode { node: [8; 32], index: 3 }, PathNode { node: [9; 32], index: 1 }];
        let expected = ChangeLog { tree: Pubkey::from_bytes([7; 32]), path, seq: 5, index: 1 };
        assert_eq!(expected.leaf(), Some([8; 32]));
        let mut data = change_log();
        assert_eq!(LogEvent::decode(&data), Ok(LogEvent::ChangeLog(expected.clone())));
        data.push(1);
        assert_eq!(LogEvent::decode(&data), Ok(LogEvent::ChangeLog(expected)));
    }

    #[test]
    fn silent_instructions_are_those_of_the_programs() {
        use sha2::{Digest as _, Sha256};
        let names = [
            "verify_leaf",
            "transfer_authority",
            "close_empty_tree",
            "prepare_batch_merkle_tree",
            "append_canopy_nodes",
        ];
        for (name, silent) in names.into_iter().zip(SILENT) {
            assert!(Sha256::digest(format!("global:{name}")).starts_with(&silent), "{name}");
        }
    }

    #[test]
    fn application_data_is_lent() {
        let data = [1, 0, 2, 0, 0, 0, 5, 6];
        assert_eq!(LogEvent::decode(&data), Ok(LogEvent::ApplicationData(&[5, 6])));
    }

    #[test]
    fn what_is_no_event_has_a_reason() {
        let data = change_log();
        for len in 0..data.len() {
            assert!(LogEvent::decode(&data[..len]).is_err(), "{len} bytes");
        }
        assert_eq!(LogEvent::decode(&[2, 0]), Err(Reason::BadTag { field: "event", value: 2 }));
        assert_eq!(LogEvent::decode(&[0, 1]), Err(Reason::BadTag { field: "event version", value: 1 }));
        let huge = [1, 0, 255, 255, 255, 255, 1];
        let reason = Reason::TooLong { field: "application_data", len: 0xffff_ffff, max: 1 };
        assert_eq!(LogEvent::decode(&huge), Err(reason));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(data: Vec<u8>, is_event in any::<bool>()) {
            let event = [&[u8::from(!is_event), 0], data.as_slice()].concat();
            if let Ok(LogEvent::ChangeLog(log)) = LogEvent::decode(&event) {
                prop_assert!(log.path.len() * 36 <= event.len());
            }
        }
    }
}
