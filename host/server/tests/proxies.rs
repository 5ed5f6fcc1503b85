//! The binary behind real proxies: HAProxy, nginx, Caddy and Apache, as private instances on loopback ports with the
//! configurations of `examples/old-tls` and `examples/proxies`.
//!
//! Needs the Debian packages `haproxy`, `nginx-light`, `caddy`, `apache2` and `openssl`. A test whose program is not
//! there is counted as ignored, and one line on standard error says why.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]
#![expect(clippy::print_stderr, reason = "says what is skipped")]

#[path = "proxies/check.rs"]
mod check;
#[path = "proxies/examples.rs"]
mod examples;
#[path = "proxies/front.rs"]
mod front;
#[path = "proxies/house.rs"]
mod house;
#[path = "proxies/old_tls.rs"]
mod old_tls;
#[path = "proxies/s_client.rs"]
mod s_client;

use front::{APACHE, CADDY, HAPROXY, NGINX, OPENSSL, Program};
use libtest_mimic::{Arguments, Trial};

/// Its name, what it needs, and what it does.
type Test = (&'static str, &'static [Program], fn());

fn main() {
    let mut arguments = Arguments::from_args();
    // They wait for most of their time.
    arguments.test_threads.get_or_insert(16);
    let tests: [Test; 13] = [
        ("a_phone_with_tls_1_0_syncs_to_the_end", &[HAPROXY, OPENSSL], old_tls::syncs),
        ("tls_1_0_is_refused_by_easel_itself", &[OPENSSL], old_tls::refused_directly),
        ("tls_1_0_is_refused_where_the_security_level_is_not_lowered", &[HAPROXY, OPENSSL], old_tls::level_matters),
        ("nothing_is_wrong_where_there_is_no_proxy", &[], check::no_proxy),
        ("who_is_no_easel_or_not_there_is_told_with_the_cure", &[], check::nobody),
        ("every_fault_of_an_nginx_is_found_and_has_its_cure", &[NGINX], check::bad_nginx),
        ("every_fault_of_an_haproxy_is_found_and_has_its_cure", &[HAPROXY], check::bad_haproxy),
        ("which_timeout_of_apache_counts", &[APACHE], check::timeouts_of_apache),
        ("pings_mail_and_answers_pass_nginx", &[NGINX, OPENSSL], examples::nginx),
        ("pings_mail_and_answers_pass_caddy", &[CADDY, OPENSSL], examples::caddy),
        ("pings_mail_and_answers_pass_apache", &[APACHE, OPENSSL], examples::apache),
        ("pings_mail_and_answers_pass_haproxy", &[HAPROXY, OPENSSL], examples::haproxy),
        ("an_nginx_without_the_example_cuts_pings", &[NGINX, OPENSSL], examples::cut),
    ];
    let mut missing: Vec<&str> = tests
        .iter()
        .flat_map(|(_, needed, _)| *needed)
        .filter(|one| one.path().is_none())
        .map(|one| one.package)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        eprintln!("SKIPPED: without {} the tests that need them are ignored, not passed", missing.join(", "));
    }
    let trials = tests.into_iter().filter_map(|(name, needed, test)| {
        let missing = needed.iter().any(|one| one.path().is_none());
        let run = move || {
            test();
            Ok(())
        };
        // Asked for what cannot run, there is nothing.
        (!missing || !arguments.ignored).then(|| Trial::test(name, run).with_ignored_flag(missing))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
