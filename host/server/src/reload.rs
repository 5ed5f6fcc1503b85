//! SIGHUP: looking again, without a restart, at what an administrator changed.
//!
//! The configuration, as far as it can change in service: `[policy]`, `[heartbeat]`, `[budgets]`, and `[packs]` but for
//! `dir` and `instances_max`; the folder of packs; the certificate. Whatever makes no sense leaves what is in use as it
//! is.

use std::sync::{Arc, Weak};

use easel_commands::Service;
use easel_server::{Networks, Running};

use crate::admin::chain;
use crate::config::{Config, ConfigErrors, Packs};
use crate::packs::PackRoom;
use crate::wire_up;

/// What is looked at again.
#[derive(Debug)]
pub(crate) struct Reload {
    /// What is in use.
    pub(crate) config: Config,
    pub(crate) service: Arc<Service>,
    pub(crate) packs: Arc<PackRoom>,
    pub(crate) server: Weak<Running>,
}

impl Reload {
    /// Looks at everything. It blocks: packs may have to be compiled.
    pub(crate) fn look_again(&mut self) {
        let before = self.config.clone();
        match Config::load(&self.config.file) {
            Ok((written, warnings)) => {
                for warning in warnings {
                    let (line, cure) = (warning.line, warning.cure);
                    tracing::warn!(file = %warning.file.display(), line, cure, "{}", warning.what);
                }
                let (config, later) = in_service(&before, written);
                for key in later {
                    tracing::warn!(key, "it changed, and is obeyed from the next start on");
                }
                self.config = config;
                self.service.set_settings(wire_up::settings(&self.config));
            }
            Err(ConfigErrors(problems)) => {
                for problem in problems {
                    let (line, cure) = (problem.line, problem.cure);
                    tracing::error!(file = %problem.file.display(), line, cure, "{}", problem.what);
                }
                tracing::error!("the configuration in use stays: see `easel check`");
            }
        }
        if let Err(error) = self.packs.look_again(&before.packs, &self.config.packs) {
            tracing::error!(error = chain(&error), "whose packs are trusted stays as it was");
        }
        if let Some(server) = self.server.upgrade() {
            let (device, user) = wire_up::budgets(&self.config);
            server.set_budgets(device, user);
            server.set_clouds(Networks::new(self.config.packs.cloud_networks.clone()));
            if let Err(error) = server.reload_certificate() {
                tracing::error!(error = chain(&error), "the certificate in use stays");
            }
        }
        tracing::info!("configuration, packs and certificate were looked at again");
    }
}

/// What holds in service of what is written, and the keys of what has to wait for a start.
fn in_service(before: &Config, written: Config) -> (Config, Vec<&'static str>) {
    let packs =
        Packs { dir: before.packs.dir.clone(), instances_max: before.packs.instances_max, ..written.packs.clone() };
    let (policy, heartbeat, budgets) = (written.policy.clone(), written.heartbeat, written.budgets);
    let now = Config { policy, heartbeat, budgets, packs, ..before.clone() };
    // Whole, so that a section that is new cannot be left out here.
    let Config {
        file: _,
        data_dir,
        hostname,
        listen,
        tls,
        lmtp,
        smart_host,
        direct,
        queue,
        auto_reply,
        login,
        limits,
        budgets: _,
        heartbeat: _,
        policy: _,
        packs: Packs { dir, instances_max, .. },
        log,
        metrics,
        shutdown,
    } = written;
    let all = [
        ("data_dir", data_dir != now.data_dir),
        ("hostname", hostname != now.hostname),
        ("listen", listen != now.listen),
        ("tls", tls != now.tls),
        ("lmtp", lmtp != now.lmtp),
        ("smart_host", smart_host != now.smart_host),
        ("direct", direct != now.direct),
        ("queue", queue != now.queue),
        ("auto_reply", auto_reply != now.auto_reply),
        ("login", login != now.login),
        ("limits", limits != now.limits),
        ("packs.dir", dir != now.packs.dir),
        ("packs.instances_max", instances_max != now.packs.instances_max),
        ("log", log != now.log),
        ("metrics", metrics != now.metrics),
        ("shutdown", shutdown != now.shutdown),
    ];
    (now, all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_cannot_change_in_service_is_named_and_stays() {
        let read = |text: &str| {
            let (config, problems) = Config::read(Path::new("easel.toml"), text);
            assert_eq!(problems, []);
            config
        };
        let before = Config::default();
        assert_eq!(in_service(&before, before.clone()), (before.clone(), Vec::new()));
        let same = "[policy]\nrequired = true\n[heartbeat]\nsecs_min = 90\n[budgets]\nuser_at_once_max = 3\n\
                    [packs]\ndeny_cloud = true\n";
        assert_eq!(in_service(&before, read(same)), (read(same), Vec::new()));
        let all = [
            "data_dir = 'x'",
            "hostname = 'x'",
            "[listen]\ntls = []",
            "[tls]\nkey = 'x'",
            "[lmtp]\nlisten = 'off'",
            "[smart_host]\naddress = 'x:25'",
            "[direct]\nenabled = true",
            "[queue]\nexpire_hours = 30",
            "[auto_reply]\nperiod_days = 3",
            "[login]\napp_passwords_only = true",
            "[limits]\nhashes_at_once = 3",
            "[packs]\ndir = 'x'",
            "[packs]\ninstances_max = 3",
            "[log]\nlevel = 'debug'",
            "[metrics]\nlisten = '9187'",
            "[shutdown]\ngrace_secs = 3",
        ];
        for text in all {
            let (now, later) = in_service(&before, read(text));
            assert_eq!(now, before, "{text}");
            let [key] = later[..] else { panic!("{text}: {later:?}") };
            let written = text.replace("[packs]\n", "packs.");
            assert!(written.trim_start_matches('[').starts_with(key), "{text}: {key}");
        }
    }
}
