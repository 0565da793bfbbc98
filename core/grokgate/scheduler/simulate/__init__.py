"""The scheduler on virtual time: the same `Core` that serves, driven without waiting.

`storm` looks for seeds under which an invariant of `reliability-security.md` 2 does not hold;
`compare` shows how strategies do on the same arrivals.
"""
