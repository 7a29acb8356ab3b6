//! What evaluating an expression costs, as a function of the size of the data. A step is one part of an expression, one value
//! or sixteen bytes of text: some tens of nanoseconds.

use crate::data::Data;

/// Steps of all expressions that one event is asked.
pub(super) const MOST: u64 = 2_000_000;
/// Steps that may be taken on a thread that serves others.
const LIGHT: u64 = 50_000;

/// Steps, as a polynomial in the values of the data and the members of its longest list or object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    fixed: u64,
    per_value: u64,
    per_member: u64,
    /// For each member as many as there are values.
    per_member_and_value: u64,
    /// For each value of the item that a loop is at.
    per_item: u64,
}

/// How large a value may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    fixed: u64,
    /// Times all values of the data.
    data: u64,
    /// Times the item that the loop around is at. All items of a loop together are as large as what it goes over.
    item: u64,
}

// === impl Cost ===

impl Cost {
    /// Both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.saturating_add(other.fixed),
            per_value: self.per_value.saturating_add(other.per_value),
            per_member: self.per_member.saturating_add(other.per_member),
            per_member_and_value: self
                .per_member_and_value
                .saturating_add(other.per_member_and_value),
            per_item: self.per_item.saturating_add(other.per_item),
        }
    }

    /// The steps on this data.
    pub(super) const fn on(self, data: &Data) -> u64 {
        let size = data.size();
        let values = size.nodes + size.bytes / 16;
        self.fixed
            .saturating_add(self.per_value.saturating_mul(values))
            .saturating_add(self.per_member.saturating_mul(size.longest))
            .saturating_add(
                self.per_member_and_value
                    .saturating_mul(size.longest.saturating_mul(values)),
            )
    }

    /// Whether it can be paid on any event: what it costs whatever the data is, beside what an event may cost.
    #[must_use]
    pub const fn is_affordable(self) -> bool {
        self.fixed <= MOST / 4
    }

    /// Whether that takes long enough to delay others: milliseconds instead of microseconds.
    #[must_use]
    pub fn is_heavy(self, data: &Data) -> bool {
        self != Self::default() && self.plus(Self::SEEING).on(data) > LIGHT
    }

    /// Making the event a value that expressions see.
    pub(super) const SEEING: Self = Self {
        fixed: 20,
        per_value: 2,
        per_member: 0,
        per_member_and_value: 0,
        per_item: 0,
    };

    pub(super) const fn step(&mut self) {
        self.fixed = self.fixed.saturating_add(2);
    }

    pub(super) const fn read(&mut self, size: Size) {
        self.fixed = self.fixed.saturating_add(size.fixed);
        self.per_value = self.per_value.saturating_add(size.data);
        self.per_item = self.per_item.saturating_add(size.item);
    }

    /// Adds one turn of a loop for each member of `range`. Loops do not nest, so that a turn has no loop in it.
    pub(super) const fn repeat(&mut self, turn: Self, range: Size) {
        *self = self.plus(Self {
            fixed: turn
                .fixed
                .saturating_add(turn.per_item)
                .saturating_mul(range.fixed),
            per_value: turn
                .per_value
                .saturating_mul(range.fixed)
                .saturating_add(turn.per_item.saturating_mul(range.data)),
            per_member: turn.fixed.saturating_mul(range.data),
            per_member_and_value: turn.per_value.saturating_mul(range.data),
            per_item: 0,
        });
    }
}

// === impl Size ===

impl Size {
    pub(super) const ONE: Self = Self::fixed(1);
    /// Any field of the event besides its data: a URL has up to 2,048 characters.
    pub(super) const TEXT: Self = Self::fixed(128);
    pub(super) const EVENT: Self = Self {
        fixed: 512,
        data: 1,
        item: 0,
    };
    /// Extra headers of a webhook: at most 20, of 4,096 bytes each.
    pub(super) const HEADERS: Self = Self::fixed(20 * 4_096 / 16);
    pub(super) const DATA: Self = Self {
        fixed: 1,
        data: 1,
        item: 0,
    };
    pub(super) const ITEM: Self = Self {
        fixed: 1,
        data: 0,
        item: 1,
    };

    pub(super) const fn fixed(fixed: u64) -> Self {
        Self {
            fixed,
            data: 0,
            item: 0,
        }
    }

    /// What a comparison reads at most of each.
    pub(super) const fn shorter(self, other: Self) -> Self {
        match (self.data + self.item, other.data + other.item) {
            (0, 0) if self.fixed > other.fixed => other,
            (0, _) => self,
            (_, 0) => other,
            _ => self.plus(other),
        }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.saturating_add(other.fixed),
            data: self.data.saturating_add(other.data),
            item: self.item.saturating_add(other.item),
        }
    }

    pub(super) const fn times(self, times: u64) -> Self {
        Self {
            fixed: self.fixed.saturating_mul(times),
            data: self.data.saturating_mul(times),
            item: self.item.saturating_mul(times),
        }
    }

    /// The size of what a loop over `range` gives that finds this in each turn; none when each turn can find all the data.
    pub(super) const fn repeated(self, range: Self) -> Option<Self> {
        if self.data > 0 {
            return None;
        }
        let each = self.fixed.saturating_add(self.item);
        Some(Self {
            fixed: each.saturating_mul(range.fixed),
            data: each.saturating_mul(range.data),
            item: 0,
        })
    }
}
