use std::time::Duration;

use super::lane::Lane;
use super::queue::{Arrival, Bounds, Queue};
use super::{Slot, User};
use crate::Error;

fn bounds(max: usize, max_waiting: usize) -> Bounds {
    Bounds {
        max,
        max_key: "query.max_running",
        max_per_user: max,
        max_waiting,
        longest_wait: Duration::from_mins(1),
    }
}

fn user(name: &str) -> User {
    User::from(name)
}

/// Lets one come, named by what tells its turn.
fn come(queue: &mut Queue<&'static str>, name: &str, turn: &'static str) -> bool {
    matches!(queue.arrive(&user(name), turn), Arrival::Begins)
}

fn turns(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.next().map(|(_, turn)| turn)).collect()
}

#[test]
fn whoever_came_first_begins_first() {
    let mut queue = Queue::new(bounds(1, 10));
    assert!(come(&mut queue, "a", "1"));
    assert!(!come(&mut queue, "a", "2"));
    assert!(!come(&mut queue, "a", "3"));
    assert!(turns(&mut queue).is_empty());
    for turn in ["2", "3"] {
        queue.leave(&user("a"));
        assert_eq!(turns(&mut queue), [turn]);
    }
    assert_eq!((queue.busy(), queue.waiting()), (1, 0));
}

#[test]
fn it_is_the_turn_of_the_user_who_runs_the_fewest() {
    let mut queue = Queue::new(bounds(2, 10));
    assert!(come(&mut queue, "greedy", "g1"));
    assert!(come(&mut queue, "greedy", "g2"));
    for turn in ["g3", "g4"] {
        assert!(!come(&mut queue, "greedy", turn));
    }
    assert!(!come(&mut queue, "modest", "m1"));
    assert!(!come(&mut queue, "modest", "m2"));
    queue.leave(&user("greedy"));
    assert_eq!(turns(&mut queue), ["m1"]);
    // One place each: among equals it is who came first.
    queue.leave(&user("modest"));
    assert_eq!(turns(&mut queue), ["m2"]);
    queue.leave(&user("greedy"));
    assert_eq!(turns(&mut queue), ["g3"]);
}

#[test]
fn a_share_leaves_places_to_others() {
    let mut queue = Queue::new(Bounds {
        max_per_user: 1,
        ..bounds(2, 10)
    });
    assert!(come(&mut queue, "a", "a1"));
    assert!(!come(&mut queue, "a", "a2"));
    assert!(come(&mut queue, "b", "b1"));
    queue.leave(&user("b"));
    assert!(turns(&mut queue).is_empty());
    queue.leave(&user("a"));
    assert_eq!(turns(&mut queue), ["a2"]);
}

#[test]
fn a_full_queue_refuses_unless_another_has_more_waiting() {
    let mut queue = Queue::new(bounds(1, 3));
    assert!(come(&mut queue, "a", "a1"));
    for turn in ["a2", "a3", "a4"] {
        assert!(!come(&mut queue, "a", turn));
    }
    assert!(matches!(queue.arrive(&user("a"), "a5"), Arrival::Refused));
    let Arrival::Waits(_, Some(displaced)) = queue.arrive(&user("b"), "b1") else {
        panic!("b has nothing waiting");
    };
    assert_eq!(displaced, "a4");
    // Two of a, one of b: another of b would only turn it round.
    assert!(matches!(queue.arrive(&user("b"), "b2"), Arrival::Refused));
    let mut none = Queue::new(bounds(1, 0));
    assert!(come(&mut none, "a", "1"));
    assert!(matches!(none.arrive(&user("b"), "2"), Arrival::Refused));
}

#[test]
fn who_gives_up_is_not_called() {
    let mut queue = Queue::new(bounds(1, 10));
    assert!(come(&mut queue, "a", "1"));
    let Arrival::Waits(ticket, None) = queue.arrive(&user("a"), "2") else {
        panic!("there is no place");
    };
    assert!(!come(&mut queue, "a", "3"));
    queue.give_up(ticket);
    queue.give_up(ticket);
    queue.leave(&user("a"));
    assert_eq!(turns(&mut queue), ["3"]);
}

async fn refused(lane: &Lane, name: &str) -> (String, Duration) {
    match lane.enter(name).await {
        Err(Error::Busy {
            message,
            retry_after,
        }) => (message, retry_after),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_place_is_handed_on_when_it_is_dropped() {
    let lane = Lane::new(bounds(1, 10));
    let first = lane.enter("a").await.unwrap();
    let waiting: Vec<tokio::task::JoinHandle<Slot>> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let lane = lane.clone();
            tokio::spawn(async move { lane.enter(name).await.unwrap() })
        })
        .collect();
    while lane.load().waiting < 2 {
        tokio::task::yield_now().await;
    }
    drop(first);
    for task in waiting {
        drop(task.await.unwrap());
    }
    assert_eq!((lane.load().busy, lane.load().waiting), (0, 0));
}

#[tokio::test]
async fn whoever_waits_can_leave() {
    let lane = Lane::new(bounds(1, 10));
    let first = lane.enter("a").await.unwrap();
    let waiting = tokio::spawn({
        let lane = lane.clone();
        async move { lane.enter("a").await }
    });
    while lane.load().waiting < 1 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(lane.load().waiting, 0);
    drop(first);
    assert_eq!(lane.load().busy, 0);
}

#[tokio::test]
async fn refusals_say_which_bound_was_met_and_when_to_come_back() {
    let lane = Lane::new(bounds(1, 0));
    let first = lane.enter("a").await.unwrap();
    let (message, retry) = refused(&lane, "b").await;
    assert!(message.contains("query.max_running"), "{message}");
    assert!(message.contains("query.max_queued"), "{message}");
    assert!(message.contains("try again in 1 s"), "{message}");
    assert_eq!(retry, Duration::from_secs(1));
    lane.set(Bounds {
        longest_wait: Duration::from_millis(20),
        ..bounds(1, 1)
    });
    let (message, _) = refused(&lane, "b").await;
    assert!(message.contains("query.queue_timeout"), "{message}");
    assert_eq!(lane.load().refused, 2);
    drop(first);
    drop(lane.enter("b").await.unwrap());
}

#[tokio::test]
async fn more_places_serve_those_who_wait_already() {
    let lane = Lane::new(bounds(1, 10));
    let first = lane.enter("a").await.unwrap();
    let waiting = tokio::spawn({
        let lane = lane.clone();
        async move { lane.enter("a").await.unwrap() }
    });
    while lane.load().waiting < 1 {
        tokio::task::yield_now().await;
    }
    lane.set(bounds(2, 10));
    let second = waiting.await.unwrap();
    assert_eq!(lane.load().busy, 2);
    drop((first, second));
}
