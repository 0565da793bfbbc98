"""Which account serves a call, what it costs, and what a failure means for the account.

```text
home      protocol of the ledger's home, with what is asked and answered
memory    the home in this process
behind    writes changed states, in batches
select    picks a candidate, says why there is none     verdict   observation → consequences
ledger    leases, quota and health of all tokens        incident  many tokens, one fault
roster    tokens, pools, shelves, times                 cost      rules → units
entry     one token                                     queue     fair waiting list
shelf     tokens in groups of equal rank                penalty   carries verdicts out
audit     invariants of a ledger
```

All but `memory` and `behind` are pure: no event loop, no clock, no randomness of their own.
"""
