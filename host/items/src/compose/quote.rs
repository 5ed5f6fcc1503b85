//! The original written below the text of an answer.

use jiff::Timestamp;

use super::Original;
use crate::ComposeError;
use crate::body::{Form, Source as _, clean, html_to_text, text_as_block};
use crate::email::mime::{Replaced, encoded};
use crate::email::structure::{Node, Tree};
use crate::email::{Decoder, Index, Mail, guess, select, written};

/// Bytes of the original that are quoted.
const QUOTED_BYTES_MAX: usize = 1 << 20;

/// The device's text parts made anew, and a part to add when it has none.
#[derive(Debug, Default)]
pub(super) struct Quoted {
    pub(super) parts: Vec<(usize, Replaced)>,
    pub(super) extra: Option<Vec<u8>>,
}

/// The device's texts with the original below: text below text, HTML below HTML.
pub(super) fn bodies(mime: &[u8], tree: &Tree, original: &Original<'_>) -> Result<Quoted, ComposeError> {
    let mail = Mail { index: original.index, raw: original.raw, draft: false };
    let quoted = |form| {
        let prefix = mail.form(form, Some(QUOTED_BYTES_MAX)).map_err(ComposeError::Original)?;
        Ok(match form {
            Form::Html => crate::body::cut_html(&prefix.text, QUOTED_BYTES_MAX).to_owned(),
            Form::Text => crate::body::cut_text(&prefix.text, QUOTED_BYTES_MAX).to_owned(),
        })
    };
    let selection = select(tree);
    let is_html = |number: &&usize| tree.nodes[**number].content.is("text", "html");
    let html = selection.html.iter().rev().find(is_html);
    let text = selection.text.iter().rev().find(|number| !is_html(number));
    let mut out = Quoted::default();
    if let Some(number) = html {
        let page = read(mime, &tree.nodes[*number]);
        let below = html_below(original.index, &quoted(Form::Html)?, mail.native());
        out.parts.push((*number, made("text/html", &with_below(&page, &below))));
    }
    if let Some(number) = text {
        let own = read(mime, &tree.nodes[*number]);
        let whole = [&clean(&own), text_below(original.index, &quoted(Form::Text)?).as_str()].concat();
        out.parts.push((*number, made("text/plain", &whole)));
    }
    if out.parts.is_empty() {
        let made = made("text/plain", &text_below(original.index, &quoted(Form::Text)?));
        let mut part = Vec::new();
        made.write_fields(&mut part);
        part.extend_from_slice(b"\r\n");
        part.extend_from_slice(&made.body);
        out.extra = Some(part);
    }
    Ok(out)
}

fn made(kind: &str, text: &str) -> Replaced {
    Replaced { content_type: Some(format!("{kind}; charset=utf-8")), ..encoded(text.as_bytes(), true) }
}

fn read(mime: &[u8], node: &Node) -> String {
    let bytes = Decoder::all(node.content.transfer, &mime[node.body.clone()]);
    let label = node.content.parameter("charset").and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    match label {
        Some(encoding) => encoding.decode(&bytes).0.into_owned(),
        None => guess(&bytes),
    }
}

/// Who wrote the original, when and to whom: name and value of each line.
fn lines(index: &Index) -> Vec<(&'static str, String)> {
    let people = |list: &[crate::email::Mailbox]| list.iter().take(50).map(written).collect::<Vec<_>>().join("; ");
    let sent = index.date.and_then(|at| Timestamp::from_millisecond(at).ok());
    [
        ("From", people(&index.from)),
        ("Sent", sent.map(|at| at.strftime("%a, %d %b %Y %H:%M UTC").to_string()).unwrap_or_default()),
        ("To", people(&index.to)),
        ("Cc", people(&index.cc)),
        ("Subject", index.subject.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn text_below(index: &Index, original: &str) -> String {
    let mut out = "\r\n\r\n-----Original Message-----\r\n".to_owned();
    for (name, value) in lines(index) {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    out.push_str(original);
    out
}

fn html_below(index: &Index, original: &str, native: Form) -> String {
    let mut head = String::new();
    for (name, value) in lines(index) {
        head.push_str(&format!("{name}: {value}\n"));
    }
    // The original's own frame would end the page it is put into.
    let inner = if native == Form::Html {
        inside(original).to_owned()
    } else {
        text_as_block(&html_to_text(original, usize::MAX).0)
    };
    format!("\r\n<hr>\r\n{}<br>\r\n<div>{inner}</div>\r\n", text_as_block(head.trim_end()))
}

/// What stands between `<body>` and `</body>`.
fn inside(page: &str) -> &str {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<body").and_then(|at| lower[at..].find('>').map(|end| at + end + 1)).unwrap_or(0);
    let end = lower.rfind("</body").or_else(|| lower.rfind("</html")).filter(|end| *end >= start).unwrap_or(page.len());
    &page[start..end]
}

/// `below` put before the end of the page.
fn with_below(page: &str, below: &str) -> String {
    let page = crate::body::without_charset(page);
    let lower = page.to_ascii_lowercase();
    let end = lower.rfind("</body").or_else(|| lower.rfind("</html")).unwrap_or(page.len());
    clean(&[&page[..end], below, &page[end..]].concat()).into_owned()
}
