//! What becomes of messages by one configuration, by the functions that deliver: groups gather them, silences and quiet hours hold
//! them, storm control folds them. Each is sent the moment it may be.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use watchbell_contracts::router::v1::BacktestCounts;
use watchbell_model::alert_life::telling::{Fate, noticed_at};
use watchbell_model::channel::StormLimit;
use watchbell_model::group::gathering::{OpenGroup, OpenGroups};
use watchbell_model::ids::ChannelId;
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::silence::{Silence, SilenceMode, strongest};
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::storm::{LONGEST, Recent, StormDecision, passes};
use watchbell_model::vocabulary::{ChannelKind, Severity};

use super::targets::{Known, Targets};

/// See the module.
#[derive(Default)]
pub(super) struct Side {
    /// By the places of targets.
    pub(super) counts: Vec<BacktestCounts>,
    silences: Vec<Silence>,
    lanes: Vec<Lane>,
    /// By the numbers of targets.
    lane_of: Vec<usize>,
    /// What has become of each message that alerts may still ask for.
    fates: Vec<Fate>,
    /// What is to happen, in order.
    due: BTreeMap<(DateTime<Utc>, u64), Due>,
    next: u64,
    together: HashMap<Together, Vec<Message>>,
    groups: OpenGroups<GroupKey>,
    /// What each group that is not told yet has gathered, in order.
    gathered: HashMap<Uuid, Vec<Gathered>>,
    /// The groups of messages that are gathered.
    group_of: HashMap<u32, (GroupKey, Uuid)>,
    /// What waits until another message is told.
    after: HashMap<u32, Vec<Follower>>,
}

/// A channel, or mail to people.
#[derive(Default)]
struct Lane {
    quiet: Option<QuietHours>,
    storm: Option<StormLimit>,
    recent: Recent,
}

/// A message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub(super) target: u32,
    pub(super) severity: Severity,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// An event's, by its number.
    Own(u32),
    /// One for several.
    Summary,
    /// One for what a rule has gathered.
    Group,
}

/// What comes due.
enum Due {
    /// With the silence that was asked for it.
    Message(Message, Option<u16>),
    /// It looks again whether the message of that number was told.
    Follower(u32, Follower),
    Together(Together),
    Group(GroupKey, Uuid),
}

/// Messages to a target that one summary tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Together {
    why: Why,
    until: DateTime<Utc>,
    target: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    Storm,
    QuietHours,
    Silence(u16),
}

/// A message that is gathered, with the silence that was asked for it, and its group as it was with it.
struct Gathered {
    message: Message,
    silence: Option<u16>,
    group: OpenGroup,
}

/// A message that follows another one, with the silence that was asked for it, and since when.
struct Follower {
    message: Message,
    silence: Option<u16>,
    since: DateTime<Utc>,
}

/// What a group has in common: the lane, the mailbox, and its key there.
type GroupKey = (usize, u32, u32);

/// A message that is to be made, and what holds for it.
pub(super) struct New<'s> {
    pub(super) target: u32,
    pub(super) severity: Severity,
    pub(super) at: DateTime<Utc>,
    /// Silences in force and about its event.
    pub(super) silences: &'s [u16],
    /// What gathers it: the key, for how long, and with how many.
    pub(super) group: Option<(u32, (Duration, u32))>,
    /// The message of the beginning that it follows.
    pub(super) follows: Option<u32>,
}

// === impl Side ===

impl Side {
    pub(super) fn new(snapshot: &TeamSnapshot, targets: &Targets) -> Self {
        let mut lanes = vec![Lane::default()];
        let mut numbers: HashMap<ChannelId, usize> = HashMap::new();
        for id in targets.known().iter().filter_map(|target| target.channel) {
            if let Some(channel) = snapshot.channel(id)
                && !numbers.contains_key(&id)
            {
                numbers.insert(id, lanes.len());
                lanes.push(Lane {
                    quiet: channel.quiet_hours.clone(),
                    storm: channel.storm,
                    recent: Recent::default(),
                });
            }
        }
        let lane_of = targets.known().iter().map(|target| {
            let number = target.channel.and_then(|id| numbers.get(&id));
            number.copied().unwrap_or_default()
        });
        Self {
            counts: vec![BacktestCounts::default(); targets.places().len()],
            silences: snapshot.silences.clone(),
            lane_of: lane_of.collect(),
            lanes,
            ..Self::default()
        }
    }

    /// The number that the next message gets.
    pub(super) fn next_message(&self) -> u32 {
        u32::try_from(self.fates.len()).unwrap_or(u32::MAX)
    }

    /// What has become of a message; of one that is still to be made nothing yet.
    pub(super) fn fate(&self, message: u32) -> Fate {
        self.fates.get(message as usize).copied().unwrap_or(Fate::Told)
    }

    /// Makes the message of an event.
    pub(super) fn send(&mut self, targets: &Targets, new: &New<'_>) {
        let known = targets.get(new.target);
        let message = Message {
            target: new.target,
            severity: new.severity,
            what: What::Own(self.next_message()),
        };
        self.fates.push(Fate::Told);
        self.counts[known.place].message_count += 1;
        let silence = self.silence(known, new.silences);
        if let Some(beginning) = new.follows
            && self.fate(beginning) == Fate::KeptBack
        {
            self.becomes(&message, Fate::KeptBack, new.at);
            self.after.entry(beginning).or_default().push(Follower {
                message,
                silence,
                since: new.at,
            });
        } else if let Some((key, limits)) = new.group
            && let Some(mailbox) = known.key
            && known.kind != ChannelKind::Webhook
        {
            self.counts[known.place].gathered_count += 1;
            self.gather(
                (self.lane_of[new.target as usize], mailbox, key),
                limits,
                (message, silence),
                new.at,
            );
        } else {
            self.ask_silence(targets, message, silence, new.at);
        }
    }

    /// Counts a message that is not sent, since it is no news there.
    pub(super) fn count_repeat(&mut self, known: Known) {
        self.fates.push(Fate::GivenUp);
        let counts = &mut self.counts[known.place];
        counts.message_count += 1;
        counts.repeat_count += 1;
    }

    /// Calls off a message that is kept back.
    pub(super) fn supersede(&mut self, message: u32, known: Known, at: DateTime<Utc>) {
        self.counts[known.place].superseded_count += 1;
        if let Some((key, id)) = self.group_of.remove(&message) {
            self.leave_group(key, id, message);
        }
        self.fates[message as usize] = Fate::Told;
        self.look_again(message, at);
    }

    /// Does the first thing that is due by an instant; whether there was one.
    pub(super) fn advance(&mut self, targets: &Targets, until: DateTime<Utc>) -> bool {
        let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= until) else {
            return false;
        };
        let ((at, _), due) = entry.remove_entry();
        match due {
            Due::Message(message, silence) if self.waits(&message) => {
                let silence = silence.filter(|place| self.silences[usize::from(*place)].is_active(at));
                self.ask_silence(targets, message, silence, at);
            }
            Due::Message(..) => {}
            Due::Follower(beginning, follower) => match self.fate(beginning) {
                Fate::KeptBack => self.after.entry(beginning).or_default().push(follower),
                Fate::GivenUp => self.becomes(&follower.message, Fate::GivenUp, at),
                Fate::Told => self.ask_silence(targets, follower.message, follower.silence, at),
            },
            Due::Together(together) => {
                let messages = self.together.remove(&together).unwrap_or_default();
                self.tell(targets, messages, What::Summary, at);
            }
            Due::Group(key, id) => {
                self.groups.forget(key, id);
                self.tell_group(targets, id, at);
            }
        }
        true
    }

    fn gather(
        &mut self,
        key: GroupKey,
        limits: (Duration, u32),
        (message, silence): (Message, Option<u16>),
        at: DateTime<Utc>,
    ) {
        let What::Own(number) = message.what else { return };
        self.fates[number as usize] = Fate::KeptBack;
        let id = Uuid::from_u128(u128::from(number));
        let group = self.groups.join(key, limits, id, at);
        if group.id == id || group.due <= at {
            self.at(group.due, Due::Group(key, group.id));
        }
        self.group_of.insert(number, (key, group.id));
        self.gathered.entry(group.id).or_default().push(Gathered {
            message,
            silence,
            group,
        });
    }

    /// Takes a message out of a group that gathers, which is then as the last of the others has left it.
    fn leave_group(&mut self, key: GroupKey, id: Uuid, message: u32) {
        let gathered = self.gathered.entry(id).or_default();
        gathered.retain(|gathered| gathered.message.what != What::Own(message));
        match gathered.last() {
            Some(last) => self.groups.insert(key, last.group),
            None => self.groups.forget(key, id),
        }
    }

    /// Tells what a group has gathered, but for what is held otherwise.
    fn tell_group(&mut self, targets: &Targets, id: Uuid, at: DateTime<Utc>) {
        let mut left = Vec::new();
        let gathered = self.gathered.remove(&id).unwrap_or_default();
        for Gathered {
            message,
            silence,
            group,
        } in gathered
        {
            if let What::Own(number) = message.what {
                self.group_of.remove(&number);
                if group.due > at {
                    self.look_again(number, at);
                }
            }
            let lane = &self.lanes[self.lane_of[message.target as usize]];
            let quiet = lane.quiet.as_ref().filter(|quiet| quiet.coalesce());
            let is_quiet = || quiet.is_some_and(|quiet| quiet.holds(message.severity, at).is_some());
            let silence = silence.filter(|place| self.silences[usize::from(*place)].is_active(at));
            if !self.waits(&message) {
                continue;
            }
            if silence.is_some() || is_quiet() {
                self.ask_silence(targets, message, silence, at);
            } else {
                left.push(message);
            }
        }
        self.tell(targets, left, What::Group, at);
    }

    /// Tells several messages in one; a single one as itself.
    fn tell(&mut self, targets: &Targets, mut messages: Vec<Message>, what: What, at: DateTime<Utc>) {
        messages.retain(|message| self.waits(message));
        match messages.as_slice() {
            [] => {}
            [only] => self.offer(targets, *only, at),
            [first, ..] => {
                let severity = messages.iter().map(|message| message.severity).max();
                let summary = Message {
                    target: first.target,
                    severity: severity.unwrap_or(first.severity),
                    what,
                };
                for message in &messages {
                    self.becomes(message, Fate::Told, at);
                }
                self.offer(targets, summary, at);
            }
        }
    }

    /// The silence that decides about a message, by its place.
    fn silence(&self, known: Known, silences: &[u16]) -> Option<u16> {
        let place = |id| {
            silences
                .iter()
                .find(|place| self.silences[usize::from(**place)].id == id)
        };
        let all = silences.iter().map(|place| &self.silences[usize::from(*place)]);
        let deciding = strongest(all.filter(|silence| silence.covers(known.kind, known.channel)))?;
        place(deciding.id).copied()
    }

    fn ask_silence(&mut self, targets: &Targets, message: Message, silence: Option<u16>, at: DateTime<Utc>) {
        let Some(place) = silence else {
            return self.offer(targets, message, at);
        };
        let known = targets.get(message.target);
        let Silence { mode, end, .. } = self.silences[usize::from(place)];
        match mode {
            SilenceMode::Drop => {
                self.becomes(&message, Fate::GivenUp, at);
                self.counts[known.place].dropped_count += 1;
            }
            SilenceMode::Hold => {
                self.counts[known.place].held_count += 1;
                match known.kind {
                    // Programs get each event.
                    ChannelKind::Webhook => self.wait(message, at, end),
                    _ => self.wait_together(Why::Silence(place), message, at, end),
                }
            }
        }
    }

    /// Sends a message unless quiet hours hold it or storm control folds it.
    fn offer(&mut self, targets: &Targets, message: Message, at: DateTime<Utc>) {
        let known = targets.get(message.target);
        let is_own = matches!(message.what, What::Own(_));
        let counts = &mut self.counts[known.place];
        let lane = &mut self.lanes[self.lane_of[message.target as usize]];
        if let Some(quiet) = &lane.quiet
            && let Some(until) = quiet.holds(message.severity, at)
        {
            counts.held_count += i64::from(is_own);
            return match quiet.coalesce() {
                true => self.wait_together(Why::QuietHours, message, at, until),
                false => self.wait(message, at, until),
            };
        }
        if let Some(limit) = lane.storm {
            let must_go = message.what == What::Summary || passes(message.severity);
            let since_epoch = at.signed_duration_since(DateTime::UNIX_EPOCH).to_std();
            let now = LONGEST + since_epoch.unwrap_or_default();
            if let StormDecision::Fold(until) = lane.recent.decide(limit, must_go, now, at) {
                counts.storm_count += i64::from(is_own);
                return self.wait_together(Why::Storm, message, at, until);
            }
        }
        match is_own {
            true => counts.sent_count += 1,
            false => counts.summary_count += 1,
        }
        self.becomes(&message, Fate::Told, at);
    }

    fn wait(&mut self, message: Message, at: DateTime<Utc>, until: DateTime<Utc>) {
        self.becomes(&message, Fate::KeptBack, at);
        self.at(until, Due::Message(message, None));
    }

    fn wait_together(&mut self, why: Why, message: Message, at: DateTime<Utc>, until: DateTime<Utc>) {
        self.becomes(&message, Fate::KeptBack, at);
        let together = Together {
            why,
            until,
            target: message.target,
        };
        let messages = self.together.entry(together).or_default();
        messages.push(message);
        if messages.len() == 1 {
            self.at(until, Due::Together(together));
        }
    }

    fn at(&mut self, at: DateTime<Utc>, due: Due) {
        self.due.insert((at, self.next), due);
        self.next += 1;
    }

    fn waits(&self, message: &Message) -> bool {
        match message.what {
            What::Own(number) => self.fate(number) == Fate::KeptBack,
            What::Summary | What::Group => true,
        }
    }

    fn becomes(&mut self, message: &Message, fate: Fate, at: DateTime<Utc>) {
        if let What::Own(number) = message.what {
            self.ends(number, fate, at);
        }
    }

    /// Lets what follows a message notice in time that it was told, or called off, before it was due.
    fn look_again(&mut self, number: u32, at: DateTime<Utc>) {
        for follower in self.after.remove(&number).unwrap_or_default() {
            let noticed = noticed_at(at, follower.since);
            self.at(noticed, Due::Follower(number, follower));
        }
    }

    /// Notes what becomes of a message: what follows it goes once it is told, and not when it never is.
    fn ends(&mut self, number: u32, fate: Fate, at: DateTime<Utc>) {
        self.fates[number as usize] = fate;
        if self.after.is_empty() || fate == Fate::KeptBack {
            return;
        }
        for Follower { message, silence, .. } in self.after.remove(&number).unwrap_or_default() {
            match fate {
                Fate::GivenUp => self.becomes(&message, Fate::GivenUp, at),
                _ => self.at(at, Due::Message(message, silence)),
            }
        }
    }
}
