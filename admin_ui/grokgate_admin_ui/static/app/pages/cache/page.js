// Stored pictures and videos, and the files that accounts have at their upstream (F-UI-60 to 62).

import { Button } from "../../components/button.js";
import { PageHeader } from "../../components/layout.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { navigate, useQuery } from "../../lib/router.js";
import { Cards } from "./cards.js";
import { useCounting } from "./counts.js";
import { LocalList } from "./local.js";
import { OnlineList } from "./online.js";

const t = texts("cache");
const EVERY_MS = 10_000;

/** @typedef {"image" | "video" | "online"} ListName */

export default function Cache() {
  const [{ list }] = useQuery({ list: "image" });
  const chosen = /** @type {ListName} */ (["video", "online"].includes(list) ? list : "image");
  /** @type {import("../../lib/poll.js").Load<import("./cards.js").Local>} */
  const state = useLoad((signal) => api.get("/cache/local", { signal }), [], { everyMs: EVERY_MS });
  const [cleared, setCleared] = useState(0);
  const onCleared = () => {
    setCleared((times) => times + 1);
    void state.reload();
  };
  useCounting();
  const choose = (/** @type {ListName} */ name) =>
    navigate("/admin/cache", { replace: true, query: { list: name === "image" ? "" : name } });
  return html`<${PageHeader}
      title=${t("page_cache")}
      lead=${t("lead")}
      actions=${html`<${Button} icon="settings" to="/admin/config?q=cache.">${t("limits")}<//>`}
    />
    <${Cards} state=${state} chosen=${chosen} onChoose=${choose} onCleared=${onCleared} />
    ${chosen === "online"
      ? html`<${OnlineList} />`
      : html`<${LocalList} key=${chosen} kind=${chosen} cleared=${cleared} onChange=${state.reload} />`}`;
}
