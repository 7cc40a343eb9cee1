use std::net::SocketAddr;

use tokio::task::JoinHandle;

use super::*;

fn peer(number: u8) -> Peer {
    Peer::from(Some(SocketAddr::from(([10, 0, 0, number], 1))))
}

/// Waits for a turn in a task that has got to its waiting when this returns.
async fn waiting(turns: &Turns, of: u8) -> JoinHandle<Result<Turn>> {
    let before = turns.state().waiting;
    let task = {
        let turns = turns.clone();
        tokio::spawn(async move { turns.take(peer(of)).await })
    };
    while turns.state().waiting == before {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn peers_take_turns() {
    let turns = Turns::new(1);
    let first = turns.take(peer(1)).await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..10 {
        flood.push(waiting(&turns, 1).await);
    }
    let other = waiting(&turns, 2).await;
    drop(first);
    // One of the flood, which was there first, then the other.
    let one = flood.remove(0).await.unwrap().unwrap();
    assert!(!other.is_finished() && flood.iter().all(|task| !task.is_finished()));
    drop(one);
    let other = other.await.unwrap().unwrap();
    assert!(flood.iter().all(|task| !task.is_finished()));
    drop(other);
    for task in flood {
        drop(task.await.unwrap().unwrap());
    }
    assert_eq!((turns.free(), turns.waiting()), (1, 0));
    let state = turns.state();
    assert!(state.order.is_empty() && state.queues.is_empty());
}

#[tokio::test]
async fn places_are_bounded_by_peer_and_altogether() {
    let turns = Turns::new(1);
    let held = turns.take(peer(0)).await.unwrap();
    let mut tasks = Vec::new();
    for of in 0..4 {
        for _ in 0..WAITING_PER_PEER {
            tasks.push(waiting(&turns, of).await);
        }
        let refused = turns.take(peer(of)).await;
        assert!(matches!(refused, Err(Error::Busy)), "{of}");
    }
    assert!(matches!(turns.take(peer(9)).await, Err(Error::Busy)));
    // Who goes away leaves a place for others of the same peer.
    let gone = tasks.remove(0);
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    tasks.push(waiting_again(&turns).await);
    drop(held);
    // Each gives its turn back by itself: they come in another order than they are asked.
    let ends: Vec<_> = tasks
        .into_iter()
        .map(|task| tokio::spawn(async move { drop(task.await.unwrap().unwrap()) }))
        .collect();
    for end in ends {
        end.await.unwrap();
    }
    assert_eq!((turns.free(), turns.waiting()), (1, 0));
}

/// As [`waiting`], where somebody else of the peer has gone away, so that the number stays the same.
async fn waiting_again(turns: &Turns) -> JoinHandle<Result<Turn>> {
    let task = {
        let turns = turns.clone();
        tokio::spawn(async move { turns.take(peer(0)).await })
    };
    let closed = |state: &State| {
        state.queues[&peer(0)]
            .iter()
            .any(oneshot::Sender::is_closed)
    };
    while closed(&turns.state()) {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn who_goes_away_gets_no_turn() {
    let turns = Turns::new(1);
    let held = turns.take(peer(1)).await.unwrap();
    let gone = waiting(&turns, 1).await;
    let stays = waiting(&turns, 2).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    drop(held);
    drop(stays.await.unwrap().unwrap());
    assert_eq!((turns.free(), turns.waiting()), (1, 0));
}
