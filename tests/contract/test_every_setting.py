"""Every setting has a test that it does something (F-TST-04), and every switch closes its routes.

A new setting needs a line in `PROOFS`: the file below ``tests``, and the function, of the test that
changes it and sees another behaviour.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from grokgate.gateway import Gateway
from grokgate.http.files import ROUTES
from grokgate.registry import available
from grokgate.run_options import RunOptions
from grokgate.settings import Field
from grokgate.settings.fields import SWITCHES
from grokgate.testing import running_gateway

pytestmark = pytest.mark.anyio
TESTS = Path(__file__).parents[1]
SWITCH = "contract/test_every_setting.py::test_switch_closes_its_routes"
CLEANING = "core/media/test_cleaning.py::"
CONFIG = "admin/test_config.py::"
DEADLINES = "e2e/test_deadlines.py::"
EGRESS = "plugins/web/test_web_egress.py::"
FETCH = "core/test_fetch"
FORCE = "core/test_settings_in_force.py::"
IDENTITY = "plugins/web/test_web_identity.py::"
IMAGES = "plugins/test_images_generations.py::"
INLINE = "plugins/test_chat_media_inline.py::"
NSFW = "plugins/test_nsfw_routes.py::"
PACE = "core/chores/test_pace.py::"
REFRESH = "core/test_refresh"
SOCKET = "plugins/web/test_media_socket.py::"
VISITS = "core/chores/test_visits.py::"
WEBHOOKS = "core/test_webhooks.py::"
WEB = "plugins/web/test_web_"

PROOFS = {
    "app.image_format": f"{IMAGES}test_operator_decides_the_form_of_answers",
    "app.video_format": f"{INLINE}test_video_has_the_form_the_operator_says",
    "app.app_url": "http/test_links.py::test_links_begin_with_the_public_address",
    "app.app_key": "admin/test_setup.py::test_another_password_ends_all_sessions",
    "app.admin_username": "admin/test_login.py::test_the_name_of_the_operator_is_a_setting",
    "app.session_hours": (
        "admin/test_login.py::test_a_session_ends_by_the_idle_time_of_the_settings"
    ),
    "app.admin_cors_origins": (
        "admin/test_guard.py::test_pages_of_other_origins_read_nothing_unless_listed"
    ),
    "app.api_key": f"{FORCE}test_keys_of_the_settings_open_the_gateway",
    "app.allow_anonymous": (
        "core/test_gateway.py::test_anonymous_use_on_loopback_is_the_operators_choice"
    ),
    "app.metrics_enabled": (
        "http/test_probes.py::test_metrics_do_not_exist_without_key_or_switched_off"
    ),
    "app.metrics_key": "http/test_probes.py::test_metrics_open_to_their_key_only",
    "grok.stream": f"{FORCE}test_stream_is_what_old_front_ends_get_unasked",
    "grok.thinking": f"{FORCE}test_thinking_is_shown_or_not",
    "grok.thinking_format": f"{FORCE}test_thinking_goes_where_the_format_says",
    "grok.thinking_summary": f"{FORCE}test_summary_takes_the_place_of_the_reasoning",
    "grok.show_search_sources": f"{FORCE}test_sources_are_appended_or_not",
    "grok.timeout": f"{FORCE}test_total_time_of_an_answer_is_limited",
    "grok.stream_first_byte_timeout": (
        f"{DEADLINES}test_first_byte_limit_is_a_real_status_for_a_stream_too"
    ),
    "grok.stream_idle_timeout": f"{DEADLINES}test_silence_is_filled_and_then_ended",
    "grok.stream_total_timeout": f"{DEADLINES}test_total_limit_ends_a_stream_that_goes_on_and_on",
    "grok.sse_keepalive_sec": "plugins/test_messages_routes.py::test_silence_is_filled_with_pings",
    "grok.unary_keepalive": (
        "plugins/test_messages_routes.py::test_silence_before_a_whole_answer_is_filled_with_blanks"
    ),
    "grok.max_retry": f"{FORCE}test_attempts_are_limited",
    "grok.retry_status_codes": (
        "core/test_dispatch_retries.py::test_status_not_listed_is_not_retried"
    ),
    "grok.image_generation_method": f"{IMAGES}test_method_is_told",
    "grok.legacy_size_hint": f"{IMAGES}test_words_about_the_size_can_be_left_out",
    "grok.edit_event_names": (
        "plugins/test_images_edits.py::test_stream_names_its_events_as_the_operator_wants"
    ),
    "grok.video_extension": (
        "plugins/test_video_checks.py::test_longer_videos_need_the_operators_leave"
    ),
    "grok.video_poster_preview": f"{INLINE}test_video_has_the_form_the_operator_says",
    "grok.video_timeout": (
        "plugins/test_video_charges.py::test_a_video_that_takes_too_long_is_given_up"
    ),
    "grok.mode_fallback": (
        "core/test_dispatch.py::test_fallback_entries_are_left_alone_when_switched_off"
    ),
    "grok.protocol": f"{WEB}settings.py::test_protocol_decides_where_a_conversation_goes",
    "grok.temporary": f"{WEB}talk.py::test_settings_reach_the_session",
    "grok.disable_memory": f"{WEB}talk.py::test_settings_reach_the_session",
    "grok.custom_instruction": f"{WEB}profile.py::test_settings_reach_the_body",
    "grok.dynamic_statsig": f"{EGRESS}test_statsig_goes_where_the_profile_says",
    "grok.statsig": f"{EGRESS}test_statsig_goes_where_the_profile_says",
    "grok.filter_tags": (
        f"{WEB}settings.py::test_tags_that_the_operator_names_are_taken_out_of_answers"
    ),
    "grok.base_proxy_url": f"{EGRESS}test_files_take_the_way_of_calls_unless_they_have_their_own",
    "grok.proxy_pool": f"{EGRESS}test_account_leaves_a_proxy_that_fails",
    "grok.asset_proxy_url": f"{WEB}files.py::test_download_goes_by_the_proxy_for_files",
    "grok.asset_proxy_pool": f"{EGRESS}test_files_take_the_way_of_calls_unless_they_have_their_own",
    "grok.cf_clearance": f"{EGRESS}test_what_the_operator_entered_is_shown",
    "grok.cf_cookies": f"{EGRESS}test_what_the_operator_entered_is_shown",
    "grok.impersonate": f"{EGRESS}test_user_agent_is_the_fingerprints",
    "grok.impersonate_usage": f"{WEB}survey.py::test_survey_of_units_with_its_own_fingerprint",
    "grok.impersonate_nsfw": (
        "plugins/web/test_media_preference.py::test_call_switches_the_preference_and_nothing_else"
    ),
    "grok.user_agent": f"{EGRESS}test_what_the_operator_entered_is_shown",
    "grok.ca_file": f"{WEB}connections.py::test_further_authorities_are_added",
    "grok.web_base": f"{IDENTITY}test_addresses_of_the_settings_win",
    "grok.assets_base": f"{WEB}files.py::test_download_goes_by_the_proxy_for_files",
    "grok.public_media_base": f"{WEB}files.py::test_published_file_is_fetched_without_cookies",
    "grok.connection_sharing": (
        f"{EGRESS}test_accounts_that_must_ask_who_they_are_share_only_what_is_configured"
    ),
    "grok.imagine_default_image_count": f"{NSFW}test_socket_is_asked_with_the_flag",
    "grok.imagine_sso_daily_limit": f"{NSFW}test_account_has_its_limit_for_the_day",
    "grok.imagine_blocked_retry": f"{NSFW}test_blocked_pictures_are_given_up_in_the_end",
    "grok.imagine_max_retries": f"{NSFW}test_attempts_are_bounded",
    "token.auto_refresh": f"{REFRESH}.py::test_nothing_runs_in_the_background_when_switched_off",
    "token.refresh_interval_hours": f"{REFRESH}.py::test_interval_that_is_shortened_counts_at_once",
    "token.super_refresh_interval_hours": f"{REFRESH}.py::test_each_pool_has_its_interval",
    "token.fail_threshold": (
        "core/scheduler/test_memory.py::test_plain_401_expires_at_the_threshold_in_a_row"
    ),
    "token.save_delay_ms": f"{FORCE}test_states_are_written_after_the_time_of_the_setting",
    "token.selection": f"{FORCE}test_account_is_picked_as_the_setting_says",
    "token.unknown_first": (
        f"{FORCE}test_accounts_of_unknown_quota_go_first_where_the_setting_says_so"
    ),
    "token.max_inflight": "core/test_refusals.py::test_busy_accounts_are_named_after_the_wait",
    "token.on_demand_refresh": (
        f"{REFRESH}_demand.py::test_request_does_not_wait_when_on_demand_runs_are_off"
    ),
    "token.on_demand_min_interval_sec": (
        f"{REFRESH}_demand.py::test_next_run_is_allowed_after_the_interval"
    ),
    "token.on_demand_max_tokens": f"{REFRESH}_demand.py::test_on_demand_run_asks_a_bounded_number",
    "token.deleted_keep_days": (
        "core/test_gateway.py::test_removed_accounts_are_erased_after_their_time"
    ),
    "token.file_sync": (
        "core/adoption/test_adoption.py::test_token_file_is_left_alone_where_the_setting_says_so"
    ),
    "token.reload_interval_sec": (
        "core/adoption/test_adoption.py::"
        "test_later_changes_of_the_token_file_add_and_label_but_never_remove"
    ),
    "limits.json_body_mb": "http/test_body.py::test_body_without_announced_length_is_counted",
    "limits.multipart_body_mb": "http/test_files.py::test_a_body_over_the_limit_is_refused",
    "limits.file_mb": "http/test_files.py::test_a_file_over_the_limit_is_refused",
    "limits.max_choices": f"{FORCE}test_number_of_answers_is_limited",
    "limits.remote_fetch_mb": (
        f"{FETCH}_answers.py::test_endless_body_ends_at_the_limit_and_leaves_nothing"
    ),
    "limits.remote_fetch_timeout": f"{FETCH}_answers.py::test_total_time_is_limited",
    "limits.remote_fetch_http": f"{FETCH}.py::test_plain_http_on_the_public_web_is_a_setting",
    "limits.remote_fetch_cidrs": f"{WEBHOOKS}test_operator_may_allow_a_network",
    "limits.max_inflight": "http/test_outer.py::test_work_over_the_inflight_limit_is_refused",
    "limits.queue_size": "core/scheduler/test_memory_waiting.py::test_full_queue_refuses",
    "limits.queue_wait_sec": "core/test_refusals.py::test_busy_accounts_are_named_after_the_wait",
    "performance.media_max_concurrent": (
        "plugins/test_images_methods.py::test_too_many_generations_wait_and_are_refused"
    ),
    "performance.usage_max_concurrent": f"{REFRESH}.py::test_bounded_number_in_parallel",
    "performance.usage_batch_size": (
        f"{REFRESH}.py::test_pools_are_asked_in_steps_with_a_second_between_them"
    ),
    "performance.usage_max_tokens": f"{FORCE}test_list_of_accounts_is_cut_where_the_setting_says",
    "performance.nsfw_max_concurrent": f"{PACE}test_each_key_changes_the_pace",
    "performance.nsfw_batch_size": f"{PACE}test_each_key_changes_the_pace",
    "performance.nsfw_max_tokens": f"{FORCE}test_list_of_accounts_is_cut_where_the_setting_says",
    "performance.assets_max_concurrent": (
        f"{VISITS}test_calls_of_all_accounts_together_are_bounded"
    ),
    "performance.assets_delete_batch_size": (
        f"{VISITS}test_files_of_one_account_are_deleted_a_few_at_once"
    ),
    "performance.assets_batch_size": (
        f"{PACE}test_accounts_of_a_step_have_their_files_looked_at_side_by_side"
    ),
    "performance.assets_max_tokens": f"{FORCE}test_list_of_accounts_is_cut_where_the_setting_says",
    "cache.enable_auto_clean": f"{CLEANING}test_cleaning_may_be_off",
    "cache.limit_mb": f"{CLEANING}test_over_the_limit_the_oldest_go_until_a_fifth_is_free",
    "cache.image_max_mb": f"{CLEANING}test_a_kind_may_have_a_limit_of_its_own",
    "cache.video_max_mb": f"{CLEANING}test_a_kind_may_have_a_limit_of_its_own",
    "cache.keep_base64_cache": f"{INLINE}test_embedded_pictures_are_kept_as_the_operator_says",
    "cache.daily_reset": f"{CLEANING}test_the_day_may_begin_empty",
    "files.link_hours": "core/media/test_pictures.py::test_a_link_expires",
    "files.require_auth": "http/test_links.py::test_links_may_ask_for_the_key_as_well",
    "files.max_mb": "core/media/test_files.py::test_a_key_has_a_limit_of_its_own",
    "quota.tz_offset_minutes": "admin/test_metrics.py::test_day_begins_by_the_setting",
    "webhooks.urls": f"{WEBHOOKS}test_event_is_told_with_what_it_is_about",
    "webhooks.secret": f"{WEBHOOKS}test_nothing_is_sent_without_a_secret",
    "webhooks.events": f"{WEBHOOKS}test_only_events_that_are_asked_for_are_sent",
    "telemetry.otlp_endpoint": (
        "core/statistics/test_tracing.py::test_collector_gets_requests_and_attempts_and_no_prompt"
    ),
    "log.level": "core/test_process.py::test_the_log_level_follows_the_settings",
    "log.file_enabled": f"{FORCE}test_log_files_can_be_left_out",
    "log.max_file_mb": f"{FORCE}test_size_of_a_log_file_is_a_setting",
    "log.max_files": f"{FORCE}test_number_of_log_files_is_a_setting",
    "log.health_requests": "http/test_accounting.py::test_probes_are_logged_if_the_setting_says_so",
    "log.slow_ms": "http/test_accounting.py::test_slow_request_is_called_so_by_the_setting",
    "log.requests_keep_days": (
        "core/statistics/test_request_log.py::test_rows_are_kept_for_the_days_of_the_setting"
    ),
    "log.requests_max_rows": (
        "core/statistics/test_request_log.py::test_no_more_rows_are_kept_than_the_setting_says"
    ),
    "server.host": "core/test_gateway.py::test_anonymous_use_beyond_loopback_stops_the_start",
    "server.port": "core/settings/test_environment.py::test_boot_reads_file_and_environment",
    "server.workers": (
        "core/settings/test_environment.py::test_several_workers_without_redis_are_refused"
    ),
    "server.shutdown_grace_sec": (
        "e2e/test_shutdown.py::test_endless_streams_end_with_an_error_frame"
    ),
    "server.trusted_proxies": (
        "admin/test_guard.py::test_over_tls_the_cookie_has_the_name_of_the_host"
    ),
    "server.max_connections": (
        "e2e/test_connections.py::test_connections_over_the_limit_wait_for_one_to_end"
    ),
    "storage.type": "core/settings/test_environment.py::test_storage_that_is_not_there_is_refused",
    "storage.url": f"{FORCE}test_database_lies_where_the_setting_says",
    "storage.config": (
        "core/settings/test_database_layer.py::"
        "test_all_changes_go_to_the_database_where_the_operator_chose_it"
    ),
    "storage.media_url": f"{FORCE}test_files_lie_where_the_setting_says",
    "plugins.enabled": "core/test_registry.py::test_a_plugin_that_nobody_installed_is_reported",
    "plugins.disabled": "core/test_registry.py::test_bundled_plugins_are_found_and_can_be_left_out",
    "upstreams.order": f"{FORCE}test_upstreams_are_tried_in_the_order_of_the_setting",
    "models.only_usable": (
        "core/test_gateway.py::test_models_that_no_account_could_serve_are_left_out_when_asked_for"
    ),
    "models.add": "admin/test_models.py::test_added_model_is_offered_and_answers_at_once",
    "models.hide": "admin/test_models.py::test_hidden_model_is_neither_listed_nor_answered",
    "models.alias": "admin/test_models.py::test_alias_leads_to_its_model",
    "compat.strict_params": (
        "http/test_body.py::test_strict_settings_refuse_fields_without_effect"
    ),
    "ui.public_chat": (
        "admin/test_pages.py::test_chat_without_a_login_is_there_while_the_setting_says_so"
    ),
    "imagine_fast.n": f"{IMAGES}test_parameters_of_the_fast_model_are_the_operators",
    "imagine_fast.size": f"{IMAGES}test_parameters_of_the_fast_model_are_the_operators",
    "imagine_fast.response_format": (
        f"{IMAGES}test_parameters_of_the_fast_model_are_the_operators"
    ),
    "images.variations": (
        "plugins/test_images_edits.py::test_variation_is_an_edit_with_a_prompt_of_its_own"
    ),
    "messages.model_map": "plugins/test_messages_routes.py::test_model_map_is_followed_at_once",
    "responses.store_ttl_hours": "plugins/test_responses_keeper.py::test_turn_expires",
    "responses.store_max_mb": "plugins/test_responses_keeper.py::test_oldest_turns_give_way",
    "plugins.images_nsfw.nsfw": f"{NSFW}test_flag_may_be_off",
    "plugins.images_nsfw.final_timeout": f"{SOCKET}test_operator_says_what_an_adult_picture_is",
    "plugins.images_nsfw.final_min_bytes": f"{SOCKET}test_operator_says_what_an_adult_picture_is",
    "plugins.images_nsfw.blocked_grace_seconds": (
        f"{SOCKET}test_what_the_operator_leaves_open_the_profile_says"
    ),
    "plugins.images_nsfw.medium_min_bytes": (
        f"{SOCKET}test_what_the_operator_leaves_open_the_profile_says"
    ),
}


class _Silent:
    """A log that keeps nothing."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_more: None


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    folder = tmp_path_factory.mktemp("data")
    options = RunOptions(data_dir=folder, log_dir=folder, look_only=True)
    return Gateway(options, {}, log=_Silent())


def is_switch(field: Field) -> bool:
    return field.key.startswith(f"{SWITCHES}.")


def test_every_setting_has_a_proof_and_every_proof_its_setting(gateway: Gateway) -> None:
    keys = {key for key, field in gateway.settings.fields.items() if not is_switch(field)}

    assert sorted(keys - PROOFS.keys()) == []
    assert sorted(PROOFS.keys() - keys) == []


@pytest.mark.parametrize("proof", sorted(set(PROOFS.values())))
def test_proof_is_there(proof: str) -> None:
    path, _, name = proof.partition("::")

    assert name in functions(TESTS / path)


async def test_switch_closes_its_routes() -> None:
    plugins = [import_module(f"grokgate_{one.name}") for one in available() if one.bundled]
    async with running_gateway(*plugins) as gw:
        open_still = []
        for switch in {each.id for each in gw.gateway.switches}:
            await gw.change(downstream={f"enable_{switch}": False})
            for method, path in operations(gw.gateway, switch):
                reply = await gw.client.request(method, path, json={})
                if (reply.status_code, "Endpoint disabled" in reply.text) != (404, True):
                    open_still.append(f"{method} {path}")

    assert open_still == []


def operations(gateway: Gateway, switch: str) -> Iterator[tuple[str, str]]:
    """Yield the operations behind *switch* that answer to keys."""
    specs = (*ROUTES, *(spec for plugin in gateway.plugins for spec in plugin.routes))
    for spec in specs:
        if spec.id == switch and spec.access == "key":
            for handler in spec.handlers:
                for method in getattr(handler, "http_methods", ()):
                    for path in handler.paths:
                        yield method, re.sub(r"\{[^}]*\}", "x", path)


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))
