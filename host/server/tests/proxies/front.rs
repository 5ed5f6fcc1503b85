//! A proxy of one's own: a private instance in a folder, on loopback ports.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A program, and the Debian package it comes in.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    name: &'static str,
    pub(crate) package: &'static str,
}

pub(crate) const HAPROXY: Program = Program { name: "haproxy", package: "haproxy" };
pub(crate) const NGINX: Program = Program { name: "nginx", package: "nginx-light" };
pub(crate) const CADDY: Program = Program { name: "caddy", package: "caddy" };
pub(crate) const APACHE: Program = Program { name: "apache2", package: "apache2" };
pub(crate) const OPENSSL: Program = Program { name: "openssl", package: "openssl" };

impl Program {
    /// Where it is, if it is installed.
    pub(crate) fn path(self) -> Option<PathBuf> {
        let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
        folders.into_iter().map(|folder| Path::new(folder).join(self.name)).find(|path| path.exists())
    }

    pub(crate) fn command(self) -> Command {
        Command::new(self.path().unwrap())
    }
}

/// A certificate with an RSA key, for this machine: the folder it lies in with its key, and both in one file.
pub(crate) fn certificate() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let commands = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout mail.key -out mail.pem && cat mail.pem mail.key > both.pem";
    let made = Command::new("sh").args(["-e", "-c", commands]).current_dir(dir.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    dir
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A file of `examples`, in which every text of the left is replaced by the one of the right; each must be there.
#[track_caller]
pub(crate) fn example(path: &str, changes: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path);
    let text = fs::read_to_string(&path).unwrap();
    changes.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{}: no {old}", path.display());
        text.replace(old, new)
    })
}

/// A proxy that runs; it is ended when dropped.
pub(crate) struct Front {
    dir: TempDir,
    child: Child,
    /// Where it listens.
    pub(crate) port: u16,
}

impl Front {
    /// Starts HAProxy with a configuration, and waits until it listens.
    pub(crate) fn haproxy(dir: TempDir, port: u16, config: &str) -> Self {
        let file = dir.path().join("haproxy.cfg");
        fs::write(&file, config).unwrap();
        let mut command = HAPROXY.command();
        command.arg("-db").arg("-f").arg(file);
        Self::start(dir, port, &mut command)
    }

    /// Starts nginx with a server block.
    pub(crate) fn nginx(dir: TempDir, port: u16, server: &str) -> Self {
        let at = dir.path().display();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .concat();
        let file = dir.path().join("nginx.conf");
        let config = format!(
            "daemon off;\npid {at}/pid;\nerror_log stderr;\nworker_processes 1;\nuser root;\n\
             events {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n{paths}{server}\n}}\n"
        );
        fs::write(&file, config).unwrap();
        let mut command = NGINX.command();
        command.arg("-p").arg(dir.path()).arg("-c").arg(file).args(["-e", "stderr"]);
        Self::start(dir, port, &mut command)
    }

    /// Starts Caddy with a site.
    pub(crate) fn caddy(dir: TempDir, port: u16, site: &str) -> Self {
        let file = dir.path().join("Caddyfile");
        fs::write(&file, format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")).unwrap();
        let mut command = CADDY.command();
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(variable, dir.path());
        }
        Self::start(dir, port, &mut command)
    }

    /// Starts Apache with a virtual host.
    pub(crate) fn apache(dir: TempDir, port: u16, host: &str) -> Self {
        let at = dir.path().display();
        let modules: String = ["mpm_event", "authz_core", "reqtimeout", "proxy", "proxy_http", "ssl"]
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .concat();
        let file = dir.path().join("apache.conf");
        let config = format!(
            "ServerRoot {at}\nPidFile {at}/pid\nErrorLog {at}/error.log\nServerName localhost\n\
             Listen 127.0.0.1:{port}\n{modules}User www-data\nGroup www-data\n{host}"
        );
        fs::write(&file, config).unwrap();
        let mut command = APACHE.command();
        command.args(["-D", "FOREGROUND", "-f"]).arg(file);
        Self::start(dir, port, &mut command)
    }

    fn start(dir: TempDir, port: u16, command: &mut Command) -> Self {
        let log = File::create(dir.path().join("output")).unwrap();
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut front = Self { child: command.spawn().unwrap(), dir, port };
        for _ in 0..400 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return front;
            }
            if let Some(status) = front.child.try_wait().unwrap() {
                panic!("it ended: {status}: {}", front.log());
            }
            pause();
        }
        panic!("it does not listen: {}", front.log());
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        read("output") + &read("error.log")
    }
}

#[expect(clippy::disallowed_methods, reason = "another program is waited for, which tells nobody")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

impl Drop for Front {
    fn drop(&mut self) {
        // Asked first, so that a master takes its workers with it.
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        if asked.is_ok_and(|asked| asked.success()) {
            for _ in 0..100 {
                if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                    return;
                }
                pause();
            }
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
