// Who changed what, and who is logged in (F-LOG-07).

import { PageHeader } from "../../components/layout.js";
import { TabPanel, Tabs } from "../../components/tabs.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { Trail } from "./trail.js";
import { Sessions } from "./sessions.js";

const t = texts("audit");

export default function AuditPage() {
  const [{ view }, set] = useQuery({ view: "trail" });
  return html`<${PageHeader} title=${t("title")} lead=${t("lead")} />
    <${Tabs}
      label=${t("title")}
      tabs=${[
        { id: "trail", label: t("trail") },
        { id: "sessions", label: t("sessions") },
      ]}
      selected=${view}
      onSelect=${(/** @type {string} */ chosen) => set({ view: chosen })}
    />
    <${TabPanel} id=${view}>${view === "sessions" ? html`<${Sessions} />` : html`<${Trail} />`}<//>`;
}
