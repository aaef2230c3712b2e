//! A network is made, kept, changed and removed.
use crate::stage::{self, Stage, wanted};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_network_is_made_kept_changed_and_removed() {
    let stage = Stage::new().await;
    let network = |cidr: &str, public: bool| {
        vec![
            wanted("vpc", "vpc", json!({"cidr": cidr})),
            wanted("gateway", "internet-gateway", json!({"vpc": {"$ref": "vpc"}})),
            wanted(
                "a",
                "subnet",
                json!({"vpc": {"$ref": "vpc"}, "cidr": "10.0.1.0/24", "zone": "us-east-1a", "public": public}),
            ),
        ]
    };
    let plan = stage.plan(&network("10.0.0.0/16", false)).await;
    assert_eq!(plan.summary.create, 3);
    stage.apply(&network("10.0.0.0/16", false)).await;

    let before = stage.sandbox.requests().mutating;
    let plan = stage.plan(&network("10.0.0.0/16", false)).await;
    assert!(plan.is_empty(), "{}", stage::text(&plan));
    assert_eq!(stage.sandbox.requests().mutating, before);

    let plan = stage.plan(&network("10.0.0.0/16", true)).await;
    assert_eq!((plan.summary.update, plan.summary.keep), (1, 2), "{}", stage::text(&plan));
    stage.apply(&network("10.0.0.0/16", true)).await;
    assert!(stage.plan(&network("10.0.0.0/16", true)).await.is_empty());

    // A new range for the VPC reaches everything that stands in it.
    let plan = stage.plan(&network("10.0.0.0/20", true)).await;
    assert_eq!(plan.summary.replace, 3, "{}", stage::text(&plan));
    stage.apply(&network("10.0.0.0/20", true)).await;
    assert!(stage.plan(&network("10.0.0.0/20", true)).await.is_empty());

    stage.apply(&[]).await;
    assert_eq!(stage.left().await, Vec::<String>::new());
    assert!(stage.plan(&[]).await.is_empty());
}
