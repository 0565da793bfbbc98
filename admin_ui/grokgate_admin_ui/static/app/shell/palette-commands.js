// What the palette knows by itself: pages, looks and languages, settings, and ids.

import { api } from "../lib/api.js";
import { LANGUAGES, language, speak, texts } from "../lib/i18n.js";
import { PAGES, panels } from "../lib/pages.js";
import { recordOf } from "../lib/records.js";
import { navigate } from "../lib/router.js";
import { theme } from "../lib/theme.js";

/** @typedef {import("../lib/commands.js").Command} Command */

const t = texts("kit");

/** Words that find a page, beside its title. */
const WORDS = /** @type {Record<string, string>} */ ({
  overview: "home dashboard forecast incidents 首页 总览",
  datacenter: "logs requests charts statistics metrics 日志 请求 统计",
  jobs: "tasks batch progress 任务",
  token: "accounts tokens pool quota sso import export 账号 令牌 额度",
  models: "models catalog explain alias 模型",
  cache: "files images videos assets storage 文件 图片 视频 缓存",
  keys: "api keys clients limits 密钥",
  downstream: "endpoints switches routes 接口 开关",
  chat: "playground chat image video try 试用 对话",
  config: "settings configuration proxy 设置 配置",
  plugins: "plugins panels extensions 插件",
  audit: "audit sessions logins who 审计 会话",
  components: "components kit design 组件",
});

/**
 * All pages an operator can go to, and what is there on every page.
 *
 * @returns {Command[]}
 */
export function pageCommands() {
  const pages = PAGES.filter((page) => page.group || page.name === "components");
  return [...pages.map(toPage), ...panels.value.map(toPanel), ...looks()];
}

/**
 * @param {import("../lib/pages.js").Page} page
 * @returns {Command}
 */
function toPage(page) {
  return {
    id: `page-${page.name}`,
    group: "page",
    icon: page.icon,
    label: (common) => common(`page_${page.name}`),
    keywords: `${page.name} ${WORDS[page.name] ?? ""}`,
    shortcut: page.key && `g ${page.key}`,
    run: () => navigate(page.path),
  };
}

/**
 * @param {import("../lib/pages.js").Panel} panel
 * @returns {Command}
 */
function toPanel({ plugin, id, title }) {
  return {
    id: `panel-${plugin}-${id}`,
    group: "page",
    icon: "plug",
    label: () => title[language.value] ?? title.en ?? id,
    keywords: `${plugin} ${id}`,
    run: () => navigate(`/admin/panel/${plugin}/${id}`),
  };
}

/** @returns {Command[]} */
function looks() {
  const themes = /** @type {const} */ ([
    ["system", "monitor"],
    ["light", "sun"],
    ["dark", "moon"],
  ]);
  return [
    ...themes
      .filter(([name]) => name !== theme.value)
      .map(([name, icon]) => ({
        id: `theme-${name}`,
        icon,
        label: (/** @type {any} */ common) => `${common("theme")}: ${common(`theme_${name}`)}`,
        keywords: `theme ${name} 主题`,
        run: () => {
          theme.value = name;
        },
      })),
    ...Object.entries(LANGUAGES)
      .filter(([code]) => code !== language.value)
      .map(([code, name]) => ({
        id: `language-${code}`,
        icon: "language",
        label: (/** @type {any} */ common) => `${common("language")}: ${name}`,
        keywords: `language ${code} english chinese 语言 中文`,
        run: () => speak(/** @type {import("../lib/i18n.js").Language} */ (code)),
      })),
  ];
}

/** @type {Record<string, string>} */
const ICONS = { request: "list", account: "token", key: "key", job: "jobs" };

/**
 * Where a text leads that is an id; else where it can be looked for.
 *
 * @param {string} text
 * @returns {Command[]}
 */
export function recordCommands(text) {
  const found = recordOf(text);
  if (found) {
    return [
      {
        id: `record-id-${found.id}`,
        group: "record",
        icon: ICONS[found.kind],
        label: () => t(`palette_show_${found.kind}`, { id: found.id }),
        run: () => navigate(found.to, { query: found.query }),
      },
    ];
  }
  const places = /** @type {const} */ ([
    ["accounts", "/admin/token", "token"],
    ["keys", "/admin/keys", "key"],
    ["settings", "/admin/config", "settings"],
  ]);
  return places.map(([name, to, icon]) => ({
    id: `record-${name}`,
    group: /** @type {const} */ ("record"),
    icon,
    label: () => t(`palette_search_${name}`, { text }),
    run: () => navigate(to, { query: { q: text } }),
  }));
}

/** @type {Command[] | null} */
let settings = null;

/**
 * Fetch one command for each setting; once.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<Command[]>}
 */
export async function settingCommands(signal) {
  if (settings) return settings;
  const { sections } = await api.get("/config/schema", { signal, quiet: true });
  settings = sections.flatMap((/** @type {any} */ section) =>
    section.fields.map((/** @type {any} */ field) => toSetting(section, field)),
  );
  return settings ?? [];
}

/**
 * @param {{title: Record<string, string>}} section
 * @param {{key: string, help: Record<string, string>}} field
 * @returns {Command}
 */
function toSetting(section, { key, help }) {
  return {
    id: `setting-${key}`,
    group: "setting",
    icon: "settings",
    label: () => key,
    hint: () => help[language.value] || help.en || section.title[language.value] || "",
    run: () => navigate("/admin/config", { query: { q: key } }),
  };
}
