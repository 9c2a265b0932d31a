use super::*;

#[tokio::test]
async fn a_name_is_followed_and_calls_on_their_way_still_end() {
    let old = Held::new().await;
    let new = Replica::new().await;
    let answer = Arc::new(Mutex::new(Ok(vec![old.replica.at])));
    let balancer = name(&answer);
    let mut on_its_way = JoinSet::new();
    let caller = balancer.clone();
    on_its_way.spawn(async move { read(&caller).await });
    old.entered.acquire().await.unwrap().forget();

    *answer.lock().unwrap() = Ok(vec![new.at]);
    look(&balancer, || balancer.shared.endpoints()[0].at == new.at).await;
    for _ in 0..10 {
        read(&balancer).await.unwrap();
    }
    old.gate.add_permits(1);
    on_its_way.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((old.replica.calls(), new.calls()), (1, 10));
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_keeps_its_addresses() {
    let replica = Replica::new().await;
    let answer = Arc::new(Mutex::new(Ok(vec![replica.at])));
    let balancer = name(&answer);
    read(&balancer).await.unwrap();
    for failure in [Err(io::ErrorKind::TimedOut.into()), Ok(Vec::new())] {
        *answer.lock().unwrap() = failure;
        let began = Instant::now();
        look(&balancer, || {
            let failed_at = *balancer.shared.resolve_failed_at.lock().unwrap();
            failed_at.is_some_and(|at| at >= began)
        })
        .await;
        read(&balancer).await.unwrap();
    }
}
