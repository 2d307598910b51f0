use crate::harness::{Scene, other_webhook, yaml, pods, scene::in_namespace};
use serde_json::json;
#[tokio::test]
async fn smoke() {
    let t=std::time::Instant::now();
    let scene = Scene::empty("smoke", json!({})).await;
    eprintln!("{:?}", t.elapsed());
    other_webhook::serve(&scene, "zz-late", |pod| if pod["metadata"]["labels"]["x"]=="y" {vec![]} else {vec![json!({"op":"add","path":"/metadata/labels","value":{"x":"y"}})]}).await;
    eprintln!("{:?}", t.elapsed());
    let pod=yaml("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: probe, image: probe}]}}");
    let r=scene.try_pod(&pod).await.created();
    eprintln!("{:?} {:#?}", t.elapsed(), scene.calls(&r));
    let plain=scene.api.create(&in_namespace(pod,&scene.plain)).await.created();
    pods::assert_kept(&plain,&r);
}
#[tokio::test]
async fn smoke2() {
    let scene = Scene::empty("smoke2", json!({})).await;
    let deployment = yaml("
apiVersion: apps/v1
kind: Deployment
metadata: {name: redis, namespace: smoke2}
spec:
  selector: {matchLabels: {app: redis}}
  template:
    metadata: {labels: {app: redis}}
    spec: {containers: [{name: redis, image: 'redis:latest', args: [redis-server]}]}
");
    let deployment = scene.api.apply(&deployment).await.created();
    let pod = scene.pod_of("smoke2", &deployment, "/spec/template").await;
    eprintln!("{}", pod["metadata"]["name"]);
}
