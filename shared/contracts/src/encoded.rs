//! Messages as protobuf encodes them, looked at before they are decoded.

use std::sync::OnceLock;

use prost_reflect::MessageDescriptor;

use crate::json;

/// The descriptor of one message, looked up once.
#[derive(Debug, Default)]
pub(crate) struct Descriptor(OnceLock<Option<MessageDescriptor>>);

/// The fields of a message that have a length: texts, bytes, messages, packed numbers. It ends before what cannot be read, which is
/// left for the decoder to refuse.
pub(crate) struct Fields<'e>(&'e [u8]);

// === impl Descriptor ===

impl Descriptor {
    /// That of the message with this name, which must always be the same.
    pub(crate) fn get(&self, name: &str) -> Option<&MessageDescriptor> {
        self.0.get_or_init(|| json::descriptor(name).ok()).as_ref()
    }
}

// === impl Fields ===

impl<'e> Fields<'e> {
    pub(crate) fn of(encoded: &'e [u8]) -> Self {
        Self(encoded)
    }

    fn take(&mut self, length: usize) -> Option<&'e [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        prost::encoding::decode_varint(&mut self.0).ok()
    }
}

impl<'e> Iterator for Fields<'e> {
    type Item = (u32, &'e [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let key = self.varint()?;
            match key & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.take(8)?),
                5 => drop(self.take(4)?),
                2 => {
                    let length = usize::try_from(self.varint()?).ok()?;
                    return Some((u32::try_from(key >> 3).ok()?, self.take(length)?));
                }
                _ => return None,
            }
        }
        None
    }
}
