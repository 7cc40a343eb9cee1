use super::*;

#[test]
fn cookies_without_their_attributes() {
    let mut metadata = MetadataMap::new();
    metadata.append(
        "set-cookie",
        "session=abc; Path=/; HttpOnly".parse().unwrap(),
    );
    metadata.append("set-cookie", "other= d=e ".parse().unwrap());
    metadata.append("set-cookie", "nonsense".parse().unwrap());
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        cookies_of(&metadata),
        [pair("session", "abc"), pair("other", "d=e")]
    );
}

#[tokio::test]
async fn a_renewed_token_takes_the_place_of_the_old_one() {
    let channel = tonic::transport::Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let client = Client::new(channel, Some("Bearer old".parse().unwrap()));
    let sent = |client: &Client| {
        let request = client.request(());
        let value = request.metadata().get("authorization").cloned();
        value.unwrap().to_str().unwrap().to_owned()
    };
    client.kept(Response::new(()));
    assert_eq!(sent(&client), "Bearer old");
    let mut answer = Response::new(());
    let renewed = "Bearer new".parse().unwrap();
    answer.metadata_mut().insert("authorization", renewed);
    client.kept(answer);
    assert_eq!(sent(&client), "Bearer new");
}
