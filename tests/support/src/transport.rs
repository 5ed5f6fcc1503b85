//! What a phone speaks through.

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
