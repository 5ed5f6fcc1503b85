//! A mail server that hands mail over.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A conversation in LMTP.
pub(crate) struct Lmtp(BufReader<UnixStream>);

impl Lmtp {
    pub(crate) fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lmtp = Self(BufReader::new(stream));
        assert!(lmtp.hear()?.starts_with("220"));
        assert!(lmtp.say("LHLO localhost\r\n")?.starts_with("250"));
        Ok(lmtp)
    }

    /// Hands one mail over: the last line of what is said to it.
    pub(crate) fn deliver(&mut self, to: &str, number: u32, lines: usize) -> io::Result<String> {
        for line in ["MAIL FROM:<sender@example.net>\r\n".to_owned(), format!("RCPT TO:<{to}>\r\n")] {
            let said = self.say(&line)?;
            if !said.starts_with("250") {
                self.say("RSET\r\n")?;
                return Ok(said);
            }
        }
        let said = self.say("DATA\r\n")?;
        assert!(said.starts_with("354"), "{said}");
        self.say(&format!("{}.\r\n", mail(to, number, lines)))
    }

    fn say(&mut self, text: &str) -> io::Result<String> {
        self.0.get_mut().write_all(text.as_bytes())?;
        self.hear()
    }

    /// Reads a reply to its last line.
    fn hear(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if !line.ends_with("\r\n") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes()[3] == b' ' {
                return Ok(line);
            }
        }
    }
}

/// The mail of a number, in lines as they are handed over.
pub(crate) fn mail(to: &str, number: u32, lines: usize) -> String {
    let text = format!("This is line after line of mail {number}.\r\n").repeat(lines);
    format!(
        "From: sender@example.net\r\nTo: {to}\r\nMessage-ID: <{number}@example.net>\r\n\
         Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nSubject: mail {number}\r\n\r\n{text}"
    )
}
