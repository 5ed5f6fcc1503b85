//! What a user may send and keep: messages within an hour, recipients of a message, bytes of the mailbox.

use easel_protocol::CommonStatus;
use easel_store::{Snapshot, StoreError, User, Write};

use crate::Settings;
use crate::context::{Context, pack, unpack};

/// The name under which a mailbox keeps how much was sent lately.
const SENT_LATELY: &str = "sent.lately";

const MINUTE_MS: i64 = 60_000;
const HOUR_MIN: i64 = 60;

/// How many messages were sent in which minute since 1970; of the last hour.
type SentLately = Vec<(i64, u32)>;

/// The bytes that the user's mailbox may hold, if they are bounded: the user's own quota goes before everybody's.
pub(crate) fn bytes_max(context: &Context<'_>) -> Option<u64> {
    bytes_max_of(context.user, &context.service.settings())
}

/// The same, of a user whom no request comes from.
pub(crate) fn bytes_max_of(user: &User, settings: &Settings) -> Option<u64> {
    user.quota.or(settings.quota).filter(|bytes| *bytes > 0)
}

/// The write that counts a message about to be sent, or the number that tells why it may not be.
pub(crate) fn of_message(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    recipients: usize,
) -> Result<Result<Option<Write>, CommonStatus>, StoreError> {
    let settings = context.service.settings();
    let user = context.user.id.0;
    if recipients > settings.recipients_max {
        tracing::info!(user, recipients, "a message is refused: too many recipients");
        return Ok(Err(CommonStatus::SendQuotaExceeded));
    }
    let Some(most) = settings.messages_per_hour_max else { return Ok(Ok(None)) };
    let value = snapshot.value(SENT_LATELY)?;
    let sent: SentLately = value.and_then(|bytes| unpack(&bytes)).unwrap_or_default();
    match counted(sent, context.now_ms() / MINUTE_MS, most) {
        Some(sent) => Ok(Ok(Some(Write::PutValue { name: SENT_LATELY, value: Some(pack(&sent)) }))),
        None => {
            tracing::warn!(user, most, "a message is refused: too many within an hour");
            Ok(Err(CommonStatus::SendQuotaExceeded))
        }
    }
}

/// With one message more at the minute `now`; `None` when there were `most` within the hour before. What a clock set back
/// made lie in the future is forgotten.
fn counted(mut sent: SentLately, now: i64, most: usize) -> Option<SentLately> {
    sent.retain(|(minute, _)| (now - HOUR_MIN + 1..=now).contains(minute));
    let count: u64 = sent.iter().map(|(_, count)| u64::from(*count)).sum();
    if count >= most as u64 {
        return None;
    }
    match sent.iter_mut().find(|(minute, _)| *minute == now) {
        Some((_, count)) => *count = count.saturating_add(1),
        None => sent.push((now, 1)),
    }
    Some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_slides_by_the_minute() {
        let mut sent = Vec::new();
        for minute in [0, 0, 30] {
            sent = counted(sent, minute, 3).unwrap();
        }
        assert_eq!(sent, [(0, 2), (30, 1)]);
        assert_eq!(counted(sent.clone(), 59, 3), None);
        assert_eq!(counted(sent.clone(), 60, 3), Some(vec![(30, 1), (60, 1)]));
        assert_eq!(counted(sent, -5, 3), Some(vec![(-5, 1)]), "the clock was set back");
    }
}
