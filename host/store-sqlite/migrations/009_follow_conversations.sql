CREATE TABLE followed (
    -- Conversations of which what comes later goes into a folder, until that folder goes.
    id           INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order in which they were named; the oldest make room
    user         INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    conversation BLOB NOT NULL,     -- 16 bytes
    folder       INTEGER NOT NULL,  -- CollectionId
    UNIQUE (user, conversation)
) STRICT;
