use std::collections::BTreeSet;

use super::packs::CLOUD_NETWORKS_MAX;
use super::*;

const EXAMPLE: &str = include_str!("../../../../examples/easel.toml");

fn read(text: &str) -> (Config, Vec<String>) {
    let (config, problems) = Config::read(Path::new("/etc/easel/easel.toml"), text);
    (config, problems.iter().map(ToString::to_string).collect())
}

fn only_problem(text: &str) -> String {
    let (_, problems) = read(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].clone()
}

/// The example with the keys that have no default switched on.
fn everything() -> String {
    EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => key,
            Some(_) | None => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_example_says_the_defaults() {
    let (config, problems) = Config::read(Path::new("easel.toml"), EXAMPLE);
    assert_eq!(problems, []);
    assert_eq!(config, Config::default());
}

#[test]
fn the_unit_for_systemd_serves_and_leaves_time_to_stop() {
    const UNIT: &str = include_str!("../../../../examples/easel.service");
    let value = |key: &str| UNIT.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    assert!(value("ExecStart").ends_with("easel --config /srv/easel/easel.toml serve"));
    let time: u32 = value("TimeoutStopSec").parse().unwrap();
    assert!(time > Config::default().shutdown.grace_secs, "{time} s");
}

#[test]
fn the_example_names_every_key_and_what_it_leaves_out_is_right() {
    let (config, problems) = Config::read(Path::new("easel.toml"), &everything());
    assert_eq!(problems, []);
    let host = config.smart_host.unwrap();
    assert_eq!(host.user.as_deref(), Some("easel"));
    assert_eq!(host.ca_file.as_deref(), Some(Path::new("smart-host-ca.pem")));
    assert_eq!(config.policy.settings["DevicePasswordEnabled"], "1");
    // Asked for in a section that holds nothing, the reader tells which keys there are.
    for section in [
        "listen",
        "tls",
        "lmtp",
        "smart_host",
        "direct",
        "queue",
        "auto_reply",
        "login",
        "limits",
        "budgets",
        "heartbeat",
        "policy",
        "packs",
        "log",
        "shutdown",
    ] {
        let problem = read(&format!("[{section}]\nqqqqqqqq = 1")).1.join("\n");
        let keys = problem.split("the keys there are: ").nth(1).unwrap().lines().next().unwrap();
        // The password is named in the words about the file that may hold it: both together are refused.
        for key in keys.split(", ").filter(|key| !["settings", "password"].contains(key)) {
            let written = [format!("{key} = "), format!("[{section}.{key}.")];
            let is_written = |line: &str| written.iter().any(|start| line.trim_start_matches('#').starts_with(start));
            let written = EXAMPLE.lines().any(is_written);
            assert!(written, "{section}.{key} is not in examples/easel.toml");
        }
    }
}

#[test]
fn leave_to_be_held_to_less_is_given_by_pack_device_and_tenant() {
    let (config, problems) = read(
        "[packs]\nallow_exempt = ['outlook-windows']\nallow_exempt_devices = ['ABC123']\n\
         allow_exempt_tenants = ['ox.io']\ndeny_cloud = true",
    );
    assert_eq!(problems, [] as [String; 0]);
    let expected = Packs {
        allow_exempt: vec!["outlook-windows".to_owned()],
        allow_exempt_devices: vec!["abc123".to_owned()],
        allow_exempt_tenants: vec!["ox.io".to_owned()],
        deny_cloud: true,
        ..Config::default().packs
    };
    assert_eq!(config.packs, expected);
    let none = Config::default().packs;
    assert!(none.allow_exempt.is_empty() && none.allow_exempt_tenants.is_empty() && !none.deny_cloud);
}

#[test]
fn settings_are_written_for_all_devices_for_a_pack_and_for_a_device_and_a_pack_has_options_of_its_own() {
    use easel_plugin::Value;
    let (config, problems) = read(
        "[packs]\nsettings = ['sync.window_max=1']\n[packs.per_pack.nokia-mfe]\nsync.window_max = 2\n\
         \"hierarchy.multi\" = ['cal=no']\n[packs.per_device.IMEI35]\nsync.window_max = 3\n\
         mail.no_rtf = true\npolicy.enforce = 'loose'\n\
         [packs.options.nokia-mfe]\ngreeting = 'hello'\nvalues = ['a', 'b']\na.b.c = -7\nloud = false\n",
    );
    assert_eq!(problems, [] as [String; 0]);
    let values = |pairs: &[(&str, Value)]| -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let texts = |texts: &[&str]| Value::Texts(texts.iter().map(ToString::to_string).collect());
    let pack = values(&[("sync.window_max", Value::Number(2)), ("hierarchy.multi", texts(&["cal=no"]))]);
    let device = values(&[
        ("sync.window_max", Value::Number(3)),
        ("mail.no_rtf", Value::Flag(true)),
        ("policy.enforce", text("loose")),
    ]);
    let options = values(&[
        ("greeting", text("hello")),
        ("values", texts(&["a", "b"])),
        ("a.b.c", Value::Number(-7)),
        ("loud", Value::Flag(false)),
    ]);
    assert_eq!(config.packs.settings, values(&[("sync.window_max", Value::Number(1))]));
    assert_eq!(config.packs.per_pack, [("nokia-mfe".to_owned(), pack)].into());
    assert_eq!(config.packs.per_device, [("imei35".to_owned(), device)].into(), "by its id in the normal spelling");
    assert_eq!(config.packs.options, [("nokia-mfe".to_owned(), options)].into());
}

#[test]
fn a_setting_that_is_not_there_or_cannot_be_is_named_with_its_section_and_the_cure() {
    let bad = [
        (
            "per_pack.x]\nsync.windw_max = 1",
            2,
            "no key \"sync.windw_max\" in [packs.per_pack.x]",
            "\"sync.window_max\"",
        ),
        ("per_pack.x]\nqqq = 1", 2, "no key \"qqq\" in [packs.per_pack.x]", "group.field"),
        ("per_pack.x]\nsync.window_max = 'many'", 2, "packs.per_pack.x.sync.window_max cannot be \"many\"", "a number"),
        ("per_pack.x]\nsync.window_max = 0", 2, "packs.per_pack.x.sync.window_max cannot be 0", "512"),
        ("per_device.ABC]\nmail.no_rtf = 1", 2, "packs.per_device.ABC.mail.no_rtf cannot be 1", "true or false"),
        ("per_device.ABC]\npolicy.enforce = 'lose'", 2, "policy.enforce cannot be \"lose\"", "loose"),
        ("per_device.ABC]\npolicy.enforce = ['loose']", 2, "policy.enforce cannot be a list", "a text in quotes"),
        ("per_device.ABC]\nversions.versions = '2.5'", 2, "versions.versions cannot be \"2.5\"", "a list"),
        ("per_device.ABC]\nversions.versions = [2.5]", 2, "versions.versions cannot be a list", "a list"),
        ("per_device.'a b']", 1, "packs.per_device.a b cannot be the name", "easel device list"),
        ("per_pack.Nokia]", 1, "packs.per_pack.Nokia cannot be the name", "easel pack list"),
        ("options.Nokia]", 1, "packs.options.Nokia cannot be the name", "easel pack list"),
        ("options.x]\nat = 1.5", 2, "packs.options.x.at cannot be 1.5", "a whole number"),
        ("options.x]\nat = [1]", 2, "packs.options.x.at cannot be a list", "list of texts"),
        ("per_pack]\nx = 1", 2, "packs.per_pack.x is not a section", "[packs.per_pack.x]"),
        ("per_pack.x]\n'sync.window_max' = 1\nsync.window_max = 2", 0, "is there twice, in two spellings", "leave one"),
        ("per_device.AB]\n[packs.per_device.ab]", 2, "packs.per_device.ab is there twice", "one section"),
    ];
    for (text, line, what, cure) in bad {
        let problem = only_problem(&format!("[packs.{text}"));
        assert!(line == 0 || problem.starts_with(&format!("/etc/easel/easel.toml:{line}: ")), "{text}: {problem}");
        let (said, advised) = problem.split_once("\n    cure: ").unwrap();
        assert!(said.contains(what), "{text}: {problem}");
        assert!(advised.contains(cure), "{text}: {problem}");
    }
    let long = format!("[packs.options.x]\n{} = 1", "n".repeat(101));
    assert!(only_problem(&long).contains("at most 100 bytes"));
}

#[test]
fn networks_of_clouds_are_bounded_in_number() {
    let networks = |count: usize| {
        let all: Vec<String> =
            (0..count).map(|number| format!("'10.{}.{}.0/24'", number / 256, number % 256)).collect();
        read(&format!("[packs]\ncloud_networks = [{}]", all.join(",")))
    };
    let (config, problems) = networks(CLOUD_NETWORKS_MAX);
    assert_eq!((config.packs.cloud_networks.len(), problems.len()), (CLOUD_NETWORKS_MAX, 0));
    assert!(networks(CLOUD_NETWORKS_MAX + 1).1.join("").contains("at most 1000"));
    assert!(only_problem("[packs]\ncloud_networks = ['10.0.0.1/8']").contains("192.0.2.0/24"));
}

#[test]
fn relative_paths_are_read_from_the_folder_of_the_file() {
    let (config, _) = read("data_dir = 'store'\n[tls]\nkey = '/keys/key.pem'");
    assert_eq!(config.data_dir, Path::new("/etc/easel/store"));
    assert_eq!(config.tls.key, Path::new("/keys/key.pem"));
    assert_eq!(config.tls.certificate, Path::new("/etc/easel/certificate.pem"));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
    let unknown = [
        ("data_dri = 'x'", 1, "\"data_dri\" at the top", "did you mean \"data_dir\"?"),
        ("[listen]\n\ntsl = []", 3, "\"tsl\" in [listen]", "did you mean \"tls\"?"),
        ("[limits]\nconections_max = 1", 2, "\"conections_max\" in [limits]", "did you mean \"connections_max\"?"),
        ("[hartbeat]\nsecs_min = 1", 1, "\"hartbeat\" at the top", "did you mean \"heartbeat\"?"),
        ("[policy.settings]\nAllowCammera = 0", 2, "\"AllowCammera\" in [policy.settings]", "\"AllowCamera\""),
        ("zzzz = 1", 1, "\"zzzz\" at the top", "the keys there are: data_dir, hostname"),
    ];
    for (text, line, what, cure) in unknown {
        let problem = only_problem(text);
        assert!(problem.starts_with(&format!("/etc/easel/easel.toml:{line}: ")), "{problem}");
        assert!(problem.contains(what) && problem.contains(cure), "{problem}");
    }
}

#[test]
fn a_bad_value_is_named_with_its_line_and_the_cure() {
    let bad = [
        ("data_dir = 7", 1, "data_dir cannot be 7", "text in quotes"),
        ("data_dir = ''", 1, "data_dir cannot be \"\"", "write a path"),
        ("hostname = 'mail example'", 1, "hostname cannot be \"mail example\"", "mail.example.org"),
        ("[listen]\ntls = ['localhost']", 2, "listen.tls cannot be \"localhost\"", "[::]:443"),
        ("[listen]\ntls = [\n '0.0.0.0:1',\n 'x',\n]", 4, "listen.tls cannot be \"x\"", "[::]:443"),
        ("[listen]\ntls = '0.0.0.0:443'", 2, "listen.tls cannot be \"0.0.0.0:443\"", "write a list"),
        ("[listen]\nplain = ['99999']", 2, "listen.plain cannot be \"99999\"", "127.0.0.1"),
        ("[listen]\nplain = ['8080', '8080']", 2, "127.0.0.1:8080 is listed twice", "of its own"),
        ("[lmtp]\nlisten = '0.0.0.0:24'", 2, "lmtp.listen cannot be \"0.0.0.0:24\"", "no login"),
        ("[lmtp]\nlisten = 'localhost:24'", 2, "lmtp.listen cannot be \"localhost:24\"", "127.0.0.1:2424"),
        ("[lmtp]\nsocket_mode = '0999'", 2, "lmtp.socket_mode cannot be \"0999\"", "0660"),
        ("[lmtp]\nsocket_mode = '0066'", 2, "lmtp.socket_mode cannot be \"0066\"", "owner"),
        ("[lmtp]\ndelimiter = '++'", 2, "lmtp.delimiter cannot be \"++\"", "one sign"),
        ("[smart_host]\naddress = 'smtp.example.org'", 2, "smart_host.address cannot be", ":587"),
        ("[smart_host]\ntls = 'tls'", 1, "smart_host.address is missing", "address = "),
        ("[smart_host]\naddress = 'a:25'\nuser = 'x'", 3, "belong together", "both, or neither"),
        ("[smart_host]\naddress = 'a:25'\ntls = 'ssl'", 3, "smart_host.tls cannot be \"ssl\"", "starttls"),
        ("[smart_host]\naddress = 'mx.org:25'\ntls = 'none'", 3, "mail would go to mx.org unencrypted", "starttls"),
        (
            "[smart_host]\naddress = 'a:25'\nuser = 'x'\npassword = 'y'\npassword_file = 'z'",
            4,
            "two passwords",
            "not both",
        ),
        ("[smart_host]\naddress = 'a:25'\n[direct]\nenabled = true", 3, "either to the smart host", "remove one"),
        ("[direct]\ntls_required = 'yes'", 2, "direct.tls_required cannot be \"yes\"", "true or false"),
        ("[direct]\nname_servers = ['dns.example']", 2, "direct.name_servers cannot be", "192.0.2.53"),
        ("[queue]\nexpire_hours = 0", 2, "queue.expire_hours cannot be 0", "hours, 1 to 720"),
        ("[auto_reply]\nperiod_days = 0", 2, "auto_reply.period_days cannot be 0", "1 to 365"),
        ("[auto_reply]\nsenders_max = 10001", 2, "auto_reply.senders_max cannot be 10001", "1 to 10000"),
        ("[login]\napp_passwords_only = 1", 2, "login.app_passwords_only cannot be 1", "true"),
        ("[limits]\nrecipients_max = 1001", 2, "limits.recipients_max cannot be 1001", "1 to 1000"),
        ("[limits]\nmemory_mib_max = 200", 2, "limits.memory_mib_max is too little", "write at least 206, or 0"),
        ("[limits]\nunauthenticated_max = 0", 2, "limits.unauthenticated_max cannot be 0", "16 to 10000000"),
        ("[budgets]\nuser_at_once_max = -1", 2, "budgets.user_at_once_max cannot be -1", "0 to 100000"),
        ("[limits]\nmessage_mib_max = 0", 2, "limits.message_mib_max cannot be 0", "MiB, 1 to 1024"),
        ("[limits]\nmessage_mib_max = '50 MB'", 2, "limits.message_mib_max cannot be \"50 MB\"", "whole number"),
        ("[limits]\nmessage_mib_max = 1.5", 2, "limits.message_mib_max cannot be 1.5", "whole number"),
        ("[limits]\nmessage_mib_max = 99999999999999999999", 2, "99999999999999999999", "whole number"),
        ("[heartbeat]\nsecs_min = 900\nsecs_max = 60", 2, "the shortest (900) is above the longest (60)", "swap"),
        ("[policy]\nrequired = 'yes'", 2, "policy.required cannot be \"yes\"", "true or false"),
        ("[policy]\nallow_partial = 1", 2, "policy.allow_partial cannot be 1", "true or false"),
        ("[policy.settings]\nAllowCamera = 2", 2, "policy.settings.AllowCamera cannot be 2", "0 to 1"),
        ("[policy.settings]\nMaxCalendarAgeFilter = 2", 2, "MaxCalendarAgeFilter cannot be 2", "0 to 7"),
        ("[policy.settings]\nMinDevicePasswordLength = 17", 2, "cannot be 17", "\"\" for no limit"),
        ("[log]\nlevel = 'verbose'", 2, "log.level cannot be \"verbose\"", "error, warn, info"),
        ("[log]\nformat = 'xml'", 2, "log.format cannot be \"xml\"", "\"text\" or \"json\""),
        ("[shutdown]\ngrace_secs = 0", 2, "shutdown.grace_secs cannot be 0", "1 to 600"),
        ("listen = 7", 1, "listen is 7, not a section", "[listen]"),
    ];
    for (text, line, what, cure) in bad {
        let problem = only_problem(text);
        assert!(problem.starts_with(&format!("/etc/easel/easel.toml:{line}: ")), "{text}: {problem}");
        let (said, advised) = problem.split_once("\n    cure: ").unwrap();
        assert!(said.contains(what), "{text}: {problem}");
        assert!(advised.contains(cure), "{text}: {problem}");
    }
}

#[test]
fn every_mistake_is_reported_in_the_order_of_the_file() {
    let (_, problems) = read("[log]\nlevel = 'loud'\n[listen]\ntls = ['x', 'y']\nplian = []\n");
    let lines: Vec<&str> = problems.iter().map(|problem| problem.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["2", "4", "4", "5"]);
}

#[test]
fn what_is_no_toml_is_reported_with_its_line() {
    let (_, problems) = read("data_dir = \"x\"\n[listen\ntls = []\n");
    assert!(problems.iter().any(|problem| problem.starts_with("/etc/easel/easel.toml:2:")), "{problems:?}");
    let (_, problems) = read("a = 1\na = 2\n");
    assert!(problems.iter().any(|problem| problem.contains(":2:")), "{problems:?}");
}

#[test]
fn an_address_that_is_not_loopback_is_warned_of_and_taken() {
    let (config, problems) =
        Config::read(Path::new("x.toml"), "[listen]\nplain = ['0.0.0.0:80']\nproxied = ['[::1]:81']");
    assert_eq!(problems.len(), 1);
    assert!(
        !problems[0].is_error() && problems[0].to_string().starts_with("x.toml:2: warning: listen.plain: 0.0.0.0:80")
    );
    assert_eq!(config.listen.plain, ["0.0.0.0:80".parse().unwrap()]);
}

#[test]
fn the_password_stands_in_a_file_or_here_and_is_not_shown() {
    let host = |text: &str| read(&format!("[smart_host]\naddress = 'mx:25'\nuser = 'u'\n{text}")).0.smart_host.unwrap();
    assert_eq!(host("password = 's3cret'").password, Some(SmartHostPassword::Here("s3cret".to_owned())));
    assert_eq!(host("password_file = 'pw'").password, Some(SmartHostPassword::File("/etc/easel/pw".into())));
    assert!(!format!("{:?}", host("password = 's3cret'")).contains("s3cret"));
}

#[test]
fn zero_is_no_bound_and_a_name_server_has_a_usual_port() {
    let (config, problems) = read(
        "[limits]\nquota_mib = 0\nmessages_per_hour_max = 0\n[direct]\nname_servers = ['192.0.2.53', '[::1]:5353']",
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!((config.limits.quota_bytes, config.limits.messages_per_hour_max), (None, None));
    assert_eq!(config.direct.name_servers, ["192.0.2.53:53".parse().unwrap(), "[::1]:5353".parse().unwrap()]);
    assert_eq!(read("[limits]\nquota_mib = 3").0.limits.quota_bytes, Some(3 << 20));
}

#[test]
fn a_port_alone_means_loopback() {
    let (config, problems) = read("[listen]\nplain = ['8080', 8081]");
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(config.listen.plain, ["127.0.0.1:8080".parse().unwrap(), "127.0.0.1:8081".parse().unwrap()]);
}

#[test]
fn lmtp_is_a_path_an_address_or_off() {
    let lmtp = |text: &str| read(&format!("[lmtp]\nlisten = '{text}'")).0.lmtp.listen;
    assert_eq!(lmtp("off"), LmtpListen::Off);
    assert_eq!(lmtp("127.0.0.1:2424"), LmtpListen::Tcp("127.0.0.1:2424".parse().unwrap()));
    assert_eq!(lmtp("run/lmtp"), LmtpListen::Unix("/etc/easel/run/lmtp".into()));
}

#[test]
fn problems_of_one_file_are_bounded() {
    let text: String = (0..1000).map(|number| format!("unknown{number} = 1\n")).collect();
    assert_eq!(read(&text).1.len(), 50);
}

#[test]
fn a_file_that_is_missing_too_large_or_no_text_is_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("easel.toml");
    let load = || Config::load(&file).unwrap_err().to_string();
    assert!(load().contains("easel init"), "{}", load());
    std::fs::write(&file, vec![b'#'; 2 << 20]).unwrap();
    assert!(load().contains("2097152 bytes"), "{}", load());
    std::fs::write(&file, b"data_dir = \"\xff\"").unwrap();
    assert!(load().contains("not UTF-8"), "{}", load());
}

#[test]
fn policy_settings_are_the_elements_of_the_policy_document() {
    let names: BTreeSet<&str> = values::POLICY_SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(names.len(), values::POLICY_SETTINGS.len());
    // Containers of names and hashes are no single values.
    let spec = include_str!("../../../../tests/fixtures/spec/codepages.tsv");
    let known = |name: &&str| spec.lines().any(|line| line.split('\t').any(|cell| cell == *name));
    let unknown: Vec<&&str> = names.iter().filter(|name| !known(name)).collect();
    assert_eq!(unknown, Vec::<&&str>::new());
}

#[test]
fn metrics_are_read_nowhere_by_default_and_beyond_this_machine_only_with_a_warning() {
    assert_eq!(Config::default().metrics.listen, None);
    let at = |text: &str| read(&format!("[metrics]\nlisten = '{text}'")).0.metrics.listen.unwrap().to_string();
    assert_eq!([at("9187"), at("[::1]:9187")], ["127.0.0.1:9187", "[::1]:9187"]);
    let said = only_problem("[metrics]\nlisten = '0.0.0.0:9187'");
    assert!(said.contains("warning") && said.contains("without a login"), "{said}");
    let said = only_problem("[metrics]\nlisten = 'on'");
    assert!(said.contains("write \"off\"; or a port"), "{said}");
    let said = only_problem("[listen]\nplain = ['8080']\n[metrics]\nlisten = '8080'");
    assert!(said.contains("devices connect to 127.0.0.1:8080, too"), "{said}");
}
