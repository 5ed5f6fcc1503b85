//! Mail on its way in: one LMTP session, driven step by step, so that many can hold their last line back together.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::UnixStream;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session that is open.
#[derive(Debug)]
pub(crate) struct Postman {
    stream: BufStream<UnixStream>,
    recipients: usize,
}

impl Postman {
    pub(crate) async fn connect(socket: &Path) -> anyhow::Result<Self> {
        let stream =
            UnixStream::connect(socket).await.with_context(|| format!("connecting to {}", socket.display()))?;
        let mut postman = Self { stream: BufStream::new(stream), recipients: 0 };
        postman.reply("220").await?;
        postman.say("LHLO load\r\n", "250").await?;
        Ok(postman)
    }

    /// Everything up to the point where the message is asked for.
    pub(crate) async fn address(&mut self, recipients: &[String]) -> anyhow::Result<()> {
        self.say("MAIL FROM:<tom@example.net> BODY=8BITMIME\r\n", "250").await?;
        for recipient in recipients {
            self.say(&format!("RCPT TO:<{recipient}>\r\n"), "250").await?;
        }
        self.recipients = recipients.len();
        self.say("DATA\r\n", "354").await
    }

    /// The message, whose last line ends, and the end of all; the replies are left for [`Self::delivered`].
    pub(crate) async fn hand_over(&mut self, message: &[u8]) -> anyhow::Result<()> {
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            // RFC 5321 4.5.2 "Transparency".
            if line.starts_with(b".") {
                self.stream.write_all(b".").await?;
            }
            self.stream.write_all(line).await?;
        }
        self.stream.write_all(b".\r\n").await?;
        Ok(self.stream.flush().await?)
    }

    /// One 250 for each recipient.
    pub(crate) async fn delivered(&mut self) -> anyhow::Result<()> {
        for _ in 0..std::mem::take(&mut self.recipients) {
            self.reply("250").await?;
        }
        Ok(())
    }

    async fn say(&mut self, line: &str, expected: &str) -> anyhow::Result<()> {
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.flush().await?;
        self.reply(expected).await.with_context(|| format!("after {}", line.trim_end()))
    }

    async fn reply(&mut self, expected: &str) -> anyhow::Result<()> {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut line)).await;
            ensure!(read.context("LMTP does not reply")?? > 0, "LMTP closed the connection");
            ensure!(line.starts_with(expected), "LMTP replied {:?} instead of {expected}", line.trim_end());
            if line.as_bytes().get(3) == Some(&b' ') {
                return Ok(());
            }
        }
    }
}
