// The data center: how much goes through the gateway, each request, and the log (F-UI-40 to 42).

import { PageHeader } from "../../components/layout.js";
import { TabPanel, Tabs } from "../../components/tabs.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { Logs } from "./logs.js";
import { RequestDialog } from "./request.js";
import { Requests } from "./requests.js";
import { Traffic } from "./traffic.js";

const t = texts("datacenter");
const VIEWS = { traffic: Traffic, requests: Requests, logs: Logs };

export default function DataCenter() {
  const [{ view, request }, set] = useQuery({ view: "traffic", request: "" });
  const chosen = view in VIEWS ? view : "traffic";
  const View = VIEWS[/** @type {keyof typeof VIEWS} */ (chosen)];
  return html`<${PageHeader} title=${t("page_datacenter")} lead=${t("lead")} />
    <${Tabs}
      label=${t("views")}
      selected=${chosen}
      tabs=${Object.keys(VIEWS).map((id) => ({ id, label: t(`view_${id}`) }))}
      onSelect=${(/** @type {string} */ id) => set({ view: id })}
    />
    <${TabPanel} id=${chosen}><${View} key=${chosen} /><//>
    ${request &&
    html`<${RequestDialog} key=${request} id=${request} onClose=${() => set({ request: "" })} />`}`;
}
