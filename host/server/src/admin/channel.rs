//! The CLI's way to whoever owns the data directory.

use std::io::{self, BufReader, BufWriter};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::asks::unexpected;
use super::frame::{self, PIECE_BYTES_MAX, REPLY_HEAD_MAX};
use super::session::Session;
use super::{Office, Ownership, OwnershipError, PROTOCOL, Reply, Request, socket};
use crate::config::Config;
use crate::wire_up::{self, OpenError};

/// How long a verb waits for another verb to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries requests to the server that runs on the data directory, or carries them out here.
#[derive(Debug)]
pub(crate) enum Channel {
    /// No server runs: this process owns the directory.
    Here {
        /// Carries out.
        session: Box<Session>,
        /// Held as long as the channel; given up after the session has ended.
        _ownership: Ownership,
    },
    /// A server runs.
    There {
        /// Replies.
        input: BufReader<UnixStream>,
        /// Requests.
        output: BufWriter<UnixStream>,
    },
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the running server broke the connection off; its log says why")]
    Broken(#[source] io::Error),
    #[error("the running server (version {theirs}) does not understand this program (version {ours}): restart it")]
    OtherVersion { theirs: String, ours: &'static str },
    #[error("the running server cannot be reached at {path}")]
    Connect {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// It was understood and not done.
    #[error("{0}")]
    Refused(String),
}

impl ChannelError {
    /// Whether the server has ended, or closed the conversation.
    pub(crate) fn is_end(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        matches!(self, Self::Broken(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof))
    }
}

impl Channel {
    /// Finds out who owns the data directory; `what` is the verb, told to others who want it meanwhile.
    pub(crate) fn open(config: &Config, what: &str) -> Result<Self, ChannelError> {
        if let Some(channel) = Self::connect(config)? {
            return Ok(channel);
        }
        // A server that is about to start listens after it has the lock.
        let connect = || Self::connect(config).transpose();
        match Ownership::take_unless(&config.data_dir, what, PATIENCE, connect)? {
            Ok(ownership) => Ok(Self::here(config, ownership, wire_up::open_store(config)?)),
            Err(channel) => channel,
        }
    }

    /// Carries requests out on a store that this process owns.
    pub(crate) fn here(config: &Config, ownership: Ownership, (store, clock): wire_up::Opened) -> Self {
        let office = Arc::new(Office::new(store, clock, config));
        Self::Here { session: Box::new(Session::new(office)), _ownership: ownership }
    }

    /// The server that runs on the data directory, if one does.
    pub(crate) fn connect(config: &Config) -> Result<Option<Self>, ChannelError> {
        let path = socket::path(&config.data_dir);
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(cause) => return Err(ChannelError::Connect { path, cause }),
        };
        let clone = stream.try_clone().map_err(ChannelError::Broken)?;
        let (input, output) = (BufReader::with_capacity(64 << 10, clone), BufWriter::with_capacity(64 << 10, stream));
        let mut channel = Self::There { input, output };
        let reply = channel.ask(Request::Hello { protocol: PROTOCOL })?;
        let Reply::Hello { protocol, version } = reply else { return Err(unexpected(&reply)) };
        if protocol != PROTOCOL {
            return Err(ChannelError::OtherVersion { theirs: version, ours: env!("CARGO_PKG_VERSION") });
        }
        Ok(Some(channel))
    }

    /// Asks, without a body either way.
    pub(crate) fn ask(&mut self, request: Request) -> Result<Reply, ChannelError> {
        self.ask_with(request, &[]).map(|(reply, _)| reply)
    }

    /// Asks with a body no longer than a piece.
    pub(crate) fn ask_with(&mut self, request: Request, body: &[u8]) -> Result<(Reply, Vec<u8>), ChannelError> {
        assert!(body.len() <= PIECE_BYTES_MAX, "longer bodies go in pieces");
        let answer = match self {
            Self::Here { session, .. } => session.answer(request, body.to_vec()),
            Self::There { input, output } => {
                // A server that turns the conversation away says why before it closes.
                let written = frame::write(output, &request, body);
                let answer = frame::read(input, REPLY_HEAD_MAX);
                match (written, answer) {
                    (_, Ok(Some(answer))) => answer,
                    (Err(error), _) | (Ok(()), Err(error)) => return Err(ChannelError::Broken(error)),
                    (Ok(()), Ok(None)) => return Err(ChannelError::Broken(io::ErrorKind::UnexpectedEof.into())),
                }
            }
        };
        match answer {
            (Reply::Refused { reason }, _) => Err(ChannelError::Refused(reason)),
            answer => Ok(answer),
        }
    }

    /// Asks with a body of any length, its pieces ahead of the request.
    pub(crate) fn ask_with_all(&mut self, request: Request, body: &[u8]) -> Result<Reply, ChannelError> {
        let cut = body.len().saturating_sub(1) / PIECE_BYTES_MAX * PIECE_BYTES_MAX;
        let (pieces, last) = body.split_at(cut);
        for piece in pieces.chunks(PIECE_BYTES_MAX) {
            self.ask_with(Request::ImportPiece, piece)?;
        }
        self.ask_with(request, last).map(|(reply, _)| reply)
    }
}
