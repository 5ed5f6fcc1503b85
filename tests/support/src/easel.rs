//! The binary `easel` as an administrator meets it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::Serving;

/// The binary, and the configuration it is run with.
#[derive(Clone, Debug)]
pub struct Easel {
    program: PathBuf,
    config: PathBuf,
    environment: Vec<(String, String)>,
}

/// What a verb said.
#[derive(Debug)]
pub struct Said {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it speaks UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    /// What it said when it went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// Why it did not go well.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!(self.code, 1, "{self:#?}");
        self.err
    }
}

impl Easel {
    /// The binary at a path, run with a configuration, which need not be there.
    pub fn new(program: impl Into<PathBuf>, config: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), config: config.into(), environment: Vec::new() }
    }

    /// The same, with these variables in its environment as well.
    pub fn with_environment(self, environment: Vec<(String, String)>) -> Self {
        Self { environment, ..self }
    }

    /// Where the configuration lies.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The binary, without the settings of whoever runs the test.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_remove("EASEL_CONFIG").env_remove("EASEL_LOG").env("TZ", "UTC");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a verb without the configuration and with a text on standard input.
    ///
    /// # Panics
    /// When the binary cannot be started.
    #[track_caller]
    pub fn bare(&self, arguments: &[&str], input: &str) -> Said {
        let piped = Stdio::piped;
        let child = self.command().args(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        // A verb that asks for nothing may have ended already.
        drop(child.stdin.take().expect("it is piped").write_all(input.as_bytes()));
        child.wait_with_output().expect("it ends").into()
    }

    /// Runs a verb with a text on standard input.
    #[track_caller]
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let config = self.config.display().to_string();
        self.bare(&[&["--config", config.as_str()], arguments].concat(), input)
    }

    /// Runs a verb.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// Runs a verb that goes well and answers for machines.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat()).ok();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
    }

    /// Starts a verb that goes on; its output is to be read.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut verb = self.command();
        verb.arg("--config").arg(&self.config).args(arguments).stdin(Stdio::null());
        verb.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// Starts the server and waits until it listens.
    #[track_caller]
    pub fn serve(&self) -> Serving {
        Serving::start(self)
    }
}
