//! Dialogues of bytes.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    message_bytes_max: 100,
    recipients_max: 3,
    line_bytes_max: 80,
    errors_max: 5,
    sessions_max: 1,
    idle_max: std::time::Duration::ZERO,
    session_max: std::time::Duration::ZERO,
};

/// What a session said and had stored.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    replies: String,
    stored: Vec<(Vec<String>, String)>,
    closed: bool,
}

/// Feeds `wire` in pieces; `a`, `b` and `c` at `x` are users, `down@x` makes the store fail, `over@x` has no
/// room, whoever else is unknown.
fn talk_in(wire: &[u8], piece: usize) -> Heard {
    let (mut session, mut heard) = (Session::new("easel.example", LIMITS), Heard::default());
    for piece in wire.chunks(piece) {
        session.push(piece);
        loop {
            match session.advance() {
                Turn::Read => break,
                Turn::Close => {
                    heard.closed = true;
                    break;
                }
                Turn::Look(address) => session.looked(match address.as_str() {
                    "a@x" => Looked::Found(UserId(1)),
                    "b@x" | "ü@x" => Looked::Found(UserId(2)),
                    "c@x" | "full@x" => Looked::Found(UserId(3)),
                    "down@x" => Looked::Failed,
                    "over@x" => Looked::Full,
                    _ => Looked::Unknown,
                }),
                Turn::Deliver(transaction) => {
                    let names = transaction.recipients.iter().map(|(address, _)| address.to_string());
                    let names: Vec<String> = names.collect();
                    let replies: Vec<Reply> = names
                        .iter()
                        .map(|name| if name == "full@x" { Reply::STORE_FAILED } else { Reply::delivered(name, "a1") })
                        .collect();
                    heard.stored.push((names, String::from_utf8_lossy(&transaction.message).into_owned()));
                    session.delivered(&replies);
                }
            }
        }
        heard.replies.push_str(&String::from_utf8(session.replies()).unwrap());
        if heard.closed {
            break;
        }
    }
    heard
}

fn talk(wire: &str) -> Heard {
    let whole = talk_in(wire.as_bytes(), wire.len());
    for piece in [1, 2, 7] {
        assert_eq!(talk_in(wire.as_bytes(), piece), whole, "in pieces of {piece}");
    }
    whole
}

/// The codes of the replies after the greeting and the answer to LHLO.
fn codes(heard: &Heard) -> Vec<&str> {
    heard.replies.lines().skip(8).map(|line| line.split(' ').next().unwrap_or_default()).collect()
}

const HELLO: &str = "LHLO mx.example\r\n";

#[test]
fn every_recipient_has_an_answer_of_its_own() {
    let heard = talk(&format!(
        "{HELLO}MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<full@x>\r\nRCPT TO:<down@x>\r\n\
         RCPT TO:<b@x>\r\nDATA\r\nhi\r\n..\r\n.\r\nQUIT\r\n"
    ));
    assert_eq!(
        heard.replies,
        "220 easel.example LMTP Easel\r\n\
         250-easel.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n\
         250-ENHANCEDSTATUSCODES\r\n250 SIZE 100\r\n\
         250 2.1.0 sender ok\r\n\
         250 2.1.5 recipient ok\r\n\
         550 5.1.1 no such mailbox here\r\n\
         250 2.1.5 recipient ok\r\n\
         451 4.3.0 cannot store mail now, try again later\r\n\
         250 2.1.5 recipient ok\r\n\
         354 end with a dot on a line of its own\r\n\
         250 2.0.0 <a@x> a1 stored\r\n\
         451 4.3.0 cannot store mail now, try again later\r\n\
         250 2.0.0 <b@x> a1 stored\r\n\
         221 2.0.0 bye\r\n"
    );
    let names = ["a@x", "full@x", "b@x"].map(str::to_owned).to_vec();
    assert_eq!((heard.stored, heard.closed), (vec![(names, "hi\r\n.\r\n".to_owned())], true));
}

#[test]
fn commands_out_of_order_are_refused() {
    let heard = talk("MAIL FROM:<s@y>\r\nRCPT TO:<a@x>\r\nDATA\r\n");
    let codes: Vec<&str> = heard.replies.lines().skip(1).map(|line| &line[..3]).collect();
    assert_eq!(codes, ["503", "503", "503"]);
    let heard = talk(&format!("{HELLO}RCPT TO:<a@x>\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\nBDAT 3 LAST\r\nabc"));
    assert_eq!(self::codes(&heard), ["503", "250", "503", "503", "503"]);
    assert!(heard.stored.is_empty());
}

#[test]
fn without_a_valid_recipient_no_message_is_taken() {
    let heard = talk(&format!("{HELLO}MAIL FROM:<s@y>\r\nRCPT TO:<no@x>\r\nDATA\r\nRSET\r\n"));
    assert_eq!(codes(&heard), ["250", "550", "503", "250"]);
}

#[test]
fn a_transaction_ends_with_its_message_with_rset_and_with_lhlo() {
    let start = "MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n";
    let heard = talk(&format!("{HELLO}{start}DATA\r\n.\r\nRCPT TO:<b@x>\r\n{start}RSET\r\nRCPT TO:<b@x>\r\n"));
    assert_eq!(codes(&heard), ["250", "250", "354", "250", "503", "250", "250", "250", "503"]);
    let heard = talk(&format!("{HELLO}{start}{HELLO}RCPT TO:<b@x>\r\n"));
    assert!(heard.replies.ends_with("503 5.5.1 MAIL first\r\n"));
}

#[test]
fn a_size_beyond_the_limit_is_refused_before_and_after_the_message() {
    let heard = talk(&format!("{HELLO}MAIL FROM:<> SIZE=101\r\nMAIL FROM:<> SIZE=100\r\n"));
    assert_eq!(codes(&heard), ["552", "250"]);
    let long = "a".repeat(101);
    let heard =
        talk(&format!("{HELLO}MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n{long}\r\n.\r\nNOOP\r\n"));
    assert_eq!(codes(&heard), ["250", "250", "250", "354", "552", "552", "250"]);
    assert!(heard.stored.is_empty());
    let endless = "a".repeat(401);
    let heard = talk(&format!("{HELLO}MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\n{endless}"));
    assert!(heard.closed && heard.replies.ends_with("421 4.3.4 far beyond the largest message\r\n"));
}

#[test]
fn a_smuggled_message_is_refused_with_the_one_that_carries_it() {
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n"] {
        let heard = talk(&format!(
            "{HELLO}MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\nhi{end}MAIL FROM:<e@y>\r\nRCPT TO:<b@x>\r\nDATA\r\n\
             evil\r\n.\r\nNOOP\r\n"
        ));
        assert_eq!(codes(&heard), ["250", "250", "354", "554", "250"], "{end:?}");
        assert!(heard.stored.is_empty(), "{end:?}");
    }
    let heard = talk(&format!("{HELLO}MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\nh\0i\r\n.\r\n"));
    assert_eq!(codes(&heard), ["250", "250", "354", "554"]);
}

#[test]
fn a_stray_line_end_among_commands_ends_the_session() {
    for line in ["NOOP\n", "NO\rOP\r\n", "NOOP\r\r\n", "NOOP\0\r\n", "NOOP\nRSET\r\n"] {
        let heard = talk(&format!("{HELLO}{line}QUIT\r\n"));
        assert_eq!(codes(&heard), ["500"], "{line:?}");
        assert!(heard.closed, "{line:?}");
    }
}

#[test]
fn a_line_may_be_as_long_as_allowed() {
    let of = |length: usize| format!("{HELLO}NOOP {}\r\nNOOP\r\n", "a".repeat(length - 7));
    assert_eq!(codes(&talk(&of(LIMITS.line_bytes_max))), ["250", "250"]);
    assert_eq!(codes(&talk(&of(LIMITS.line_bytes_max + 1))), ["500", "250"]);
    assert_eq!(codes(&talk(&of(10_000))), ["500", "250"]);
    let mut session = Session::new("easel.example", LIMITS);
    for _ in 0..1000 {
        session.push(&[b'a'; 1000]);
        assert!(matches!(session.advance(), Turn::Read));
    }
    assert!(session.input.len() <= 1000, "a line without end is not kept");
}

#[test]
fn recipients_beyond_the_limit_are_for_another_time() {
    let four = "RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nRCPT TO:<a@x>\r\n";
    let heard = talk(&format!("{HELLO}MAIL FROM:<>\r\n{four}DATA\r\n.\r\n"));
    assert_eq!(codes(&heard), ["250", "250", "250", "250", "452", "354", "250", "250", "250"]);
}

#[test]
fn after_too_many_errors_the_session_ends() {
    let heard = talk(&format!("{HELLO}A\r\nB\r\nC\r\nD\r\nE\r\nF\r\n"));
    assert_eq!(codes(&heard), ["500", "500", "500", "500", "500", "421"]);
    assert!(heard.closed);
}

#[test]
fn refused_recipients_are_no_errors_however_many_there_are() {
    let mail = "MAIL FROM:<s@y>\r\n";
    for refused in ["no@x", "down@x", "over@x", "no address", "é@x"] {
        let five = format!("RCPT TO:<{refused}>\r\n").repeat(5);
        let heard = talk(&format!("{HELLO}{mail}RCPT TO:<a@x>\r\n{five}DATA\r\nhi\r\n.\r\nNOOP\r\n"));
        let codes = codes(&heard);
        assert_eq!((&codes[..2], &codes[7..]), (&["250", "250"][..], &["354", "250", "250"][..]), "{refused}");
        assert_eq!((heard.stored.len(), heard.closed), (1, false), "{refused}");
    }
    // RFC 2920 3.1: whoever sends without waiting says DATA whatever became of the recipients.
    let nobody = format!("{mail}RCPT TO:<no@x>\r\nDATA\r\nRSET\r\n").repeat(6);
    let heard = talk(&format!("{HELLO}{nobody}NOOP\r\n"));
    assert_eq!((codes(&heard).last(), heard.closed), (Some(&"250"), false));
}

#[test]
fn beyond_so_many_refused_recipients_nobody_is_looked_for() {
    let mut session = Session::new("easel.example", LIMITS);
    let many = "RCPT TO:<no@x>\r\n".repeat(1000);
    session.push(format!("{HELLO}MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n{many}RSET\r\n").as_bytes());
    let mut looked = 0;
    loop {
        match session.advance() {
            Turn::Look(address) => {
                looked += 1;
                session.looked(if address.as_str() == "a@x" { Looked::Found(UserId(1)) } else { Looked::Unknown });
            }
            Turn::Read => break,
            turn @ (Turn::Close | Turn::Deliver(_)) => panic!("{turn:?}"),
        }
    }
    assert_eq!(looked, 1 + LIMITS.recipients_max);
    let replies = String::from_utf8(session.replies()).unwrap();
    assert_eq!((replies.matches("\r\n550").count(), replies.matches("\r\n452").count()), (3, 997));
}

#[test]
fn an_address_beyond_ascii_needs_smtputf8() {
    let heard = talk(&format!("{HELLO}MAIL FROM:<é@y>\r\nMAIL FROM:<>\r\nRCPT TO:<ü@x>\r\n"));
    assert_eq!(codes(&heard), ["553", "250", "553"]);
    let heard = talk(&format!("{HELLO}MAIL FROM:<é@y> SMTPUTF8\r\nRCPT TO:<ü@x>\r\nDATA\r\n.\r\n"));
    assert_eq!(codes(&heard), ["250", "250", "354", "250"]);
    let broken = [HELLO.as_bytes(), b"NOOP \xff\r\nNOOP\r\n"].concat();
    assert_eq!(codes(&talk_in(&broken, 1)), ["500", "250"]);
}

#[test]
fn chunks_make_one_message_with_dots_and_all() {
    let start = format!("{HELLO}MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\n");
    let heard = talk(&format!("{start}BDAT 3\r\n.\r\nBDAT 0\r\nBDAT 5 LAST\r\nhi.\r\nNOOP\r\n"));
    assert_eq!(codes(&heard), ["250", "250", "250", "250", "250", "250", "250", "250"]);
    assert_eq!(heard.stored, [(vec!["a@x".to_owned(), "b@x".to_owned()], ".\r\nhi.\r\n".to_owned())]);
}

#[test]
fn a_refused_chunk_is_read_and_not_obeyed() {
    let heard = talk(&format!("{HELLO}BDAT 6 LAST\r\nQUIT\r\nMAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"));
    assert_eq!((codes(&heard), heard.closed), (vec!["503", "250", "503", "250"], false));
    let start = format!("{HELLO}MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n");
    let heard = talk(&format!("{start}BDAT 3\r\na\nbBDAT 2\r\n\r\nDATA\r\nRCPT TO:<b@x>\r\nBDAT 0 LAST\r\n"));
    assert_eq!(codes(&heard), ["250", "250", "503", "503", "503", "503", "554"]);
    let heard = talk(&format!("{start}BDAT 101 LAST\r\n{}NOOP\r\n", "a".repeat(101)));
    assert_eq!(codes(&heard), ["250", "250", "552", "250"]);
    let heard = talk(&format!("{start}BDAT 99999999999999999999 LAST\r\n"));
    assert!(heard.closed);
    let hundred = format!("BDAT 100\r\n{}", "a".repeat(100));
    let heard = talk(&format!("{start}{}", hundred.repeat(5)));
    assert!(heard.closed && heard.replies.ends_with("421 4.3.4 far beyond the largest message\r\n"));
}

#[test]
fn postmaster_needs_no_domain() {
    let mut session = Session::new("easel.example", LIMITS);
    session.push(format!("{HELLO}MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\n").as_bytes());
    let Turn::Look(address) = session.advance() else { panic!("a recipient is looked for") };
    assert_eq!(address.as_str(), "postmaster@easel.example");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_in_any_pieces_are_heard_the_same(
        parts in prop::collection::vec(prop::sample::select(vec![
            "LHLO m\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<a@x>\r\n", "RCPT TO:<z@x>\r\n", "DATA\r\n", ".\r\n", "..\r\n",
            "BDAT 4\r\n", "BDAT 3 LAST\r\n", "hi\r\n", "\n", "\r", "\0", ".", "RSET\r\n", "x", "ü\r\n",
        ]), 0..20),
        piece in 1..9usize,
    ) {
        let wire = parts.concat();
        prop_assert_eq!(talk_in(wire.as_bytes(), piece), talk_in(wire.as_bytes(), wire.len().max(1)));
    }
}
