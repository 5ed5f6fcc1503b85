//! A Postfix of one's own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const MASTER: &str = "/usr/lib/postfix/sbin/master";

/// Why there can be none here.
pub(crate) fn missing() -> Option<String> {
    let programs = ["/usr/sbin/postfix", MASTER, "/usr/sbin/saslpasswd2"];
    if let Some(program) = programs.iter().find(|program| !Path::new(program).exists()) {
        return Some(format!("{program} is not installed"));
    }
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    (!root).then(|| "Postfix needs root".to_owned())
}

/// Takes mail at two ports and delivers it to one.
pub(crate) struct Postfix {
    dir: TempDir,
    master: Option<Child>,
    /// With TLS and a login: `easel`, `s3cret`.
    pub(crate) submission: u16,
    /// Without.
    pub(crate) plain: u16,
    /// Who signed its certificate.
    pub(crate) root: Vec<u8>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Postfix {
    /// Sets one up that delivers by LMTP to a port of this machine.
    pub(crate) fn new(lmtp: u16) -> Self {
        let dir = TempDir::new().unwrap();
        let at = dir.path().display().to_string();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["spool", "data", "sasl"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(dir.path().join("cert.pem"), cert.pem()).unwrap();
        fs::write(dir.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        fs::set_permissions(dir.path().join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
        let (submission, plain) = (free_port(), free_port());
        let main = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {at}/spool\n\
             data_directory = {at}/data\n\
             maillog_file = {at}/maillog\n\
             maillog_file_prefixes = {at}\n\
             mail_owner = postfix\n\
             setgid_group = postdrop\n\
             myhostname = mx.y.example\n\
             mydestination =\n\
             alias_maps =\n\
             local_recipient_maps =\n\
             mynetworks =\n\
             inet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\n\
             relay_domains = y.example\n\
             relay_transport = lmtp:inet:[127.0.0.1]:{lmtp}\n\
             lmtp_discard_lhlo_keywords = pipelining, chunking\n\
             lmtp_connection_cache_on_demand = no\n\
             lmtp_destination_concurrency_failed_cohort_limit = 0\n\
             queue_run_delay = 1s\n\
             minimal_backoff_time = 1s\n\
             maximal_backoff_time = 1s\n\
             transport_retry_time = 1s\n\
             smtpd_tls_cert_file = {at}/cert.pem\n\
             smtpd_tls_key_file = {at}/key.pem\n\
             smtpd_tls_received_header = yes\n\
             cyrus_sasl_config_path = {at}/sasl\n\
             smtpd_sasl_local_domain = mx.y.example\n\
             smtpd_relay_restrictions =\n\
             some_checks = check_recipient_access inline:{{ \
             {{no@y.example = 550 5.1.1 no such user}}, \
             {{later@y.example = 450 4.2.0 not now}}, \
             {{slow@y.example = sleep 3}} }}\n\
             smtpd_recipient_restrictions = $some_checks, permit_auth_destination, reject\n"
        );
        fs::write(dir.path().join("main.cf"), main).unwrap();
        let services = "\
             cleanup unix n - n - 0 cleanup\n\
             qmgr unix n - n 1 1 qmgr\n\
             rewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\n\
             defer unix - - n - 0 bounce\n\
             trace unix - - n - 0 bounce\n\
             verify unix - - n - 1 verify\n\
             flush unix n - n 1000? 0 flush\n\
             proxymap unix - - n - - proxymap\n\
             error unix - - n - - error\n\
             retry unix - - n - - error\n\
             lmtp unix - - n - - lmtp\n\
             anvil unix - - n - 1 anvil\n\
             scache unix - - n - 1 scache\n\
             tlsmgr unix - - n 1000? 1 tlsmgr\n\
             postlog unix-dgram n - n - 1 postlogd\n";
        let master = format!(
            "127.0.0.1:{plain} inet n - n - - smtpd\n\
             127.0.0.1:{submission} inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n  \
             -o smtpd_sasl_auth_enable=yes\n  \
             -o {{smtpd_recipient_restrictions=$some_checks, permit_sasl_authenticated, reject}}\n{services}"
        );
        fs::write(dir.path().join("master.cf"), master).unwrap();
        let passwords = format!("{at}/sasl/passwords");
        let sasl = format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {passwords}\nmech_list: PLAIN LOGIN\n"
        );
        fs::write(dir.path().join("sasl/smtpd.conf"), sasl).unwrap();
        let mut add = Command::new("/usr/sbin/saslpasswd2")
            .args(["-p", "-c", "-u", "mx.y.example", "-f", &passwords, "easel"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        add.stdin.take().unwrap().write_all(b"s3cret").unwrap();
        assert!(add.wait().unwrap().success());
        succeed(Command::new("chown").args(["postfix", &format!("{at}/data"), &passwords]));
        // Makes the folders of the queue; what it warns of goes to the log.
        succeed(Command::new("/usr/sbin/postfix").args(["-c", &at, "check"]));
        Self { dir, master: None, submission, plain, root: cert.pem().into_bytes() }
    }

    /// Starts it, and waits until it greets.
    pub(crate) fn start(&mut self) {
        let master = Command::new(MASTER)
            .args(["-c", &self.dir.path().display().to_string(), "-d"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.master = Some(master);
        for _ in 0..600 {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.plain)) {
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                let mut start = [0; 3];
                if stream.read_exact(&mut start).is_ok() && start == *b"220" {
                    return;
                }
            }
            pause();
        }
        let log = fs::read_to_string(self.dir.path().join("maillog")).unwrap_or_default();
        panic!("Postfix does not greet:\n{log}");
    }

    /// Kills it with everything that it started, at once.
    pub(crate) fn kill(&mut self) {
        let Some(mut master) = self.master.take() else { return };
        let parent = master.id().to_string();
        // Stopped first, so that it starts nobody more.
        let signal = |signal: &str, id: &str| drop(Command::new("kill").args([signal, id]).status());
        signal("-STOP", &parent);
        for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
            let Some((start, rest)) = stat.rsplit_once(')') else { continue };
            if rest.split_whitespace().nth(1) == Some(&parent) {
                signal("-9", start.split(' ').next().unwrap());
            }
        }
        master.kill().unwrap();
        master.wait().unwrap();
        // The lock of the master goes with it.
        while TcpStream::connect(("127.0.0.1", self.plain)).is_ok() {
            pause();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "another program is waited for, which tells nobody")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.kill();
    }
}
