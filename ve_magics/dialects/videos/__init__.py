"""Wire formats of video: create, poll, fetch, list. Pure codecs, like the chat dialects beside them."""
