-- A message expires by the time it was tried for, not by its age: a clock that leaps, or a server that was off, takes
-- nothing of it away. Both are written by the queue.
ALTER TABLE outgoing ADD COLUMN tried INTEGER;                      -- milliseconds since 1970; NULL: never noted
ALTER TABLE outgoing ADD COLUMN waited INTEGER NOT NULL DEFAULT 0;  -- milliseconds
