"""What predecessors wrote into their databases: statements and entries, as they were observed."""

import json
from typing import Any, Final

_TQ: Final = """
CREATE TABLE tokens (
    token VARCHAR(512) PRIMARY KEY, pool_name VARCHAR(64) NOT NULL, status VARCHAR(16), quota INT,
    created_at BIGINT, last_used_at BIGINT, use_count INT, fail_count INT, last_fail_at BIGINT,
    last_fail_reason TEXT, last_sync_at BIGINT, tags TEXT, note TEXT, last_asset_clear_at BIGINT,
    data TEXT, data_hash CHAR(64), updated_at BIGINT
);
CREATE TABLE app_config (
    section VARCHAR(64) NOT NULL, key_name VARCHAR(64) NOT NULL, value TEXT,
    PRIMARY KEY (section, key_name)
);
INSERT INTO tokens (token, pool_name, status, quota, use_count, tags, note, data) VALUES
    ('eyJ.session-tq', 'ssoSuper', 'active', 7, 3, '["a"]', 'mine', '{"consumed": 4}');
INSERT INTO app_config VALUES ('grok', 'timeout', '77'), ('app', 'api_key', '"sk-secret"');
"""
_PY2: Final = """
CREATE TABLE accounts (
    token VARCHAR(512) PRIMARY KEY, pool TEXT NOT NULL, status TEXT NOT NULL,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, tags TEXT NOT NULL,
    quota_auto TEXT NOT NULL, quota_fast TEXT NOT NULL, usage_use_count INTEGER NOT NULL,
    last_use_at BIGINT, deleted_at BIGINT, ext TEXT NOT NULL, revision BIGINT NOT NULL
);
CREATE TABLE config_store ("key" VARCHAR(255) PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO accounts VALUES
    ('eyJ.session-py2', 'heavy', 'active', 1700000000000, 1, '["b"]',
     '{"remaining": 2, "total": 50, "source": 1}', '{}', 9, 1700000001000, NULL,
     '{"colour": "red"}', 5),
    ('eyJ.session-gone', 'basic', 'active', 1, 1, '[]', '{}', '{}', 0, NULL, 2, '{}', 6);
INSERT INTO config_store VALUES
    ('account.selection.max_inflight', '4'), ('__version__', '3');
"""
STATEMENTS: Final = tuple(text for text in f"{_TQ}{_PY2}".split(";\n") if text.strip())
"""Both predecessors in one database."""

HASHES: Final[dict[str, dict[str, Any]]] = {
    "grok2api:token:eyJ.session-tq": {
        "token": "eyJ.session-tq",
        "status": "active",
        "quota": "7",
        "use_count": "3",
        "tags": '["a"]',
        "note": "mine",
        "consumed": "4",
    },
    "grok2api:config": {"grok.timeout": "77", "app.api_key": '"sk-secret"'},
    "accounts:record:eyJ.session-py2": {
        "pool": "heavy",
        "status": "active",
        "created_at": "1700000000000",
        "tags": '["b"]',
        "quota_auto": json.dumps({"remaining": 2, "total": 50, "source": 1}),
        "quota_heavy": "{}",
        "usage_use_count": "9",
        "last_use_at": "1700000001000",
        "deleted_at": "",
        "ext": '{"colour": "red"}',
        "revision": "5",
    },
    "accounts:record:eyJ.session-gone": {"pool": "basic", "deleted_at": "2", "ext": "{}"},
    "config:user": {"account.selection.max_inflight": "4"},
}
SETS: Final = {"grok2api:pools": ["ssoSuper"], "grok2api:pool:ssoSuper": ["eyJ.session-tq"]}
