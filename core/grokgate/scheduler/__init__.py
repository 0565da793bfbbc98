"""Which account serves a call, what it costs, and what a failure means for the account.

```text
home      protocol of the ledger's home, with what is asked and answered
memory    the home in this process
waiting   requests that wait for a busy token
behind    writes changed states, in batches
select    picks a candidate, says why there is none     verdict   observation → consequences
ledger    leases, quota and health of all tokens        incident  many tokens, one fault
roster    tokens, pools, shelves, times                 cost      rules → units
entry     one token, one pool                           queue     fair waiting list
holding   what a token has left in one bucket           penalty   carries verdicts out
shelf     tokens in groups of equal rank                audit     invariants of a ledger
```

All but `memory`, `waiting` and `behind` are pure: no event loop, no clock, no randomness of their
own.
"""
