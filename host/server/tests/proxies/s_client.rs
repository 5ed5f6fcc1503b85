//! A phone's connection made by OpenSSL's own client, which still speaks what old phones speak.

use std::io::BufReader;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use base64::Engine as _;
use easel_test_support::{HttpRequest, HttpResponse, Transport};

use crate::front::OPENSSL;

/// One connection with TLS 1.0, from an address of this machine.
pub(crate) struct OldTls {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    login: String,
}

/// The client, at the lowest security level, speaking nothing but one version.
fn client(version: &str, port: u16, from: &str) -> Command {
    let mut command = OPENSSL.command();
    command.args(["s_client", version, "-cipher", "DEFAULT@SECLEVEL=0", "-bind", &format!("{from}:0")]);
    command.args(["-connect", &format!("127.0.0.1:{port}")]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a handshake with one version (`-tls1`) ends.
pub(crate) fn handshake(version: &str, port: u16) -> Output {
    client(version, port, "127.0.0.1").stdin(Stdio::null()).output().unwrap()
}

impl OldTls {
    pub(crate) fn connect(port: u16, from: &str, user: &str, password: &str) -> Self {
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let mut child = client("-tls1", port, from).arg("-quiet").stdin(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, login: format!("Basic {credentials}") }
    }
}

impl Transport for OldTls {
    fn exchange(&mut self, request: &HttpRequest) -> anyhow::Result<HttpResponse> {
        request.write(&self.login, &mut self.input)?;
        HttpResponse::read(&mut self.output)
    }
}

impl Drop for OldTls {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
