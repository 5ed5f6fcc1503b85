-- The numbers of the mails that are there, without a walk through pages full of their bytes.
CREATE UNIQUE INDEX blob_id ON blob (id);
