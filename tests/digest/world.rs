//! Processes that die and live again in a time of the test's own, and the mails that they send.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_testkit::SmtpStandIn;

use crate::harness::{Database, Faults, Serve};

/// When all digests come due for the first time.
const FIRST_MONDAY: &str = "2031-01-13T09:00:00Z";
/// How long a process lives that brings nothing about, to begin with.
const IDLE: Duration = Duration::from_secs(2);
/// A test waits no longer than this for one more digest.
const WAIT_TIMEOUT: Duration = Duration::from_secs(90);

/// A process that is killed and started again.
pub(super) struct Mortal {
    pub(super) serve: Serve,
    faults: Faults,
    /// Seconds that its clock is ahead of the test's time.
    skew: i64,
    /// No more mails than this come in one of its lives.
    mails: usize,
}

/// The time that all processes live in, and the mails that have come.
pub(super) struct World {
    pub(super) mortals: Vec<Mortal>,
    pub(super) smtp: SmtpStandIn,
    /// Lives that ended while some digests of a week were there, and some were not.
    pub(super) cut_short: Cell<usize>,
    random: StdRng,
    clock: SystemClock,
    /// Seconds that the test's time is ahead of the machine's.
    ahead: Cell<i64>,
}

// === impl Mortal ===

impl Mortal {
    pub(super) fn new(database: &Database, serve: Serve, skew: i64, mails: usize) -> Self {
        let faults = Faults::new(database.directory());
        Self {
            serve: faults.under(serve),
            faults,
            skew,
            mails,
        }
    }

    /// Life after life, each ended by `kill -9`: some while the process starts, others when some more mails have come.
    /// A process that brings nothing about dies, too, but has longer the next time, however slow the machine is.
    async fn live_and_die(&self, smtp: &SmtpStandIn, mut random: StdRng, died: impl Fn()) {
        let mut patience = IDLE;
        loop {
            if random.random_bool(0.3) {
                let moment = Duration::from_millis(random.random_range(0..1_000));
                let _ = tokio::time::timeout(moment, self.serve.start()).await;
            } else {
                let _process = self.serve.start().await;
                let mails = smtp.received().len() + random.random_range(0..self.mails);
                let came = smtp.wait_for_within(mails, patience).await;
                patience = if came.is_ok() { IDLE } else { patience * 2 };
            }
            died();
        }
    }
}

// === impl World ===

impl World {
    /// A world four days before the first Monday, in which nobody lives yet. The platform's mail comes here.
    pub(super) async fn new(
        what: &str,
        mortals: impl FnOnce(&dyn Fn(Serve) -> Serve) -> Vec<Mortal>,
    ) -> Self {
        let seed = std::env::var("WATCHBELL_TEST_SEED").ok();
        let seed = seed.map_or_else(rand::random, |seed| seed.parse().expect("a seed is a number"));
        // Past the capture: whoever waits in vain wants to know as well.
        let _ = writeln!(std::io::stderr(), "digests, {what}: WATCHBELL_TEST_SEED={seed}");
        let smtp = SmtpStandIn::start().await.unwrap();
        let port = smtp.port().to_string();
        let mailing = |serve: Serve| {
            serve
                .env("WATCHBELL__CONFIG__CONFIRM_RECIPIENTS", "false")
                .env("WATCHBELL__MAIL__HOST", "127.0.0.1")
                .env("WATCHBELL__MAIL__PORT", port.clone())
                .env("WATCHBELL__MAIL__SECURITY", "none")
        };
        let world = Self {
            mortals: mortals(&mailing),
            smtp,
            cut_short: Cell::new(0),
            random: StdRng::seed_from_u64(seed),
            clock: SystemClock::new(),
            ahead: Cell::new(0),
        };
        world.pass_until(monday(0) - TimeDelta::days(4));
        world
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::seconds(self.ahead.get())
    }

    /// Lets time pass, for everybody.
    pub(super) fn pass(&self, time: TimeDelta) {
        self.ahead.set(self.ahead.get() + time.num_seconds());
        for mortal in &self.mortals {
            mortal.faults.set_clock_ahead(self.ahead.get() + mortal.skew);
        }
    }

    fn pass_until(&self, when: DateTime<Utc>) {
        self.pass(when - self.now());
    }

    /// The ids of the different messages that each mailbox has got. A Dispatcher that dies between the mail server's
    /// answer and its own commit sends a message again; the message's id is that of its delivery, and stays.
    pub(super) fn messages(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut messages: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for mail in self.smtp.received() {
            let id = message_id(&mail.text());
            for to in mail.to {
                messages.entry(to).or_default().insert(id.clone());
            }
        }
        messages
    }

    /// Over a Monday, and on until all mailboxes have as many digests as weeks are over; meanwhile these processes live
    /// and die.
    pub(super) async fn monday(&mut self, week: usize, mailboxes: usize, mortals: Range<usize>) {
        let randoms: Vec<_> = mortals
            .clone()
            .map(|_| StdRng::from_rng(&mut self.random))
            .collect();
        let random = StdRng::from_rng(&mut self.random);
        let world = &*self;
        let is_middle = Cell::new(false);
        let died = || {
            let cut_short = world.cut_short.get();
            world.cut_short.set(cut_short + usize::from(is_middle.get()));
        };
        let dying = world.mortals[mortals].iter().zip(randoms);
        let dying = join_all(dying.map(|(mortal, random)| mortal.live_and_die(&world.smtp, random, died)));
        tokio::select! {
            () = world.pass_monday(week, mailboxes, random, &is_middle) => {}
            _ = dying => unreachable!("dying does not end"),
        }
    }

    async fn pass_monday(&self, week: usize, mailboxes: usize, mut random: StdRng, is_middle: &Cell<bool>) {
        let monday = monday(week);
        self.pass_until(monday - TimeDelta::seconds(150));
        let mut last = (0, self.clock.monotonic());
        loop {
            let messages = self.messages();
            let now = self.now();
            let have = messages.values().filter(|ids| ids.len() == week + 1).count();
            let wrong = messages
                .iter()
                .find(|(_, ids)| !(week..=week + 1).contains(&ids.len()));
            assert_eq!(wrong, None, "not one digest a week, in week {week}");
            assert!(
                have == 0 || now >= monday,
                "a digest came before its week was over"
            );
            if have == mailboxes {
                return;
            }
            is_middle.set(have > 0);
            let moment = self.clock.monotonic();
            if have > last.0 {
                last = (have, moment);
            }
            assert!(
                moment - last.1 < WAIT_TIMEOUT,
                "{have} of {mailboxes} digests of week {week} came, and no other within {WAIT_TIMEOUT:?}, which were {} of \
                 the test's time",
                now - monday,
            );
            // First slowly, while clocks disagree about which week it is; then towards the ends of leases.
            let seconds = if now < monday + TimeDelta::minutes(3) {
                1..15
            } else {
                5..60
            };
            self.pass(TimeDelta::seconds(random.random_range(seconds)));
            tokio::time::sleep(Duration::from_millis(random.random_range(50..300))).await;
        }
    }
}

pub(super) fn monday(week: usize) -> DateTime<Utc> {
    let first: DateTime<Utc> = FIRST_MONDAY.parse().unwrap();
    first + TimeDelta::weeks(i64::try_from(week).unwrap())
}

fn message_id(mail: &str) -> String {
    let id = mail
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: <")?.split('@').next());
    id.expect("a message has an id").to_owned()
}
