//! Where an entry is, and where it stands between two commits.

use crate::state::arena::Block;

/// Where an entry is: its key and value are one block. 16 bytes, so that no slot lies in two cache lines.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    pub(super) key_len: u32,
    pub(super) value_len: u32,
    page: u32,
    at: u16,
    class: u8,
    pub(super) life: Life,
}

/// Where an entry stands between two commits. All but `Free` and `Clean` stand among the changed ones.
///
/// ```text
///   Free ──put──▶ New ──drain──▶ Clean ──update──▶ Changed ──drain──▶ Clean
///    ▲             │▲                                │▲
///    │       remove││put                       remove││put
///    │             ▼│                                ▼│
///    ├──drain─── Dropped            ┌──drain────── Removed
///    └──────────────────────────────┘
/// ```
/// What is restored from a changelog is `Clean`, or removed from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Life {
    /// No entry.
    #[default]
    Free,
    /// The changelog has it.
    Clean,
    /// The changelog has nothing of this key.
    New,
    /// The changelog has another value.
    Changed,
    /// The changelog must be told that it is gone.
    Removed,
    /// Gone, and the changelog has never heard of it.
    Dropped,
}

impl Life {
    /// Whether there is an entry.
    #[inline]
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Clean | Self::New | Self::Changed)
    }

    /// What a live entry is when it is removed.
    pub(super) fn buried(self) -> Self {
        if self == Self::New { Self::Dropped } else { Self::Removed }
    }

    /// What a removed entry is when it is put again.
    pub(super) fn revived(self) -> Self {
        if self == Self::Dropped { Self::New } else { Self::Changed }
    }
}

impl Slot {
    #[inline]
    pub(super) fn new(block: Block, key_len: u32, value_len: u32, life: Life) -> Self {
        let Block { page, at, class } = block;
        Self { key_len, value_len, page, at, class, life }
    }

    #[inline]
    pub(super) fn block(&self) -> Block {
        Block { page: self.page, at: self.at, class: self.class }
    }

    #[inline]
    pub(super) fn key_len(&self) -> usize {
        self.key_len as usize
    }

    /// The bytes of key and value.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.key_len as usize + self.value_len as usize
    }
}
