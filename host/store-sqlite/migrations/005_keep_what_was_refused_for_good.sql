-- A recipient refused for good is not tried again, and the message is kept with the reason until somebody decides.
ALTER TABLE outgoing ADD COLUMN failed BLOB;                       -- encoded Vec<FailedRecipient>; NULL: none
ALTER TABLE outgoing ADD COLUMN waits INTEGER NOT NULL DEFAULT 1;  -- 0: no recipient is left to be tried

DROP INDEX outgoing_due;
CREATE INDEX outgoing_due ON outgoing (next_attempt) WHERE waits = 1;
