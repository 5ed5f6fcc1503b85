-- What a pack keeps from being stored or sent can be put back for a while.
CREATE TABLE quarantine (
    -- Things withheld from a device's side. The oldest of a user make room for new ones.
    id           INTEGER PRIMARY KEY AUTOINCREMENT,  -- QuarantineId, never used again
    user         INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device       INTEGER NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    at           INTEGER NOT NULL,
    kind         BLOB NOT NULL,     -- encoded QuarantinedKind
    pack         TEXT NOT NULL,
    pack_version TEXT NOT NULL,
    reason       TEXT NOT NULL,     -- in the words of the pack
    blob         INTEGER NOT NULL,  -- BlobId: ApplicationData in WBXML, or a message
    size         INTEGER NOT NULL   -- bytes of the blob
) STRICT;

CREATE INDEX quarantine_user ON quarantine (user, id, size);
CREATE INDEX quarantine_device ON quarantine (device);
CREATE INDEX quarantine_at ON quarantine (at);
