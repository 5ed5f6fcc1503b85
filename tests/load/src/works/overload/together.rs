//! All devices of one user begin a request at the same time, and none ends it before all have begun.

use std::sync::Arc;

use easel_protocol::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::parked::AT_ONCE;
use super::crowd::FIRST;
use crate::phone::{Door, Identity, Line, folder_sync};
use crate::tally::Tally;

/// Everybody says what is to come and asks whether it may; whoever may goes on when everybody knows. RFC 9110 10.1.1
/// "Expect"
pub(super) async fn begin(door: &Door, devices: Vec<Identity>) -> Tally {
    let (gate, mut asking) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for (number, identity) in devices.into_iter().enumerate() {
        let (gate, door) = (Arc::clone(&gate), door.clone());
        asking.spawn(async move {
            let _turn = gate.acquire_owned().await?;
            let line = door.connect(FIRST + number).await?;
            ask(line, &identity).await
        });
    }
    let (mut tally, mut let_in) = (Tally::default(), Vec::new());
    for asked in asking.join_all().await {
        match asked {
            Ok(Asked::Goes(line)) => let_in.push(line),
            Ok(Asked::Told { code, retry_after }) => tally.code(code, retry_after),
            Err(_) => tally.cut += 1,
        }
    }
    for mut line in let_in {
        let answer = match line.send(&folder_sync()).await {
            Ok(()) => line.answer().await,
            Err(error) => Err(error),
        };
        tally.count(&answer);
    }
    tally
}

enum Asked {
    Goes(Line),
    Told { code: u16, retry_after: Option<u64> },
}

async fn ask(mut line: Line, identity: &Identity) -> anyhow::Result<Asked> {
    let (body, whole) = (folder_sync(), identity.request(Command::FolderSync, &folder_sync()));
    let head = String::from_utf8_lossy(&whole[..whole.len() - body.len()]);
    line.send(head.replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1).as_bytes()).await?;
    let head = line.head().await?;
    Ok(match head.code {
        100 => Asked::Goes(line),
        code => Asked::Told { code, retry_after: head.retry_after },
    })
}
