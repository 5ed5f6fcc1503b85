//! What is wrong with a proxy, and what to write into its configuration.

use serde::Serialize;

/// Something a proxy does to requests or answers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    #[serde(rename = "error")]
    pub(super) is_error: bool,
    what: String,
    cure: Vec<String>,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    Address,
    AnswerBuffer,
    /// So many bytes have to pass.
    Body(usize),
    Change,
    Header,
    KeepAlive,
    Reach,
    RequestBuffer,
    Route,
    SlowBody,
    Wait,
}

impl Finding {
    /// Devices suffer.
    pub(super) fn error(what: String, cure: Cure) -> Self {
        Self { is_error: true, what, cure: cure.lines() }
    }

    /// It works, but not as well as it could.
    pub(super) fn warning(what: String, cure: Cure) -> Self {
        Self { is_error: false, what, cure: cure.lines() }
    }

    /// For people: what, then a line for each cure.
    pub(super) fn lines(&self) -> Vec<String> {
        let kind = if self.is_error { "error" } else { "warning" };
        let first = format!("{kind}: {}", self.what);
        std::iter::once(first).chain(self.cure.iter().map(|line| format!("  {line}"))).collect()
    }
}

impl Cure {
    fn lines(self) -> Vec<String> {
        let lines: &[&str] = match self {
            Self::Address => &[
                "right where something between translates addresses; otherwise all devices look like one, share its bounds \
                 on connections and wrong passwords, and the log does not tell them apart",
                "HAProxy: send-proxy-v2, to an address of listen.proxied",
                "nginx: proxy_protocol on, in a stream server, to an address of listen.proxied",
                "Caddy 2.7: proxy_protocol v2 in transport http, to an address of listen.proxied",
                "Apache cannot tell: raise limits.connections_per_address_max and limits.wrong_passwords_max",
            ],
            Self::AnswerBuffer => &[
                "nginx: proxy_buffering off",
                "Apache: flushpackets=on at the end of ProxyPass",
                "Caddy: flush_interval -1 in reverse_proxy",
                "HAProxy: no \"option http-buffer-request\", no compression, no cache",
            ],
            Self::Body(bytes) => {
                return vec![
                    format!("nginx: client_max_body_size {bytes}"),
                    format!("Apache: LimitRequestBody {bytes}"),
                    format!("Caddy: max_size {bytes} in request_body, or none"),
                    "HAProxy: no rule on req.body_size or req.hdr(content-length)".to_owned(),
                ];
            }
            Self::Change => &["leave compression, filters and error pages off for /Microsoft-Server-ActiveSync"],
            Self::Header => &["pass every header on: no rule that hides, sets or removes one for this path"],
            Self::KeepAlive => &[
                "nginx: keepalive_timeout 3600s",
                "Apache: KeepAlive On",
                "HAProxy: mode tcp, or no \"option httpclose\"",
            ],
            Self::Reach => &["see that the name, the port and the firewall are right, and that the proxy runs"],
            Self::RequestBuffer => &[
                "nginx: proxy_request_buffering off",
                "HAProxy: no \"option http-buffer-request\"",
                "Apache: no proxy-sendcl",
                "Caddy: no request_buffers",
            ],
            Self::Route => {
                &["have it pass /Microsoft-Server-ActiveSync, with its query and every method, to the server of this \
                 data directory"]
            }
            Self::SlowBody => &["Apache: RequestReadTimeout body=0", "nginx: client_body_timeout 60s"],
            Self::Wait => &[
                "nginx: proxy_read_timeout 3700s (in a stream server proxy_timeout 3700s)",
                "Apache: timeout=3700 at the end of the first ProxyPass or ProxyPassMatch to this server; where none has \
                 a timeout, ProxyTimeout 3700",
                "HAProxy: timeout client 3700s and timeout server 3700s",
                "Caddy: no read_timeout, write_timeout or response_header_timeout",
                "a firewall or load balancer between: as long",
            ],
        };
        lines.iter().map(|line| (*line).to_owned()).collect()
    }
}
