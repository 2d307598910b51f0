//! A line to the API server on which whatever it says takes a while.

use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Leads to a port of this machine; what comes back from there arrives `late`. Returns the port of the line's own end.
pub async fn line(port: u16, late: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(join(near, far, late));
        }
    });
    own
}

async fn join(near: TcpStream, far: TcpStream, late: Duration) {
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
    tokio::spawn(async move { tokio::io::copy(&mut from_near, &mut to_far).await });
    let (send, mut arrives) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from_far.read(&mut buffer).await {
            let sent = send.send((Instant::now() + late, buffer[..length].to_vec()));
            if sent.is_err() {
                break;
            }
        }
    });
    while let Some((at, bytes)) = arrives.recv().await {
        sleep_until(at).await;
        if to_near.write_all(&bytes).await.is_err() {
            break;
        }
    }
}
