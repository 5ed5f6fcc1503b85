//! The demo: a server with sample data and packs, phones that synchronise with it, mail that arrives while one waits, and
//! a pack that is replaced meanwhile.

mod packs;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use easel_protocol::{Class, FolderType};
use easel_test_support::{Identity, Phone, Sent, Socket, Synced};
use tokio::signal::unix::{SignalKind, signal};

use crate::{run, say};
use packs::{REPLACED, WINDOWS, Workshop};

/// Starts a server with sample data and lets simulated phones synchronise with it.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Ends after the phones, instead of serving on.
    #[arg(long)]
    once: bool,
    /// Where to serve, such as 0.0.0.0:8443 for phones in the same network [default: 127.0.0.1:8443, or a free port].
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// Who is in the sample.
const USERS: [(&str, &str, &str, &str); 4] = [
    ("anna", "Anna Berger", "anna@example.org", "Europe/Berlin"),
    ("bernd", "Bernd Adler", "bernd@example.org", "Europe/Berlin"),
    ("zoe@ox.io", "Zo\u{eb} Martin", "zoe@ox.io", "Europe/Paris"),
    ("yann@ox.io", "Yann Petit", "yann@ox.io", "Europe/Paris"),
];
/// Whose phones synchronise.
const FIRST: &str = "anna";
const PUSH_WITHIN: Duration = Duration::from_secs(30);
/// How long a phone that waits is watched, to see that it does.
const WATCHED: Duration = Duration::from_millis(500);
/// Mails that come while it waits: more than the newer pack lets into one answer.
const MAILS: usize = 3;

impl Demo {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        run("cargo", &["build", "--package", "easel-server", "--bin", "easel"])?;
        let house = House::furnish(self)?;
        let mut served = house.serve()?;
        let shown = self.show(&house, &served);
        if let Err(error) = shown {
            return Err(error.context(served.stop()?));
        }
        if self.once {
            served.stop()?;
            say("done; `cargo xtask demo` without --once keeps serving");
            return Ok(());
        }
        say("serving until Ctrl-C");
        served.until_told()
    }

    fn show(&self, house: &House, served: &Served) -> anyhow::Result<()> {
        say("four phones synchronise over TLS, each for the first time:");
        let password = &house.passwords[FIRST];
        let (mut rows, mut phones) = (Vec::new(), Vec::new());
        for identity in [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android(), Identity::iphone_today()] {
            let name = identity.name;
            let socket = Socket::new(served.address, FIRST, password);
            let (row, phone) = synchronise(socket, identity).with_context(|| format!("the {name}"))?;
            rows.push(row);
            phones.push(phone);
        }
        let packs = rows.iter().map(|row| house.pack_of(&row.device)).collect::<anyhow::Result<Vec<_>>>()?;
        let lines = rows.iter().zip(&packs).map(|(row, pack)| row.cells(pack));
        table(&std::iter::once(Row::titles()).chain(lines).collect::<Vec<_>>());
        say("  \"-\" is what a phone does not synchronise; bytes are those of all bodies, there and back");
        let replaced = packs.iter().position(|pack| pack.starts_with(REPLACED)).context("nobody is served by it")?;
        let phone = push(house, served, phones.swap_remove(replaced))?;
        replace(house, served, phone)?;
        let host = reached_at(served.bound, network_address());
        say("");
        say("To connect a phone of your own:");
        say("  an account of the kind Exchange (or ActiveSync), entered by hand");
        say(&format!("  server    {host}   encrypted; accept the certificate, which is signed by nobody"));
        for (login, _, address, _) in USERS {
            let (user, domain) = login.split_once('@').unwrap_or((login, "defaultcontext"));
            let password = &house.passwords[login];
            say(&format!("  user      {user:<8} domain {domain:<16} address {address:<20} password {password}"));
        }
        if host.ip().is_loopback() {
            say(
                "  only this machine reaches that address; for phones in your network start with --listen 0.0.0.0:8443",
            );
        }
        say(&format!("  configuration, data and easel.log lie in {}", house.dir.display()));
        Ok(())
    }
}

/// A data directory with users and their things.
struct House {
    easel: PathBuf,
    dir: PathBuf,
    passwords: BTreeMap<&'static str, String>,
    /// The newer version of a pack, to be installed while a phone waits.
    newer: PathBuf,
}

impl House {
    fn furnish(demo: &Demo) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().context("the project's root")?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let dir = target.join("demo");
        if UnixStream::connect(dir.join("lmtp.sock")).is_ok() {
            bail!("a demo is serving from {} already: end it first", dir.display());
        }
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("removing the last demo in {}", dir.display()))?;
        }
        let easel = target.join("debug/easel");
        let mut house = Self { easel, dir, passwords: BTreeMap::new(), newer: PathBuf::new() };
        let listen = demo.listen.unwrap_or_else(free_address).to_string();
        say(&format!("a data directory in {}, a certificate, two tenants, four users", house.dir.display()));
        let place = house.dir.display().to_string();
        let mut init =
            vec!["init", &place, "--self-signed", "localhost", "--self-signed", "127.0.0.1", "--listen", &listen];
        let network = network_address().filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string());
        init.extend(network.iter().flat_map(|ip| ["--self-signed", ip]));
        house.easel(&init)?;
        house.easel(&["tenant", "add", "ox.io"])?;
        for (login, name, address, zone) in USERS {
            let arguments =
                ["user", "add", login, "--name", name, "--address", address, "--zone", zone, "--random", "--json"];
            let answer: serde_json::Value = serde_json::from_str(&house.easel(&arguments)?)?;
            let password = answer["password"].as_str().context("no password was made")?;
            house.passwords.insert(login, password.to_owned());
        }
        let sample = root.join("examples/sample-data");
        let file = |name: &str| sample.join(name).display().to_string();
        let all = ["mail", "calendar", "contacts", "tasks", "notes"].map(file);
        let mut arguments = vec!["import", FIRST];
        arguments.extend(all.iter().map(String::as_str));
        say(&format!("import into {FIRST}: {}", house.easel(&arguments)?.trim()));
        say(&format!(
            "import into zoe@ox.io: {}",
            house.easel(&["import", "zoe@ox.io", &file("mail"), &file("contacts")])?.trim()
        ));
        let list = file("global-address-list.vcf");
        say(&format!("address list of defaultcontext: {}", house.easel(&["import", "--gal", &list])?.trim()));
        say(&format!(
            "address list of ox.io: {}",
            house.easel(&["import", "--gal", &list, "--tenant", "ox.io"])?.trim()
        ));
        let workshop = Workshop::new(&house, &root);
        workshop.furnish()?;
        house.newer = workshop.newer()?;
        Ok(house)
    }

    fn config(&self) -> String {
        self.dir.join("easel.toml").display().to_string()
    }

    /// Runs a verb of the binary; what it printed.
    fn easel(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.easel_with(arguments, &[])
    }

    /// The same with something in the environment.
    fn easel_with(&self, arguments: &[&str], environment: &[(&str, &OsStr)]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.easel);
        command.envs(environment.iter().copied());
        if arguments[0] != "init" {
            command.args(["--config", &self.config()]);
        }
        let output = command.args(arguments).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("starting {}", self.easel.display()))?;
        ensure!(output.status.success(), "easel {} ended with {}", arguments.join(" "), output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The pack that serves a device, with its version; `-` when none does.
    fn pack_of(&self, device: &str) -> anyhow::Result<String> {
        let devices: serde_json::Value = serde_json::from_str(&self.easel(&["device", "list", "--json"])?)?;
        let is_it = |shown: &&serde_json::Value| shown["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(device));
        let shown = devices.as_array().and_then(|all| all.iter().find(is_it));
        let shown = shown.with_context(|| format!("the server does not know {device}"))?;
        let of = |at: usize| shown["pack"][at].as_str();
        Ok(of(0).zip(of(1)).map_or_else(|| "-".to_owned(), |(pack, version)| format!("{pack} {version}")))
    }

    /// How many requests wait in the server.
    fn waiting(&self) -> anyhow::Result<u64> {
        let checked: serde_json::Value = serde_json::from_str(&self.easel(&["check", "--json"])?)?;
        checked["server"]["waiting"].as_u64().context("the server does not say how many requests wait")
    }

    fn serve(&self) -> anyhow::Result<Served> {
        let mut child = Command::new(&self.easel)
            .args(["--config", &self.config(), "serve"])
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.dir.join("easel.log"))?)
            .spawn()
            .context("starting the server")?;
        let mut lines = BufReader::new(child.stdout.take().context("the server's output")?).lines();
        let (mut address, mut lmtp) = (None, None);
        for line in lines.by_ref() {
            let line = line?;
            if let Some(rest) = line.split("https://").nth(1) {
                address = rest.split('/').next().and_then(|address| address.parse::<SocketAddr>().ok());
                say(&format!("serving https://{}", rest.trim()));
            }
            if let Some(path) = line.split("lmtp:").nth(1) {
                lmtp = Some(PathBuf::from(path.trim()));
            }
            if address.is_some() && lmtp.is_some() {
                break;
            }
        }
        // Whatever it says later must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let log = self.dir.join("easel.log");
        let Some(bound) = address else {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            bail!("the server did not start: {}", said.lines().last().unwrap_or("it said nothing"));
        };
        let address = reached_at(bound, None);
        Ok(Served { child, bound, address, lmtp: lmtp.context("the server takes no mail in")? })
    }
}

/// The address of the demo, or a free one when it is taken.
fn free_address() -> SocketAddr {
    let usual = SocketAddr::from(([127, 0, 0, 1], 8443));
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            free.unwrap_or(usual)
        }
    }
}

/// The address of this machine in its network. Connecting a datagram socket sends nothing; it only picks a route.
fn network_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // TEST-NET-1 (RFC 5737) is nobody, and lies behind the default route.
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

/// Where phones reach what listens at `bound`: one that listens everywhere is named by its address in the network.
fn reached_at(bound: SocketAddr, network: Option<IpAddr>) -> SocketAddr {
    let everywhere = bound.ip().is_unspecified();
    let ip = if everywhere { network.unwrap_or(Ipv4Addr::LOCALHOST.into()) } else { bound.ip() };
    SocketAddr::new(ip, bound.port())
}

struct Served {
    child: Child,
    /// Where it listens.
    bound: SocketAddr,
    /// Where this machine reaches it.
    address: SocketAddr,
    lmtp: PathBuf,
}

impl Served {
    /// Serves until somebody ends the demo, and takes the server along.
    fn until_told(&mut self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut ended = signal(SignalKind::child())?;
            while self.child.try_wait()?.is_none() {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = ended.recv() => {}
                }
            }
            anyhow::Ok(())
        })?;
        match self.child.try_wait()? {
            Some(status) => bail!("the server ended with {status}"),
            None => self.stop().map(|how| say(&how)),
        }
    }

    /// Ends the server gently; how it ended.
    fn stop(&mut self) -> anyhow::Result<String> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("stopping the server")?;
        Ok(format!("the server ended with {}", self.child.wait()?))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _gone = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

/// What one phone did.
struct Row {
    name: &'static str,
    device: String,
    version: String,
    folders: usize,
    items: BTreeMap<Class, usize>,
    bytes: u64,
    took: Duration,
}

impl Row {
    fn titles() -> Vec<String> {
        let titles =
            ["device", "pack", "version", "folders", "mail", "events", "contacts", "tasks", "notes", "bytes", "ms"];
        titles.map(str::to_owned).to_vec()
    }

    fn cells(&self, pack: &str) -> Vec<String> {
        let count = |class: Class| self.items.get(&class).map_or_else(|| "-".to_owned(), ToString::to_string);
        vec![
            self.name.to_owned(),
            pack.to_owned(),
            self.version.clone(),
            self.folders.to_string(),
            count(Class::Email),
            count(Class::Calendar),
            count(Class::Contacts),
            count(Class::Tasks),
            count(Class::Notes),
            self.bytes.to_string(),
            format!("{:.0}", ms(self.took)),
        ]
    }
}

/// The first synchronisation of a phone: all its owner switched on.
fn synchronise(socket: Socket, identity: Identity) -> anyhow::Result<(Row, Phone<Socket>)> {
    let start = now();
    let (name, device) = (identity.name, identity.device_id.clone());
    let mut phone = Phone::new(socket, identity, FIRST);
    phone.options().context("OPTIONS")?;
    phone.provision().context("Provision")?;
    phone.folder_sync().context("FolderSync")?;
    let mut items: BTreeMap<Class, usize> = BTreeMap::new();
    for folder in phone.chosen() {
        phone.sync_folder(&folder, 100).with_context(|| format!("Sync of {}", phone.folders[&folder].name))?;
        if let Some(class) = phone.class(&folder) {
            *items.entry(class).or_default() += phone.items(&folder).len();
        }
    }
    let took = now() - start;
    let (version, folders) = (phone.version.to_string(), phone.folders.len());
    Ok((Row { name, device, version, folders, items, bytes: phone.transport.bytes, took }, phone))
}

/// When a Ping was answered, the phone, and the status and folders it was told.
type Answered = (Instant, Phone<Socket>, anyhow::Result<(String, Vec<String>)>);

/// A Ping that waits.
struct Waiting {
    folder: String,
    answers: mpsc::Receiver<Answered>,
}

impl Waiting {
    /// Has a phone wait for news of its Inbox, and sees that it does.
    fn begin(mut phone: Phone<Socket>) -> anyhow::Result<Self> {
        let folder = phone.folder(FolderType::Inbox)?;
        let (told, answers) = mpsc::channel();
        let inbox = folder.clone();
        thread::spawn(move || {
            let answer = phone.ping(&[inbox], 600);
            let _gone = told.send((now(), phone, answer));
        });
        let waiting = Self { folder, answers };
        waiting.still()?;
        Ok(waiting)
    }

    /// Nothing comes for a moment.
    fn still(&self) -> anyhow::Result<()> {
        match self.answers.recv_timeout(WATCHED) {
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(()),
            _ => bail!("Ping was answered before anything happened"),
        }
    }

    /// Some mails come; how long after the first was accepted the phone knew, and what its next Sync brought.
    fn end(self, lmtp: &Path) -> anyhow::Result<(Duration, Phone<Socket>, Synced)> {
        let accepted = deliver(lmtp)?;
        for _ in 1..MAILS {
            deliver(lmtp)?;
        }
        let (at, mut phone, answer) = self.answers.recv_timeout(PUSH_WITHIN).context("nobody told the phone")?;
        let (status, _) = answer?;
        ensure!(status == "2", "Ping status {status}");
        let synced = phone.sync(&[Sent { window: Some(512), ..Sent::ask(&self.folder) }])?;
        Ok((at.saturating_duration_since(accepted), phone, synced))
    }
}

/// Mails come while the phone waits.
fn push(house: &House, served: &Served, phone: Phone<Socket>) -> anyhow::Result<Phone<Socket>> {
    let (name, pack) = (phone.identity.name, house.pack_of(&phone.identity.device_id)?);
    let (latency, phone, synced) = Waiting::begin(phone)?.end(&served.lmtp)?;
    say(&format!(
        "{MAILS} mails came by LMTP while the {name} waited in Ping: it was told after {:.1} ms",
        ms(latency)
    ));
    ensure!(synced.entries == MAILS && !synced.more, "{} of {MAILS} mails came", synced.entries);
    let most = WINDOWS.0;
    say(&format!("  {pack} lets {most} changes into an answer: its next Sync brought all {MAILS}"));
    Ok(phone)
}

/// A pack is replaced while the phone waits: the Ping stays, the next answer is another.
fn replace(house: &House, served: &Served, phone: Phone<Socket>) -> anyhow::Result<()> {
    let (name, device) = (phone.identity.name, phone.identity.device_id.clone());
    let inbox = phone.folder(FolderType::Inbox)?;
    let held = phone.items(&inbox).len();
    let waiting = Waiting::begin(phone)?;
    let before = house.waiting()?;
    let start = now();
    house.easel(&["pack", "install", &house.newer.display().to_string()])?;
    let took = now() - start;
    waiting.still()?;
    let after = house.waiting()?;
    ensure!(before == 1 && after == 1, "{before} requests waited before the pack was replaced, {after} after");
    let (_, mut phone, synced) = waiting.end(&served.lmtp)?;
    let pack = house.pack_of(&device)?;
    say(&format!("{pack} came in {:.0} ms while the {name} waited in Ping again, and the Ping stayed", ms(took)));
    ensure!(synced.entries == WINDOWS.1 && synced.more, "{} of {MAILS} mails came", synced.entries);
    say(&format!(
        "  it lets {0} changes into an answer: of {MAILS} mails the next Sync brought {0}, and said that there are more",
        WINDOWS.1
    ));
    phone.sync_folder(&inbox, 512)?;
    let came = phone.items(&inbox).len() - held;
    ensure!(came == MAILS, "{came} of {MAILS} mails came in the end");
    Ok(())
}

/// Delivers a mail by LMTP; the moment before its last line was sent.
fn deliver(socket: &Path) -> anyhow::Result<Instant> {
    let stream = UnixStream::connect(socket).with_context(|| format!("connecting to {}", socket.display()))?;
    stream.set_read_timeout(Some(PUSH_WITHIN))?;
    let mut stream = BufReader::new(stream);
    let mut say = |line: &str, expected: &str| -> anyhow::Result<()> {
        stream.get_mut().write_all(line.as_bytes())?;
        loop {
            let mut answer = String::new();
            ensure!(stream.by_ref().take(4096).read_line(&mut answer)? > 0, "LMTP closed");
            ensure!(answer.starts_with(expected), "LMTP answered {answer:?} to {line:?}");
            if answer.as_bytes().get(3) == Some(&b' ') {
                return Ok(());
            }
        }
    };
    say("", "220")?;
    say("LHLO demo\r\n", "250")?;
    say("MAIL FROM:<tom@example.net>\r\n", "250")?;
    say("RCPT TO:<anna@example.org>\r\n", "250")?;
    say("DATA\r\n", "354")?;
    let sent = now();
    say(
        "From: Tom Fisher <tom@example.net>\r\nTo: anna@example.org\r\nSubject: Hello\r\n\r\nHello from the demo.\r\n.\r\n",
        "250",
    )?;
    Ok(sent)
}

fn table(rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, width))| {
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        say(&format!("  {}", cells.join("  ")));
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::disallowed_methods, reason = "the demo measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_told_an_address_that_they_reach() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let network = Some("192.0.2.7".parse().unwrap());
        assert_eq!(reached_at(address("0.0.0.0:8443"), network), address("192.0.2.7:8443"));
        assert_eq!(reached_at(address("[::]:8443"), network), address("192.0.2.7:8443"));
        assert_eq!(reached_at(address("0.0.0.0:8443"), None), address("127.0.0.1:8443"));
        assert_eq!(reached_at(address("127.0.0.1:9"), network), address("127.0.0.1:9"));
        assert_eq!(reached_at(address("192.0.2.8:9"), network), address("192.0.2.8:9"));
    }
}
