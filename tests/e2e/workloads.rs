//! Every kind of workload that makes pods.

use crate::harness::{Scene, pods, yaml};
use serde_json::json;

const LABELS: &str = "{app: redis, agent.datadoghq.com/sidecar: fargate}";

#[tokio::test]
async fn the_documented_redis_deployment_gets_the_sidecar() {
    let (scene, _injector) = Scene::serving("redis", "").await;
    let deployment = yaml(&format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: redis, namespace: redis}}
spec:
  selector: {{matchLabels: {{app: redis}}}}
  template:
    metadata: {{labels: {LABELS}}}
    spec: {{containers: [{{name: redis, image: 'redis:latest', args: [redis-server]}}]}}
"
    ));
    let deployment = scene.api.apply(&deployment).await.created();
    let pod = scene.pod_of("redis", &deployment, "/spec/template").await;
    println!("{pod:#}");
    println!("{:#?}", scene.calls(&pod));
    let _ = (pods::SIDECAR, json!({}));
}
