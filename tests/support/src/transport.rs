//! What a phone speaks through.

use std::io::{BufRead, Write};

use anyhow::{Context as _, bail, ensure};

/// One request as it goes on the wire.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// `OPTIONS` or `POST`.
    pub method: &'static str,
    /// What stands behind `?`; empty without one.
    pub query: String,
    /// The headers besides Host, Authorization and Content-Length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Writes it as HTTP/1.1, with the value of Authorization.
    pub fn write(&self, login: &str, stream: &mut impl Write) -> anyhow::Result<()> {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let mut head = format!(
            "{} /Microsoft-Server-ActiveSync{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {login}\r\n",
            self.method
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        stream.flush()?;
        Ok(())
    }
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub struct HttpResponse {
    /// The code.
    pub code: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without transfer coding.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Reads one, to its end.
    pub fn read(stream: &mut impl BufRead) -> anyhow::Result<Self> {
        let status = line(stream)?;
        let code = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let code = code.with_context(|| format!("status line {status:?}"))?;
        let mut headers = Vec::new();
        loop {
            let header = line(stream)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').with_context(|| format!("header {header:?}"))?;
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Self { code, headers, body: Vec::new() };
        response.body = if response.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            chunks(stream)?
        } else {
            let length = response.header("content-length").unwrap_or("0");
            let mut body = vec![0; length.parse().with_context(|| format!("Content-Length {length:?}"))?];
            stream.read_exact(&mut body)?;
            body
        };
        Ok(response)
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Carries requests to a server.
pub trait Transport {
    /// Sends one request and waits for its answer.
    fn exchange(&mut self, request: &HttpRequest) -> anyhow::Result<HttpResponse>;
}

impl<F: FnMut(&HttpRequest) -> anyhow::Result<HttpResponse>> Transport for F {
    fn exchange(&mut self, request: &HttpRequest) -> anyhow::Result<HttpResponse> {
        self(request)
    }
}

fn line(stream: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    ensure!(stream.read_line(&mut line)? > 0, "the server closed the connection");
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn chunks(stream: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream)?;
        let Ok(size) = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16) else {
            bail!("chunk size {size:?}");
        };
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..])?;
        ensure!(line(stream)?.is_empty(), "no line end behind a chunk");
        if size == 0 {
            return Ok(body);
        }
    }
}
