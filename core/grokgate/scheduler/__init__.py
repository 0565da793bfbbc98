"""Which account serves a call, what it costs, and what a failure means for the account.

```text
home      protocol of the ledger's home, with what is asked and answered
memory    the home in this process                      core      all decisions about one ledger
waiting   tasks that wait for a busy token              select    picks a candidate
behind    writes changed states, in batches             outlook   says why there is none, until when
                                                        verdict   observation → consequences
ledger    leases, quota and health of all tokens        penalty   carries verdicts out
roster    tokens, pools, shelves, times                 incident  many tokens, one fault
entry     one token, one pool                           cost      rules → units
holding   what a token has left in one bucket           queue     fair waiting list
shelf     tokens in groups of equal rank                audit     invariants of a ledger
```

All but `memory`, `waiting` and `behind` are pure: no event loop, no clock, no randomness of their
own.
"""
