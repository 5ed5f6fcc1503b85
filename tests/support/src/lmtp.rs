//! A mail server that hands mail over.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longer than any reply takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A conversation in LMTP (RFC 2033); an error is a server that is gone, and anything it may not say a panic.
#[derive(Debug)]
pub struct Lmtp(BufReader<UnixStream>);

impl Lmtp {
    /// Connects to a socket and greets.
    ///
    /// # Panics
    /// When the greeting is not returned.
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lmtp = Self(BufReader::new(stream));
        let greeting = lmtp.hear()?;
        assert!(greeting.starts_with("220"), "{greeting}");
        let greeting = lmtp.say("LHLO localhost\r\n")?;
        assert!(greeting.starts_with("250"), "{greeting}");
        Ok(lmtp)
    }

    /// Delivers the mail of that number, of so many lines.
    ///
    /// # Panics
    /// When it is not taken.
    pub fn deliver(&mut self, to: &str, number: u32, lines: usize) -> io::Result<()> {
        let said = self.offer(to, number, lines)?;
        assert!(said.starts_with("250"), "mail {number}: {said}");
        Ok(())
    }

    /// Offers the mail of that number, of so many lines: the reply that decides about it.
    ///
    /// # Panics
    /// When its text is not asked for though the server takes mail for whom it is.
    pub fn offer(&mut self, to: &str, number: u32, lines: usize) -> io::Result<String> {
        self.hand_over(to, &mail(to, number, lines))
    }

    /// Offers a mail, in lines that end with CR LF and do not begin with a dot: the reply that decides about it.
    ///
    /// # Panics
    /// When its text is not asked for though the server takes mail for whom it is.
    pub fn hand_over(&mut self, to: &str, mail: &str) -> io::Result<String> {
        for line in ["MAIL FROM:<sender@example.net>\r\n".to_owned(), format!("RCPT TO:<{to}>\r\n")] {
            let said = self.say(&line)?;
            if !said.starts_with("250") {
                self.say("RSET\r\n")?;
                return Ok(said);
            }
        }
        let said = self.say("DATA\r\n")?;
        assert!(said.starts_with("354"), "{said}");
        self.say(&format!("{mail}.\r\n"))
    }

    fn say(&mut self, text: &str) -> io::Result<String> {
        self.0.get_mut().write_all(text.as_bytes())?;
        self.hear()
    }

    /// Reads a reply to its last line, which is what is returned; its lines have one code.
    fn hear(&mut self) -> io::Result<String> {
        let mut code = None;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if !line.ends_with("\r\n") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (first, rest) = line.split_at_checked(3).unwrap_or_else(|| panic!("{line:?} is no reply"));
            assert_eq!(code.get_or_insert_with(|| first.to_owned()), first, "{line:?}");
            if rest.starts_with(' ') {
                return Ok(line);
            }
        }
    }
}

/// The mail of a number, in lines as they are handed over.
pub fn mail(to: &str, number: u32, lines: usize) -> String {
    let text = format!("This is line after line of mail {number}.\r\n").repeat(lines);
    format!(
        "From: sender@example.net\r\nTo: {to}\r\nMessage-ID: <{number}@example.net>\r\n\
         Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nSubject: mail {number}\r\n\r\n{text}"
    )
}
