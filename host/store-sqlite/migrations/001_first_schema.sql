-- easel.db: everything but the bytes of mails. Times are milliseconds since 1970. `STRICT` everywhere.
-- An "encoded" column holds one byte, the version of the shape, then postcard.

CREATE TABLE store (
    -- One row: which store this is. mail.db carries the same id, so that halves of two stores are never mixed.
    id BLOB NOT NULL  -- 16 random bytes, written once
) STRICT;

INSERT INTO store (id) VALUES (randomblob(16));

CREATE TABLE tenant (
    -- A domain of users who see nobody else.
    id   INTEGER PRIMARY KEY AUTOINCREMENT,  -- TenantId
    name TEXT NOT NULL UNIQUE                -- behind the `@` of a login; case matters
) STRICT;

CREATE TABLE user (
    -- A user, changed by the administrator only.
    id               INTEGER PRIMARY KEY AUTOINCREMENT,    -- UserId, never used again
    tenant           INTEGER NOT NULL REFERENCES tenant (id),
    name             TEXT NOT NULL,     -- login; case matters
    display_name     TEXT NOT NULL,
    phones           BLOB NOT NULL,     -- encoded Vec<String>
    photo            BLOB,              -- JPEG or PNG
    zone             TEXT NOT NULL,     -- IANA name
    password_hash    TEXT NOT NULL,     -- PHC string
    login_generation INTEGER NOT NULL,  -- grows with password and `enabled`
    enabled          INTEGER NOT NULL,  -- 0 or 1
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE address (
    -- Mail addresses of users.
    user    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    rank    INTEGER NOT NULL,      -- 0 is the primary one
    address TEXT NOT NULL,         -- as the administrator wrote it
    folded  TEXT NOT NULL UNIQUE,  -- in lower case
    PRIMARY KEY (user, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE gal (
    -- Global address list, one for each tenant.
    id     INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    folded TEXT NOT NULL,   -- the address in lower case
    sort   TEXT NOT NULL,   -- the display name in lower case
    user   INTEGER,         -- the user it stands for, if any
    entry  BLOB NOT NULL,   -- encoded GalEntry
    UNIQUE (tenant, folded)
) STRICT;

CREATE INDEX gal_user ON gal (user) WHERE user IS NOT NULL;

CREATE TABLE gal_word (
    -- Where a search of the address list begins: every start at which an entry can match, cut to 64 characters.
    tenant INTEGER NOT NULL,
    word   TEXT NOT NULL,
    gal    INTEGER NOT NULL REFERENCES gal (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, word, gal)
) STRICT, WITHOUT ROWID;

CREATE INDEX gal_word_gal ON gal_word (gal);

CREATE TABLE device (
    -- One partnership of a user and a device.
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- DeviceKey, never used again: the log names authors by it
    user          INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device_id     TEXT NOT NULL,     -- in its normal spelling
    kind          TEXT NOT NULL,     -- DeviceType
    facts         BLOB NOT NULL,     -- encoded DeviceFacts
    policy        BLOB NOT NULL,     -- encoded PolicyState
    blocked       INTEGER NOT NULL,  -- 0 or 1
    created       INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    versions_told TEXT NOT NULL,
    UNIQUE (user, device_id, kind)
) STRICT;

CREATE TABLE mailbox (
    -- The small, hot part of a mailbox: written by nearly every commit.
    user        INTEGER PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
    modseq      INTEGER NOT NULL,  -- the change counter
    hierarchy   INTEGER NOT NULL,  -- the modseq of the last change of the tree of folders
    log_floor   INTEGER NOT NULL,  -- rows of the log up to here are gone
    next_item   INTEGER NOT NULL,  -- every item number below may have been given out
    next_folder INTEGER NOT NULL   -- every folder number below may have been given out
) STRICT;

CREATE TABLE folder (
    -- Folders of a mailbox.
    user   INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    id     INTEGER NOT NULL,  -- CollectionId
    parent INTEGER,           -- NULL is the root
    name   TEXT NOT NULL,
    folded TEXT NOT NULL,     -- the name in lower case
    kind   INTEGER NOT NULL,  -- FolderType on the wire
    PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX folder_name ON folder (user, ifnull(parent, 0), folded);

CREATE TABLE item (
    -- Memberships that are there: one object in one folder.
    object       INTEGER PRIMARY KEY,  -- names the object; stays when it moves to another folder
    user         INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    id           INTEGER NOT NULL,     -- ServerId
    folder       INTEGER NOT NULL,
    entered      INTEGER NOT NULL,     -- modseq
    changed      INTEGER NOT NULL,     -- modseq of its last row in the log
    window       INTEGER NOT NULL,     -- WindowKey
    conversation BLOB,                 -- 16 bytes
    uid          TEXT,                 -- UID or Message-ID
    UNIQUE (user, id),
    FOREIGN KEY (user, folder) REFERENCES folder (user, id)
) STRICT;

-- Covers a page of a folder, and its count.
CREATE INDEX item_position ON item (user, folder, window, id);
-- With the id, or it would not be taken where the answer is to be in order.
CREATE INDEX item_uid ON item (user, uid, id) WHERE uid IS NOT NULL;
CREATE INDEX item_conversation ON item (user, conversation) WHERE conversation IS NOT NULL;

CREATE TABLE content (
    -- What an item is: a mail (blob, size, part_index, record), or the text of anything else.
    object     INTEGER PRIMARY KEY REFERENCES item (object) ON DELETE CASCADE,
    blob       INTEGER,        -- BlobId: a row of mail.db
    size       INTEGER,        -- bytes of the blob
    part_index BLOB,           -- opaque
    record     BLOB,           -- encoded MailRecord
    text       TEXT,           -- iCalendar, vCard, VTODO, VJOURNAL
    subject    TEXT NOT NULL,
    people     TEXT NOT NULL,
    CHECK ((blob IS NULL) <> (text IS NULL))
) STRICT;

CREATE TABLE log (
    -- The change log. Rows go when every device seen lately has passed them.
    user       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    folder     INTEGER NOT NULL,
    modseq     INTEGER NOT NULL,
    item       INTEGER NOT NULL,  -- ServerId
    kind       INTEGER NOT NULL,  -- 0 entered, 1 changed, 2 left
    author     INTEGER,           -- DeviceKey inside whose Sync it happened
    groups     INTEGER NOT NULL,  -- Groups
    key_before INTEGER NOT NULL,  -- WindowKey
    key_after  INTEGER NOT NULL,  -- WindowKey
    PRIMARY KEY (user, folder, modseq)
) STRICT, WITHOUT ROWID;

CREATE INDEX log_item ON log (user, item, modseq);

CREATE TABLE replaced (
    -- The text of an event, contact, task or note that a row of the log replaced or took away.
    user   INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    modseq INTEGER NOT NULL,  -- of that row
    text   TEXT NOT NULL,
    UNIQUE (user, modseq)
) STRICT;

CREATE TABLE collection (
    -- What a device holds of a collection.
    user       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device     INTEGER NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    collection INTEGER NOT NULL,  -- CollectionId
    generation INTEGER NOT NULL,  -- of the current key
    step       INTEGER NOT NULL,  -- of the current key
    needs_log  INTEGER,           -- rows of the log after this are still needed; NULL: none
    state      BLOB NOT NULL,     -- encoded CollectionState
    PRIMARY KEY (user, device, collection)
) STRICT, WITHOUT ROWID;

CREATE INDEX collection_device ON collection (device);

CREATE TABLE device_value (
    -- Small values of a device, opaque here.
    user   INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device INTEGER NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (user, device, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_value_device ON device_value (device);

CREATE TABLE mailbox_value (
    -- Small values of a mailbox, opaque here.
    user  INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name  TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE sent (
    -- Messages accepted from devices: a repeated one is recognised.
    user   INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    device INTEGER NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    token  BLOB NOT NULL,     -- a ClientId, or a hash of the message
    at     INTEGER NOT NULL,
    PRIMARY KEY (user, device, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX sent_device ON sent (device);
CREATE INDEX sent_at ON sent (at);

CREATE TABLE outgoing (
    -- Messages to be sent.
    id           INTEGER PRIMARY KEY AUTOINCREMENT,  -- OutgoingId
    user         INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    sender       TEXT NOT NULL,     -- of the envelope; empty for a report
    recipients   BLOB NOT NULL,     -- encoded Vec<String>: those still to be served
    blob         INTEGER NOT NULL,  -- BlobId
    queued       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    last_error   TEXT
) STRICT;

CREATE INDEX outgoing_due ON outgoing (next_attempt);
CREATE INDEX outgoing_user ON outgoing (user);

-- Full text, by object. Every word carries its user's number in front (`7uhello`): a search reads no other user's part of
-- the index. The words are made by this program. FTS5 takes no comment inside.
CREATE VIRTUAL TABLE search USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'ascii'
);

CREATE TABLE search_queue (
    -- Objects whose words are not in `search` yet, or not as they are now. Drained when nobody waits for the writer.
    object INTEGER PRIMARY KEY REFERENCES item (object) ON DELETE CASCADE,
    user   INTEGER NOT NULL,
    text   TEXT NOT NULL  -- what a search finds, subject and people included
) STRICT;

CREATE INDEX search_queue_user ON search_queue (user);
