"""The configuration file of a first start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grokgate.settings.document import TEMPLATE
from grokgate.settings.fields import Field
from grokgate.settings.files import replace_file
from grokgate.settings.sources import FILE, OLD_FILE, FileLayer, read_file_layer


def first_layer(data_dir: Path, fields: Mapping[str, Field], log: Any) -> FileLayer:
    """Read the file of this start, after making one where neither today's nor the oldest is.

    Raises:
        ConfigFileError: The file cannot be read.
    """
    layer = read_file_layer(data_dir, fields)
    if layer.content is not None or (data_dir / OLD_FILE).exists():
        return layer
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(data_dir / FILE, TEMPLATE.encode())
    except OSError as error:
        log.warning("settings_file_not_created", reason=error.strerror)
        return layer
    return read_file_layer(data_dir, fields)
