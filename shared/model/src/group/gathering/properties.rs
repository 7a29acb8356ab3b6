//! Whatever comes when, each event is in exactly one message, none waits for longer than its group may, and no message tells
//! more than it may. For events in the order of time an oracle says which message each is in.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Arrival {
    key: u8,
    /// In milliseconds.
    at: i64,
}

/// A row of the database.
#[derive(Debug)]
struct Row {
    key: u8,
    number: usize,
    at: DateTime<Utc>,
    gathered: OpenGroup,
}

/// A message, and when it was made.
#[derive(Debug)]
struct Told {
    rows: Vec<Row>,
    at: DateTime<Utc>,
}

fn instant(millis: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
}

/// What the database says of the newest groups.
fn open(rows: &[Row]) -> OpenGroups<u8> {
    let mut open = OpenGroups::default();
    let place = |row: &&Row| (row.gathered.id, row.gathered.count);
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(place);
    for Row { key, gathered, .. } in rows {
        open.insert(*key, *gathered);
    }
    open
}

/// Makes the messages of the groups that are due.
fn collect(rows: &mut Vec<Row>, now: DateTime<Utc>) -> Vec<Told> {
    let due = rows.iter().filter(|row| row.gathered.due <= now);
    let mut due: Vec<Uuid> = due.map(|row| row.gathered.id).collect();
    due.sort_unstable();
    due.dedup();
    let mut told = Vec::new();
    for group in due {
        let is_told = |row: &mut Row| row.gathered.id == group;
        let rows = rows.extract_if(.., is_told).collect();
        told.push(Told { rows, at: now });
    }
    told
}

/// Runs arrivals, in batches as the committer makes them, with a look at what is due every so often.
fn run(arrivals: &[Arrival], batch: usize, by: (Duration, u32), look_every: usize) -> Vec<Told> {
    let (mut rows, mut told, mut now) = (Vec::new(), Vec::new(), i64::MIN);
    for (index, arrivals) in arrivals.chunks(batch).enumerate() {
        let mut open = open(&rows);
        for arrival in arrivals {
            let number = rows.len() + told.iter().map(|told: &Told| told.rows.len()).sum::<usize>();
            let id = Uuid::from_u128(number as u128);
            let at = instant(arrival.at);
            let gathered = open.join(arrival.key, by, id, at);
            rows.push(Row {
                key: arrival.key,
                number,
                at,
                gathered,
            });
            now = now.max(arrival.at);
        }
        if index % look_every == 0 {
            told.extend(collect(&mut rows, instant(now)));
        }
    }
    // Time goes on until all is told, and is looked at when something is due.
    while let Some(next) = rows.iter().map(|row| row.gathered.due).min() {
        told.extend(collect(&mut rows, next));
    }
    told
}

/// The messages by the numbers of their events, worked out event by event from the arrivals alone: an event belongs to the
/// message of the latest event of its key that began one, if that has not gone by then.
fn oracle(arrivals: &[Arrival], wait: i64, at_most: u32) -> Vec<Vec<usize>> {
    let mut messages: Vec<Vec<usize>> = Vec::new();
    for (number, arrival) in arrivals.iter().enumerate() {
        let of_key = |message: &&mut Vec<usize>| arrivals[message[0]].key == arrival.key;
        let last = messages.iter_mut().rev().find(of_key);
        let takes = |message: &&mut Vec<usize>| {
            message.len() < at_most as usize && arrival.at < arrivals[message[0]].at + wait
        };
        match last.filter(takes) {
            Some(message) => message.push(number),
            None => messages.push(vec![number]),
        }
    }
    messages.sort();
    messages
}

proptest! {
    #[test]
    fn events_in_order_are_in_the_messages_that_the_oracle_says(
        steps in prop::collection::vec((0_u8..3, 0_i64..1_500), 1..120),
        (batch, look_every) in (1_usize..6, 1_usize..6),
        (wait, at_most) in (1_000_i64..6_000, 2_u32..8),
    ) {
        let mut at = 0;
        let arrivals: Vec<_> = steps.iter().map(|(key, step)| {
            at += step;
            Arrival { key: *key, at }
        }).collect();
        let told = run(&arrivals, batch, (Duration::from_millis(wait.unsigned_abs()), at_most), look_every);
        let mut messages: Vec<Vec<usize>> = told
            .iter()
            .map(|told| told.rows.iter().map(|row| row.number).collect())
            .collect();
        messages.iter_mut().for_each(|message| message.sort_unstable());
        messages.sort();
        prop_assert_eq!(messages, oracle(&arrivals, wait, at_most));
    }

    #[test]
    fn each_is_told_once_in_time_and_no_message_is_too_long(
        arrivals in prop::collection::vec((0_u8..3, 0_i64..20_000), 1..120),
        (batch, look_every) in (1_usize..6, 1_usize..6),
        (wait, at_most) in (1_000_i64..6_000, 2_u32..8),
    ) {
        let arrivals: Vec<_> = arrivals.iter().map(|(key, at)| Arrival { key: *key, at: *at }).collect();
        let told = run(&arrivals, batch, (Duration::from_millis(wait.unsigned_abs()), at_most), look_every);
        let mut numbers: Vec<usize> = Vec::new();
        for Told { rows, at } in &told {
            prop_assert!(rows.len() <= at_most as usize);
            prop_assert!(rows.iter().all(|row| row.key == rows[0].key), "what has nothing in common");
            let due = rows.iter().map(|row| row.gathered.due).min().unwrap();
            prop_assert!(due <= *at);
            for row in rows {
                prop_assert!(due <= row.at + TimeDelta::milliseconds(wait), "it waits for too long");
            }
            numbers.extend(rows.iter().map(|row| row.number));
        }
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..arrivals.len()).collect::<Vec<_>>());
    }
}
