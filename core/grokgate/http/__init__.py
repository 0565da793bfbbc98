"""What all routes share: checks around a request, its body, and the form of errors.

Layers, from the outside in; `grokgate.app` puts them together:

```text
outer        request id, CORS, overload, access log, metrics; every path, 404 too
arrival, departure   the body on its way in, the head on its way out
disconnect   stops the work for a client that left
auth → switches → limits → body      guards of a route, in the order of openai-contract.md 14
idempotency  a repeated POST does its work once
body         one strict decode of the request
errors       every exception becomes an envelope of the route's family
```

The layers hand on what they learned in ``scope["state"]``:

| Key | Set by | Read by |
| :-- | :-- | :-- |
| ``request_id`` | outer | auth, errors |
| ``streams`` | outer | disconnect and `plugin.stream`, for their end at shutdown |
| ``caller`` | auth | handlers, outer |
| ``body_limit``, ``spooled`` | body | arrival, which counts what is held in memory |
| ``idempotency`` | idempotency (middleware) | its before-request hook |
| ``body_read`` | arrival | departure, which announces that the connection closes |
| ``ignored`` | body | outer (``x-grokgate-ignored``) |
| ``error_code``, ``exception`` | errors, `plugin.stream` | outer (access log) |
"""
