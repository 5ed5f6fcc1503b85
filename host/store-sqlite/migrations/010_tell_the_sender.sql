-- Whoever sent a message is told what became of it: of recipients who are refused for good, and when it takes long.
ALTER TABLE outgoing ADD COLUMN refused BLOB;                           -- encoded Vec<FailedRecipient>; NULL: none
ALTER TABLE outgoing ADD COLUMN delayed BLOB;                           -- the same: those still to be served
ALTER TABLE outgoing ADD COLUMN delay_told INTEGER NOT NULL DEFAULT 0;  -- 0 or 1

-- `failed` holds what an older version wrote, in its shape: Vec<(recipient, reason)>. It is read, and no longer written. Such
-- messages waited for the administrator; now they are due, so that their senders are told.
DROP INDEX outgoing_due;
ALTER TABLE outgoing DROP COLUMN waits;
CREATE INDEX outgoing_due ON outgoing (next_attempt);
