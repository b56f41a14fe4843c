//! Memory for the keys and values of a store, in blocks of a few sizes, so that what is given back serves again.
//!
//! Blocks of one size lie together in pages. A page that no block is left of gives its memory back: what was put in together
//! and expires together leaves nothing behind. Pages grow as they fill, so that a small store is small, and nothing that
//! is there ever moves in one go.

/// A page has at most so many bytes.
const PAGE_BYTES: usize = 256 << 10;
/// A page begins with at least so many bytes.
const PAGE_BYTES_MIN: usize = 1 << 10;
/// Up to here sizes are 8 bytes apart …
const FINE_MAX: usize = 64;
/// … and from there on each doubling has so many sizes: no block is a quarter larger than what it holds.
const STEPS: usize = 4;
/// Sizes of blocks: up to 32 KiB.
const CLASSES: usize = FINE_MAX / 8 + 9 * STEPS;
/// The class of what is larger: each has memory of its own.
const LARGE: u8 = 0xff;

/// A piece of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) page: u32,
    pub(super) at: u16,
    pub(super) class: u8,
}

/// The pages.
#[derive(Debug)]
pub(super) struct Arena {
    pages: Vec<Page>,
    /// For each size, the pages that have room.
    room: [Vec<u32>; CLASSES],
    large: Vec<Vec<u8>>,
    large_free: Vec<u32>,
    bytes: usize,
}

#[derive(Debug)]
struct Page {
    bytes: Vec<u8>,
    size: usize,
    /// Blocks that were given back.
    free: Vec<u16>,
    /// So many blocks were handed out, with those that were given back.
    used: u16,
    /// Whether the page stands among those with room.
    listed: bool,
}

/// The class of blocks that hold `len` bytes; [`LARGE`] when there is none.
#[inline]
fn class_of(len: usize) -> usize {
    if len <= FINE_MAX {
        return len.div_ceil(8).max(1) - 1;
    }
    // 65..=80 is the first size above.
    let doubling = (len - 1).ilog2() as usize - FINE_MAX.ilog2() as usize;
    let step = (FINE_MAX << doubling) / STEPS;
    FINE_MAX / 8 + doubling * STEPS + (len - (FINE_MAX << doubling)).div_ceil(step) - 1
}

/// The bytes of a block.
#[inline]
fn size_of(class: usize) -> usize {
    let fine = FINE_MAX / 8;
    if class < fine {
        return (class + 1) * 8;
    }
    let (doubling, step) = ((class - fine) / STEPS, (class - fine) % STEPS + 1);
    (FINE_MAX << doubling) + (FINE_MAX << doubling) / STEPS * step
}

impl Arena {
    pub(super) fn new() -> Self {
        Self {
            pages: Vec::new(),
            room: [const { Vec::new() }; CLASSES],
            large: Vec::new(),
            large_free: Vec::new(),
            bytes: 0,
        }
    }

    /// The memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A block of at least `len` bytes, with anything in it.
    pub(super) fn allocate(&mut self, len: usize) -> Block {
        let class = class_of(len);
        if class >= CLASSES {
            return self.allocate_large(len);
        }
        let number = match self.room[class].last() {
            Some(page) => *page,
            None => self.add_page(class),
        };
        let page = &mut self.pages[number as usize];
        let at = match page.free.pop() {
            Some(at) => at,
            None => {
                let at = page.used;
                page.used += 1;
                let end = usize::from(page.used) * page.size;
                if end > page.bytes.len() {
                    self.bytes += page.grow(end);
                }
                at
            }
        };
        if page.is_full() {
            page.listed = false;
            self.room[class].pop();
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer than 255 classes")]
        let class = class as u8;
        Block { page: number, at, class }
    }

    fn add_page(&mut self, class: usize) -> u32 {
        let number = number(self.pages.len());
        let size = size_of(class);
        self.pages.push(Page { bytes: Vec::new(), size, free: Vec::new(), used: 0, listed: true });
        self.room[class].push(number);
        number
    }

    fn allocate_large(&mut self, len: usize) -> Block {
        let memory = vec![0; len];
        self.bytes += memory.capacity();
        let page = match self.large_free.pop() {
            Some(page) => {
                self.large[page as usize] = memory;
                page
            }
            None => {
                self.large.push(memory);
                number(self.large.len() - 1)
            }
        };
        Block { page, at: 0, class: LARGE }
    }

    /// Gives a block back.
    pub(super) fn release(&mut self, block: Block) {
        if block.class == LARGE {
            let memory = std::mem::take(&mut self.large[block.page as usize]);
            self.bytes -= memory.capacity();
            self.large_free.push(block.page);
            return;
        }
        let page = &mut self.pages[block.page as usize];
        page.free.push(block.at);
        if !page.listed {
            page.listed = true;
            self.room[usize::from(block.class)].push(block.page);
        }
        if page.free.len() == usize::from(page.used) {
            self.bytes -= page.bytes.capacity();
            page.bytes = Vec::new();
            page.free = Vec::new();
            page.used = 0;
        }
    }

    /// Whether a block that has become empty is of the size for `len` bytes, or so little larger that it may stay.
    #[inline]
    pub(super) fn fits(&self, block: Block, len: usize) -> bool {
        let size = self.size(block);
        len <= size && (size <= FINE_MAX || len > size / 2)
    }

    fn size(&self, block: Block) -> usize {
        match block.class {
            LARGE => self.large[block.page as usize].len(),
            class => size_of(usize::from(class)),
        }
    }

    /// What is in the first `len` bytes of a block.
    #[inline]
    pub(super) fn get(&self, block: Block, len: usize) -> &[u8] {
        if block.class == LARGE {
            return &self.large[block.page as usize][..len];
        }
        let page = &self.pages[block.page as usize];
        let start = usize::from(block.at) * page.size;
        &page.bytes[start..start + len]
    }

    /// [`Self::get`], to be written.
    #[inline]
    pub(super) fn get_mut(&mut self, block: Block, len: usize) -> &mut [u8] {
        if block.class == LARGE {
            return &mut self.large[block.page as usize][..len];
        }
        let page = &mut self.pages[block.page as usize];
        let start = usize::from(block.at) * page.size;
        &mut page.bytes[start..start + len]
    }
}

/// A place in a table as the number that stands for it.
#[expect(clippy::expect_used, reason = "the pages of an address space are fewer")]
fn number(place: usize) -> u32 {
    u32::try_from(place).expect("fewer than 4 G pages")
}

impl Page {
    fn is_full(&self) -> bool {
        self.free.is_empty() && (usize::from(self.used) + 1) * self.size > PAGE_BYTES
    }

    /// Makes room up to `end`; tells by how many bytes it grew.
    fn grow(&mut self, end: usize) -> usize {
        let before = self.bytes.capacity();
        let len = (self.bytes.len() * 2).clamp(PAGE_BYTES_MIN, PAGE_BYTES).max(end);
        self.bytes.reserve_exact(len - self.bytes.len());
        self.bytes.resize(len, 0);
        self.bytes.capacity() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_at_most_a_quarter_too_large() {
        for len in 1..=32 << 10 {
            let class = class_of(len);
            let size = size_of(class);
            assert!(class < CLASSES && size >= len, "{len}: {size}");
            assert!(size - len <= (size / 5).max(8), "{len}: {size}");
            assert_eq!(class_of(size), class);
        }
        assert_eq!(class_of((32 << 10) + 1), CLASSES);
        assert_eq!(
            [8, 64, 65, 81, 129, 4097].map(|len| size_of(class_of(len))),
            [8, 64, 80, 96, 160, 5120]
        );
    }

    #[test]
    fn what_is_given_back_serves_again_or_leaves() {
        let mut arena = Arena::new();
        let blocks: Vec<Block> = (0..10_000).map(|_| arena.allocate(100)).collect();
        let full = arena.bytes();
        assert!((10_000 * 112..12_000 * 112).contains(&full), "{full}");
        for block in blocks.iter().step_by(2) {
            arena.release(*block);
        }
        for _ in 0..5_000 {
            arena.allocate(112);
        }
        assert_eq!(arena.bytes(), full);
        for block in blocks.iter().skip(1).step_by(2) {
            arena.release(*block);
        }
        let large = arena.allocate(1 << 20);
        assert!(arena.bytes() >= 1 << 20);
        arena.release(large);
        assert!(arena.bytes() <= full);
    }

    #[test]
    fn an_empty_arena_holds_nothing() {
        let mut arena = Arena::new();
        let blocks: Vec<Block> = (0..9_000).map(|number| arena.allocate(number * 5)).collect();
        for block in blocks {
            arena.release(block);
        }
        assert_eq!(arena.bytes(), 0);
    }

    #[test]
    fn blocks_do_not_overlap() {
        let mut arena = Arena::new();
        let lens = (0..4_000).map(|number| number * 37 % 40_000);
        let blocks: Vec<(Block, usize)> = lens.map(|len| (arena.allocate(len), len)).collect();
        for (number, (block, len)) in blocks.iter().enumerate() {
            arena.get_mut(*block, *len).fill(number.to_le_bytes()[0]);
        }
        for (number, (block, len)) in blocks.iter().enumerate() {
            assert!(arena.get(*block, *len).iter().all(|byte| *byte == number.to_le_bytes()[0]));
        }
    }
}
