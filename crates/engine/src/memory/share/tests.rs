use std::thread;

use super::*;

const MIB: usize = 1 << 20;

fn shares(max_running: usize, query_limit: Option<u64>) -> Shares {
    let mut config = Config::default();
    config.memory.limit = 80 << 20;
    config.memory.query_limit = query_limit;
    config.query.max_running = Some(max_running);
    let server = datafusion::execution::memory_pool::GreedyMemoryPool::new(80 * MIB);
    let env = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(server));
    Shares::new(&config, env.build_arc().unwrap())
}

fn consumer(share: &Share, can_spill: bool) -> MemoryReservation {
    let pool: Arc<dyn MemoryPool> = Arc::clone(&share.pool) as _;
    let consumer = MemoryConsumer::new("Operator[0]").with_can_spill(can_spill);
    consumer.register(&pool)
}

#[test]
fn what_is_certain_stays_when_others_take_the_rest() {
    let shares = shares(4, None);
    let (greedy, late) = (shares.begin("a").unwrap(), shares.begin("b").unwrap());
    let all = consumer(&greedy, false);
    all.try_grow(40 * MIB).unwrap();
    assert!(all.try_grow(1).is_err(), "half of all is the limit of one");
    let second = shares.begin("c").unwrap();
    let rest = consumer(&second, false);
    rest.try_grow(20 * MIB).unwrap();
    assert!(
        rest.try_grow(1).is_err(),
        "10 are certain, and 10 were left"
    );
    let certain = consumer(&late, false);
    certain.try_grow(10 * MIB).unwrap();
    assert!(certain.try_grow(1).is_err());
    drop((all, rest));
    certain.try_grow(30 * MIB).unwrap();
    assert_eq!(late.pool.reserved(), 40 * MIB);
    drop(certain);
    assert_eq!(
        (late.pool.reserved(), shares.env.memory_pool.reserved()),
        (0, 0)
    );
    assert_eq!(shares.common.free(), 40 * MIB);
}

#[test]
fn a_query_has_no_more_than_its_limit() {
    let shares = shares(1, Some(16 << 20));
    let share = shares.begin("0123456789abcdef0123456789abcdef").unwrap();
    let one = consumer(&share, false);
    one.try_grow(16 * MIB).unwrap();
    let text = one.try_grow(MIB).unwrap_err().to_string();
    for part in [
        "query 0123456789abcdef is",
        "Operator[0]",
        "16.0 MB at most (memory.query_limit)",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn one_that_can_spill_leaves_room_for_the_next() {
    let shares = shares(1, Some(18 << 20));
    let share = shares.begin("a").unwrap();
    let (first, second) = (consumer(&share, true), consumer(&share, true));
    first.try_grow(8 * MIB).unwrap();
    assert!(first.try_grow(2 * MIB).is_err(), "its part is six");
    second.try_grow(6 * MIB).unwrap();
    assert!(second.try_grow(1).is_err());
    first.shrink(8 * MIB);
    drop(second);
    first.try_grow(12 * MIB).unwrap();
    assert!(first.try_grow(1).is_err());
}

#[test]
fn those_that_cannot_spill_find_what_others_must_leave() {
    // 15 are certain to each of four, ten of them for those that can spill, and 60 are common.
    let mut config = Config::default();
    config.memory.limit = 120 << 20;
    config.query.max_running = Some(4);
    let server = datafusion::execution::memory_pool::GreedyMemoryPool::new(120 * MIB);
    let env = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(server));
    let shares = Shares::new(&config, env.build_arc().unwrap());
    let queries: Vec<_> = ["a", "b", "c", "d"]
        .map(|id| shares.begin(id).unwrap())
        .into();
    let greedy = |share| {
        let all = consumer(share, true);
        while all.try_grow(MIB / 2).is_ok() {}
        all
    };
    let held: Vec<_> = queries.iter().map(greedy).collect();
    assert!(held.iter().all(|one| one.size() >= 10 * MIB), "{held:?}");
    // Each takes what is left to those that cannot spill, gives it back and takes it again, whatever the others do.
    for _ in 0..2 {
        let merges: Vec<_> = queries.iter().map(|share| consumer(share, false)).collect();
        for merge in &merges {
            merge.try_grow(5 * MIB).unwrap();
        }
        assert!(held.iter().all(|one| one.try_grow(6 * MIB).is_err()));
    }
    drop(held);
    assert_eq!(shares.common.free(), 60 * MIB);
    assert_eq!(shares.env.memory_pool.reserved(), 0);
}

#[tokio::test]
async fn a_starved_query_waits_until_all_that_it_may_have_is_certain() {
    // 10 are certain to each of four, and 40 are common; one may have 40.
    let shares = shares(4, None);
    let (greedy, starved) = (shares.begin("a").unwrap(), shares.begin("b").unwrap());
    let all = consumer(&greedy, false);
    all.try_grow(40 * MIB).unwrap();
    let merge = consumer(&starved, false);
    assert!(merge.try_grow(25 * MIB).is_err());
    assert!(starved.is_starved() && !greedy.is_starved());
    let waits = starved.clone();
    let waiting = tokio::spawn(async move { waits.becomes_certain().await });
    while shares.common.free_for(u64::MAX) != 0 {
        tokio::task::yield_now().await;
    }
    // One that comes later leaves what is waited for, and has what is certain to it.
    let late = shares.begin("c").unwrap();
    let little = consumer(&late, false);
    little.try_grow(10 * MIB).unwrap();
    assert!(little.try_grow(1).is_err() && !waiting.is_finished());
    drop(all);
    assert!(waiting.await.unwrap());
    merge.try_grow(40 * MIB).unwrap();
    assert!(little.try_grow(11 * MIB).is_err(), "10 are left");
    merge.shrink(15 * MIB);
    starved.leave();
    little.try_grow(20 * MIB).unwrap();
    assert!(little.try_grow(6 * MIB).is_err(), "25 are held");
    drop((merge, little, late, starved, greedy));
    assert_eq!(shares.common.free(), 40 * MIB);
}

#[tokio::test]
async fn nobody_waits_longer_for_memory_than_for_a_place() {
    let shares = shares(4, None);
    shares.wait.store(30, Ordering::Relaxed);
    let (greedy, starved) = (shares.begin("a").unwrap(), shares.begin("b").unwrap());
    let all = consumer(&greedy, false);
    all.try_grow(40 * MIB).unwrap();
    assert!(!starved.becomes_certain().await);
    let late = shares.begin("c").unwrap();
    consumer(&late, false).try_grow(20 * MIB).unwrap();
}

#[test]
fn in_a_divided_query_each_sort_has_a_part_that_no_other_takes() {
    let shares = shares(1, Some(32 << 20));
    let share = shares.begin("a").unwrap();
    share.divide();
    let pool: Arc<dyn MemoryPool> = Arc::clone(&share.pool) as _;
    let named = |name: &str, can_spill: bool| {
        let consumer = MemoryConsumer::new(name).with_can_spill(can_spill);
        consumer.register(&pool)
    };
    let sorts: Vec<_> = (0..4)
        .map(|_| {
            (
                named("ExternalSorter[0]", true),
                named("ExternalSorterMerge[0]", false),
            )
        })
        .collect();
    // Six of 32 are the part of each: three eighths to hold rows, five to merge them.
    for (sort, merge) in &sorts {
        let greedy =
            |reservation: &MemoryReservation| while reservation.try_grow(MIB / 8).is_ok() {};
        greedy(merge);
        assert_eq!(merge.size(), 30 * MIB / 8);
        greedy(sort);
        assert_eq!(sort.size(), 18 * MIB / 8);
        // What a sort holds counts wherever it is.
        let split = sort.split(MIB);
        assert!(sort.try_grow(MIB).is_err());
        split.free();
        sort.try_grow(MIB).unwrap();
    }
    // Channels have a sixteenth, and what is left goes to those that cannot spill.
    let channel = named("RepartitionExec[0]", true);
    channel.try_grow(2 * MIB).unwrap();
    assert!(channel.try_grow(1).is_err());
    // While this thread spills into it no other may, and what that one keeps instead is nobody else's loss.
    let more = || channel.try_grow(4 * MIB);
    thread::scope(|scope| scope.spawn(more).join())
        .unwrap()
        .unwrap();
    let other = named("HashJoinInput", false);
    other.try_grow(6 * MIB).unwrap();
    assert!(other.try_grow(1).is_err());
    drop((sorts, channel, other));
    assert_eq!(share.pool.reserved(), 0);
}

#[test]
fn the_first_of_those_that_are_expected_leaves_the_others_their_parts() {
    let shares = shares(1, Some(32 << 20));
    let share = shares.begin("a").unwrap();
    share.divide();
    share.expect(4);
    let pool: Arc<dyn MemoryPool> = Arc::clone(&share.pool) as _;
    for _ in 0..4 {
        let consumer = MemoryConsumer::new("ExternalSorter[0]").with_can_spill(true);
        let sort = consumer.register(&pool);
        while sort.try_grow(MIB / 8).is_ok() {}
        assert_eq!(sort.size(), 18 * MIB / 8);
    }
}

#[test]
fn whoever_has_nothing_gets_its_first_rows() {
    let shares = shares(1, Some(32 << 20));
    let share = shares.begin("a").unwrap();
    share.divide();
    let (one, other) = (consumer(&share, true), consumer(&share, true));
    one.try_grow(20 * MIB).unwrap();
    assert!(one.try_grow(1).is_err());
    other.try_grow(12 * MIB).unwrap();
    drop(other);
    assert!(one.try_grow(1).is_err(), "there may be two at a time");
}
