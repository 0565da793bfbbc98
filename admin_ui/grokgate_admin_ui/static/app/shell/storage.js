// Where the gateway keeps its data (F-UI-05).

import { Icon } from "../components/icon.js";
import { Tip } from "../components/badge.js";
import { api } from "../lib/api.js";
import { knows, texts } from "../lib/i18n.js";
import { useLoad } from "../lib/poll.js";
import { html } from "../lib/preact.js";

const t = texts("common");

export function StorageBadge() {
  const { data } = useLoad((signal) => api.get("/storage", { signal, quiet: true }), []);
  if (!data) return null;
  const key = `storage_${data.type}`;
  const name = knows("common", key) ? t(key) : data.type;
  return html`<${Tip} side="bottom" text=${data.redis ? t("storage_tip_redis") : t("storage_tip")}>
    <span class="storage"><${Icon} name="database" size=${16} />${name}${data.redis ? " + Redis" : ""}</span>
  <//>`;
}
