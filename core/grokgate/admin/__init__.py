"""The admin API (F-ADM): one module of handlers per page, mounted by `mounting`."""
