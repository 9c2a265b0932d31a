use super::*;

#[tokio::test]
async fn calls_spread_over_the_replicas() {
    let replicas = [Replica::new().await, Replica::new().await, Replica::new().await];
    let balancer = list(&[replicas[0].at, replicas[1].at, replicas[2].at]);
    all_open(&balancer).await;
    for _ in 0..300 {
        read(&balancer).await.unwrap();
    }
    for replica in &replicas {
        assert!(replica.calls() > 50, "{}", replica.calls());
    }
}

#[tokio::test]
async fn a_busy_replica_gets_no_call_while_another_one_is_idle() {
    let (busy, idle) = (Held::new().await, Replica::new().await);
    let balancer = list(&[busy.replica.at, idle.at]);
    all_open(&balancer).await;
    let mut held = JoinSet::new();
    while busy.entered.available_permits() == 0 {
        let balancer = balancer.clone();
        held.spawn(async move { read(&balancer).await });
        tokio::select! {
            answer = held.join_next() => answer.unwrap().unwrap().unwrap(),
            entered = busy.entered.acquire() => drop(entered.unwrap()),
        }
    }
    let before = idle.calls();
    for _ in 0..100 {
        read(&balancer).await.unwrap();
    }
    assert_eq!((busy.replica.calls(), idle.calls()), (1, before + 100));
    busy.gate.add_permits(1);
    held.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_be_reached_is_passed_over() {
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let replica = Replica::new().await;
    let balancer = list(&[refusing, silent.local_addr().unwrap(), replica.at]);
    let calls = async {
        for _ in 0..200 {
            read(&balancer).await.unwrap();
        }
    };
    timeout(Duration::from_secs(2), calls).await.unwrap();
    assert_eq!(replica.calls(), 200);
}

#[tokio::test]
async fn nobody_to_be_reached_is_told_before_the_deadline() {
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = timeout(Duration::from_secs(2), read(&list(&[refusing]))).await.unwrap();
    let refused = Error::from(refused.unwrap_err());
    assert_eq!(refused.kind(), crate::ErrorKind::Unavailable);
    assert!(refused.retry_delay().is_some());
}

#[tokio::test]
async fn a_replica_that_calls_itself_unavailable_is_left_for_another_one() {
    let refuse = || async { Status::unavailable("busy").into_http() };
    let busy = Replica::at("127.0.0.1:0".parse().unwrap(), refuse).await;
    let other = Replica::new().await;
    let balancer = list(&[busy.at, other.at]);
    all_open(&balancer).await;
    for _ in 0..50 {
        read(&balancer).await.unwrap();
    }
    assert!(busy.calls() <= 2, "{}", busy.calls());
}
