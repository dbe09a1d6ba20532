use super::*;
use crate::model::{Address, Kind, Limits, Phase};

fn target(instance: &str) -> Target {
    let address = Address::Socket(([127, 0, 0, 1], 1).into());
    Target { instance: instance.into(), address }
}

fn spec(limits: &Limits) -> Arc<Spec> {
    Arc::new(Spec { limits: limits.clone(), ..Spec::new("web", Kind::Fixed) })
}

fn gate(limits: &Limits) -> (Arc<Gate>, Rings, Arc<Budget>) {
    let (bell, rings) = Bell::channel();
    let budget = Budget::new(100_000);
    (Gate::new(spec(limits), budget.clone(), bell), rings, budget)
}

async fn granted(hold: Hold) -> Pass {
    hold.await.expect("the door is open")
}

#[tokio::test]
async fn a_held_request_rings_once_and_goes_in_when_the_door_opens() {
    let (gate, mut rings, budget) = gate(&Limits::default());
    let first = gate.hold(true).unwrap();
    let second = gate.hold(true).unwrap();
    assert_eq!(rings.try_next(), Some(Ring::Demand("web".into())));
    assert_eq!(rings.try_next(), None);
    assert_eq!((gate.activity().held, budget.held()), (2, 2));

    gate.open(vec![target("a")]);
    let (first, second) = (granted(first).await, granted(second).await);
    assert_eq!(gate.activity(), Activity { in_flight: 2, active: 2, entered: 2, held: 0 });
    assert_eq!(budget.held(), 0);
    drop((first, second));
    assert_eq!(gate.activity().in_flight, 0);
    assert!(gate.enter(true).is_some());
}

#[tokio::test]
async fn the_ramp_lets_in_the_oldest_first_and_grows() {
    let limits = Limits { max_held: 1000, ..Limits::default() };
    let (gate, _rings, _) = gate(&limits);
    let mut holds: VecDequeOf<Hold> = (0..200).map(|_| gate.hold(true).unwrap()).collect();
    gate.open(vec![target("a")]);
    assert_eq!(gate.activity().in_flight, 32);
    assert!(gate.enter(true).is_none(), "nobody overtakes those who wait");

    let first = granted(holds.pop_front().unwrap()).await;
    first.answered();
    assert_eq!(gate.activity().in_flight, 33, "an answer lets the next in, the body may go on");
    first.answered();
    assert_eq!(gate.activity().in_flight, 33, "once");
    assert!(gate.widen());
    assert_eq!(gate.activity().in_flight, 65);
    while gate.widen() {}
    assert_eq!(gate.activity(), Activity { in_flight: 200, active: 200, entered: 200, held: 0 });
}

type VecDequeOf<T> = std::collections::VecDeque<T>;

#[tokio::test]
async fn the_ramp_has_a_share_for_each_target() {
    let (gate, _rings, _) = gate(&Limits { max_held: 1000, ..Limits::default() });
    let _holds: Vec<Hold> = (0..200).map(|_| gate.hold(true).unwrap()).collect();
    gate.open(vec![target("a"), target("b")]);
    assert_eq!(gate.activity().in_flight, 64);
    gate.open(vec![target("a"), target("b"), target("c")]);
    assert_eq!(gate.activity().in_flight, 96);
}

#[tokio::test]
async fn who_leaves_the_queue_takes_nobody_elses_place() {
    for gone in 0..3 {
        let (gate, _rings, _) = gate(&Limits::default());
        let mut holds: Vec<Hold> = (0..3).map(|_| gate.hold(true).unwrap()).collect();
        drop(holds.remove(gone));
        gate.open(vec![target("a")]);
        for hold in holds {
            assert!(hold.await.is_ok(), "{gone} of three has gone");
        }
    }
}

#[tokio::test]
async fn who_need_not_wait_rings_no_bell() {
    let (gate, mut rings, _) = gate(&Limits::default());
    gate.open(vec![target("a")]);
    assert!(granted(gate.hold(true).unwrap()).await.counts());
    assert_eq!(rings.try_next(), None);
}

#[tokio::test]
async fn a_demand_that_was_heard_can_be_made_again_and_a_suspicion_always() {
    let (gate, mut rings, _) = gate(&Limits::default());
    for _ in 0..2 {
        gate.demand();
        assert_eq!(rings.try_next(), Some(Ring::Demand("web".into())));
        assert_eq!(rings.try_next(), None);
    }
    gate.suspect(&target("a"));
    gate.suspect(&target("a"));
    for _ in 0..2 {
        assert_eq!(rings.try_next(), Some(Ring::Suspect("web".into(), target("a"))));
    }
    gate.demand();
    drop(gate);
    assert_eq!(rings.next().await, Some(Ring::Demand("web".into())));
    assert_eq!(rings.next().await, None);
}

#[test]
fn a_shut_door_is_shut_to_everybody_and_tells_how_many_are_inside() {
    let (gate, _rings, _) = gate(&Limits::default());
    assert!(!gate.is_open());
    assert_eq!(gate.shut(), 0);
    gate.open(vec![target("a")]);
    assert!(gate.is_open());
    let _inside = [gate.enter(true).unwrap(), gate.enter(false).unwrap()];
    assert_eq!(gate.shut(), 2);
    assert!(!gate.is_open());
    assert_eq!(gate.hold_if_open(true).unwrap_err(), Refused::Shut);
    let _waits = gate.hold(true).unwrap();
    assert_eq!(gate.activity().held, 1, "before a shut door");
}

#[tokio::test]
async fn changed_limits_hold_for_who_waits_and_who_comes() {
    let limits = Limits { max_held: 1, max_in_flight: Some(1), ..Limits::default() };
    let (gate, _rings, _) = gate(&limits);
    gate.open(vec![target("a")]);
    let _inside = gate.enter(true).unwrap();
    let waits = gate.hold(true).unwrap();
    assert_eq!(gate.hold(true).unwrap_err(), Refused::Full);

    let wider = spec(&Limits { max_held: 2, max_in_flight: Some(2), ..limits });
    gate.set_spec(wider.clone());
    assert_eq!(gate.spec(), wider);
    let _second = granted(waits).await;
    let _holds = [gate.hold(true).unwrap(), gate.hold(true).unwrap()];
    assert_eq!(gate.hold(true).unwrap_err(), Refused::Full);
    gate.open(vec![target("b")]);
    assert_eq!(gate.targets(), [(target("b"), 2)], "opened to others, it has the same limit");
}

#[test]
fn who_looks_sees_what_was_published_last() {
    let (gate, _rings, _) = gate(&Limits::default());
    let watch = gate.watch();
    let view = View { phase: Phase::Awake, ..View::default() };
    gate.publish(view.clone());
    assert_eq!((&*gate.view(), &**watch.borrow()), (&view, &view));
}

#[tokio::test]
async fn who_leaves_gives_the_place_back_at_once() {
    let (gate, _rings, budget) = gate(&Limits { max_held: 2, ..Limits::default() });
    let (first, second) = (gate.hold(true).unwrap(), gate.hold(true).unwrap());
    assert_eq!(gate.hold(true).unwrap_err(), Refused::Full);
    drop(first);
    assert_eq!((gate.activity().held, budget.held()), (1, 1));
    let third = gate.hold(true).unwrap();
    gate.open(vec![target("a")]);
    drop((second, third));
    assert_eq!(gate.activity(), Activity { in_flight: 0, active: 0, entered: 2, held: 0 });
}

#[tokio::test]
async fn the_budget_bounds_all_gates_together() {
    let (bell, _rings) = Bell::channel();
    let budget = Budget::new(1);
    let one = Gate::new(spec(&Limits::default()), budget.clone(), bell.another());
    let two = Gate::new(spec(&Limits::default()), budget, bell);
    let held = one.hold(true).unwrap();
    assert_eq!(two.hold(true).unwrap_err(), Refused::Full);
    drop(held);
    assert!(two.hold(true).is_ok());
}

#[tokio::test]
async fn a_failed_wake_ends_every_wait_and_refuses_the_next() {
    let (gate, mut rings, budget) = gate(&Limits::default());
    let hold = gate.hold(true).unwrap();
    let fault = Fault::terminal("no such file");
    gate.fail(&fault);
    assert_eq!(hold.await.unwrap_err(), fault);
    assert_eq!(budget.held(), 0);
    while rings.try_next().is_some() {}
    assert_eq!(gate.hold(true).unwrap_err(), Refused::Failed(fault));
    assert_eq!(rings.try_next(), Some(Ring::Demand("web".into())), "it is still wanted");
    gate.clear_fault();
    assert!(gate.hold(true).is_ok());
}

#[tokio::test]
async fn a_target_takes_no_more_than_its_limit() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let (gate, _rings, _) = gate(&limits);
    gate.open(vec![target("a"), target("b")]);
    let (a, b) = (gate.enter(true).unwrap(), gate.enter(true).unwrap());
    assert_ne!(a.target(), b.target());
    assert!(gate.enter(true).is_none());
    let waiting = gate.hold(true).unwrap();
    assert_eq!(gate.activity().held, 1);
    drop(b);
    let c = granted(waiting).await;
    assert_eq!(c.target(), &target("b"));
    drop(a);
    assert!(gate.enter(true).is_some(), "with nobody waiting the fast way is open again");
}

#[test]
fn load_goes_where_the_fewest_are_in_flight() {
    let (gate, _rings, _) = gate(&Limits::default());
    gate.open(vec![target("a"), target("b"), target("c")]);
    let passes: Vec<Pass> = (0..9).map(|_| gate.enter(true).unwrap()).collect();
    assert!(gate.targets().iter().all(|(_, in_flight)| *in_flight == 3));
    drop(passes);
}

#[test]
fn equals_take_turns() {
    let (gate, _rings, _) = gate(&Limits::default());
    gate.open(vec![target("a"), target("b"), target("c")]);
    let served: Vec<String> =
        (0..12).map(|_| gate.enter(true).unwrap().target().instance.to_string()).collect();
    assert_eq!(served.concat(), "abcabcabcabc");
}

#[test]
fn a_target_that_stays_keeps_its_count() {
    let (gate, _rings, _) = gate(&Limits::default());
    gate.open(vec![target("a")]);
    let _pass = gate.enter(true).unwrap();
    gate.open(vec![target("b"), target("a")]);
    assert_eq!(gate.targets(), [(target("b"), 0), (target("a"), 1)]);
}

#[test]
fn a_pass_elsewhere_never_leads_to_a_target_tried_before() {
    let (gate, _rings, _) = gate(&Limits::default());
    gate.open(vec![target("a"), target("b")]);
    let first = gate.enter(true).unwrap();
    let second = first.elsewhere(&[first.slot().clone()]).unwrap();
    assert_ne!(first.target(), second.target());
    assert!(second.elsewhere(&[first.slot().clone(), second.slot().clone()]).is_none());
    drop((first, second));
    assert_eq!(gate.activity(), Activity { in_flight: 0, active: 0, entered: 2, held: 0 });
}

#[test]
fn what_hangs_on_a_target_goes_when_the_door_shuts() {
    struct Connections(Arc<()>);
    let (gate, _rings, _) = gate(&Limits::default());
    let token = Arc::new(());
    gate.open(vec![target("a")]);
    let pass = gate.enter(true).unwrap();
    pass.slot().attached(|| Connections(token.clone())).unwrap();
    gate.open(vec![target("a"), target("b")]);
    assert!(Arc::ptr_eq(&pass.slot().attached(|| Connections(Arc::default())).unwrap().0, &token));
    gate.shut();
    assert_eq!(Arc::strong_count(&token), 2, "a request is still on its way");
    drop(pass);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn what_does_not_count_is_inside_but_no_activity() {
    let (gate, _rings, _) = gate(&Limits::default());
    gate.open(vec![target("a")]);
    let pass = gate.enter(false).unwrap();
    assert_eq!(gate.activity(), Activity { in_flight: 1, active: 0, entered: 0, held: 0 });
    assert_eq!(gate.shut(), 1);
    drop(pass);
}

#[tokio::test]
async fn what_must_not_wake_waits_only_before_an_open_door() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let (gate, mut rings, _) = gate(&limits);
    assert_eq!(gate.hold_if_open(false).unwrap_err(), Refused::Shut);
    gate.fail(&Fault::new("broken"));
    assert_eq!(gate.hold_if_open(false).unwrap_err(), Refused::Shut);
    assert_eq!(rings.try_next(), None, "nobody asked for it");

    gate.open(vec![target("a")]);
    let inside = gate.enter(true).unwrap();
    let waiting = gate.hold_if_open(false).unwrap();
    drop(inside);
    assert!(!granted(waiting).await.counts());
}
