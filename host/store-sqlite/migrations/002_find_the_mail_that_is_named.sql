-- Which mails are named is asked while the server runs: read from a list of numbers, not from the rows of all items.
CREATE INDEX content_blob ON content (blob) WHERE blob IS NOT NULL;
