//! Shards: the fixed parts of all teams that Dispatchers share among themselves. A team's shard never changes, so
//! everything of a team has the same owner. The hash is XXH64 with seed 0 over the 16 bytes of the team's UUID.
//!
//! Source: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>.

use std::fmt;

use crate::ids::TeamId;

/// Number of shards, fixed for ever: rows of teams are found by it.
pub const SHARDS: usize = 256;

/// Number of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u8);

const PRIME_1: u64 = 0x9E37_79B1_85EB_CA87;
const PRIME_2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const PRIME_3: u64 = 0x1656_67B1_9E37_79F9;
const PRIME_4: u64 = 0x85EB_CA77_C2B2_AE63;
const PRIME_5: u64 = 0x27D4_EB2F_1656_67C5;

// === impl ShardId ===

impl ShardId {
    /// The shard of a team.
    #[must_use]
    pub fn of(team: TeamId) -> Self {
        Self((xxh64(team.as_uuid().into_bytes()) % SHARDS as u64) as u8)
    }

    /// From a table or a message; `None` when there is no such shard.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        u8::try_from(number).ok().map(Self)
    }

    /// All shards, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// As a table keeps it.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// XXH64 with seed 0 of an input of 16 bytes.
fn xxh64(bytes: [u8; 16]) -> u64 {
    let mut hash = PRIME_5.wrapping_add(bytes.len() as u64);
    let value = u128::from_le_bytes(bytes);
    for lane in [value as u64, (value >> 64) as u64] {
        let round = lane.wrapping_mul(PRIME_2).rotate_left(31).wrapping_mul(PRIME_1);
        hash = (hash ^ round)
            .rotate_left(27)
            .wrapping_mul(PRIME_1)
            .wrapping_add(PRIME_4);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIME_2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIME_3);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// The hashes are those of the reference implementation (python-xxhash 3).
    const VECTORS: [(u128, u64, u8); 5] = [
        (0, 0xaf09_f715_1624_7c32, 50),
        (1, 0xf1dd_97d1_b9d6_14c7, 199),
        (7, 0x833b_9f66_5d39_5b49, 73),
        (
            0x0192_f3a4_b5c6_7d8e_9fa0_b1c2_d3e4_f506,
            0xc7ce_1a9e_247a_1c5c,
            92,
        ),
        (u128::MAX, 0xa721_445d_6a57_c444, 68),
    ];

    #[test]
    fn a_team_is_in_the_same_shard_for_ever() {
        for (team, hash, shard) in VECTORS {
            assert_eq!(xxh64(team.to_be_bytes()), hash);
            assert_eq!(
                ShardId::of(TeamId::from_uuid(Uuid::from_u128(team))),
                ShardId(shard)
            );
        }
    }

    #[test]
    fn a_number_is_a_shard_or_none() {
        assert_eq!(ShardId::all().count(), SHARDS);
        assert_eq!(ShardId::from_number(255), Some(ShardId(255)));
        assert_eq!(ShardId::from_number(256), None);
        assert_eq!(ShardId::from_number(-1), None);
    }
}
