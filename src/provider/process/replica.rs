use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{self, Instant};

use super::Context;
use super::child::{Child, describe};
use super::pauses::Pauses;
use crate::model::{Fault, Kind, Spec, Target};

/// What there is of a replica.
#[derive(Clone, Debug, Default)]
pub(super) enum Life {
    /// Nothing.
    #[default]
    Down,
    /// A child, at this address if it has one.
    Up(Option<Target>),
    /// What is left of a child that was told to stop, or of one that died.
    Stopping,
    /// A job that ran to its end with success.
    Completed,
}

/// What can be seen of a replica.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) life: Life,
    /// Why it does not run though it should; forgotten as soon as it does.
    pub(super) fault: Option<Fault>,
}

/// Comes when an order is taken: a start was attempted, a stop signal sent.
pub(super) type Answer = oneshot::Receiver<Result<(), Fault>>;

/// One replica of a service: the handle of the task that owns its child.
#[derive(Debug)]
pub(super) struct Replica {
    orders: mpsc::UnboundedSender<Order>,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Order {
    spec: Arc<Spec>,
    run: bool,
    taken: oneshot::Sender<Result<(), Fault>>,
}

impl Order {
    fn take(self, result: Result<(), Fault>) {
        // Whoever gave the order may have stopped waiting; the order stands.
        drop(self.taken.send(result));
    }
}

impl Replica {
    /// A replica without a child.
    pub(super) fn new(context: Arc<Context>, name: Arc<str>, index: usize) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (publish, state) = watch::channel(State::default());
        let task = Task { context, name, index, orders: receiver, publish };
        Self { orders, state, task: tokio::spawn(task.run()) }
    }

    /// Tells it to run, or not to.
    pub(super) fn order(&self, spec: Arc<Spec>, run: bool) -> Answer {
        let (taken, answer) = oneshot::channel();
        // A task that is gone drops the order, and with it the sender that the answer waits for.
        drop(self.orders.send(Order { spec, run, taken }));
        answer
    }

    /// What can be seen of it now.
    pub(super) fn state(&self) -> watch::Ref<'_, State> {
        self.state.borrow()
    }

    /// Tells it to stop for good. The result comes when its child is gone.
    pub(super) fn end(self) -> impl Future<Output = Result<(), JoinError>> {
        drop(self.orders);
        self.task
    }
}

/// The task: one function for each of the states it goes through, which returns where to go next.
struct Task {
    context: Arc<Context>,
    name: Arc<str>,
    index: usize,
    orders: mpsc::UnboundedReceiver<Order>,
    publish: watch::Sender<State>,
}

enum Next {
    /// Stay down until told otherwise.
    Rest,
    /// Run; somebody may wait to hear that it was tried.
    Run(Arc<Spec>, Option<Order>),
    /// The provider is gone, and so is the child.
    End,
}

/// How a child's time came to its end.
enum Ended {
    /// It was told to stop, and did.
    Told(Next),
    /// By itself, and it may be started again: from this description, at this moment, or sooner for this order.
    Alone(Arc<Spec>, Until),
}

/// How long to stay down.
enum Until {
    Now,
    Time(Instant),
    /// Only an order can help.
    Ordered,
}

impl Task {
    async fn run(mut self) {
        let mut next = Next::Rest;
        loop {
            next = match next {
                Next::Rest => self.rest().await,
                Next::Run(spec, order) => self.keep_running(spec, order).await,
                Next::End => return,
            };
        }
    }

    async fn rest(&mut self) -> Next {
        loop {
            match self.orders.recv().await {
                None => return Next::End,
                Some(order) if order.run => return Next::Run(order.spec.clone(), Some(order)),
                Some(order) => order.take(Ok(())),
            }
        }
    }

    /// Starts the child, again and again if need be, until told to stop.
    async fn keep_running(&mut self, mut spec: Arc<Spec>, mut order: Option<Order>) -> Next {
        let mut pauses = Pauses::default();
        loop {
            let until = match Child::start(&self.context, &spec, self.index).await {
                Ok(child) => {
                    tracing::debug!(service = &*self.name, instance = &**child.instance(), "started");
                    self.show(Life::Up(child.target()), None);
                    if let Some(order) = order.take() {
                        order.take(Ok(()));
                    }
                    match self.up(child, spec, &mut pauses).await {
                        Ended::Told(next) => return next,
                        Ended::Alone(latest, until) => {
                            spec = latest;
                            until
                        }
                    }
                }
                Err(fault) => {
                    tracing::warn!(service = &*self.name, "{fault}");
                    let until = match fault.terminal {
                        true => Until::Ordered,
                        false => Until::Time(Instant::now() + pauses.after(Duration::ZERO)),
                    };
                    self.show(Life::Down, Some(fault.clone()));
                    if let Some(order) = order.take() {
                        order.take(Err(fault));
                    }
                    until
                }
            };
            match self.down(until).await {
                Some(Next::Run(latest, latest_order)) => {
                    spec = latest;
                    order = latest_order;
                }
                Some(next) => return next,
                None => {}
            }
        }
    }

    /// While the child runs.
    async fn up(&mut self, mut child: Child, mut spec: Arc<Spec>, pauses: &mut Pauses) -> Ended {
        let status = loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) if order.run => {
                        spec = order.spec.clone();
                        order.take(Ok(()));
                    }
                    Some(order) => return Ended::Told(self.stop(child, Some(order)).await),
                    None => return Ended::Told(self.stop(child, None).await),
                },
                status = child.exited() => break status,
            }
        };
        let at = self.context.clock.now();
        let ran = child.ran();
        child.ask_to_stop();
        let mut left = |life| if child.is_gone() { life } else { Life::Stopping };
        if is_job(&spec) && status.as_ref().is_ok_and(ExitStatus::success) {
            tracing::debug!(service = &*self.name, "ran to its end");
            self.show(left(Life::Completed), None);
            return match self.see_out(child).await {
                Some(Next::Run(..)) | None => {
                    self.show(Life::Completed, None);
                    self.completed().await
                }
                Some(next) => {
                    self.show(Life::Down, None);
                    Ended::Told(next)
                }
            };
        }
        let life = left(Life::Down);
        let reason = death(&self.name, status, child.last_words().await);
        let pause = pauses.after(ran);
        tracing::warn!(service = &*self.name, again_in = ?pause, "{reason}");
        let fault = Fault::new(reason).happened_at(at);
        self.show(life, Some(fault.clone()));
        match self.see_out(child).await {
            Some(Next::Run(latest, _)) => {
                self.show(Life::Down, Some(fault));
                Ended::Alone(latest, Until::Now)
            }
            Some(next) => {
                self.show(Life::Down, None);
                Ended::Told(next)
            }
            None => {
                self.show(Life::Down, Some(fault));
                Ended::Alone(spec, Until::Time(Instant::now() + pause))
            }
        }
    }

    /// A job that has run to its end stays there: only after it was put to sleep is it run anew.
    async fn completed(&mut self) -> Ended {
        loop {
            match self.orders.recv().await {
                Some(order) if order.run => order.take(Ok(())),
                Some(order) => {
                    self.show(Life::Down, None);
                    order.take(Ok(()));
                    return Ended::Told(Next::Rest);
                }
                None => return Ended::Told(Next::End),
            }
        }
    }

    /// While there is no child though there should be one. `None`: the time has come to start it.
    async fn down(&mut self, until: Until) -> Option<Next> {
        let order = match until {
            Until::Now => return None,
            Until::Ordered => self.orders.recv().await,
            Until::Time(at) => tokio::select! {
                order = self.orders.recv() => order,
                () = time::sleep_until(at) => return None,
            },
        };
        Some(match order {
            None => Next::End,
            Some(order) if order.run => Next::Run(order.spec.clone(), Some(order)),
            Some(order) => {
                self.show(Life::Down, None);
                order.take(Ok(()));
                Next::Rest
            }
        })
    }

    async fn stop(&mut self, mut child: Child, order: Option<Order>) -> Next {
        child.ask_to_stop();
        self.show(Life::Stopping, None);
        let next = if order.is_some() { Next::Rest } else { Next::End };
        if let Some(order) = order {
            order.take(Ok(()));
        }
        let changed = self.see_out(child).await;
        self.show(Life::Down, None);
        changed.unwrap_or(next)
    }

    /// Waits until the child and all that it started are gone. Orders that come meanwhile are taken at once; the
    /// last one counts. A new child has to wait: the port, the data directory may still be the old one's.
    async fn see_out(&mut self, child: Child) -> Option<Next> {
        let mut next = None;
        let mut end = std::pin::pin!(child.end());
        loop {
            tokio::select! {
                () = &mut end => return next,
                order = self.orders.recv(), if !matches!(next, Some(Next::End)) => match order {
                    None => next = Some(Next::End),
                    Some(order) => {
                        next = Some(if order.run { Next::Run(order.spec.clone(), None) } else { Next::Rest });
                        order.take(Ok(()));
                    }
                },
            }
        }
    }

    fn show(&self, life: Life, fault: Option<Fault>) {
        self.publish.send_replace(State { life, fault });
        self.context.nudge.look_at(&self.name);
    }
}

fn is_job(spec: &Spec) -> bool {
    matches!(&spec.kind, Kind::Process(process) if process.job)
}

fn death(name: &str, status: io::Result<ExitStatus>, last_words: Option<String>) -> String {
    let how = status.map_or_else(|error| format!("is lost: {error}"), describe);
    match last_words {
        Some(words) => format!("`{name}` {how}: {words}"),
        None => format!("`{name}` {how}"),
    }
}
