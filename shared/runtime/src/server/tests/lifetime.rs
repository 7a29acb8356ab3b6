//! Starting, stopping, and coming back.

use super::*;

#[tokio::test]
async fn stopping_says_not_serving_ends_streams_and_lets_go_of_the_port() {
    let world = World::new(None).await;
    let inbox = InboxServiceClient::new(world.channel());
    let mut stream = inbox
        .watch(with_key(dispatcher::WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    world.stop.cancel();
    let ended = stream.next().await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    assert!(from_status(&ended).retry_after.is_some());
    drop((stream, inbox));
    world.serving.await.unwrap().unwrap();
    assert!(!world.readiness.is_serving());
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn a_channel_comes_back_with_its_service() {
    let world = World::new(None).await;
    let address = world.address;
    let inbox = InboxServiceClient::new(world.channel());
    inbox.get_unread_count(with_key(count())).await.unwrap();
    world.stop.cancel();
    world.serving.await.unwrap().unwrap();
    let away = inbox.get_unread_count(with_key(count())).await.unwrap_err();
    assert_eq!(Problem::from_upstream("inbox", away).code(), Code::Unavailable);

    let _again = World::at(address, None).await;
    assert!(inbox.get_unread_count(with_key(count())).await.is_ok());
}

#[tokio::test]
async fn a_taken_port_is_said_so() {
    let world = World::new(None).await;
    let settings = ServerSettings {
        address: world.address,
        ..ServerSettings::default()
    };
    let auth = AuthLayer::new(Arc::new(OneKey), SystemClock::shared(), &LimitSettings::default());
    let meter = world.metrics.meter("watchbell");
    let second = Server::new(
        settings,
        LimitSettings::default(),
        auth,
        Readiness::new(),
        &meter,
        SystemClock::shared(),
    );
    let error = second.bind().await.err().unwrap().to_string();
    assert!(error.contains(&world.address.to_string()), "{error}");
}
