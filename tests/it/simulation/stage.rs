//! Where tasks run: hosts of the simulated network, one an address, each told what to run.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use turmoil::net::{TcpListener, TcpStream};

use super::history::{Event, History};
use super::net::SimNet;
use super::pieces::Pieces;

/// The port that every task listens on.
pub(crate) const PORT: u16 = 8080;

/// A task that is to run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) task: String,
    pub(crate) service: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) listens: Listens,
    /// When it begins to answer with success, since the start of the simulation; `None`: never.
    pub(crate) warm_at: Option<Duration>,
}

/// Whether connections to a task are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listens {
    /// Refused until this much later, then taken.
    After(Duration),
    /// Refused.
    Never,
    /// Neither taken nor refused.
    BlackHole,
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It listens no more, finishes what is under way, and is killed when this has passed.
    Terminate(Duration),
    /// It is gone, and so is everything that was open.
    Kill,
}

/// How a running task treats requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manners {
    /// It answers them.
    #[default]
    Good,
    /// It answers 503.
    Unwell,
    /// It takes them and says nothing, until its manners are good again.
    Hangs,
    /// It resets connections without a word.
    Resets,
}

/// All addresses; clones are the same stage.
#[derive(Clone)]
pub(crate) struct Stage {
    addresses: Arc<BTreeMap<Ipv4Addr, Address>>,
    history: History,
    nets: Vec<SimNet>,
}

#[derive(Default)]
struct Address {
    state: Mutex<State>,
    /// Rung when there is something to do; one waits.
    orders: Notify,
}

#[derive(Default)]
struct State {
    begin: Option<Run>,
    end: Option<End>,
    /// Whose address it is.
    task: Option<String>,
    manners: Manners,
    /// Those who hang, oldest first.
    hung: Vec<oneshot::Sender<()>>,
}

impl Stage {
    /// A stage of these addresses. `nets` know when the gateways wrote what arrives here.
    pub(crate) fn new(addresses: &[Ipv4Addr], history: History, nets: Vec<SimNet>) -> Self {
        let addresses = addresses.iter().map(|ip| (*ip, Address::default())).collect();
        Self { addresses: Arc::new(addresses), history, nets }
    }

    /// Runs a task at its address, where nobody runs any more.
    pub(crate) fn begin(&self, run: Run) {
        let (task, service, address) = (run.task.clone(), run.service.clone(), run.ip.to_string());
        self.history.tell(Event::Began { task, service, address });
        let address = &self.addresses[&run.ip];
        let mut state = address.state.lock().unwrap();
        state.task = Some(run.task.clone());
        (state.manners, state.end) = (Manners::Good, None);
        state.begin = Some(run);
        drop(state);
        address.orders.notify_one();
    }

    /// Ends a task, if it has not ended yet.
    pub(crate) fn end(&self, task: &str, how: End) {
        let Some(address) = self.address_of(task) else { return };
        let mut state = address.state.lock().unwrap();
        state.end = Some(how);
        if how == End::Kill {
            state.task = None;
        }
        state.hung.clear();
        drop(state);
        address.orders.notify_one();
    }

    /// Changes the manners of a task.
    pub(crate) fn manners(&self, task: &str, manners: Manners) {
        let Some(address) = self.address_of(task) else { return };
        let mut state = address.state.lock().unwrap();
        state.manners = manners;
        if manners != Manners::Hangs {
            // A dropped sender is the word to go on.
            state.hung.clear();
        }
    }

    fn address_of(&self, task: &str) -> Option<&Address> {
        self.addresses.values().find(|it| it.state.lock().unwrap().task.as_deref() == Some(task))
    }

    /// What the host at this address does, for ever.
    pub(crate) async fn host(self, ip: Ipv4Addr) -> turmoil::Result {
        loop {
            let run = self.next(ip).await;
            let ended = self.serve(&run).await?;
            if let Some((mut open, farewell)) = ended {
                let all_done = async { while open.join_next().await.is_some() {} };
                tokio::select! {
                    biased;
                    () = self.next_end(ip) => {}
                    _ = tokio::time::timeout(farewell, all_done) => {}
                }
            }
        }
    }

    async fn next(&self, ip: Ipv4Addr) -> Run {
        let address = &self.addresses[&ip];
        loop {
            if let Some(run) = address.state.lock().unwrap().begin.take() {
                return run;
            }
            address.orders.notified().await;
        }
    }

    /// Another task is to run here, or this one is killed after all.
    async fn next_end(&self, ip: Ipv4Addr) {
        let address = &self.addresses[&ip];
        loop {
            {
                let mut state = address.state.lock().unwrap();
                if state.begin.is_some() || state.end.take() == Some(End::Kill) {
                    return;
                }
            }
            address.orders.notified().await;
        }
    }

    /// Serves until the task is to end. Gives back the connections that may still finish, and how long.
    async fn serve(&self, run: &Run) -> turmoil::Result<Option<(JoinSet<()>, Duration)>> {
        let address = &self.addresses[&run.ip];
        let mut open = JoinSet::new();
        let mut stops: Vec<oneshot::Sender<()>> = Vec::new();
        let mut listener = None;
        let boots = async {
            match run.listens {
                Listens::After(wait) => tokio::time::sleep(wait).await,
                Listens::Never => std::future::pending().await,
                Listens::BlackHole => {}
            }
        };
        let mut boots = pin!(boots);
        loop {
            let (end, is_anothers) = {
                let mut state = address.state.lock().unwrap();
                (state.end.take(), state.begin.is_some())
            };
            match end {
                _ if is_anothers => return Ok(None),
                Some(End::Kill) => return Ok(None),
                Some(End::Terminate(farewell)) => {
                    drop((listener, stops));
                    return Ok(Some((open, farewell)));
                }
                None => {}
            }
            let accepted = async {
                match &listener {
                    Some(listener) if run.listens != Listens::BlackHole => {
                        TcpListener::accept(listener).await
                    }
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = address.orders.notified() => {}
                () = &mut boots, if listener.is_none() => {
                    listener = Some(TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?);
                }
                accepted = accepted => {
                    let (stream, from) = accepted?;
                    let (stop, stopped) = oneshot::channel();
                    stops.push(stop);
                    open.spawn(self.clone().connection(run.clone(), stream, from, stopped));
                }
            }
            while open.try_join_next().is_some() {}
        }
    }

    async fn connection(
        self,
        run: Run,
        stream: TcpStream,
        from: SocketAddr,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let (reset, mut resets) = tokio::sync::mpsc::channel::<()>(1);
        let app = service_fn(|request| {
            let (stage, run, reset) = (self.clone(), run.clone(), reset.clone());
            async move { stage.answer(&run, from, request, reset).await }
        });
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), app);
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            _ = resets.recv() => return,
            _ = connection.as_mut() => return,
            _ = &mut stopped => {}
        }
        connection.as_mut().graceful_shutdown();
        // How it ends is the client's affair.
        drop(connection.await);
    }

    async fn answer(
        &self,
        run: &Run,
        from: SocketAddr,
        request: Request<Incoming>,
        reset: tokio::sync::mpsc::Sender<()>,
    ) -> Result<Response<Pieces>, Infallible> {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let id = text("x-request-id").map(str::to_owned);
        let executing = id.as_ref().map(|id| {
            let sent = self.nets.iter().find_map(|net| net.written(from)).unwrap_or_default();
            let (id, task, service) = (id.clone(), run.task.clone(), run.service.clone());
            self.history.tell(Event::Executed { id: id.clone(), task: task.clone(), service, sent });
            Executing { id, task, history: self.history.clone() }
        });
        let pieces = if request.uri().path() == "/stream" { 6 } else { 1 };
        // What is sent is read whole, as an application does.
        let body = request.into_body().collect().await.map(|body| body.to_bytes());
        let manners = self.addresses[&run.ip].state.lock().unwrap().manners;
        let warm = run.warm_at.is_some_and(|warm_at| warm_at <= self.history.now());
        let mut status = if warm { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        match manners {
            Manners::Good => {}
            Manners::Unwell => status = StatusCode::SERVICE_UNAVAILABLE,
            Manners::Hangs => self.hang(run.ip).await,
            Manners::Resets => {
                // Full: it was asked for already.
                reset.try_send(()).ok();
                std::future::pending::<()>().await;
            }
        }
        if body.is_err() {
            status = StatusCode::BAD_REQUEST;
        }
        let mut response = Response::new(Pieces::new(pieces, executing));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in
            [("x-task", Some(&run.task)), ("x-service", Some(&run.service)), ("x-echo", id.as_ref())]
        {
            if let Some(value) = value.and_then(|value| value.parse().ok()) {
                headers.insert(name, value);
            }
        }
        Ok(response)
    }

    async fn hang(&self, ip: Ipv4Addr) {
        let (sender, receiver) = oneshot::channel();
        self.addresses[&ip].state.lock().unwrap().hung.push(sender);
        drop(receiver.await);
    }
}

/// A request that a task has taken up; dropped when the task has done with it.
pub(super) struct Executing {
    id: String,
    task: String,
    history: History,
}

impl Drop for Executing {
    fn drop(&mut self) {
        self.history.tell(Event::Done { id: self.id.clone(), task: self.task.clone() });
    }
}

/// What a piece of a streamed answer is.
pub(super) const PIECE: Bytes = Bytes::from_static(b"piece\n");
