//! The static and the dynamic table (RFC 7541 section 2.3 and appendix A).
//!
//! Indices count from the newest entry, so what an observer has seen being added keeps its right index whatever it has
//! missed before, and nothing has to be known of the size of the part it has not seen. It evicts only what is surely
//! gone; an entry kept too long is at an index that no encoder uses.

use std::collections::VecDeque;

/// What an entry counts beside its text (section 4.1).
const OVERHEAD: usize = 32;
/// A name that is not known.
const UNKNOWN: u32 = u32::MAX;

/// A name and a value, each `None` if it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'l> {
    /// In lower case, as HTTP/2 has it.
    pub name: Option<&'l [u8]>,
    /// As sent.
    pub value: Option<&'l [u8]>,
}

/// An entry of the dynamic table. Its value came with it and is always known.
#[derive(Debug)]
pub(super) struct Entry {
    text: Box<[u8]>,
    name: u32,
}

impl Entry {
    /// At least this: an unknown name counts nothing.
    fn size(&self) -> usize {
        self.text.len().saturating_add(OVERHEAD)
    }

    fn line(&self) -> Line<'_> {
        let name = if self.name == UNKNOWN { 0 } else { self.name };
        let (text, value) = self
            .text
            .split_at_checked(name as usize)
            .unwrap_or_default();
        Line {
            name: (self.name != UNKNOWN).then_some(text),
            value: Some(value),
        }
    }
}

/// What is known of the dynamic table.
#[derive(Debug)]
pub(super) struct Table {
    /// Newest first.
    entries: VecDeque<Entry>,
    /// Sum of the entries' sizes, or less where a name is not known.
    size: usize,
    /// No more than this fits.
    capacity: usize,
    /// Bound of `capacity`, for the observer's memory.
    limit: usize,
    /// There are no entries but these.
    complete: bool,
}

impl Table {
    /// The empty table of a new connection.
    pub(super) fn new(capacity: usize, limit: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            capacity: capacity.min(limit),
            limit,
            complete: capacity <= limit,
        }
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        self.entries = VecDeque::new();
        self.size = 0;
        self.capacity = self.limit;
        self.complete = false;
    }

    /// The encoder has changed the maximum size (section 4.2).
    pub(super) fn resize(&mut self, capacity: usize) {
        self.complete &= capacity <= self.limit;
        self.capacity = capacity.min(self.limit);
        self.evict(self.capacity);
        if capacity == 0 {
            self.complete = true;
        }
    }

    /// The field at an index; `None` if there is none.
    pub(super) fn get(&self, index: u32) -> Option<Line<'_>> {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Some(Line {
                name: Some(name.as_bytes()),
                value: Some(value.as_bytes()),
            });
        }
        match self.entries.get(index.checked_sub(STATIC.len())?) {
            Some(entry) => Some(entry.line()),
            None if self.complete => None,
            None => Some(Line {
                name: None,
                value: None,
            }),
        }
    }

    /// What [`Self::insert`] takes; a step of its own since the name may lie in an entry that has to go for it.
    pub(super) fn entry(name: Option<&[u8]>, value: &[u8]) -> Entry {
        let length = name.map_or(Some(UNKNOWN), |name| u32::try_from(name.len()).ok());
        Entry {
            text: [name.unwrap_or_default(), value].concat().into(),
            name: length.unwrap_or(UNKNOWN),
        }
    }

    /// Adds an entry (section 4.4): it may push out all others, and itself if it does not fit.
    pub(super) fn insert(&mut self, entry: Entry) {
        let size = entry.size();
        self.evict(self.capacity.saturating_sub(size));
        if size > self.capacity {
            return;
        }
        self.size = self.size.saturating_add(size);
        self.entries.push_front(entry);
    }

    /// Heap bytes held.
    pub(super) fn footprint(&self) -> usize {
        let slots = self.entries.capacity().saturating_mul(size_of::<Entry>());
        slots.saturating_add(self.size)
    }

    /// Entries that are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn evict(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.entries.pop_back() else {
                return;
            };
            self.size = self.size.saturating_sub(oldest.size());
        }
    }
}

/// Appendix A, from index 1 on.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];
