"""What the core says of odd settings, in Chinese; names and values stay as they are."""

import re
from typing import Final

from grokgate.admin.config_schema import Texts

_WORDS: Final = (
    (r"(.+): the change takes effect at the next start", r"\1：更改将在下次启动时生效"),
    (r"(.+): (.+); what the database holds is ignored", r"\1：\2；忽略数据库中的值"),
    (r"(.+): (.+); the last good value is used", r"\1：\2；沿用上一个有效值"),
    (r"(.+): (.+); the default is used", r"\1：\2；使用默认值"),
    (
        r"(.+): these values are refused \((.+)\); the last good ones or the defaults are used",
        r"\1：这些值被拒绝（\2）；沿用上一次的有效值或默认值",
    ),
    (
        r"(.+) is stored in the database, where it has no effect",
        r"\1 存储在数据库中，但在那里不起作用",
    ),
    (
        r"(.+) is stored in the database, which counts only while storage\.config says so",
        r"\1 存储在数据库中，仅当 storage.config 指定时才生效",
    ),
    (r"environment variable (.+) is ignored: (.+)", r"环境变量 \1 被忽略：\2"),
    (r"environment variable (.+) names no setting", r"环境变量 \1 不对应任何设置"),
    (r"(.+) is no setting; it is kept and has no effect", r"\1 不是设置项；予以保留但不起作用"),
    (r"(.+) is no setting and was ignored", r"\1 不是设置项，已忽略"),
)
_PATTERNS: Final = tuple((re.compile(pattern), chinese) for pattern, chinese in _WORDS)


def in_both(text: str) -> Texts:
    """Return a warning by language; what has no Chinese words is English in both."""
    found = ((pattern.fullmatch(text), chinese) for pattern, chinese in _PATTERNS)
    chinese = next((match.expand(words) for match, words in found if match), text)
    return {"en": text, "zh": chinese}
