"""Runs background work of plugins beside the requests; nothing of it outlives the process.

Other processes of the installation know by its name that it goes on, before its work begins, and
may ask for its end.

```text
start ──> running ──> ended
             ├─ cancel, end of the grace of a shutdown ──> cancelled ──≤ 2 s──> ended
             └─ exception ──> logged ──> ended
```
"""

from grokgate.jobs.job import Job, JobEnd, JobId, Work
from grokgate.jobs.jobs import MOST, Jobs, PluginJobs

__all__ = ["MOST", "Job", "JobEnd", "JobId", "Jobs", "PluginJobs", "Work"]
