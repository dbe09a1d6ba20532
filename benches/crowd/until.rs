//! How many requests are held before one is answered: by a gateway that has enough of them, for their service never
//! becomes ready.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{Failure, answer};

/// A gateway that gets little of a core may be that late.
const SETTLES: Duration = Duration::from_secs(5);

pub(crate) async fn run(address: SocketAddr, host: &str, most: usize) -> Result<(), Failure> {
    let request = answer::request("/held", host);
    let (mut crowd, mut sent, mut refused) = (JoinSet::new(), 0, false);
    while sent < most && !refused {
        // At a pace that a gateway with little of a core follows, so that the first refused one ends it.
        for _ in 0..10.min(most - sent) {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(&request).await?;
            sent += 1;
            crowd.spawn(async move { end(&mut stream).await });
        }
        refused = timeout(Duration::from_millis(10), crowd.join_next()).await.is_ok();
    }
    sleep(SETTLES).await;
    let mut ends = BTreeMap::<String, usize>::new();
    let mut answered = usize::from(refused);
    while let Some(end) = crowd.try_join_next() {
        *ends.entry(end?).or_default() += 1;
        answered += 1;
    }
    println!("{}", serde_json::json!({ "sent": sent, "held": sent - answered, "ends": ends }));
    Ok(())
}

async fn end(stream: &mut TcpStream) -> String {
    match answer::status(stream).await {
        Ok(status) => status.to_string(),
        Err(error) => error.kind().to_string(),
    }
}
