//! Holds a history against what the gateway promises.

use std::collections::BTreeMap;
use std::time::Duration;

use super::history::{Answer, Entry, Event, Sort};

/// What a history may be excused for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// A request to a sound service is answered within this.
    pub(crate) wake: Duration,
    /// A client sees what happened to a gateway or a task only this much later.
    pub(crate) lag: Duration,
    /// A gateway knows what others did to a service after this at the latest.
    pub(crate) notice: Duration,
    /// The services are shared with gateways that do not know of each other's requests: one may put to sleep what the
    /// other uses, which learns of it like of every other's doing.
    pub(crate) shared: bool,
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// A request has one answer, from a task that took it up or honestly from the gateway.
    AnsweredOnce,
    /// A connection that ends without an answer has lost a request.
    NotLost,
    /// What the gateway says itself is 502 or 503, as problem details or, for a browser, as a page; with a 503 comes
    /// `Retry-After`.
    Honest,
    /// What must not be executed twice is not.
    NotTwice,
    /// No task gets another service's requests.
    OwnService,
    /// Nothing is sent to a task that a gateway had told to stop, nor to one that others did once that must be known.
    NotToTheStopped,
    /// No task is told to stop while it serves.
    NotWhileServing,
    /// An answer breaks off only where its task died.
    Whole,
    /// Once the faults are over every request is answered with success, in time.
    SoundInTheEnd,
    /// When nobody comes everything sleeps.
    SleepsInTheEnd,
    /// A gateway never lowers a count but to zero, and wakes to no less than there was before.
    NeverLowered,
}

/// A promise that was broken, and how.
pub(crate) type Broken = (Rule, String);

/// What became of one request.
#[derive(Default)]
struct Life<'a> {
    sent: Option<Sent<'a>>,
    answers: Vec<(Duration, &'a Answer)>,
    cut: Option<Duration>,
    left: Option<Duration>,
    executed: Vec<Execution<'a>>,
}

#[derive(Clone, Copy)]
struct Sent<'a> {
    at: Duration,
    service: &'a str,
    sort: Sort,
    via: u8,
}

struct Execution<'a> {
    at: Duration,
    /// When the gateway had sent it.
    sent: Duration,
    task: &'a str,
    service: &'a str,
    done: Option<Duration>,
}

/// Everything that the rules look at.
struct Facts<'a> {
    terms: Terms,
    lives: BTreeMap<&'a str, Life<'a>>,
    told: BTreeMap<&'a str, Duration>,
    ending: BTreeMap<&'a str, Duration>,
    died: BTreeMap<&'a str, Duration>,
    /// From when to when which gateway was down.
    down: Vec<(u8, Duration, Duration)>,
    /// By service: every setting of its count, with those before and after, and whether a gateway did it.
    counts: BTreeMap<&'a str, Vec<(Duration, u32, u32, bool)>>,
    sound: Option<Duration>,
    broken: Vec<Broken>,
}

/// Every promise that this history breaks.
pub(crate) fn check(entries: &[Entry], terms: Terms) -> Vec<Broken> {
    let mut facts = Facts::of(entries, terms);
    let lives = std::mem::take(&mut facts.lives);
    for (id, life) in &lives {
        facts.answers(id, life);
        facts.executions(id, life);
        facts.in_the_end(id, life);
    }
    facts.counts();
    facts.sleep(entries);
    facts.broken
}

impl<'a> Facts<'a> {
    fn of(entries: &'a [Entry], terms: Terms) -> Self {
        let mut facts = Self {
            terms,
            lives: BTreeMap::new(),
            told: BTreeMap::new(),
            ending: BTreeMap::new(),
            died: BTreeMap::new(),
            counts: BTreeMap::new(),
            down: Vec::new(),
            sound: None,
            broken: Vec::new(),
        };
        for (at, event) in entries {
            facts.learn(*at, event);
        }
        facts
    }

    fn learn(&mut self, at: Duration, event: &'a Event) {
        match event {
            Event::Sent { id, service, sort, via } => {
                let sent = Sent { at, service, sort: *sort, via: *via };
                if self.life(id).sent.replace(sent).is_some() {
                    self.breaks(Rule::AnsweredOnce, format!("the id {id} was given twice"));
                }
            }
            Event::Answered(answer) => self.life(&answer.id).answers.push((at, answer)),
            Event::Cut { id, .. } => self.life(id).cut = Some(at),
            Event::Left { id } => self.life(id).left = Some(at),
            Event::Executed { id, task, service, sent } => {
                let execution = Execution { at, sent: *sent, task, service, done: None };
                self.life(id).executed.push(execution);
            }
            Event::Done { id, task } => {
                let executed = &mut self.life(id).executed;
                if let Some(last) = executed.iter_mut().rev().find(|it| it.task == task && it.done.is_none())
                {
                    last.done = Some(at);
                }
            }
            Event::Told { task } => {
                self.told.entry(task).or_insert(at);
            }
            Event::Died { task } | Event::Gone { task } => {
                self.died.entry(task).or_insert(at);
            }
            Event::Ending { task } => {
                self.ending.entry(task).or_insert(at);
            }
            Event::Counted { service, from, to, by_gateway } => {
                self.counts.entry(service).or_default().push((at, *from, *to, *by_gateway));
            }
            Event::Killed { gateway } => self.down.push((*gateway, at, Duration::MAX)),
            Event::Back { gateway } => {
                if let Some(last) = self.down.iter_mut().rev().find(|it| it.0 == *gateway) {
                    last.2 = at;
                }
            }
            Event::Sound => self.sound = Some(at),
            Event::Began { .. } | Event::Fault(_) | Event::Quiet { .. } => {}
        }
    }

    fn life(&mut self, id: &'a str) -> &mut Life<'a> {
        self.lives.entry(id).or_default()
    }

    fn breaks(&mut self, rule: Rule, how: String) {
        self.broken.push((rule, how));
    }

    /// Whether a gateway was killed, or still down, between these two.
    fn was_down(&self, gateway: u8, from: Duration, to: Duration) -> bool {
        let lag = self.terms.lag;
        self.down
            .iter()
            .any(|(which, down, up)| *which == gateway && *down <= to && up.saturating_add(lag) >= from)
    }

    // === The rules ===

    fn answers(&mut self, id: &str, life: &Life<'_>) {
        let Some(Sent { at: sent, service, sort, via }) = life.sent else {
            return self.breaks(Rule::AnsweredOnce, format!("{id} was never sent"));
        };
        let ends = life.answers.len() + usize::from(life.cut.is_some()) + usize::from(life.left.is_some());
        if ends != 1 {
            self.breaks(Rule::AnsweredOnce, format!("{id} has {ends} ends"));
        }
        if let Some(cut) = life.cut
            && !self.was_down(via, sent, cut)
        {
            self.breaks(Rule::NotLost, format!("{id} was cut off at {cut:?} and nobody was killed"));
        }
        for (at, answer) in &life.answers {
            match &answer.task {
                Some(task) => self.theirs(id, service, life, task, answer),
                None => self.ours(id, sort, answer),
            }
            let died = |task: &String| self.died.get(&**task).is_some_and(|died| *died <= *at);
            if !answer.whole && !answer.task.as_ref().is_some_and(died) && !self.was_down(via, sent, *at) {
                self.breaks(Rule::Whole, format!("the answer to {id} broke off"));
            }
        }
    }

    fn theirs(&mut self, id: &str, service: &str, life: &Life<'_>, task: &str, answer: &Answer) {
        if answer.echo.as_deref() != Some(id) {
            self.breaks(Rule::AnsweredOnce, format!("{id} got the answer to {:?}", answer.echo));
        }
        if answer.service.as_deref() != Some(service) {
            self.breaks(Rule::OwnService, format!("{id} to {service} was answered by {task}"));
        }
        if !life.executed.iter().any(|it| it.task == task) {
            self.breaks(Rule::AnsweredOnce, format!("{task} answered {id} and never saw it"));
        }
    }

    fn ours(&mut self, id: &str, sort: Sort, answer: &Answer) {
        let is_page = answer.html && sort == Sort::Page;
        let honest = match answer.status {
            503 => answer.retry_after && (answer.problem || is_page),
            502 => answer.problem,
            _ => false,
        };
        if !honest {
            self.breaks(Rule::Honest, format!("{id} was told {answer:?}"));
        }
    }

    fn executions(&mut self, id: &str, life: &Life<'_>) {
        let Some(Sent { service, sort, via, .. }) = life.sent else { return };
        if sort == Sort::Post && life.executed.len() > 1 {
            let tasks: Vec<&str> = life.executed.iter().map(|it| it.task).collect();
            self.breaks(Rule::NotTwice, format!("{id} was executed by {tasks:?}"));
        }
        for it in &life.executed {
            if it.service != service {
                self.breaks(Rule::OwnService, format!("{id} to {service} came to {}", it.task));
            }
            self.late(id, it);
            if self.terms.shared {
                continue;
            }
            let Some(told) = self.told.get(it.task).copied() else { continue };
            if it.sent > told {
                let (task, sent) = (it.task, it.sent);
                let how = format!("{id} was sent to {task} at {sent:?}, told to stop at {told:?}");
                self.breaks(Rule::NotToTheStopped, how);
            }
            // Whoever left, or whose gateway was killed, is served no more; the task learns of it later.
            let goes_on = it.at <= told && it.done.is_none_or(|done| done > told + self.terms.lag);
            let is_left = life.left.is_some_and(|left| left <= told);
            if goes_on && !is_left && !self.was_down(via, it.at, told) {
                self.breaks(
                    Rule::NotWhileServing,
                    format!("{} was told to stop while it served {id}", it.task),
                );
            }
        }
    }

    /// What others had told to stop gets nothing any more once that must be known.
    fn late(&mut self, id: &str, it: &Execution<'_>) {
        let told = if self.terms.shared { self.told.get(it.task) } else { None };
        let Some(ending) = self.ending.get(it.task).or(told).copied() else { return };
        if it.sent > ending + self.terms.notice {
            let (task, sent) = (it.task, it.sent);
            let how = format!("{id} was sent to {task} at {sent:?}, told to stop by others at {ending:?}");
            self.breaks(Rule::NotToTheStopped, how);
        }
    }

    fn in_the_end(&mut self, id: &str, life: &Life<'_>) {
        let (Some(Sent { at: sent, .. }), Some(sound)) = (life.sent, self.sound) else { return };
        if sent < sound || life.left.is_some() {
            return;
        }
        let in_time = |(at, answer): &(Duration, &Answer)| {
            answer.status == 200 && answer.task.is_some() && *at <= sent + self.terms.wake
        };
        if !life.answers.iter().any(in_time) {
            self.breaks(Rule::SoundInTheEnd, format!("{id}, sent at {sent:?}, was not served in time"));
        }
    }

    fn counts(&mut self) {
        for (service, settings) in std::mem::take(&mut self.counts) {
            // What it is to be woken to: what it had when a gateway put it to sleep. What somebody else did in the
            // moment before, the gateway may not have seen.
            let mut before = 0;
            let mut others: Option<(Duration, u32)> = None;
            for (at, from, to, by_gateway) in settings {
                if !by_gateway {
                    others = Some((at, from));
                    continue;
                }
                if to == 0 && from > 0 {
                    let unseen = others.filter(|(when, _)| *when + self.terms.notice > at);
                    before = unseen.map_or(from, |(_, earlier)| from.min(earlier));
                    continue;
                }
                // Nor could it see, for an order has no condition, what somebody did while its own was under way.
                let unseen = others.filter(|(when, _)| *when + self.terms.lag > at);
                let had = unseen.map_or(from, |(_, earlier)| from.min(earlier)).max(before);
                if to > 0 && to < had {
                    let how = format!("{service} was woken to {to} at {at:?} and had {had}");
                    self.breaks(Rule::NeverLowered, how);
                }
            }
        }
    }

    fn sleep(&mut self, entries: &[Entry]) {
        let mut said = false;
        for (_, event) in entries {
            if let Event::Quiet { awake } = event {
                said = true;
                if !awake.is_empty() {
                    self.breaks(Rule::SleepsInTheEnd, format!("{awake:?} still run"));
                }
            }
        }
        if !said {
            self.breaks(Rule::SleepsInTheEnd, "the history has no end".to_owned());
        }
        if self.sound.is_none() {
            self.breaks(Rule::SoundInTheEnd, "it never became sound".to_owned());
        }
    }
}
