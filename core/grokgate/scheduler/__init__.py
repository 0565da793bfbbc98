"""Which account serves a call, what it costs, and what a failure means for the account.

```text
home      protocol of the ledger's home, with what is asked and answered
memory    the home in this process
redis     the home that processes share
shell     what homes have in common                     core      all decisions about one ledger
waiting   tasks that wait for a busy token              select    picks a candidate
behind    writes changed states, in batches             outlook   says why there is none, until when
                                                        verdict   observation → consequences
ledger    leases, quota and health of all tokens        penalty   carries verdicts out
roster    tokens, pools, shelves                        incident  many tokens, one fault
timetable when tokens cool down or refill               cost      rules → units
entry     one token, one pool                           queue     fair waiting list
holding   what a token has left in one bucket           audit     invariants of a ledger
shelf     tokens in groups of equal rank                strategy  scores and ranks of candidates
```

All but `memory`, `redis`, `shell`, `waiting` and `behind` are pure: no event loop, no clock, no
randomness of their own.
"""
