"""The durable part: what must outlive a kernel, in one SQLite file of JSON values, never pickles."""
