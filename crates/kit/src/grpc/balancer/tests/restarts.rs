use super::*;

#[tokio::test]
async fn a_replica_that_has_just_started_gets_no_call_before_it_is_ready() {
    let (starting, other) = (Replica::new().await, Replica::new().await);
    starting.is_ready.store(false, Ordering::Relaxed);
    let balancer = list(&[starting.at, other.at]);
    for _ in 0..100 {
        read(&balancer).await.unwrap();
    }
    assert_eq!((starting.calls(), other.calls()), (0, 100));
    starting.is_ready.store(true, Ordering::Relaxed);
    all_open(&balancer).await;
}

#[tokio::test]
async fn a_call_waits_for_a_replica_that_is_about_to_listen() {
    let at = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let balancer = list(&[at]);
    assert!(read(&balancer).await.is_err());
    let replica = Replica::at(at, || async { ok() }).await;
    read(&balancer).await.unwrap();
    assert_eq!(replica.calls(), 1);
}

#[tokio::test]
async fn replicas_that_end_in_order_lose_no_call_and_get_none_twice() {
    const ROUNDS: usize = 10;
    const CALLERS: usize = 8;
    let mut replicas = [Replica::new().await, Replica::new().await];
    let balancer = list(&[replicas[0].at, replicas[1].at]);
    let ended = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (mut client, ended) = (client(&balancer), ended.clone());
        callers.spawn(async move {
            let mut calls = 0;
            while ended.load(Ordering::Relaxed) < ROUNDS {
                // Not to be repeated: every one of them must have been handed over once.
                create(&mut client).await.unwrap();
                calls += 1;
            }
            calls
        });
    }
    let mut served = 0;
    for round in 0..ROUNDS {
        let replica = &mut replicas[round % 2];
        let goal = replica.calls() + 100;
        let is_busy = async {
            while replica.calls() < goal {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, is_busy).await.unwrap();
        replica.stop().await;
        served += replica.calls();
        *replica = Replica::at(replica.at, || async { ok() }).await;
        all_open(&balancer).await;
        ended.fetch_add(1, Ordering::Relaxed);
    }
    let made: usize = callers.join_all().await.into_iter().sum();
    served += replicas.iter().map(Replica::calls).sum::<usize>();
    println!("{made} calls, {ROUNDS} restarts");
    assert_eq!(served, made);
}
