// What a plugin's page gets: the same parts that the gateway's own pages are made of.

import * as badge from "../components/badge.js";
import * as button from "../components/button.js";
import * as chart from "../components/chart.js";
import * as code from "../components/code.js";
import * as dialog from "../components/dialog.js";
import * as fields from "../components/fields.js";
import * as icon from "../components/icon.js";
import * as layout from "../components/layout.js";
import * as markdown from "../components/markdown.js";
import * as menu from "../components/menu.js";
import * as pager from "../components/pager.js";
import * as progress from "../components/progress.js";
import * as states from "../components/states.js";
import * as table from "../components/table.js";
import * as tabs from "../components/tabs.js";
import { api } from "./api.js";
import { follow } from "./chores.js";
import * as format from "./format.js";
import { language } from "./i18n.js";
import { useAction, useLoad, useSettled } from "./poll.js";
import * as preact from "./preact.js";
import { href, navigate, useQuery } from "./router.js";
import { toast } from "./toasts.js";
import { v1 } from "./v1.js";

const components = {
  ...badge,
  ...button,
  ...chart,
  ...code,
  ...dialog,
  ...fields,
  ...icon,
  ...layout,
  ...markdown,
  ...menu,
  ...pager,
  ...progress,
  ...states,
  ...table,
  ...tabs,
};

const { html, h, Fragment, render: _render, ...rest } = preact;
const { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect, ...hooks } = rest;

/**
 * Make the kit of one plugin.
 *
 * @param {{plugin: string, t: import("./i18n.js").Translate, settings: Record<string, unknown>}} own
 *   Its texts, and the values of its settings as the admin API shows them: secrets are masked.
 */
export function makeKit({ plugin, t, settings }) {
  return {
    plugin,
    html,
    h,
    Fragment,
    signals: { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect },
    hooks: { ...hooks, useAction, useLoad, useQuery, useSettled },
    components,
    api: Object.freeze({ ...api, v1, follow }),
    format,
    href,
    language,
    navigate,
    settings,
    t,
    toast,
  };
}

/** @typedef {ReturnType<typeof makeKit>} Kit */
