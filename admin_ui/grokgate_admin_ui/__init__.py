"""The admin UI: files alone, in ``static/``; `grokgate.admin.pages` serves them."""
