//! Cutting a body into calls.

use chappe_kit::{Error, grpc::MAX_MESSAGE_BYTES};
use chappe_proto::{
    ingestion::ProfileUpdate,
    types::{RawValue, raw_value::Kind},
};
use prost::Message;

use crate::failure::malformed;

/// Items in one call, as documented in the contract of ingestion.
const MAX_ITEMS: usize = 1_000;
/// Events in one call, as documented there.
pub(crate) const MAX_EVENTS: usize = 15_000;
/// Bytes of items in one call: half a message. What ingestion makes of them for profile-store is larger: every event has
/// an id there, every change a kind.
const MAX_BYTES: usize = MAX_MESSAGE_BYTES / 2;
/// Bytes in front of an item: a tag and a length.
const ITEM_OVERHEAD: usize = 6;

/// Items that fit one call.
#[derive(Debug, PartialEq)]
pub(super) struct Chunk {
    /// Index of the first one in the body.
    pub(super) first_index: i32,
    pub(super) items: Vec<ProfileUpdate>,
}

/// Cuts where the next item no longer fits. The same body is always cut in the same places.
pub(super) fn cut(items: Vec<ProfileUpdate>) -> Result<Vec<Chunk>, Error> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let (mut events, mut bytes) = (0, 0);
    for (index, mut item) in items.into_iter().enumerate() {
        let item_events = count_events(&mut item);
        let item_bytes = item.encoded_len() + ITEM_OVERHEAD;
        if item_bytes > MAX_BYTES {
            return Err(malformed(&format!("[{index}]"), "must not exceed 12 MiB"));
        }
        let fits = |chunk: &&mut Chunk| {
            chunk.items.len() < MAX_ITEMS && events + item_events <= MAX_EVENTS && bytes + item_bytes <= MAX_BYTES
        };
        if let Some(chunk) = chunks.last_mut().filter(fits) {
            chunk.items.push(item);
            events += item_events;
            bytes += item_bytes;
        } else {
            let first_index = i32::try_from(index).map_err(Error::internal)?;
            chunks.push(Chunk {
                first_index,
                items: vec![item],
            });
            (events, bytes) = (item_events, item_bytes);
        }
    }
    Ok(chunks)
}

/// Counts the events of an item, and cuts the list where no call could hold it. Ingestion refuses all but the first
/// few of such a list anyway, and names at most a thousand of them.
fn count_events(item: &mut ProfileUpdate) -> usize {
    let Some(RawValue {
        kind: Some(Kind::ListValue(list)),
    }) = &mut item.events
    else {
        return 0;
    };
    list.items.truncate(MAX_EVENTS);
    list.items.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chappe_proto::types::RawList;

    fn item(events: usize, text: usize) -> ProfileUpdate {
        let string = |length| RawValue {
            kind: Some(Kind::StringValue("x".repeat(length))),
        };
        let events = RawList {
            items: vec![string(0); events],
        };
        ProfileUpdate {
            identifier: None,
            attributes: Some(string(text)),
            events: Some(RawValue {
                kind: Some(Kind::ListValue(events)),
            }),
        }
    }

    fn shape(items: Vec<ProfileUpdate>) -> Vec<(i32, usize)> {
        let chunks = cut(items).unwrap();
        chunks
            .iter()
            .map(|chunk| (chunk.first_index, chunk.items.len()))
            .collect()
    }

    #[test]
    fn nothing_is_cut_into_nothing() {
        assert_eq!(shape(Vec::new()), []);
    }

    #[test]
    fn items_events_and_bytes_each_end_a_call() {
        assert_eq!(shape(vec![item(0, 1); 2_001]), [(0, 1_000), (1_000, 1_000), (2_000, 1)]);
        assert_eq!(shape(vec![item(7_000, 1); 3]), [(0, 2), (2, 1)]);
        let large = 5 * 1024 * 1024;
        assert_eq!(shape(vec![item(0, large); 3]), [(0, 2), (2, 1)]);
    }

    #[test]
    fn a_call_is_never_larger_than_a_message() {
        for chunk in cut(vec![item(3, 24_600); 1_500]).unwrap() {
            let request = chappe_proto::ingestion::UpdateProfilesRequest {
                items: chunk.items,
                idempotency_key: "k".repeat(160),
                first_index: i32::MAX,
                backfill: true,
            };
            assert!(request.encoded_len() <= MAX_MESSAGE_BYTES);
        }
    }

    #[test]
    fn an_item_that_fits_no_call_is_a_fault_of_the_body() {
        let error = cut(vec![item(0, 1), item(0, MAX_MESSAGE_BYTES)]).unwrap_err();
        assert_eq!(error.message(), "malformed parameter: [1]: must not exceed 12 MiB");
    }

    #[test]
    fn more_events_than_a_call_holds_are_cut_off() {
        assert_eq!(shape(vec![item(20_000, 1), item(1, 1)]), [(0, 1), (1, 1)]);
    }
}
