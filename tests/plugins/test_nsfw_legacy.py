"""What older configurations say of pictures still counts for adult ones (F-MIG-09)."""

from pathlib import Path

from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions
from grokgate_images_nsfw.settings import NsfwSettings
from grokgate_web.settings import WebSettings

OLD = """
[image]
final_timeout = 9
blocked_grace_seconds = 4
medium_min_bytes = 20000
final_min_bytes = 80000
nsfw = false
"""


def test_old_thresholds_of_pictures_are_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(OLD)
    options = RunOptions(data_dir=tmp_path, log_dir=tmp_path, look_only=True)
    snapshot = Gateway(options, {}).settings.snapshot
    web = snapshot.get(WebSettings)

    assert (web.nsfw_final_s, web.nsfw_grace_s) == (9.0, 4.0)
    assert (web.nsfw_medium_over, web.nsfw_final_over) == (20_000, 80_000)
    assert not snapshot.get(NsfwSettings).flag
    assert not [text for text in snapshot.warnings if "image" in text]
