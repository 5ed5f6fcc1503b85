//! A conversation in LMTP.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than any reply takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A conversation in LMTP; an error is a server that is gone.
pub(crate) struct Lmtp(BufReader<UnixStream>);

impl Lmtp {
    pub(crate) fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lmtp = Self(BufReader::new(stream));
        lmtp.hear("220")?;
        lmtp.say("LHLO localhost\r\n", "250")?;
        Ok(lmtp)
    }

    /// Delivers the mail of that number, of so many lines.
    pub(crate) fn deliver(&mut self, to: &str, number: u32, lines: usize) -> io::Result<()> {
        self.say("MAIL FROM:<sender@example.net>\r\n", "250")?;
        self.say(&format!("RCPT TO:<{to}>\r\n"), "250")?;
        self.say("DATA\r\n", "354")?;
        let text = format!("This is line after line of mail {number}.\r\n").repeat(lines);
        let mail = format!(
            "From: sender@example.net\r\nTo: {to}\r\nMessage-ID: <{number}@example.net>\r\n\
             Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nSubject: mail {number}\r\n\r\n{text}.\r\n"
        );
        self.say(&mail, "250")
    }

    fn say(&mut self, text: &str, code: &str) -> io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())?;
        self.hear(code)
    }

    /// Reads a reply to its last line.
    fn hear(&mut self, code: &str) -> io::Result<()> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if !line.ends_with("\r\n") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            assert!(line.starts_with(code), "{line:?} instead of {code}");
            if line.as_bytes()[3] == b' ' {
                return Ok(());
            }
        }
    }
}
